# SPDX-License-Identifier: BSD-3-Clause
"""The doctor's framework: checks, the verdicts that they come to, and which of them are asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ..core.problem import Problem
from ..core.suggestion import nearest

OK, WARNING, FAILED, UNKNOWN = "ok", "warning", "failed", "unknown"


@dataclass(frozen=True)
class Verdict:
    """The result of a check.

    Attributes:
        state: One of OK, WARNING, FAILED, UNKNOWN.
        evidence: What was found.
        fix: What to do, as a sentence; empty if nothing is to be done.
        safe: Whether `--fix` can do that.
    """

    state: str
    evidence: str
    fix: str = ""
    safe: bool = False


@dataclass(frozen=True)
class Check:
    """One of the doctor's checks.

    Attributes:
        name: Its name, which never changes.
        title: What it looks at.
        judge: Returns the verdict from the findings.
    """

    name: str
    title: str
    judge: Callable[[Any], Verdict]


def choose(names: Collection[str], table: Collection[Check], others: Iterable[Check] = ()) -> tuple[Check, ...]:
    """Return the checks of these names, in the order of the table; all of them for none.

    Args:
        names: As given by the user.
        table: The checks to choose from.
        others: Checks of another kind of host, whose names are valid, too.

    Raises:
        ValueError: There is no such check; the message names the nearest.
    """
    known = [check.name for check in (*table, *others)]
    wrong = [f"There is no check {name}. {nearest(name, known)}".strip() for name in names if name not in known]
    if wrong:
        raise ValueError("\n".join(wrong))
    return tuple(check for check in table if not names or check.name in names)


def examine(chosen: Iterable[Check], findings: Any) -> list[dict[str, Any]]:
    """Return the verdicts as plain data.

    Args:
        chosen: The checks.
        findings: What they go by: Findings, or what those of another kind of host go by.
    """
    return [{"name": check.name, "title": check.title} | asdict(check.judge(findings)) for check in chosen]


def from_problems(problems: Iterable[Problem], fine: str, state: str = FAILED) -> Verdict:
    """Return the verdict of a check that looks for problems of a run.

    Args:
        problems: The problems, if any.
        fine: The evidence without any.
        state: The state with any.
    """
    found = list(problems)
    if not found:
        return Verdict(OK, fine)
    evidence = "; ".join(": ".join(filter(None, (one.what, one.where, one.cause))) for one in found)
    return Verdict(state, evidence, " ".join(dict.fromkeys(one.fix for one in found if one.fix)))
