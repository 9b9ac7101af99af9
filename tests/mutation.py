# SPDX-License-Identifier: BSD-3-Clause
"""Mutations: ways to break the product, each with the promise that it breaks and the test that has to notice."""

from __future__ import annotations

import itertools
import shlex
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.parts import EVERYDAY, FULL, ROOT

FOLDER = ROOT / "tests/mutations"


@dataclass(frozen=True)
class Mutation:
    """One entry of a file in tests/mutations.

    Attributes:
        area: The file's name.
        number: The entry's place in it, from 1 on.
        promise: What users are promised, in a sentence.
        file: The file that is broken, from the root on.
        old: What is replaced there; it occurs exactly once.
        new: By what.
        caught_by: The command that has to fail then.
        says: What its output has to contain, so that it fails for the right reason.
        group: Which run of all tests has that command: `everyday` or `full`.
    """

    area: str
    number: int
    promise: str
    file: str
    old: str
    new: str
    caught_by: str
    says: str
    group: str = EVERYDAY

    @property
    def name(self) -> str:
        """What the mutation is chosen by."""
        return f"{self.area}:{self.number}"

    @property
    def command(self) -> list[str]:
        """The command that has to fail, as arguments; without the tests that only the full run has, where it can be."""
        words = shlex.split(self.caught_by)
        return [*words, "-m", f"not {FULL}"] if words[0] == "pytest" and self.group == EVERYDAY else words

    def apply(self, root: Path) -> None:
        """Break the product in a copy of the project.

        Args:
            root: The copy.

        Raises:
            ValueError: What is to be replaced is not there exactly once.
        """
        path = root / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: in {self.file}, `old` occurs {text.count(self.old)} times, not once")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


def load() -> list[Mutation]:
    """Return all mutations, by area and number."""
    found = []
    for path in sorted(FOLDER.glob("*.yml")):
        for number, entry in enumerate(yaml.safe_load(path.read_text(encoding="utf-8")), start=1):
            found.append(Mutation(area=path.stem, number=number, **entry))
    return found


def table(mutations: list[Mutation]) -> str:
    """Return what is promised, broken and caught as Markdown, a table for each area.

    Args:
        mutations: What `load` returns.
    """
    lines = []
    for area, members in itertools.groupby(mutations, key=lambda mutation: mutation.area):
        lines += [f"### {area}", "", "| | promise | broken in | caught by | group |", "|---|---|---|---|---|"]
        for one in members:
            cells = [str(one.number), one.promise, f"`{one.file}`", f"`{one.caught_by}`", one.group]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines)
