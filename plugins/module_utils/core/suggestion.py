# SPDX-License-Identifier: BSD-3-Clause
"""What somebody may have meant who has mistyped a name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a sentence that names the known name nearest to a mistyped one, or the empty string."""
    matches = difflib.get_close_matches(name.lower(), sorted(known), n=1)
    return f"Did you mean {matches[0]}?" if matches else ""
