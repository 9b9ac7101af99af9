# SPDX-License-Identifier: BSD-3-Clause
"""What a verb is: its name, its arguments, and what it does."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .. import settings
from ..console import Observer
from ..paths import find_inventory, state_dir
from ..playbook import Options
from ..report import Report
from ..runner import Run


@dataclass
class Context:
    """What a verb is given.

    Attributes:
        arguments: The parsed command line.
        root: The checkout.
        report: What is to be told of a run.
        console: What prints it.
        folder: The folder for artifacts, if any.
        given: The settings of the command line, by variable.
        names: Its arguments that are no settings, where the verb takes such (`takes_names` in its parser's defaults).
    """

    arguments: argparse.Namespace
    root: Path
    report: Report
    console: Observer
    folder: Path | None = None
    names: list[str] = field(init=False)
    given: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Read the settings of the command line.

        Raises:
            OlympiaError: One of them is none.
        """
        words = [*self.arguments.assignments, *self.arguments.more]
        takes_names = getattr(self.arguments, "takes_names", False)
        self.names = [word for word in words if "=" not in word] if takes_names else []
        self.given = settings.parse([word for word in words if word not in self.names], self.root)

    def prepare(self, playbook: str) -> Run:
        """Return a run of a playbook, as the command line wants it.

        Args:
            playbook: Its name, without suffix.

        Raises:
            OlympiaError: There is no such inventory, or no place for the run.
        """
        self.report.inventory = str(find_inventory(self.arguments.inventory, self.root))
        options = Options(
            inventory=self.report.inventory,
            settings=self.given,
            limit=self.arguments.limit,
            check=self.arguments.check,
            diff=self.arguments.diff,
            artifacts=self.folder,
            ask_become_pass=self.arguments.ask_become_pass,
            verbosity=self.arguments.verbosity,
        )
        return Run(
            self.root / "playbooks" / f"{playbook}.yml",
            options,
            root=self.root,
            runs=state_dir(os.environ) / "runs",
            report=self.report,
            console=self.console,
        )


def no_arguments(_parser: argparse.ArgumentParser) -> None:
    """Add nothing."""


@dataclass(frozen=True)
class Verb:
    """A verb of the command line.

    Attributes:
        name: What it is called.
        summary: What it does, as the help says it.
        run: Does it; raises OlympiaError where it cannot be done, or was not.
        add_arguments: Adds arguments of its own to its parser.
        on_hosts: Whether it runs a playbook, and takes the options for that.
        takes_settings: Whether it takes `NAME=value`; without, it may have positional arguments of its own.
    """

    name: str
    summary: str
    run: Callable[[Context], None]
    add_arguments: Callable[[argparse.ArgumentParser], None] = no_arguments
    on_hosts: bool = True
    takes_settings: bool = True
