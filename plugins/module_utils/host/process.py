# SPDX-License-Identifier: BSD-3-Clause
"""Commands that run on a host, in an environment that is made here."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.command_environment import commands
from .liveness import watched

LONGEST_LINE = 600


@dataclass(frozen=True)
class Completed:
    """A finished command: its arguments, return code and output, and what to say of an engine that no longer answered it."""

    cmd: list[str]
    rc: int
    stdout: str
    stderr: str
    silence: str = ""

    def evidence(self) -> dict[str, Any]:
        """Return what a module's result says of it."""
        return {"cmd": self.cmd, "rc": self.rc, "stdout": self.stdout, "stderr": self.stderr}


def tail(text: str, lines: int) -> str:
    """Return the last ``lines`` lines of ``text``, the middle of very long ones left out."""
    half = LONGEST_LINE // 2
    shortened = (
        line if len(line) <= LONGEST_LINE else f"{line[:half]} ... {line[-half:]}"
        for line in text.splitlines()[-lines:]
    )
    return "\n".join(shortened)


def complete(
    command: Sequence[str],
    cwd: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
    text: str | None = None,
) -> Completed:
    """Run a command to its end and return what came of it, whatever the return code. Safe to call from several threads.

    Args:
        command: The command and its arguments. One that waits for an engine which no longer answers is ended.
        cwd: The working directory.
        environment: What the command needs besides.
        text: What it reads; the caller's standard input where it is None.

    Raises:
        OSError: There is no such program, or it may not be run.
    """
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(
            command,
            cwd=cwd,
            env=commands(environment),
            stdin=None if text is None else pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
            errors="replace",
        ) as process,
        watched(process) as gave_up,
    ):
        stdout, stderr = process.communicate(text)
    return Completed([*command], process.returncode, stdout, stderr, "".join(gave_up))


def run(arguments: list[str]) -> tuple[int, str, str]:
    """Run a command like `complete` and return its return code (127: not found), output and errors.

    Args:
        arguments: The command and its arguments.
    """
    try:
        done = complete(arguments)
    except (FileNotFoundError, PermissionError) as error:
        # The latter where a folder of PATH may not be searched, and none of the others has the program.
        return 127, "", str(error)
    return done.rc, done.stdout, done.stderr + done.silence
