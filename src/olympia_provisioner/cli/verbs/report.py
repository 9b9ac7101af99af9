# SPDX-License-Identifier: BSD-3-Clause
"""The page of a run, from the record that it has left."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from ...errors import OlympiaError
from ...present import page
from ...run import record
from .base import Context, Verb, words_and_assignments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own arguments.

    Args:
        parser: The verb's parser.
    """
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="where to write it (default: report.html in the run's directory)"
    )
    parser.add_argument("--list", action="store_true", help="list the runs that can be reported on")


def run(context: Context) -> None:
    """Write the page of a run and print its path, or list the runs.

    Args:
        context: The command.

    Raises:
        OlympiaError: There is no such run, or the page cannot be written.
    """
    runs = record.runs_dir(os.environ)
    if context.arguments.list:
        print(listing([(directory.name, found) for directory, found in record.recorded(runs)]), end="")
        return
    directory = record.find(next(iter(context.words), ""), runs)
    given = context.arguments.output
    output = given.expanduser().absolute() if given else directory / "report.html"
    text = page.render(record.read(directory), page.links(directory, output.parent))
    try:
        output.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise OlympiaError(
            "The page cannot be written",
            where=str(output),
            evidence=str(error),
            way_out="--output FILE names another place",
        ) from error
    print(output)


def listing(runs: list[tuple[str, dict[str, Any]]]) -> str:
    """Return the runs as a table for a terminal.

    Args:
        runs: Name and record of each, in order.
    """
    rows = [("RUN", "VERB", "STARTED", "RESULT", "DURATION")]
    for name, found in runs:
        result = found["result"] if found["result"] != "failed" else f"failed ({found['exit_code']})"
        rows.append((name, found["verb"], page.moment(found["started"]), result, page.duration(found["seconds"])))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)


VERBS = (
    Verb(
        "report",
        "write what happened in a run, the newest by default, as a page",
        run,
        add_arguments,
        on_hosts=False,
        divide=words_and_assignments,
        words="RUN",
    ),
)
