# SPDX-License-Identifier: BSD-3-Clause
"""The table of faults in a page of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.faults import Fault

BEGIN, END = "<!-- From here on made by 'tests/faults' -->", "<!-- to here -->"
COLUMNS = ("fault", "when", "exit code", "what was said of it", "rows and files kept")


@dataclass(frozen=True)
class Row:
    """What has come of a fault: the next `up` has mended it, and the one after it has changed nothing.

    Attributes:
        fault: The fault.
        code: The exit code of the run that it befell, or of the one after it.
        said: What the fault's pattern has matched in what that run said.
        kept: Number of rows and of lines of a file that were written before, all of which are there.
    """

    fault: Fault
    code: int
    said: str
    kept: int

    def text(self) -> str:
        """Return it as Markdown."""
        # Ansible ends a task's line with stars, and its result has a line of its own.
        words = " ".join(re.sub(r"\*{3,}", "", self.said).split())
        said = f"`{words}`" if words else "-"
        return f"| {self.fault.name} | {self.fault.phase} | {self.code} | {said} | all {self.kept} |"


def rows_of(page: str) -> dict[tuple[str, str], str]:
    """Return the rows of a page's table by the fault's name and phase.

    Args:
        page: The page.
    """
    lines = page.partition(BEGIN)[2].partition(END)[0].split("\n")
    rows = [line for line in lines if line.startswith("| ")][2:]
    return {(cells[1].strip(), cells[2].strip()): row for row in rows for cells in [row.split("|")]}


def write(page: Path, row: Row, faults: Iterable[Fault]) -> None:
    """Write a row into a page's table, in place of what is there of the same fault.

    Args:
        page: The page.
        row: The row.
        faults: All faults, in the table's order; rows of others are left out.
    """
    text = page.read_text(encoding="utf-8")
    rows = rows_of(text) | {(row.fault.name, row.fault.phase): row.text()}
    order = [(fault.name, fault.phase) for fault in faults]
    head = [f"| {' | '.join(cells)} |" for cells in (COLUMNS, ("---",) * len(COLUMNS))]
    table = "\n".join([*head, *(rows[one] for one in order if one in rows)])
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")
