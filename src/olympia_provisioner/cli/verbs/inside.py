# SPDX-License-Identifier: BSD-3-Clause
"""The verbs that replace this process by a command inside a running stack, on this machine or on a host of an inventory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ...errors import ExitCode, Problem
from ...paths import state_dir
from ...words import did_you_mean
from . import reach
from .base import THIS_MACHINE, Context, Verb

# The variables that programs on a terminal need.
TERMINAL = ("COLORTERM", "COLUMNS", "LANG", "LC_ALL", "LINES", "PAGER", "TERM")


def project_dir(context: Context) -> Path:
    """Return the project directory of the instance.

    Args:
        context: The command.
    """
    path = context.setting("olympia_stack_project_dir")
    return Path(path).expanduser() if path else state_dir(os.environ) / context.instance


def exec_command(service: str, inside: Sequence[str], terminal: bool, root: bool = False) -> list[str]:
    """Return the command that runs something in the container of a service.

    Args:
        service: The service.
        inside: The command to run there. In containers of the application image, it runs as the application's user.
        terminal: Whether standard input is a terminal.
        root: Run it as root there, too.
    """
    from ansible_collections.addons.olympia.plugins.module_utils.stack import services

    entrypoint = ["olympia-entrypoint"] if service in services.application() and not root else []
    options = [*([] if terminal else ["-T"]), *(["--user=root"] if root else [])]
    return ["docker", "compose", "exec", *options, service, *entrypoint, *inside]


def logs_command(services: Sequence[str], follow: bool, tail: str) -> list[str]:
    """Return the command that prints logs.

    Args:
        services: The services; all if empty.
        follow: Continue with new lines.
        tail: The number of lines of each service, or `all`.
    """
    return ["docker", "compose", "logs", *(["--follow"] if follow else []), f"--tail={tail}", *services]


def enter(directory: Path) -> None:
    """Change to a project directory, so that Compose uses its stack.

    Args:
        directory: The project directory.

    Raises:
        Problem: There is no stack, or no docker command.
    """
    if not (directory / "docker-compose.yml").is_file():
        others = sorted(path.parent.name for path in directory.parent.glob("*/docker-compose.yml"))
        raise Problem(
            "No stack found",
            where=str(directory),
            cause=f"Other instances: {', '.join(others)}" if others else "",
            fix="make up creates it; INSTANCE=name or PROJECT_DIR=path selects another one",
            code=ExitCode.PREFLIGHT,
        )
    if not shutil.which("docker"):
        raise Problem("The docker command is missing", fix="make up installs it", code=ExitCode.PREFLIGHT)
    from ansible_collections.addons.olympia.plugins.module_utils.core.command_environment import is_allowed

    # Compose reads .env of the directory. Variables that the shell has from another project must not override it.
    for name in [name for name in os.environ if not (is_allowed(name) or name in TERMINAL)]:
        del os.environ[name]
    os.chdir(directory)


def check_services(names: Sequence[str], known: Sequence[str]) -> None:
    """Refuse services that the stack does not have.

    Args:
        names: The services to check.
        known: The services of the stack.

    Raises:
        Problem: A service is unknown; the closest one is suggested.
    """
    if unknown := [name for name in names if name not in known]:
        raise Problem(
            "\n".join(f"{name} is not a service. {did_you_mean(name, known)}".strip() for name in unknown),
            fix=f"Services of this stack: {', '.join(sorted(known))}",
            code=ExitCode.USAGE,
        )


def known_services() -> list[str]:
    """Return the services of the project in the working directory.

    Raises:
        Problem: Compose cannot read it.
    """
    listed = subprocess.run(["docker", "compose", "config", "--services"], text=True, capture_output=True, check=False)
    if listed.returncode:
        raise Problem(
            "Compose cannot read the project directory", where=str(Path.cwd()), cause=listed.stderr, fix="make up"
        )
    return listed.stdout.split()


def become(arguments: list[str]) -> NoReturn:
    """Replace this process by a command, which then owns signals, terminal and exit code.

    Args:
        arguments: The command line.
    """
    sys.stdout.flush()
    os.execvp(arguments[0], arguments)


def become_inside(context: Context, command: list[str], services: Sequence[str] = ()) -> NoReturn:
    """Replace this process by a command in the project directory of the instance, on its host.

    Args:
        context: The command line.
        command: The command.
        services: The services that it names.

    Raises:
        Problem: The stack or a service does not exist, or the host cannot be reached.
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
    """Return a verb that runs a command in the web container.

    Args:
        name: The name of the verb.
        summary: What it does.
        inside: The command.
        root: Run it as root.
    """

    def run(context: Context) -> NoReturn:
        from ansible_collections.addons.olympia.plugins.module_utils.stack import services

        become_inside(context, exec_command(services.roles()["site"], inside, sys.stdin.isatty(), root))

    return Verb(name, summary, run)


def run_exec(context: Context) -> NoReturn:
    """Run a command in the container of a service.

    Args:
        context: The command.

    Raises:
        Problem: The stack or service does not exist, or no command was given.
    """
    service, *inside = context.words or [""]
    if not inside:
        raise Problem(
            "exec needs a service and a command", fix="olympia exec web python3 --version", code=ExitCode.USAGE
        )
    become_inside(context, exec_command(service, inside, sys.stdin.isatty()), [service])


def run_make(context: Context) -> NoReturn:
    """Run targets of the source tree's Makefile-docker in the web container.

    Args:
        context: The command.

    Raises:
        Problem: The stack does not exist, or no target was given.
    """
    from ansible_collections.addons.olympia.plugins.module_utils.stack import services

    if not context.words:
        raise Problem("make needs a target", fix="olympia make update_deps", code=ExitCode.USAGE)
    inside = ["make", "--file=Makefile-docker", *context.words]
    become_inside(context, exec_command(services.roles()["site"], inside, sys.stdin.isatty()))


def run_logs(context: Context) -> NoReturn:
    """Print logs.

    Args:
        context: The command.

    Raises:
        Problem: The stack or a service does not exist.
    """
    command = logs_command(context.words, context.arguments.follow, context.arguments.tail)
    become_inside(context, command, context.words)


VERBS = (
    Verb(
        "logs",
        "print the logs of the services",
        run_logs,
        {
            "-f --follow": {"action": "store_true", "help": "continue with new lines"},
            "--tail": {"default": "all", "metavar": "N", "help": "only the last N lines of each service"},
        },
        words="SERVICE",
    ),
    Verb(
        "exec",
        "run a command in the container of a service; in web and worker as the application's user",
        run_exec,
        words="SERVICE COMMAND",
        command=True,
        usage="olympia exec [-h] [-i INVENTORY] [-e NAME=value] [NAME=value ...] SERVICE COMMAND [ARGUMENT ...]",
    ),
    Verb(
        "make",
        "run targets of the source tree's Makefile-docker in the web container",
        run_make,
        words="TARGET",
    ),
    shell("shell", "open a shell in the web container", ["bash"]),
    shell("rootshell", "open a shell in the web container, as root", ["bash"], root=True),
    shell("djshell", "open Django's shell in the web container", ["python3", "manage.py", "shell"]),
)
