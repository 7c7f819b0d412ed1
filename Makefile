# Everything a developer types. The first call makes .venv from the committed constraints.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo dev test check docs screenshots chaos bench fuzz clean

demo: $(STAMP)
	$(BIN)/sf-pipelines demo

dev: $(STAMP)
	$(BIN)/sf-pipelines dev

test: $(STAMP)
	$(BIN)/python -m pytest -n 2

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/dg check toml
	$(BIN)/dg check yaml
	$(BIN)/dg check defs
	$(BIN)/mkdocs build --strict --quiet --config-file deploy/mkdocs.yml

screenshots: $(STAMP)
	SCREENSHOTS=docs/img $(BIN)/python -m pytest sf_pipelines_tests/browser

docs: $(STAMP)
	$(BIN)/mkdocs build --strict --config-file deploy/mkdocs.yml

chaos: $(STAMP)
	$(BIN)/python -m sf_pipelines_tests.chaos

bench: $(STAMP)
	$(BIN)/python -m sf_pipelines_tests.bench
	$(BIN)/python -m sf_pipelines_tests.bench.extract
	$(BIN)/python -m sf_pipelines_tests.bench.change_events
	$(BIN)/python -m sf_pipelines_tests.bench.warehouse_merge

fuzz: $(STAMP)
	$(BIN)/python -m sf_pipelines_tests.fuzz

clean:
	rm -rf $(VENV) .sf_pipelines sf_pipelines_tests/clients/javascript/node_modules

$(STAMP): pyproject.toml constraints.txt sf_pipelines/wire/pubsub_api.proto
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)
