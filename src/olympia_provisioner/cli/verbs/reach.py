# SPDX-License-Identifier: BSD-3-Clause
"""How to reach an instance on another host with a terminal."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import ExitCode, Problem
from .base import Context, only


@dataclass(frozen=True)
class Place:
    """The place of an instance.

    Attributes:
        directory: Its project directory.
        services: Its services.
        ssh: The command that runs a command line there, without the command line; empty on this machine.
        become: The user to run it as; empty for the login user.
    """

    directory: Path
    services: tuple[str, ...]
    ssh: tuple[str, ...]
    become: str

    def command(self, inside: Sequence[str]) -> list[str]:
        """Return the command that runs another command in the project directory.

        Args:
            inside: The other command.
        """
        line = f"cd {shlex.quote(str(self.directory))} && exec {shlex.join(inside)}"
        sudo = ["sudo", "--set-home", f"--user={self.become}", "--"] if self.become else []
        return [*self.ssh, shlex.join([*sudo, "sh", "-c", line])]


def place(host: str, answer: Mapping[str, Any], terminal: bool) -> Place:
    """Return the place of an instance.

    Args:
        host: Its host.
        answer: The message of reach.yml.
        terminal: Whether standard input is a terminal.

    Raises:
        Problem: Only Ansible can reach it.
    """
    ssh: list[str] = []
    if answer["connection"] in ("ssh", "paramiko", "smart"):
        ssh = ["ssh", *shlex.split(answer["options"]), *(["-t"] if terminal else ["-T"])]
        ssh += [f"-p{answer['port']}"] if answer["port"] else []
        ssh += [f"-i{answer['key']}"] if answer["key"] else []
        ssh += ["--", f"{answer['user']}@{answer['host']}" if answer["user"] else answer["host"]]
    elif answer["connection"] != "local":
        raise Problem(
            f"Cannot open a terminal on {host}: its Ansible connection is {answer['connection']}, not SSH",
            fix=f"Log in on {host} and run docker compose in {answer['project_dir']}",
            code=ExitCode.USAGE,
        )
    return Place(Path(answer["project_dir"]), tuple(answer["services"]), tuple(ssh), answer["become"])


def find(context: Context) -> Place:
    """Return the place of the instance that the command is about.

    Args:
        context: The command.

    Raises:
        Problem: It does not answer, or there are several.
    """
    answers = context.prepare("reach").ask()
    return place(
        *only(answers, context.arguments.verb, "Select one with tenant=NAME or --limit HOST"), sys.stdin.isatty()
    )
