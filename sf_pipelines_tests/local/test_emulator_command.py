from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import requests

COMMAND = [
    sys.executable,
    "-c",
    "from sf_pipelines.cli import main; main()",
    "emulator",
    "--port",
    "0",
    "--json",
]


def test_the_command_serves_http_and_https_and_leaves_no_file_behind() -> None:
    process = subprocess.Popen(
        [*COMMAND, "--tls-port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = json.loads(process.stdout.readline())
    session = requests.Session()
    session.trust_env = False
    session.verify = line["ca_file"]
    answers = [session.get(line[key] + "/services/data", timeout=10) for key in ("url", "tls_url")]
    process.send_signal(signal.SIGTERM)
    rest, errors = process.communicate(timeout=20)

    assert [answer.status_code for answer in answers] == [200, 200]
    assert (process.returncode, rest, errors) == (0, "", "")
    assert not Path(line["ca_file"]).exists()


def test_a_certificate_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "client.pem"
    path.write_text("nothing")

    done = subprocess.run(
        [*COMMAND, "--jwt-certificate", str(path)], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 1
    assert done.stderr == (
        f"sf-pipelines: There is neither a PEM certificate nor a PEM public key in {path}.\n"
    )
