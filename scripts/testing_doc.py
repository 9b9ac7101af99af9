#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Write the table of promises in docs/testing.md from tests/mutations."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/testing.md"
# Everything behind it is made.
MARK = "<!-- From here on made by 'make docs' from tests/mutations. -->\n"


def page() -> str:
    """Return the page's whole text: what stands there by hand, and the table."""
    sys.path.insert(0, str(ROOT))
    from tests.mutation import load, table

    by_hand, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    if not mark:
        raise ValueError(f"{PAGE} has no line {MARK.strip()}")
    return f"{by_hand}{MARK}\n{table(load())}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
