# SPDX-License-Identifier: BSD-3-Clause
"""Commands inside a running stack, here or on a host of an inventory, in place of this process."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ...errors import ExitCode, OlympiaError
from ...paths import state_dir
from ...present.words import did_you_mean
from . import reach
from .base import THIS_MACHINE, Context, Verb, words_and_assignments

# What programs on a terminal know of it.
TERMINAL = ("COLORTERM", "COLUMNS", "LANG", "LC_ALL", "LINES", "PAGER", "TERM")


def project_dir(context: Context) -> Path:
    """Return the project directory of the instance that is meant.

    Args:
        context: The command.
    """
    path = context.setting("olympia_stack_project_dir")
    return Path(path).expanduser() if path else state_dir(os.environ) / context.instance


def command_after_service(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return service and command as words, and the assignments that stand before them.

    Args:
        arguments: The positional ones. What follows the service is the command's own, whatever it looks like.

    Raises:
        OlympiaError: An option stands where only assignments may.
    """
    service = next((place for place, one in enumerate(arguments) if "=" not in one), len(arguments))
    words = arguments[service:]
    if words and words[0].startswith("-"):
        raise OlympiaError(
            f"{words[0]} stands between the settings and the service",
            way_out="olympia exec [-e NAME=value] [NAME=value ...] SERVICE COMMAND [ARGUMENT ...]",
            code=ExitCode.USAGE,
        )
    return words, arguments[:service]


def exec_command(service: str, inside: Sequence[str], terminal: bool, root: bool = False) -> list[str]:
    """Return the command that runs something in a service's container.

    Args:
        service: The service.
        inside: The command to run there. In the application's containers the application's user runs it.
        terminal: Whether standard input is a terminal.
        root: Whether root runs it there, too.
    """
    from ansible_collections.addons.olympia.plugins.module_utils.stack import services

    entrypoint = ["olympia-entrypoint"] if service in services.application() and not root else []
    options = [*([] if terminal else ["-T"]), *(["--user=root"] if root else [])]
    return ["docker", "compose", "exec", *options, service, *entrypoint, *inside]


def logs_command(services: Sequence[str], follow: bool, tail: str) -> list[str]:
    """Return the command that prints logs.

    Args:
        services: Those of these services; of all where there are none.
        follow: Go on with what is logged from now on.
        tail: Only so many lines of each, or `all`.
    """
    return ["docker", "compose", "logs", *(["--follow"] if follow else []), f"--tail={tail}", *services]


