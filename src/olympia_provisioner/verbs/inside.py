# SPDX-License-Identifier: BSD-3-Clause
"""Commands inside a running stack, in place of this process."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from ..errors import ExitCode, OlympiaError
from ..paths import INSTANCE, state_dir
from .base import Context, Verb


def project_dir(settings: Mapping[str, str], environment: Mapping[str, str]) -> Path:
    """Return the project directory of the instance that is meant.

    Args:
        settings: Those of the command line, by variable.
        environment: The process environment.
    """

    def given(variable: str) -> str:
        return settings.get(variable) or environment.get(variable.upper(), "")

    path = given("olympia_stack_project_dir")
    return Path(path).expanduser() if path else state_dir(environment) / (given("olympia_stack_instance") or INSTANCE)


def command(inside: Sequence[str], terminal: bool) -> list[str]:
    """Return the command that runs something in the web container as the application's user.

    Args:
        inside: The command to run there.
        terminal: Whether standard input is a terminal.
    """
    return ["docker", "compose", "exec", *([] if terminal else ["-T"]), "web", "olympia-entrypoint", *inside]


def enter(inside: Sequence[str], directory: Path) -> NoReturn:
    """Become a command inside the stack of a project directory: signals, terminal and exit code are its own.

    Args:
        inside: The command to run there.
        directory: The project directory.

    Raises:
        OlympiaError: There is no such stack, or no docker command.
    """
    if not (directory / "docker-compose.yml").is_file():
        others = sorted(path.parent.name for path in directory.parent.glob("*/docker-compose.yml"))
        raise OlympiaError(
            "There is no stack here",
            where=str(directory),
            evidence=f"Instances beside it: {', '.join(others)}" if others else "",
            way_out="make up makes it; INSTANCE=name or PROJECT_DIR=path name another one",
            code=ExitCode.PREFLIGHT,
        )
    if not shutil.which("docker"):
        raise OlympiaError("There is no docker command", way_out="make up installs it", code=ExitCode.PREFLIGHT)
    # The directory's .env says which project and which files; a shell's leftovers of another project must not.
    for name in ("COMPOSE_FILE", "COMPOSE_PROJECT_NAME"):
        os.environ.pop(name, None)
    os.chdir(directory)
    sys.stdout.flush()
    arguments = command(inside, sys.stdin.isatty())
    os.execvp(arguments[0], arguments)


def verb(name: str, summary: str, inside: Sequence[str]) -> Verb:
    """Return a verb that becomes a command in the web container.

    Args:
        name: What it is called.
        summary: What it does.
        inside: The command.
    """

    def run(context: Context) -> None:
        enter(inside, project_dir(context.given, os.environ))

    return Verb(name, summary, run, on_hosts=False)


VERBS = (
    verb("shell", "open a shell in the web container", ["bash"]),
    verb("djshell", "open Django's shell in the web container", ["python3", "manage.py", "shell"]),
)
