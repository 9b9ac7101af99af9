# SPDX-License-Identifier: BSD-3-Clause
"""The records of runs: all data of the page, in the directory of the run."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import ExitCode, Problem
from ..paths import RECORD, state_dir
from ..present.outcome import Report
from ..words import did_you_mean


def write(directory: Path, report: Report, root: Path) -> None:
    """Write the record of a run that is over. On a full disk, the result of the run stays the same.

    Args:
        directory: The directory of the run.
        report: What happened in the run.
        root: The root of the collection.
    """
    text = json.dumps(report.as_record(versions(root)), indent=2) + "\n"
    try:
        with os.fdopen(os.open(directory / RECORD, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
    except OSError as error:
        print(f"Cannot write the record for olympia report: {error}", file=sys.stderr)


def versions(root: Path) -> dict[str, str]:
    """Return the versions of the software on the controller, by name.

    Args:
        root: The root of the collection.
    """
    from importlib.metadata import version

    import yaml

    galaxy = yaml.safe_load((root / "galaxy.yml").read_text(encoding="utf-8"))
    return {
        f"{galaxy['namespace']}.{galaxy['name']}": str(galaxy["version"]),
        **{name: version(name) for name in ("ansible-core", "ansible-runner")},
        "Python": platform.python_version(),
    }


def runs_dir(environment: Mapping[str, str]) -> Path:
    """Return the folder of all runs.

    Args:
        environment: The process environment.
    """
    return state_dir(environment) / "runs"


def recorded(runs: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the directory and the record of each run that has one, newest first.

    Args:
        runs: The folder of all runs.
    """
    # The names start with the time.
    for path in sorted(runs.glob(f"*/{RECORD}"), reverse=True):
        yield path.parent, read(path.parent)


def read(directory: Path) -> dict[str, Any]:
    """Return the record of a run.

    Args:
        directory: The directory of the run.

    Raises:
        Problem: It cannot be read.
    """
    path = directory / RECORD
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Problem(
            "The record of the run cannot be read",
            where=str(path),
            cause=str(error),
            fix="Remove the directory of this run if you do not need it; olympia report --list lists all runs",
        ) from error
    return content


def find(name: str, runs: Path) -> Path:
    """Return the directory of a run that has a record.

    Args:
        name: Its name; empty for the newest run.
        runs: The folder of all runs.

    Raises:
        Problem: There is no such run.
    """
    known = sorted((path.parent.name for path in runs.glob(f"*/{RECORD}")), reverse=True)
    if not known:
        raise Problem(
            "There are no runs yet",
            where=str(runs),
            fix="A run writes its record when it ends: make up",
            code=ExitCode.USAGE,
        )
    if not name or name in known:
        return runs / (name or known[0])
    raise Problem(
        f"There is no run {name} with a record",
        where=str(runs),
        fix=f"{did_you_mean(name, known)} olympia report --list lists all runs".strip(),
        code=ExitCode.USAGE,
    )
