# SPDX-License-Identifier: BSD-3-Clause
"""Removing an instance with all its data."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from ...errors import ExitCode, Problem
from ...words import wrap
from .base import Context, Verb

PLACES = {"files": " in {project_dir}", "volumes": " with all their data"}


def as_text(host: str, answer: Mapping[str, Any]) -> str:
    """Return what is removed and what is kept, for people.

    Args:
        host: The host.
        answer: The message of destroy.yml.
    """
    lines = [f"Instance {answer['instance']} on {host}:"]
    for kind, names in answer["removed"].items():
        place = PLACES.get(kind, "").format(**answer)
        lines += [wrap(f"  {kind}{place}: {', '.join(names)}", "    ")] if names else []
    if len(lines) == 1:
        lines.append("  there is nothing to remove")
    if answer["kept"]:
        lines.append(wrap(f"  kept in {answer['project_dir']}: {', '.join(answer['kept'])}", "    "))
    if answer["snapshot"]:
        lines.append(wrap(f"  kept: {answer['snapshot']}", "    "))
    return "\n".join(lines)


def confirm(instances: set[str]) -> None:
    """Ask the user to type the name of the instance.

    Args:
        instances: The names on the hosts.

    Raises:
        Problem: Something else was typed, or there is no terminal.
    """
    if not sys.stdin.isatty():
        raise Problem(
            "Nothing was destroyed: without a terminal there is no one to confirm it",
            fix="--yes confirms in advance; --check only lists what would be removed",
            code=ExitCode.USAGE,
        )
    name = " ".join(sorted(instances))
    print(f"This cannot be undone. Type {name} to destroy it: ", end="", flush=True)
    if sys.stdin.readline().strip() != name:
        raise Problem("Nothing was destroyed: that is not the name", code=ExitCode.USAGE)


def run(context: Context) -> None:
    """List what belongs to the instance, ask for confirmation, and remove it.

    Args:
        context: The command.

    Raises:
        Problem: It was not confirmed, or the playbook failed.
    """
    with context.alone():
        found = context.prepare("destroy", check=True).ask()
        for host, answer in found.items():
            print(as_text(host, answer), flush=True)
        if context.arguments.check or not any(any(answer["removed"].values()) for answer in found.values()):
            return
        if not context.arguments.yes:
            confirm({answer["instance"] for answer in found.values()})
        context.prepare("destroy").execute()


VERBS = (
    Verb(
        "destroy",
        "remove the instance with ALL its data: containers, networks, volumes, images, rendered files",
        run,
        {"--yes": {"action": "store_true", "help": "do not ask for confirmation"}},
        changes=True,
    ),
)
