# SPDX-License-Identifier: BSD-3-Clause
"""The one failure type, from what is checked to what a module returns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class Problem(Exception):
    """One reason why something cannot be done: raised, collected with others, or returned.

    Attributes:
        what: What failed or is wrong, in a sentence without its full stop.
        where: The file, host or program that it is about, where the sentence does not say it.
        cause: Why, with the evidence.
        fix: What to do, in a sentence.
        setting: The variable to change, or the empty string.
        kind: What kind of failure it is, in the driver's words.
        evidence: What a module's result says of the command that failed, if it was one.
    """

    what: str
    where: str = ""
    cause: str = ""
    fix: str = ""
    setting: str = ""
    kind: str = "preflight"
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return it as a message for people."""
        return "\n".join([self.what, *(f"  {line}" for line in self.details())])

    def details(self) -> list[str]:
        """Return what follows the first line of a message, a line for each detail that there is."""
        labelled = {"where": self.where, "cause": self.cause, "fix": self.fix}
        return [f"{label}: {text}" for label, text in labelled.items() if text]

    def as_dict(self) -> dict[str, str]:
        """Return it as plain data for a module's result, from which it can be made again."""
        return {name: getattr(self, name) for name in ("what", "where", "cause", "fix", "setting")}


def report(problems: Collection[Problem], sources: Mapping[str, str] | None = None) -> str:
    """Return problems as a numbered message for people; the empty string without any.

    Args:
        problems: The problems.
        sources: Where each setting comes from. Of the environment people may not know that it has one.
    """
    if not problems:
        return ""
    lines = [f"{len(problems)} problem{'s' if len(problems) > 1 else ''}, nothing was changed:"]
    for number, problem in enumerate(problems, start=1):
        environment = (sources or {}).get(problem.setting) == "environment"
        setting = problem.setting + (", of the environment" if environment else "")
        lines.append(f"{number}. {problem.what}" + (f" [{setting}]" if setting else ""))
        lines += [f"   {line}" for line in problem.details()]
    # A refused value can hold anything, and a terminal obeys some of it.
    return "".join(
        character if character.isprintable() or character == "\n" else ascii(character)[1:-1]
        for character in "\n".join(lines)
    )
