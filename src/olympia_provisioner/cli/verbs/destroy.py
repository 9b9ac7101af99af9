# SPDX-License-Identifier: BSD-3-Clause
"""The end of an instance, with all its data."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from ...errors import ExitCode, OlympiaError
from ...present.words import wrap
from .base import Context, Verb


def as_text(host: str, answer: Mapping[str, Any]) -> str:
    """Return what goes and what stays, for people.

    Args:
        host: The host.
        answer: The message of destroy.yml.
    """
    lines = [f"Of the instance {answer['instance']} on {host}:"]
    for kind, names in answer["removed"].items():
        place = (
            f" in {answer['project_dir']}" if kind == "files" else " with all their data" if kind == "volumes" else ""
        )
        lines += [wrap(f"  {kind}{place}: {', '.join(names)}", "    ")] if names else []
    if len(lines) == 1:
        lines.append("  nothing is there")
    if answer["kept"]:
        lines.append(wrap(f"  what stays in {answer['project_dir']}: {', '.join(answer['kept'])}", "    "))
    if answer["snapshot"]:
        lines.append(wrap(f"  {answer['snapshot']}, and stays", "    "))
    return "\n".join(lines)


def confirm(instances: set[str]) -> None:
    """Have the instance's name typed.

    Args:
        instances: What the hosts call it.

    Raises:
        OlympiaError: It was not, or there is no terminal to type it on.
    """
    if not sys.stdin.isatty():
        raise OlympiaError(
            "Nothing was destroyed: without a terminal nobody can be asked",
            way_out="--yes answers beforehand; --check only lists",
            code=ExitCode.USAGE,
        )
    name = " ".join(sorted(instances))
    print(f"Nothing else brings it back. Type {name} to destroy it: ", end="", flush=True)
    if sys.stdin.readline().strip() != name:
        raise OlympiaError("Nothing was destroyed: that is not the name", code=ExitCode.USAGE)


def run(context: Context) -> None:
    """List what belongs to the instance, ask, and remove it.

    Args:
        context: The command.

    Raises:
        OlympiaError: Nobody has agreed, or it cannot be removed.
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `destroy`.

    Args:
        parser: Its parser.
    """
    parser.add_argument("--yes", action="store_true", help="do not ask")


VERBS = (
    Verb(
        "destroy",
        "remove the instance with ALL its data: containers, networks, volumes, images, rendered files",
        run,
        add_arguments,
        changes=True,
    ),
)
