# SPDX-License-Identifier: BSD-3-Clause
"""The way to an instance on another host, for commands that need a terminal there."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import ExitCode, OlympiaError
from .base import Context


@dataclass(frozen=True)
class Place:
    """Where an instance is.

    Attributes:
        directory: Its project directory.
        services: Its services.
        ssh: The command that runs a command line there, without that; empty where it is this machine.
        become: The user who runs it there; empty for the one who logs in.
    """

    directory: Path
    services: tuple[str, ...]
    ssh: tuple[str, ...]
    become: str

    def command(self, inside: Sequence[str]) -> list[str]:
        """Return the command that runs another one there, in the project directory.

        Args:
            inside: The other one.
        """
        line = f"cd {shlex.quote(str(self.directory))} && exec {shlex.join(inside)}"
        login = (
            ["sudo", "--set-home", f"--user={self.become}", "--", "sh", "-c", line]
            if self.become
            else ["sh", "-c", line]
        )
        return [*self.ssh, shlex.join(login)]


def place(host: str, answer: Mapping[str, Any], terminal: bool) -> Place:
    """Return where an instance is.

    Args:
        host: Its host.
        answer: The message of reach.yml.
        terminal: Whether standard input is a terminal.

    Raises:
        OlympiaError: There is no way to it but Ansible's.
    """
    ssh: list[str] = []
    if answer["connection"] in ("ssh", "paramiko", "smart"):
        ssh = ["ssh", *shlex.split(answer["options"]), *(["-t"] if terminal else ["-T"])]
        ssh += [f"-p{answer['port']}"] if answer["port"] else []
        ssh += [f"-i{answer['key']}"] if answer["key"] else []
        ssh += ["--", f"{answer['user']}@{answer['host']}" if answer["user"] else answer["host"]]
    elif answer["connection"] != "local":
        raise OlympiaError(
            f"{host} is reached by Ansible's connection {answer['connection']}, and only SSH gives a terminal there",
            way_out=f"Log in there, and go to {answer['project_dir']}: docker compose works in it",
            code=ExitCode.USAGE,
        )
    return Place(Path(answer["project_dir"]), tuple(answer["services"]), tuple(ssh), answer["become"])


def find(context: Context) -> Place:
    """Return where the instance is that the command is about.

    Args:
        context: The command.

    Raises:
        OlympiaError: It does not answer, or there are several.
    """
    answers = context.prepare("reach").ask()
    if len(answers) != 1:
        raise OlympiaError(
            f"{context.arguments.verb} is about one instance, and the inventory has {len(answers)}",
            evidence=", ".join(answers),
            way_out="Name it: tenant=NAME, or --limit HOST",
            code=ExitCode.USAGE,
        )
    ((host, answer),) = answers.items()
    return place(host, answer, sys.stdin.isatty())
