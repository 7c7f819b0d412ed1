"""Reference pages made from the code, so that they cannot be wrong: settings, commands, the block of a load.

Called when the documentation is built (deploy/mkdocs_hooks.py); pure but for reading the changelog.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
import typer
from pydantic import BaseModel

from sf_pipelines.components.extract import SalesforceExtract
from sf_pipelines.components.load import SalesforceLoad
from sf_pipelines.components.yaml_models import FieldBlock, ScheduleBlock, SourceBlock, ToleranceBlock
from sf_pipelines.config.described import SETTINGS, STORAGE_URL
from sf_pipelines.local.sandbox import PROJECT_FOLDER

BLOCKS: dict[str, type[BaseModel]] = {
    "SalesforceLoad": SalesforceLoad,
    "`source`": SourceBlock,
    "A field of `fields`": FieldBlock,
    "`tolerance`": ToleranceBlock,
    "`schedule`": ScheduleBlock,
    "SalesforceExtract": SalesforceExtract,
}


def pages(app: typer.Typer) -> dict[str, str]:
    """Path below the documentation to Markdown."""
    return {
        "reference/settings.md": settings_page(),
        "reference/commands.md": commands_page(app),
        "reference/declarations.md": declarations_page(),
        "changelog.md": (PROJECT_FOLDER / "CHANGELOG.md").read_text(encoding="utf-8"),
    }


def settings_page() -> str:
    """Every environment variable."""
    rows = [
        f"| `{item.variable}` | {item.meaning}{' **Secret.**' if item.is_secret else ''} | {item.default} |"
        for item in SETTINGS
    ]
    return "\n".join(
        [
            "# Settings",
            "",
            "All are environment variables. What is not set has its default; a wrong value is told in one "
            "sentence by every command, and `sf-pipelines doctor` examines them all.",
            "",
            "| Variable | Meaning | Default |",
            "|---|---|---|",
            *rows,
            f"| `{STORAGE_URL}` | PostgreSQL of Dagster's storage, read by `deploy/dagster.yaml` alone. "
            "**Secret.** | set by `sf-pipelines dev` |",
            "",
        ]
    )


def commands_page(app: typer.Typer) -> str:
    """Every command with its options and examples."""
    group = typer.main.get_command(app)
    return "\n".join(["# Commands", "", str(group.help), "", *_commands(group, "sf-pipelines")])


def declarations_page() -> str:
    """Every key of a block in a defs.yaml."""
    parts = [
        "# Declarations",
        "",
        "`dg scaffold defs sf_pipelines.components.SalesforceLoad NAME` writes a block.",
    ]
    for title, model in BLOCKS.items():
        parts += ["", f"## {title}", "", "| Key | Meaning | Default |", "|---|---|---|"]
        parts += [
            f"| `{name}` | {_text(item.description)} | {_default(item)} |" for name, item in _fields(model)
        ]
    return "\n".join([*parts, ""])


def _commands(command: Any, name: str) -> Iterator[str]:
    if hasattr(command, "commands"):
        for part, inner in command.commands.items():
            yield from _commands(inner, f"{name} {part}")
        return
    yield from (f"## {name}", "", _text(command.help), "")
    options = [item for item in command.params if "--help" not in item.opts]
    if options:
        yield from ("| Option | Meaning | Default |", "|---|---|---|")
        yield from (f"| `{_spelled(item)}` | {_text(_help(item))} | {_shown(item)} |" for item in options)
    if command.epilog:
        yield from ("", _text(command.epilog).replace("  |  ", "<br>"))
    yield ""


def _spelled(parameter: click.Parameter) -> str:
    is_option = parameter.param_type_name == "option"
    return (
        " ".join((*parameter.opts, *parameter.secondary_opts)) if is_option else str(parameter.name).upper()
    )


def _help(parameter: click.Parameter) -> str:
    return str(getattr(parameter, "help", None) or "")


def _shown(parameter: click.Parameter) -> str:
    return "" if parameter.default in (None, False, ()) else f"`{parameter.default}`"


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    yield from model.model_fields.items()


def _default(field: Any) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        value = value.model_dump()
    return "" if value in (None, [], {}) else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _text(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")
