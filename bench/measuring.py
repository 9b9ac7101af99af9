# SPDX-License-Identifier: BSD-3-Clause
"""How the benchmark measures: commands, the time they take, and what rows are made of."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# Where the benchmark's own instances live, apart from the user's.
STATE = ROOT / ".bench"


class CommandError(RuntimeError):
    """A command of the benchmark failed. The message has the command and the end of its output."""


def environment() -> dict[str, str]:
    """Return the process environment of the measured commands: without choices of the user's, with state of its own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OLYMPIA_", "COMPOSE_", "DOCKER_", "GITHUB_", "GITLAB_"))
    }
    path = f"{ROOT}/.venv/bin:{os.environ['PATH']}"
    # Images with attestations are others with each build, and Compose would make each container anew.
    return kept | {"XDG_STATE_HOME": str(STATE), "PATH": path, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}


def run(arguments: Sequence[str | Path], cwd: Path = ROOT, stdin: str | None = None) -> str:
    """Run a command and return its output.

    Args:
        arguments: The command and its arguments.
        cwd: Working directory.
        stdin: Its input.

    Raises:
        CommandError: It returned another code than 0.
    """
    done = subprocess.run(
        arguments, cwd=cwd, env=environment(), text=True, input=stdin,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    if done.returncode:
        command = " ".join(str(word) for word in arguments)
        raise CommandError(f"{command} returned {done.returncode}:\n{done.stdout[-3000:]}")
    return done.stdout


def seconds(work: Callable[[], object]) -> float:
    """Return how long some work takes, in seconds."""
    started = time.monotonic()
    work()
    return round(time.monotonic() - started, 3)


@dataclass
class Work:
    """Something to measure.

    Attributes:
        do: It.
        before: What has to be done before each time, and is not measured.
    """

    do: Callable[[], object]
    before: Callable[[], object] = lambda: None


def in_turn(rounds: int, works: Mapping[str, Work], warm: bool = True) -> dict[str, list[float]]:
    """Return how long each work takes, in seconds, measured in turn.

    Args:
        rounds: How often.
        works: The works by name.
        warm: Whether a round that does not count goes ahead.
    """
    found: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + warm):
        for name, work in works.items():
            work.before()
            took = seconds(work.do)
            if number >= warm:
                found[name].append(took)
    return found


@dataclass
class Row:
    """Something measured against something else.

    Attributes:
        number: Its place in the table.
        what: What is measured.
        against: What it is measured against.
        aim: The ratio of medians that it shall not exceed.
        measured: Seconds, one for each round.
        reference: The same of what it is measured against.
    """

    number: int
    what: str
    against: str
    aim: float
    measured: list[float]
    reference: list[float]

    @property
    def ratio(self) -> float:
        """The ratio of the medians."""
        return statistics.median(self.measured) / statistics.median(self.reference)

    @property
    def spread(self) -> tuple[float, float]:
        """The least and the greatest ratio of a round."""
        ratios = [one / other for one, other in zip(self.measured, self.reference, strict=True)]
        return min(ratios), max(ratios)

    def as_record(self) -> dict[str, Any]:
        """Return everything, as plain data."""
        least, greatest = self.spread
        return vars(self) | {"ratio": round(self.ratio, 4), "least": round(least, 4), "greatest": round(greatest, 4)}


@dataclass
class Found:
    """What a part of the benchmark has found.

    Attributes:
        rows: The rows of the table.
        facts: What is told besides, by name.
    """

    rows: list[Row] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
