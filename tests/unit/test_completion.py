# SPDX-License-Identifier: BSD-3-Clause
"""What a shell completes after `olympia`."""

from __future__ import annotations

import subprocess

import pytest
from tests.playback import Driver


def complete(driver: Driver, *words: str) -> list[str]:
    """Return what bash completes, the last word being unfinished."""
    code, script, errors = driver.run("completion", "bash")
    assert (code, errors) == (0, "")
    # What bash itself would do; compopt works in a completion only.
    lines = [
        script,
        'COMP_WORDS=(olympia "$@") COMP_CWORD=$#',
        "compopt() { :; }",
        "_olympia",
        "printf '%s\\n' \"${COMPREPLY[@]}\"",
    ]
    program = "\n".join(lines)
    done = subprocess.run(["bash", "-uc", program, "bash", *words], text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        (["de"], ["destroy"]),
        (["up", "HTTP_PO"], ["HTTP_PORT="]),
        (["up", "--ch"], ["--check"]),
        (["status", "--ch"], []),
        (["explain", "HTTP_PO"], ["HTTP_PORT", "HTTP_PORT="]),
        (["up", "-i", ""], ["ci", "local", "shared"]),
        (["snapshot", "re"], ["restore"]),
        (["logs", "rab"], ["rabbitmq"]),
        (["completion", ""], ["--help", "-e", "-h", "bash", "fish", "zsh"]),
        (["up", "HTTP_PORT", "=", ""], []),
        (["up", "HTTP_PORT", "="], []),
        (["nonsense", ""], []),
    ],
)
def test_bash_completes(driver: Driver, words: list[str], completions: list[str]) -> None:
    assert sorted(complete(driver, *words)) == sorted(completions)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_scripts_have_verbs_options_and_settings(driver: Driver, shell: str) -> None:
    code, script, _errors = driver.run("completion", shell)
    assert code == 0
    for word in ("test-site", "--artifacts", "HTTP_PORT=", "local", "rabbitmq"):
        assert word in script
