# SPDX-License-Identifier: BSD-3-Clause
"""How a command ends: its exit codes, and the one exception type of the driver."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    """The exit codes of the command. They are documented: never renumber them."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    PREFLIGHT = 3
    BUILD = 4
    UNHEALTHY = 5
    UNREACHABLE = 6
    CONFLICT = 7
    TESTS = 8
    INTERRUPTED = 130


# The exit code for each kind of failure. A failing task reports phase and kind in its result: `olympia: {phase, kind}`.
KINDS = {
    "settings": ExitCode.USAGE,
    "preflight": ExitCode.PREFLIGHT,
    "build": ExitCode.BUILD,
    "unhealthy": ExitCode.UNHEALTHY,
    "conflict": ExitCode.CONFLICT,
    "tests": ExitCode.TESTS,
}
PHASE = re.compile(r"[a-z_-]{1,30}")


def marker(result: Any) -> dict[str, str]:
    """Return phase and kind of a failure, or nothing where the task does not report valid ones.

    Args:
        result: The result of the task. It comes from a host and may be anything.
    """
    marked = result.get("olympia") if isinstance(result, Mapping) else None
    phase, kind = (str(marked.get(key, "")) for key in ("phase", "kind")) if isinstance(marked, Mapping) else ("", "")
    return {"phase": phase, "kind": kind} if kind in KINDS and PHASE.fullmatch(phase) else {}


class Problem(Exception):
    """A failure that ends the command.

    Attributes:
        what: What failed, in one sentence without a full stop.
        where: The file, host or setting it is about.
        cause: Why it failed, with evidence.
        fix: How to fix it, preferably as a command.
        code: The exit code of the command.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        cause: str = "",
        fix: str = "",
        code: ExitCode = ExitCode.UNEXPECTED,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.cause = cause
        self.fix = fix
        self.code = code

    def __str__(self) -> str:
        """Return the text for the terminal: the sentence, then one line for each detail that is known."""
        lines = [self.what]
        for label, text in (("where", self.where), ("cause", self.cause), ("fix", self.fix)):
            if text:
                lines.append(f"  {label}: " + text.strip().replace("\n", "\n    "))
        return "\n".join(lines)
