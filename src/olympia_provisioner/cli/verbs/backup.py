# SPDX-License-Identifier: BSD-3-Clause
"""Snapshots that were copied off a shared machine: listing them, and fetching them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ...errors import ExitCode, Problem
from ...present.tables import ago, readable, table
from ...words import by_host
from .base import Context, Verb

COLUMNS = ("NAME", "AGE", "SIZE", "SAVED ON")


def as_text(found: Sequence[Mapping[str, Any]], now: datetime) -> str:
    """Return the snapshots of a tenant's backup for people.

    Args:
        found: The message of backup_list.yml.
        now: The current time.
    """
    if not found:
        return "There are no snapshots in the backup. olympia nightly copies them there."
    rows: list[Sequence[str]] = [COLUMNS]
    rows += [(one["name"], ago(one["created"], now), readable(one["bytes"]), one["machine"]) for one in found]
    return "\n".join(table(rows))


def run(context: Context) -> None:
    """List the snapshots of the backup, or fetch one.

    Args:
        context: The command.

    Raises:
        Problem: The words are invalid, or the playbook failed.
    """
    match context.words:
        case ["fetch", *names] if len(names) <= 1:
            context.given["__olympia_tenant_backup_name"] = "".join(names)
            with context.alone():
                context.prepare("backup_fetch").execute()
        case ["list"]:
            now = datetime.now(UTC)
            context.show(
                "backup_list",
                dict,
                lambda answers, named: by_host({host: as_text(one, now) for host, one in answers.items()}, named),
            )
        case words:
            raise Problem(
                f"Invalid arguments for backup: '{' '.join(words)}'",
                fix="olympia backup list | fetch [NAME], with -i PATH tenant=NAME",
                code=ExitCode.USAGE,
            )


VERBS = (
    Verb(
        "backup",
        "list the snapshots that were copied off a shared machine, or fetch one to the current machine",
        run,
        {
            "--check": {"action": "store_true", "help": "report what would be done, and do nothing"},
            "--json": {"action": "store_true", "help": "with list: print JSON, by host"},
        },
        words="list|fetch NAME",
        epilog="list | fetch [NAME]. Without a name, fetch takes the newest snapshot; olympia snapshot restore NAME then restores "
        "it. See docs/how-to/off-machine-snapshots.md.",
    ),
)
