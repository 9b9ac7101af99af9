# SPDX-License-Identifier: BSD-3-Clause
"""The Python API: what the command line does, with typed results instead of printed text."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .cli.assignments import CONNECTION_PREFIX, all_assignments
from .cli.verbs import Context, explain, playbooks, render, snapshot, status
from .cli.verbs.base import Answer, only
from .errors import Problem
from .paths import collection_root, make_importable
from .present.console import Observer
from .present.outcome import Report


@dataclass(frozen=True)
class Result:
    """The result of a successful run.

    Attributes:
        verb: The verb.
        changed: The number of tasks that changed something, or would change it in check mode.
        seconds: The duration of each phase.
    """

    verb: str
    changed: int
    seconds: dict[str, float]


class Stack:
    """An instance of the stack.

    Each method raises Problem where the command would end with another exit code than 0. Methods print nothing and ask nothing:
    if root is needed, Ansible's own settings have to provide the sudo password.

    Arguments of several methods:
        check: Only plan: report what would change, and change nothing.
        name: The name of a snapshot.
        force: Restore a snapshot although its schema is newer than the code.
        file: The path of an SQL file on the host.
    """

    def __init__(self, inventory: str = "local", *, limit: str = "", **settings: Any) -> None:
        """Select an instance.

        Args:
            inventory: `local`, `ci`, or the path of an inventory.
            limit: The host, if the inventory has several.
            settings: As on the command line, in upper or lower case: `http_port=8080`, `instance="two"`. None resets a setting.

        Raises:
            Problem: The package is installed without the collection.
        """
        self._root = collection_root()
        make_importable(self._root)
        self._inventory, self._limit = inventory, limit
        self._assignments = [_assignment(name, value) for name, value in settings.items()]

    def up(self, *, check: bool = False) -> Result:
        """Bring the stack up."""
        return self._run("up", check)

    def down(self, *, check: bool = False) -> Result:
        """Remove containers and networks. Data is kept."""
        return self._run("down", check)

    def restart(self, *, check: bool = False) -> Result:
        """Restart the services, and wait until they are healthy."""
        return self._run("restart", check)

    def rebuild(self, *, check: bool = False) -> Result:
        """Build the image and fill `./deps` again even if they are current, and run it."""
        return self._run("rebuild", check)

    def build(self, *, check: bool = False) -> Result:
        """Build the application image."""
        return self._run("build", check)

    def push(self, *, check: bool = False) -> Result:
        """Build the application image, and push it under its version."""
        return self._run("push", check)

    def init(self, *, check: bool = False) -> Result:
        """Initialize again: migrations, search index, initial data."""
        return self._run("init", check)

    def test_site(self) -> Result:
        """Bring the stack up, and run the site's own tests in it."""
        return self._run("test-site", check=False)

    def destroy(self, *, check: bool = False) -> Result:
        """Remove the instance with ALL its data, without confirmation."""
        return self._run("destroy", check)

    def snapshot_save(self, name: str = "", *, check: bool = False) -> Result:
        """Save a snapshot under a name, by default the current time."""
        return self._run("snapshot_save", check, snapshot.named(name))

    def snapshot_restore(self, name: str = "", *, force: bool = False, check: bool = False) -> Result:
        """Restore a snapshot, by default the newest that a user saved. `INSTANCE/NAME` is a snapshot of another instance."""
        return self._run("snapshot_restore", check, snapshot.named(name, force))

    def snapshot_list(self) -> list[dict[str, Any]]:
        """Return the snapshots of all instances on the host, including removed ones."""
        with self._context("snapshot_list") as context:
            return list(_only(snapshot.ask(context))["snapshots"])

    def snapshot_rm(self, name: str, *, check: bool = False) -> Result:
        """Remove a snapshot."""
        return self._run("snapshot_rm", check, snapshot.named(name))

    def data_export(self, file: str | Path, *, check: bool = False) -> Result:
        """Write the database to a file of plain SQL on the host, compressed with zstd if its name ends with `.zst`."""
        return self._run("data_export", check, snapshot.sql_file(file))

    def data_restore(self, file: str | Path, *, check: bool = False) -> Result:
        """Replace the database with the one in a file of plain SQL on the host. The old one is saved first."""
        return self._run("data_restore", check, snapshot.sql_file(file))

    def status(self) -> status.Status:
        """Return the state of each service. An unhealthy service raises no error."""
        with self._context("status") as context:
            return _only(status.ask(context))

    def explain(self) -> explain.Explanation:
        """Return the settings, the source of each, and the values that it overrules."""
        with self._context("explain") as context:
            return _only(explain.ask(context))

    def render(self) -> render.Difference:
        """Return what `up` would write to the project directory."""
        with self._context("render") as context:
            return _only(render.ask(context))

    def _run(self, verb: str, check: bool, given: Mapping[str, str] | None = None) -> Result:
        with self._context(verb, check) as context:
            context.given |= given or {}
            playbooks.run(context)
        changed = sum(task.status == "changed" for task in context.report.tasks)
        return Result(verb, changed, dict(context.report.seconds))

    @contextmanager
    def _context(self, verb: str, check: bool = False) -> Iterator[Context]:
        """Give the context that a command line would give. A problem gets the messages of failed tasks, which are not printed."""
        arguments = argparse.Namespace(
            verb=verb,
            assignments=self._assignments,
            more=[],
            divide=all_assignments,
            inventory=self._inventory,
            limit=self._limit,
            check=check,
            diff=False,
            ask_become_pass=False,
            verbosity=0,
        )
        report = Report(verb)
        try:
            yield Context(arguments, self._root, report, Observer(), quiet=True)
        except Problem as problem:
            problem.cause = problem.cause or "\n".join(str(failure["message"]) for failure in report.failures)
            raise


def _assignment(name: str, value: Any) -> str:
    from ansible_collections.addons.olympia.plugins.module_utils.settings.sources import encode

    # The command line takes short names in upper case, and full names in either case.
    written = name if name.startswith(CONNECTION_PREFIX) else name.upper()
    return f"{written}={'' if value is None else encode(value)}"


def _only(answers: Mapping[str, Answer]) -> Answer:
    return only(answers, "A stack", "Select one: Stack(..., limit=HOST)")[1]
