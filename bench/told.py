# SPDX-License-Identifier: BSD-3-Clause
"""The results as people read them: a table, and a picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median
from xml.sax.saxutils import escape

from .measuring import Row

HEAD = ("| # | what | against | seconds | ratio | range | aim |", "|---|---|---|---|---|---|---|")
# The picture's measures, in pixels.
WIDTH, LABELS, LINE, TOP = 920, 390, 30, 50
LEAST = 0.003  # where the picture's scale of ratios begins, which is logarithmic
GREATEST = 30


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a table in Markdown.

    Args:
        rows: The rows.
    """
    lines = [*HEAD]
    for row in rows:
        least, greatest = row.spread
        lines.append(
            f"| {row.number} | {row.what} | {row.against} | {median(row.measured):.2f} : {median(row.reference):.2f} "
            f"| **{row.ratio:.2g}** | {least:.2g} to {greatest:.2g} | {row.aim:g} |"
        )
    return "\n".join(lines)


def place(ratio: float) -> float:
    """Return where a ratio is on the picture's scale, in pixels from the left."""
    share = math.log(max(ratio, LEAST) / LEAST) / math.log(GREATEST / LEAST)
    return round(LABELS + share * (WIDTH - LABELS - 70), 1)


def picture(rows: Sequence[Row], machine: str) -> str:
    """Return the rows as an SVG: a bar to the ratio of medians, a line over the range, and a mark where the aim is.

    Args:
        rows: The rows.
        machine: What they were measured on.
    """
    height = TOP + LINE * len(rows) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="10" y="20" font-weight="bold">Ratios to the bare commands, less is better ({escape(machine)})</text>',
    ]
    for tick in (0.01, 0.1, 1, 10):
        x = place(tick)
        parts.append(f'<line x1="{x}" x2="{x}" y1="{TOP - 8}" y2="{height - 30}" stroke="#ddd"/>')
        parts.append(f'<text x="{x}" y="{TOP - 14}" fill="#666" text-anchor="middle">{tick:g}</text>')
    for number, row in enumerate(rows):
        y = TOP + LINE * number
        end, aim = place(row.ratio), place(row.aim)
        least, greatest = map(place, row.spread)
        colour = "#2a7f62" if row.ratio <= row.aim else "#b3541e"
        parts += [
            f'<text x="10" y="{y + 15}">{row.number}. {escape(row.what)}</text>',
            f'<rect x="{LABELS}" y="{y + 4}" width="{end - LABELS:.1f}" height="14" fill="{colour}"/>',
            f'<line x1="{least}" x2="{greatest}" y1="{y + 11}" y2="{y + 11}" stroke="#000"/>',
            f'<line x1="{aim}" x2="{aim}" y1="{y}" y2="{y + 22}" stroke="#000" stroke-width="3"/>',
            f'<text x="{max(end, aim, greatest) + 8}" y="{y + 15}">{row.ratio:.2g}</text>',
        ]
    parts.append(
        f'<text x="10" y="{height - 10}" fill="#666">Bar: ratio of medians. Thin line: range. Thick mark: aim.</text>'
    )
    return "\n".join([*parts, "</svg>", ""])
