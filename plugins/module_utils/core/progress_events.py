# SPDX-License-Identifier: BSD-3-Clause
"""Progress events of a running module: one JSON object a line, in a file that the driver reads."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Tell = Callable[..., None]

# The option of each module that reports progress; an action plugin sets it.
ARGUMENT: dict[str, Any] = {"type": "dict", "options": {"file": {"type": "path"}, "host": {"type": "str"}}}

LONGEST = 1000  # characters of a text


def _text(value: Any) -> str:
    return str(value)[:LONGEST]


def _number(value: Any) -> float:
    if isinstance(value, str) or not math.isfinite(value):
        raise ValueError(value)
    number: float = value
    return number


# The properties of events, by kind, as in docs/events.md.
KINDS: dict[str, dict[str, Callable[[Any], Any]]] = {
    "step": {"id": _number, "name": _text, "state": _text, "seconds": _number},
    "pull": {"name": _text, "current": _number, "total": _number},
    "service": {"name": _text, "state": _text, "health": _text},
}


def checked(line: bytes, host: str) -> bytes:
    """Return an event line from another host, labelled with that host's name; nothing if it is not a valid event.

    Args:
        line: The line.
        host: Name of the host.
    """
    try:
        told = json.loads(line)
        event = {"time": _number(told["time"]), "host": host, "kind": told["kind"]}
        event |= {name: read(told[name]) for name, read in KINDS[told["kind"]].items()}
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return b""
    return json.dumps(event).encode() + b"\n"


def teller(progress: Mapping[str, str] | None) -> Tell:
    """Return a function that appends an event: `tell("step", name="...", state="running")`.

    It never fails: a run must not end because its progress cannot be written.

    Args:
        progress: Path of the file and name of the host; nothing if nobody reads.
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
