# SPDX-License-Identifier: BSD-3-Clause
"""What a verb is, and what the command line tells it."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ...errors import ExitCode, Problem
from ...paths import INSTANCE, find_inventory, state_dir
from ...present.console import Observer
from ...present.outcome import Report
from ...run import inventory_tenants as tenants
from ...run import locks, record
from ...run.playbook import Options
from ...run.runner import Run, ansible_environment
from .. import assignments as settings

# The inventories of this project whose only host is this machine.
THIS_MACHINE = ("local", "ci")
Answer = TypeVar("Answer")


@dataclass
class Context:
    """What a verb works with.

    Attributes:
        arguments: The parsed command line.
        root: The root of the collection.
        report: Collects what happens in the run.
        console: Prints the run.
        folder: The folder for artifacts, if any.
        quiet: Print nothing else, and ask no questions.
        given: The settings of the command line, by variable.
        words: The other positional arguments, for verbs that take words.
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
        """Parse the positional arguments.

        Raises:
            Problem: One of them is not a setting.
        """
        self.words, assignments = self.arguments.divide(self.arguments.assignments)
        self.given = settings.parse([*assignments, *self.arguments.more], self.root)
        if getattr(self.arguments, "inventory", "local") in THIS_MACHINE and (here := self._source_tree_here()):
            self.given["olympia_stack_source_dir"] = str(here)

    def prepare(self, playbook: str, check: bool = False) -> Run:
        """Return a run of a playbook with the options of the command line.

        Args:
            playbook: The name of the playbook, without suffix.
            check: Run in check mode even without `--check`.

        Raises:
            Problem: The inventory does not exist, or the directory of the run cannot be written.
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
            runs=record.runs_dir(os.environ),
            report=self.report,
            console=self.console,
            quiet=self.quiet,
        )

    def show(
        self,
        playbook: str,
        document: Callable[[dict[str, Any]], Any],
        text: Callable[[dict[str, Any], bool], str],
    ) -> dict[str, Any]:
        """Run a playbook that only reads, print the answers of its hosts, and return them.

        Args:
            playbook: The name of the playbook, without suffix.
            document: Returns what `--json` prints. It takes the answers by host.
            text: Returns what is printed otherwise. It takes the answers, and whether to name a single host because other hosts
                did not answer.

        Raises:
            Problem: A host did not answer. The answers of the others have been printed.
        """
        answers, problem = self.prepare(playbook).ask_each()
        if self.arguments.json:
            print(json.dumps(document(answers), indent=2))
        elif answers:
            print(text(answers, problem is not None))
        if problem:
            raise problem
        return answers

    def setting(self, variable: str) -> str:
        """Return a setting from the command line or the environment, or the empty string.

        Only for the settings that say where an instance is, because no instance can store those.

        Args:
            variable: The variable of the setting.
        """
        return self.given.get(variable) or os.environ.get(variable.upper(), "")

    def _source_tree_here(self) -> Path | None:
        """Return the source tree around the working directory, if it is a linked worktree and no setting names another.

        A main worktree is not used: the default instance may have another source tree.
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
        """The name of the instance that the command is about."""
        if named := self.setting("olympia_stack_instance"):
            return named
        if self.setting("olympia_stack_source_repo"):
            return INSTANCE
        from ansible_collections.addons.olympia.plugins.module_utils.stack.instance_names import instance_of

        return instance_of(Path(self.setting("olympia_stack_source_dir") or self.root / "app").expanduser())

    def people(self) -> list[str]:
        """Return the tenants whose instances a run is about; empty where the inventory has no shared machines.

        Also empty where Ansible cannot read the inventory: the run itself reports that.

        Raises:
            Problem: The inventory does not exist.
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
        """Return a context manager that keeps other runs from changing an instance.

        Args:
            name: The instance, or the tenant.
            shared: Whether it is a tenant of the inventory.

        Raises:
            Problem: On entering: another run is in progress.
        """
        inventory = str(find_inventory(self.arguments.inventory, self.root)) if shared else ""
        return locks.held(state_dir(os.environ), name, self.arguments.verb, inventory)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other runs from changing the instances. A run with `--check` changes nothing and takes no lock.

        Raises:
            Problem: Another run is in progress for one of them.
        """
        with contextlib.ExitStack() as stack:
            if not self.arguments.check:
                people = self.people()
                for name in people or [self.instance]:
                    stack.enter_context(self.lock(name, bool(people)))
            yield


def only(answers: Mapping[str, Answer], who: str, fix: str) -> tuple[str, Answer]:
    """Return the host and the answer, if exactly one host answered.

    Args:
        answers: The answers by host.
        who: What needs one host.
        fix: How to select one.

    Raises:
        Problem: No host answered, or several did.
    """
    if len(answers) != 1:
        what = f"{who} needs one host, and {len(answers)} answered"
        raise Problem(what, cause=", ".join(sorted(answers)), fix=fix, code=ExitCode.USAGE)
    return next(iter(answers.items()))


@dataclass(frozen=True)
class Verb:
    """A verb of the command line.

    Attributes:
        name: The name of the verb.
        summary: What it does, for the help.
        run: Does it. Raises Problem if that fails, and returns the exit code unless it is 0.
        options: The options of this verb only: names, separated by spaces, and the keywords of argparse's `add_argument`.
        on_hosts: It runs a playbook, and takes the options for that.
        changes: The playbook changes something: the verb takes `--check`, writes artifacts, and locks the instance.
        words: The words that it takes, as the usage shows them. `a|b` stands for one of several words.
        command: Everything after the first word belongs to another command.
        usage: The usage, where argparse cannot derive it.
        epilog: The last paragraph of the help.
    """

    name: str
    summary: str
    run: Callable[[Context], ExitCode | None]
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    on_hosts: bool = True
    changes: bool = False
    words: str = ""
    command: bool = False
    usage: str | None = None
    epilog: str | None = None

    @property
    def divide(self) -> Callable[[list[str]], tuple[list[str], list[str]]]:
        """The function that separates words and assignments."""
        if self.command:
            return settings.command_after_service
        return settings.words_and_assignments if self.words else settings.all_assignments
