# SPDX-License-Identifier: BSD-3-Clause
"""What an instance holds: saved, restored, listed and removed; and its database as plain SQL."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...errors import ExitCode, OlympiaError
from ...present.words import by_host
from .base import Context, Verb, words_and_assignments
from .list import readable
from .status import ago, table

ACTIONS = ("save", "restore", "list", "rm")
COLUMNS = ("INSTANCE", "NAME", "AGE", "SIZE", "")


def as_text(answer: Mapping[str, Any], now: datetime) -> str:
    """Return the snapshots of a host for people.

    Args:
        answer: The message of snapshot_list.yml.
        now: The time now.
    """
    if not answer["snapshots"]:
        return f"There is no snapshot in {answer['directory']}. olympia snapshot save makes one."
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
    return "\n".join([*table(rows), *problems, f"They are in {answer['directory']}."])


def divide(context: Context) -> tuple[str, str]:
    """Return what is to be done, and the name that was given for it; empty where none was.

    Args:
        context: The command.

    Raises:
        OlympiaError: The words do not say that.
    """
    action, *names = context.words or [""]
    if action not in ACTIONS or len(names) > (0 if action == "list" else 1) or (action == "rm" and not names):
        raise OlympiaError(
            f"'{' '.join(context.words)}' does not say what is to be done with snapshots",
            way_out="olympia snapshot save [NAME] | restore [NAME] | list | rm NAME, where NAME is INSTANCE/NAME for one of "
            "another instance",
            code=ExitCode.USAGE,
        )
    return action, names[0] if names else ""


def named(name: str, force: bool = False) -> dict[str, str]:
    """Return what says to a playbook which snapshot is meant.

    Args:
        name: Its name; empty for the one that is meant where nobody names one.
        force: Restore it although its schema is newer than the code.
    """
    asked = {"__olympia_stack_snapshot_name": name} if name else {}
    return asked | ({"__olympia_stack_snapshot_force": "true"} if force else {})


def sql_file(name: str | Path) -> dict[str, str]:
    """Return what says to a playbook which file of SQL is meant.

    Args:
        name: The file. Relative to where the command is called; on another host that has to be said in full.
    """
    return {"__olympia_stack_sql_file": str(Path(name).expanduser().absolute())}


def ask(context: Context) -> dict[str, Any]:
    """Return the snapshots of all instances, and the folder that they are in, by host.

    Args:
        context: The command.

    Raises:
        OlympiaError: A host did not answer.
    """
    return context.prepare("snapshot_list").ask()


def show(context: Context) -> None:
    """Print the snapshots of each host.

    Args:
        context: The command.

    Raises:
        OlympiaError: A host did not answer.
    """
    answers = ask(context)
    if context.arguments.json:
        print(json.dumps({host: answer["snapshots"] for host, answer in answers.items()}, indent=2))
        return
    print(by_host({host: as_text(answer, datetime.now(UTC)) for host, answer in answers.items()}))


def run(context: Context) -> None:
    """Do with snapshots what the words say.

    Args:
        context: The command.

    Raises:
        OlympiaError: The words say nothing, or it was not done.
    """
    action, name = divide(context)
    if action == "list":
        show(context)
        return
    context.given |= named(name, context.arguments.force)
    with context.alone():
        context.prepare(f"snapshot_{action}").execute()


def run_sql(context: Context) -> None:
    """Write the database to a file, or read it from one.

    Args:
        context: The command.

    Raises:
        OlympiaError: No file is named, or it was not done.
    """
    verb = context.arguments.verb
    if len(context.words) != 1:
        raise OlympiaError(
            f"{verb} takes the name of one file",
            way_out=f"olympia {verb} FILE.sql; with FILE.sql.zst it is compressed. The file is on the host",
            code=ExitCode.USAGE,
        )
    context.given |= sql_file(context.words[0])
    with context.alone():
        context.prepare(verb).execute()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `snapshot`.

    Args:
        parser: Its parser.
    """
    parser.add_argument("--force", action="store_true", help="restore although the schema is newer than the code")
    parser.add_argument("--check", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--json", action="store_true", help="with list: for a program, by host")
    parser.epilog = (
        "save [NAME] | restore [NAME] | list | rm NAME. Without a name, save takes the time, and restore the newest one that "
        "somebody has saved. NAME is INSTANCE/NAME for one of another instance. docs/snapshots.md says more."
    )


VERBS = (
    Verb(
        "snapshot",
        "save, restore, list or remove what the instance holds: database, storage, search index",
        run,
        add_arguments,
        divide=words_and_assignments,
        words="save|restore|list|rm NAME",
    ),
    Verb(
        "data_export",
        "write the database to a file of plain SQL",
        run_sql,
        changes=True,
        divide=words_and_assignments,
        words="FILE",
    ),
    Verb(
        "data_restore",
        "replace the database by the one in a file of plain SQL; what was there is saved first",
        run_sql,
        changes=True,
        divide=words_and_assignments,
        words="FILE",
    ),
)
