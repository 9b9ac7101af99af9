# SPDX-License-Identifier: BSD-3-Clause
"""Tables for a terminal, with times and sizes as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from ..words import WIDTH

SIZES = (("GB", 10**9), ("MB", 10**6))


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table with aligned columns.

    Args:
        rows: The cells of each row.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table, cut off at the width of a terminal.

    Args:
        rows: The cells of each row.
    """
    return [line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}..." for line in aligned(rows)]


def without_empty(rows: Sequence[Sequence[str]], head: str) -> list[Sequence[str]]:
    """Return the rows of a table without a column that is empty below its head.

    Args:
        rows: The cells of each row, the heads first.
        head: The head of the column.
    """
    column = rows[0].index(head)
    if any(row[column] for row in rows[1:]):
        return [*rows]
    return [[*row[:column], *row[column + 1 :]] for row in rows]


def duration(seconds: float) -> str:
    """Return a duration such as 4.2 s, 2 min 5 s or 1 h 3 min.

    Args:
        seconds: The duration.
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def ago(since: str, now: datetime) -> str:
    """Return the time that has passed since a moment, in its largest unit.

    Args:
        since: The moment, as the engine writes it, or the empty string.
        now: The current time.
    """
    if not since:
        return ""
    # The engine writes nanoseconds.
    passed = now - datetime.fromisoformat(since[:19]).replace(tzinfo=UTC)
    units = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1)))
    # The clock of the host may be ahead.
    seconds = max(0, int(passed.total_seconds()))
    return next((f"{passed // unit} {name}" for name, unit in units if passed >= unit), f"{seconds} s")


def expiry(day: str, now: datetime) -> str:
    """Return the day on which a tenant expires, marked where that has happened.

    Args:
        day: Such as 2027-01-31; empty for never.
        now: The current time.
    """
    return f"{day} expired" if day and day <= now.date().isoformat() else day


def readable(size: int) -> str:
    """Return a size in GB or MB; empty for 0.

    Args:
        size: In bytes.
    """
    return next((f"{size / unit:.1f} {name}" for name, unit in SIZES if size >= unit), "< 1 MB" if size else "")