def enter(directory: Path) -> None:
    """Go into a project directory, so that Compose means its stack.

    Args:
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
    from ansible_collections.addons.olympia.plugins.module_utils.core.command_environment import is_allowed

    # The directory's .env says what Compose is to know; a shell's leftovers of another project must not.
    for name in [name for name in os.environ if not (is_allowed(name) or name in TERMINAL)]:
        del os.environ[name]
    os.chdir(directory)


def check_services(names: Sequence[str], known: Sequence[str]) -> None:
    """Refuse services that the stack does not have.

    Args:
        names: As given.
        known: Those of the stack.

    Raises:
        OlympiaError: One is unknown; the message has the nearest.
    """
    if unknown := [name for name in names if name not in known]:
        raise OlympiaError(
            "\n".join(f"{name} is not a service. {did_you_mean(name, known)}".strip() for name in unknown),
            way_out=f"This stack has {', '.join(sorted(known))}",
            code=ExitCode.USAGE,
        )


def known_services() -> list[str]:
    """Return the services of the project directory that is the working directory.

    Raises:
        OlympiaError: Compose cannot read it.
    """
    listed = subprocess.run(["docker", "compose", "config", "--services"], text=True, capture_output=True, check=False)
    if listed.returncode:
        raise OlympiaError(
            "Compose cannot read the project directory",
            where=str(Path.cwd()),
            evidence=listed.stderr,
            way_out="make up",
        )
    return listed.stdout.split()


def become(arguments: list[str]) -> NoReturn:
    """Become a command: signals, terminal and exit code are its own.

    Args:
        arguments: The command line.
    """
    sys.stdout.flush()
    os.execvp(arguments[0], arguments)


def become_inside(context: Context, command: list[str], services: Sequence[str] = ()) -> NoReturn:
    """Become a command in the project directory of the instance that is meant, on its host.

    Args:
        context: The command line.
        command: The command.
        services: What it names as services.

    Raises:
        OlympiaError: There is no such stack or service, or no way to it.
    """
    if context.arguments.inventory in THIS_MACHINE:
        enter(project_dir(context))
        if services:
            check_services(services, known_services())
        become(command)
    found = reach.find(context)
    check_services(services, found.services)
    if found.ssh:
        become(found.command(command))
    enter(found.directory)
    become(command)


def shell(name: str, summary: str, inside: Sequence[str], root: bool = False) -> Verb:
    """Return a verb that becomes a command in the web container.

    Args:
        name: What it is called.
        summary: What it does.
        inside: The command.
        root: Whether root runs it there.
    """

    def run(context: Context) -> NoReturn:
        from ansible_collections.addons.olympia.plugins.module_utils.stack import services

        become_inside(context, exec_command(services.roles()["site"], inside, sys.stdin.isatty(), root))

    return Verb(name, summary, run)


def run_exec(context: Context) -> NoReturn:
    """Become a command in a service's container.

    Args:
        context: The command.

    Raises:
        OlympiaError: There is no such stack or service, or no command to run.
    """
    service, *inside = context.words or [""]
    if not inside:
        raise OlympiaError(
            "exec takes a service and a command", way_out="olympia exec web python3 --version", code=ExitCode.USAGE
        )
    become_inside(context, exec_command(service, inside, sys.stdin.isatty()), [service])


def run_make(context: Context) -> NoReturn:
    """Become `make` in the web container, with targets of the source tree's Makefile-docker.

    Args:
        context: The command.

    Raises:
        OlympiaError: There is no such stack, or no target is named.
    """
    from ansible_collections.addons.olympia.plugins.module_utils.stack import services

    if not context.words:
        raise OlympiaError("make takes a target", way_out="olympia make update_deps", code=ExitCode.USAGE)
    inside = ["make", "--file=Makefile-docker", *context.words]
    become_inside(context, exec_command(services.roles()["site"], inside, sys.stdin.isatty()))


def run_logs(context: Context) -> NoReturn:
    """Become the command that prints logs.

    Args:
        context: The command.

    Raises:
        OlympiaError: There is no such stack or service.
    """
    command = logs_command(context.words, context.arguments.follow, context.arguments.tail)
    become_inside(context, command, context.words)


def add_exec_arguments(parser: argparse.ArgumentParser) -> None:
    """Say how `exec` is used, which argparse cannot tell.

    Args:
        parser: Its parser.
    """
    parser.usage = "olympia exec [-h] [-i INVENTORY] [-e NAME=value] [NAME=value ...] SERVICE COMMAND [ARGUMENT ...]"


def add_log_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `logs`.

    Args:
        parser: Its parser.
    """
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what is logged from now on")
    parser.add_argument("--tail", default="all", metavar="N", help="only the last N lines of each service")


VERBS = (
    Verb(
        "logs",
        "print the services' logs",
        run_logs,
        add_log_arguments,
        divide=words_and_assignments,
        words="SERVICE",
    ),
    Verb(
        "exec",
        "run a command in a service's container; in web and worker as the application's user",
        run_exec,
        add_exec_arguments,
        divide=command_after_service,
        words="SERVICE COMMAND",
    ),
    Verb(
        "make",
        "run targets of the source tree's Makefile-docker in the web container",
        run_make,
        divide=words_and_assignments,
        words="TARGET",
    ),
    shell("shell", "open a shell in the web container", ["bash"]),
    shell("rootshell", "open a shell in the web container, as root", ["bash"], root=True),
    shell("djshell", "open Django's shell in the web container", ["python3", "manage.py", "shell"]),
)
