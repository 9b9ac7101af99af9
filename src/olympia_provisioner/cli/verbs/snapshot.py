# SPDX-License-Identifier: BSD-3-Clause
"""The verbs for snapshots of an instance, and for its database as plain SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...errors import ExitCode, Problem
from ...present.tables import ago, readable, table
from ...words import by_host
from .base import Context, Verb

COLUMNS = ("INSTANCE", "NAME", "AGE", "SIZE", "")


def as_text(answer: Mapping[str, Any], now: datetime) -> str:
    """Return the snapshots of a host for people.

    Args:
        answer: The message of snapshot_list.yml.
        now: The current time.
    """
    if not answer["snapshots"]:
        return f"There are no snapshots in {answer['directory']}. olympia snapshot save creates one."
    rows: list[Sequence[str]] = [COLUMNS]
    rows += [
        (
            one["instance"],
            one["name"],
            ago(one["created"], now),
            readable(one["bytes"]),
            "damaged" if one["problem"] else "automatic" if one["automatic"] else "",
        )
        for one in answer["snapshots"]
    ]
    problems = [one["problem"] for one in answer["snapshots"] if one["problem"]]
    return "\n".join([*table(rows), *problems, f"The snapshots are in {answer['directory']}."])


def named(name: str, force: bool = False) -> dict[str, str]:
    """Return the variables that tell a playbook which snapshot to use.

    Args:
        name: The name of the snapshot; empty for the default.
        force: Restore it although its schema is newer than the code.
    """
    asked = {"__olympia_stack_snapshot_name": name} if name else {}
    return asked | ({"__olympia_stack_snapshot_force": "true"} if force else {})


def sql_file(name: str | Path) -> dict[str, str]:
    """Return the variables that tell a playbook which SQL file to use.

    Args:
        name: The file. A relative path starts in the working directory; use an absolute path for another host.
    """
    return {"__olympia_stack_sql_file": str(Path(name).expanduser().absolute())}


def ask(context: Context) -> dict[str, Any]:
    """Return the snapshots of all instances and their folder, by host.

    Args:
        context: The command.

    Raises:
        Problem: A host did not answer.
    """
    return context.prepare("snapshot_list").ask()


def show(context: Context) -> None:
    """Print the snapshots of each host.

    Args:
        context: The command.

    Raises:
        Problem: A host did not answer.
    """
    now = datetime.now(UTC)
    context.show(
        "snapshot_list",
        lambda answers: {host: answer["snapshots"] for host, answer in answers.items()},
        lambda answers, named: by_host({host: as_text(answer, now) for host, answer in answers.items()}, named),
    )


def run(context: Context) -> None:
    """Save, restore, list or remove snapshots.

    Args:
        context: The command.

    Raises:
        Problem: The words are invalid, or the playbook failed.
    """
    match context.words:
        case ["list"]:
            show(context)
        case ["save" | "restore" | "rm" as action, *names] if len(names) == 1 or (not names and action != "rm"):
            context.given |= named("".join(names), context.arguments.force)
            with context.alone():
                context.prepare(f"snapshot_{action}").execute()
        case words:
            raise Problem(
                f"Invalid arguments for snapshot: '{' '.join(words)}'",
                fix="olympia snapshot save [NAME] | restore [NAME] | list | rm NAME, where NAME is INSTANCE/NAME for a snapshot of "
                "another instance",
                code=ExitCode.USAGE,
            )


def run_sql(context: Context) -> None:
    """Write the database to an SQL file, or read it from one.

    Args:
        context: The command.

    Raises:
        Problem: No file is named, or the playbook failed.
    """
    verb = context.arguments.verb
    if len(context.words) != 1:
        raise Problem(
            f"{verb} needs the name of one file",
            fix=f"olympia {verb} FILE.sql, or FILE.sql.zst for a compressed file. The file is on the host",
            code=ExitCode.USAGE,
        )
    context.given |= sql_file(context.words[0])
    with context.alone():
        context.prepare(verb).execute()


VERBS = (
    Verb(
        "snapshot",
        "save, restore, list or remove snapshots of the instance: database, storage, search index",
        run,
        {
            "--force": {"action": "store_true", "help": "restore although the schema is newer than the code"},
            "--check": {"action": "store_true", "help": "report what would be done, and do nothing"},
            "--json": {"action": "store_true", "help": "with list: print JSON, by host"},
        },
        words="save|restore|list|rm NAME",
        epilog="save [NAME] | restore [NAME] | list | rm NAME. Without a name, save uses the current time, and restore the newest "
        "snapshot that a user saved. NAME is INSTANCE/NAME for a snapshot of another instance. See docs/snapshots.md.",
    ),
    Verb("data_export", "write the database to a file of plain SQL", run_sql, changes=True, words="FILE"),
    Verb(
        "data_restore",
        "replace the database with the one in a file of plain SQL; the old one is saved first",
        run_sql,
        changes=True,
        words="FILE",
    ),
)
