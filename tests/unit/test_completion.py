# SPDX-License-Identifier: BSD-3-Clause
"""What a shell completes after `olympia`."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.playback import Driver

COMMAND = [sys.executable, "-m", "olympia_provisioner"]


@pytest.mark.parametrize(
    ("line", "completions"),
    [
        ("olympia de", ["destroy"]),
        ("olympia up HTTP_PO", ["HTTP_PORT="]),
        ("olympia up --check HTTP_PORT=80 COMPOSE_FI", ["COMPOSE_FILE="]),
        ("olympia up --ch", ["--check"]),
        ("olympia status --ch", []),
        ("olympia explain HTTP_PO", ["HTTP_PORT", "HTTP_PORT="]),
        ("olympia up -i l", ["local", "links/"]),
        ("olympia snapshot re", ["restore"]),
        ("olympia logs rab", ["rabbitmq"]),
        ("olympia exec rab", ["rabbitmq"]),
        ("olympia completion ", ["--help", "-e", "-h", "bash", "fish", "zsh"]),
        ("olympia up HTTP_PORT=", []),
        ("olympia nonsense a", []),
    ],
)
def test_bash_completes(driver: Driver, line: str, completions: list[str]) -> None:
    code, script, errors = driver.run("completion", "bash")
    assert (code, errors) == (0, "")
    (driver.path / "links").mkdir()
    # As bash itself would do it; compopt works in a completion only.
    program = [
        script,
        f'olympia() {{ {shlex.join(COMMAND)} "$@"; }}',
        "compopt() { :; }",
        "COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9 COMP_WORDBREAKS=$' \\t\\n\"\\'><=;|&(:'",
        "_python_argcomplete olympia",
        "printf '%s\\n' \"${COMPREPLY[@]}\"",
    ]
    done = subprocess.run(
        ["bash", "-c", "\n".join(program), "bash", line], cwd=driver.path, text=True, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.split()) == sorted(completions)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_get_completions_with_descriptions(driver: Driver, tmp_path: Path, shell: str) -> None:
    code, script, _errors = driver.run("completion", shell)
    assert (code, "_ARGCOMPLETE" in script) == (0, True)
    answers = {}
    for line in ("olympia test-", "olympia up HTTP_PO", "olympia up --arti"):
        answer = tmp_path / "answer"
        more = {
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_SHELL": shell,
            "_ARGCOMPLETE_DFS": "\t",
            "_ARGCOMPLETE_IFS": "\n",
            "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
            "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
        }
        subprocess.run(COMMAND, env=os.environ | more, check=True)
        answers[line] = answer.read_text()
    assert answers["olympia test-"].startswith("test-site")
    assert "run the site" in answers["olympia test-"]
    assert answers["olympia up HTTP_PO"].startswith("HTTP_PORT=")
    assert answers["olympia up --arti"].startswith("--artifacts")
