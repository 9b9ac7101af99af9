# SPDX-License-Identifier: BSD-3-Clause
"""What a module tells while it runs, beside its result: an event a line, in a file that somebody may be reading."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Tell = Callable[..., None]

# The option of each module that tells; an action plugin fills it in.
ARGUMENT: dict[str, Any] = {"type": "dict", "options": {"file": {"type": "path"}, "host": {"type": "str"}}}


def teller(progress: Mapping[str, str] | None) -> Tell:
    """Return a function that appends an event: `tell("step", name="...", state="running")`.

    It never fails: a run does not end because nobody can watch it.

    Args:
        progress: Path of the file and name of the host, or nothing, for nobody who reads.
    """
    if not progress:
        return lambda kind, **data: None
    path, host = Path(progress["file"]), progress["host"]

    def tell(kind: str, **data: Any) -> None:
        line = json.dumps({"time": round(time.time(), 3), "host": host, "kind": kind, **data})
        try:
            # One write of one line: several modules may have the same file.
            with path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError:
            pass

    return tell
