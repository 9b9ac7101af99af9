# SPDX-License-Identifier: BSD-3-Clause
"""The driver's one exception type and its exit codes."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the command ends with; documented, so never renumbered."""

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


class OlympiaError(Exception):
    """Something that ends the command, as people are told of it.

    Attributes:
        what: What happened, in one sentence without a full stop.
        where: File, host or setting that it is about.
        evidence: What was seen.
        way_out: What to do.
        code: The command's exit code.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        evidence: str = "",
        way_out: str = "",
        code: ExitCode = ExitCode.UNEXPECTED,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.evidence = evidence
        self.way_out = way_out
        self.code = code

    def __str__(self) -> str:
        """Return the error as it is printed: the sentence, then what else is known, a line each."""
        details = (("where", self.where), ("seen", self.evidence), ("way out", self.way_out))
        lines = [self.what]
        for label, text in details:
            if text:
                lines.append(f"  {label}: " + text.strip().replace("\n", "\n    "))
        return "\n".join(lines)
