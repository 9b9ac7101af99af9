# SPDX-License-Identifier: BSD-3-Clause
"""What a verb is: its name, its arguments, and what it does."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import ExitCode
from ...paths import INSTANCE, find_inventory, state_dir
from ...present.console import Observer
from ...present.outcome import Report
from ...run import inventory_tenants as tenants
from ...run import locks
from ...run.playbook import Options
from ...run.runner import Run, ansible_environment
from .. import given as settings

# The inventories of this project whose only host is this machine.
THIS_MACHINE = ("local", "ci")


@dataclass
class Context:
    """What a verb is given.

    Attributes:
        arguments: The parsed command line.
        root: The checkout.
        report: What is to be told of a run.
        console: What prints it.
        folder: The folder for artifacts, if any.
        quiet: Print nothing besides, and ask nothing.
        given: The settings of the command line, by variable.
        words: What else stands there, for the verbs that take words.
    """

    arguments: argparse.Namespace
    root: Path
    report: Report
    console: Observer
    folder: Path | None = None
    quiet: bool = False
    given: dict[str, str] = field(init=False)
    words: list[str] = field(init=False)

    def __post_init__(self) -> None:
        """Read the settings of the command line.

        Raises:
            OlympiaError: One of them is none.
        """
        self.words, assignments = self.arguments.divide(self.arguments.assignments)
        self.given = settings.parse([*assignments, *self.arguments.more], self.root)
        if getattr(self.arguments, "inventory", "local") in THIS_MACHINE and (here := self._source_tree_here()):
            self.given["olympia_stack_source_dir"] = str(here)

    def prepare(self, playbook: str, check: bool = False) -> Run:
        """Return a run of a playbook, as the command line wants it.

        Args:
            playbook: Its name, without suffix.
            check: Only plan it, whatever the command line says.

        Raises:
            OlympiaError: There is no such inventory, or no place for the run.
        """
        self.report.inventory = str(find_inventory(self.arguments.inventory, self.root))
        options = Options(
            inventory=self.report.inventory,
            settings=self.given,
            limit=self.arguments.limit,
            check=check or self.arguments.check,
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
            quiet=self.quiet,
        )

    def setting(self, variable: str) -> str:
        """Return a setting as command line or environment give it, or the empty string.

        Only for the few that say where an instance is, which no instance can keep.

        Args:
            variable: The setting's variable.
        """
        return self.given.get(variable) or os.environ.get(variable.upper(), "")

    def _source_tree_here(self) -> Path | None:
        """Return the source tree that the command is called in, if it is a linked worktree, and nothing says another one.

        A main worktree is not taken: the default instance may keep another source tree.
        """
        naming = ("olympia_stack_source_dir", "olympia_stack_source_repo", "olympia_stack_instance")
        if any(self.setting(variable) for variable in naming):
            return None
        from ansible_collections.addons.olympia.plugins.module_utils.stack.instance_names import (
            SOURCE_MARKS,
            linked_worktree,
        )

        worktree = linked_worktree(Path.cwd())
        return worktree[0] if worktree and all((worktree[0] / name).exists() for name in SOURCE_MARKS) else None

    @property
    def instance(self) -> str:
        """The instance that is meant."""
        if named := self.setting("olympia_stack_instance"):
            return named
        if self.setting("olympia_stack_source_repo"):
            return INSTANCE
        from ansible_collections.addons.olympia.plugins.module_utils.stack.instance_names import instance_of

        return instance_of(Path(self.setting("olympia_stack_source_dir") or self.root / "app").expanduser())

    def people(self) -> list[str]:
        """Return the tenants whose instances a run is about; nobody where the inventory has no shared machines.

        Nobody, too, where Ansible cannot read the inventory: the run itself says why.

        Raises:
            OlympiaError: There is no such inventory.
        """
        inventory = find_inventory(self.arguments.inventory, self.root)
        if not tenants.names_plugin(inventory):
            return []
        if named := self.given.get(settings.TENANT):
            return sorted(set(named.split(",")))
        return tenants.listed(
            inventory, self.arguments.limit, ansible_environment(os.environ, self.root, terminal=False)
        )

    def lock(self, name: str, shared: bool) -> contextlib.AbstractContextManager[None]:
        """Return a context in which no other run changes an instance.

        Args:
            name: The instance, or the tenant.
            shared: Whether it is a tenant of the inventory.

        Raises:
            OlympiaError: On entering: another run is in progress.
        """
        inventory = str(find_inventory(self.arguments.inventory, self.root)) if shared else ""
        return locks.held(state_dir(os.environ), name, self.arguments.verb, inventory)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other runs from changing the instances meanwhile; a plan changes nothing, and waits for nobody.

        Raises:
            OlympiaError: Another run is in progress for one of them.
        """
        with contextlib.ExitStack() as stack:
            if not self.arguments.check:
                people = self.people()
                for name in people or [self.instance]:
                    stack.enter_context(self.lock(name, bool(people)))
            yield


def all_assignments(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return no words, and every argument as an assignment.

    Args:
        arguments: The positional ones.
    """
    return [], arguments


def words_and_assignments(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the words among the arguments, and the assignments; they may stand in any order.

    Args:
        arguments: The positional ones.
    """
    return [one for one in arguments if "=" not in one], [one for one in arguments if "=" in one]


def no_arguments(_parser: argparse.ArgumentParser) -> None:
    """Add nothing."""


@dataclass(frozen=True)
class Verb:
    """A verb of the command line.

    Attributes:
        name: What it is called.
        summary: What it does, as the help says it.
        run: Does it; raises OlympiaError where it cannot be done, or was not. Returns the exit code where that is not 0.
        add_arguments: Adds arguments of its own to its parser.
        on_hosts: Whether it runs a playbook, and takes the options for that.
        changes: Whether that playbook changes something: it can be planned, leaves artifacts, and is alone with its instance.
        divide: Tells words and assignments apart.
        words: What the words are, as the usage names them, where it takes any.
    """

    name: str
    summary: str
    run: Callable[[Context], ExitCode | None]
    add_arguments: Callable[[argparse.ArgumentParser], None] = no_arguments
    on_hosts: bool = True
    changes: bool = False
    divide: Callable[[list[str]], tuple[list[str], list[str]]] = all_assignments
    words: str = ""
