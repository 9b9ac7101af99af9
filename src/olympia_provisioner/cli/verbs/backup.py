# SPDX-License-Identifier: BSD-3-Clause
"""Snapshots that have left a shared machine: listed, and fetched back."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ...errors import ExitCode, OlympiaError
from ...present.words import by_host
from .base import Context, Verb, words_and_assignments
from .list import readable
from .status import ago, table

ACTIONS = ("list", "fetch")
COLUMNS = ("NAME", "AGE", "SIZE", "SAVED ON")


def as_text(found: Sequence[Mapping[str, Any]], now: datetime) -> str:
    """Return the snapshots of somebody's backup for people.

    Args:
        found: The message of backup_list.yml.
        now: The time now.
    """
    if not found:
        return "There is no snapshot in the backup. olympia nightly copies one there."
    rows: list[Sequence[str]] = [COLUMNS]
    rows += [(one["name"], ago(one["created"], now), readable(one["bytes"]), one["machine"]) for one in found]
    return "\n".join(table(rows))


def run(context: Context) -> None:
    """Do with the backup what the words say.

    Args:
        context: The command.

    Raises:
        OlympiaError: The words say nothing, or it was not done.
    """
    action, *names = context.words or [""]
    if action not in ACTIONS or len(names) > (1 if action == "fetch" else 0):
        raise OlympiaError(
            f"'{' '.join(context.words)}' does not say what is to be done with the backup",
            way_out="olympia backup list | fetch [NAME], with -i PATH tenant=NAME",
            code=ExitCode.USAGE,
        )
    if action == "fetch":
        context.given["__olympia_tenant_backup_name"] = names[0] if names else ""
        with context.alone():
            context.prepare("backup_fetch").execute()
        return
    answers, error = context.prepare("backup_list").ask_each()
    if context.arguments.json:
        print(json.dumps(answers, indent=2))
    else:
        print(by_host({host: as_text(answer, datetime.now(UTC)) for host, answer in answers.items()}))
    if error:
        raise error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `backup`.

    Args:
        parser: Its parser.
    """
    parser.add_argument("--check", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--json", action="store_true", help="with list: for a program, by host")
    parser.epilog = (
        "list | fetch [NAME]. Without a name, fetch takes the newest one; olympia snapshot restore NAME restores it then. "
        "docs/how-to/off-machine-snapshots.md says more."
    )


VERBS = (
    Verb(
        "backup",
        "list the snapshots that have left a shared machine, or fetch one to the current machine",
        run,
        add_arguments,
        divide=words_and_assignments,
        words="list|fetch NAME",
    ),
)
