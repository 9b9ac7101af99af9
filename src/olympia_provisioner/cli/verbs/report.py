# SPDX-License-Identifier: BSD-3-Clause
"""The verb that writes the HTML page of a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ...errors import Problem
from ...present import page
from ...present.tables import aligned, duration
from ...run import record
from .base import Context, Verb


def run(context: Context) -> None:
    """Write the page of a run and print its path, or list the runs.

    Args:
        context: The command.

    Raises:
        Problem: There is no such run, or the page cannot be written.
    """
    runs = record.runs_dir(os.environ)
    if context.arguments.list:
        print(listing([(directory.name, found) for directory, found in record.recorded(runs)]))
        return
    directory = record.find(next(iter(context.words), ""), runs)
    given = context.arguments.output
    output = given.expanduser().absolute() if given else directory / "report.html"
    text = page.render(record.read(directory), page.links(directory, output.parent))
    try:
        output.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise Problem(
            "The page cannot be written",
            where=str(output),
            cause=str(error),
            fix="Pass another path with --output FILE",
        ) from error
    print(output)


def listing(runs: list[tuple[str, dict[str, Any]]]) -> str:
    """Return a table of the runs.

    Args:
        runs: Name and record of each run, in order.
    """
    rows = [("RUN", "VERB", "STARTED", "RESULT", "DURATION")]
    for name, found in runs:
        result = found["result"] if found["result"] != "failed" else f"failed ({found['exit_code']})"
        rows.append((name, found["verb"], page.moment(found["started"]), result, duration(found["seconds"])))
    return "\n".join(aligned(rows))


VERBS = (
    Verb(
        "report",
        "write the HTML page of a run, by default of the latest",
        run,
        {
            "--output": {
                "type": Path,
                "metavar": "FILE",
                "help": "where to write it (default: report.html in the directory of the run)",
            },
            "--list": {"action": "store_true", "help": "list the runs"},
        },
        on_hosts=False,
        words="RUN",
    ),
)
