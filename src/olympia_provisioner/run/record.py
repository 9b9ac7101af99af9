# SPDX-License-Identifier: BSD-3-Clause
"""The records of runs: everything that the page of a run shows, in the run's private directory."""

from __future__ import annotations

import difflib
import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import ExitCode, OlympiaError
from ..paths import state_dir
from ..present.outcome import Report

NAME = "record.json"


def write(directory: Path, report: Report, root: Path) -> None:
    """Write the record of a run that has ended, however it did. Without room for it, the run still ends as it would.

    Args:
        directory: The run's private directory.
        report: The run.
        root: The checkout.
    """
    text = json.dumps(report.as_record(versions(root)), indent=2) + "\n"
    try:
        with os.fdopen(os.open(directory / NAME, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
    except OSError as error:
        print(f"The run leaves no record for olympia report: {error}", file=sys.stderr)


def versions(root: Path) -> dict[str, str]:
    """Return the versions of what runs here, by name.

    Args:
        root: The checkout.
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
    """Yield each run that has a record, and that record; the newest first.

    Args:
        runs: The folder of all runs.
    """
    # The names begin with the time.
    for path in sorted(runs.glob(f"*/{NAME}"), reverse=True):
        yield path.parent, read(path.parent)


def read(directory: Path) -> dict[str, Any]:
    """Return the record of a run.

    Args:
        directory: Its private directory.

    Raises:
        OlympiaError: It cannot be read.
    """
    path = directory / NAME
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OlympiaError(
            "The record of a run cannot be read",
            where=str(path),
            evidence=str(error),
            way_out="olympia report --list names the runs; remove the directory of this one if it is of no use",
        ) from error
    return content


def find(name: str, runs: Path) -> Path:
    """Return the directory of a run that has a record.

    Args:
        name: Its name; empty for the newest one.
        runs: The folder of all runs.

    Raises:
        OlympiaError: There is no such run.
    """
    known = sorted((path.parent.name for path in runs.glob(f"*/{NAME}")), reverse=True)
    if not known:
        raise OlympiaError(
            "There is no run to report on",
            where=str(runs),
            way_out="Runs leave their record from their end on: make up is one",
            code=ExitCode.USAGE,
        )
    if not name or name in known:
        return runs / (name or known[0])
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
    raise OlympiaError(
        f"There is no run {name} with a record",
        where=str(runs),
        evidence=f"The nearest is {nearest}",
        way_out="olympia report --list names all",
        code=ExitCode.USAGE,
    )
