# SPDX-License-Identifier: BSD-3-Clause
"""The verbs for programs: what the command line does, with typed results in place of what it prints."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from .cli.given import CONNECTION_PREFIX
from .cli.verbs import Context, explain, playbooks, render, snapshot, status
from .cli.verbs.base import all_assignments
from .errors import ExitCode, OlympiaError
from .paths import collection_root, make_importable
from .present.console import Silent
from .present.outcome import Report

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Result:
    """What a run has come to that ended well.

    Attributes:
        verb: What was run.
        changed: How many tasks have changed something; in a plan, would.
        seconds: How long each phase took.
    """

    verb: str
    changed: int
    seconds: dict[str, float]


class Stack:
    """An instance of the stack.

    Each method raises OlympiaError where the command would end with an exit code other than 0. Nothing is printed, and nothing
    is asked: where root is needed, sudo's password comes from Ansible's own settings, if at all.
    """

    def __init__(self, inventory: str = "local", *, limit: str = "", **settings: Any) -> None:
        """Name it.

        Args:
            inventory: `local`, `ci`, or the path of an inventory.
            limit: The host, where the inventory has several.
            settings: As on a command line, in any case: `http_port=8080`, `instance="two"`. None takes a choice back.

        Raises:
            OlympiaError: The package is installed apart from the collection.
        """
        self._root = collection_root()
        make_importable(self._root)
        self._inventory, self._limit = inventory, limit
        self._assignments = [_assignment(name, value) for name, value in settings.items()]

    def up(self, *, check: bool = False) -> Result:
        """Bring it up; with `check`, only plan that."""
        return self._run("up", check)

    def down(self, *, check: bool = False) -> Result:
        """Remove containers and networks. Data stays."""
        return self._run("down", check)

    def restart(self, *, check: bool = False) -> Result:
        """Restart the services, and wait until they are healthy."""
        return self._run("restart", check)

    def rebuild(self, *, check: bool = False) -> Result:
        """Build the image and fill `./deps` again, whatever is current, and run it."""
        return self._run("rebuild", check)

    def build(self, *, check: bool = False) -> Result:
        """Build the application's image."""
        return self._run("build", check)

    def push(self, *, check: bool = False) -> Result:
        """Build the application's image, and publish it under its version."""
        return self._run("push", check)

    def init(self, *, check: bool = False) -> Result:
        """Initialize again: migrations, search index, first content."""
        return self._run("init", check)

    def test_site(self) -> Result:
        """Bring it up, and run the site's own tests in it."""
        return self._run("test-site", check=False)

    def destroy(self, *, check: bool = False) -> Result:
        """Remove it with ALL its data. Nobody is asked."""
        return self._run("destroy", check)

    def snapshot_save(self, name: str = "", *, check: bool = False) -> Result:
        """Save what it holds, under a name or the time of now."""
        return self._run("snapshot_save", check, snapshot.named(name))

    def snapshot_restore(self, name: str = "", *, force: bool = False, check: bool = False) -> Result:
        """Give it what a snapshot holds, `INSTANCE/NAME` for another instance's; by default the newest that somebody has saved."""
        return self._run("snapshot_restore", check, snapshot.named(name, force))

    def snapshot_list(self) -> list[dict[str, Any]]:
        """Return the snapshots of all instances that its host has or had."""
        with self._context("snapshot_list") as context:
            return list(_only(snapshot.ask(context))["snapshots"])

    def snapshot_rm(self, name: str, *, check: bool = False) -> Result:
        """Remove a snapshot."""
        return self._run("snapshot_rm", check, snapshot.named(name))

    def data_export(self, file: str | Path, *, check: bool = False) -> Result:
        """Write its database to a file of plain SQL on its host; compressed with zstd where the name ends in `.zst`."""
        return self._run("data_export", check, snapshot.sql_file(file))

    def data_restore(self, file: str | Path, *, check: bool = False) -> Result:
        """Replace its database by the one in a file of plain SQL on its host. What was there is saved first."""
        return self._run("data_restore", check, snapshot.sql_file(file))

    def status(self) -> status.Status:
        """Return how each service is. That one is not healthy is an answer, and no error."""
        with self._context("status") as context:
            return _only(status.ask(context))

    def explain(self) -> explain.Explanation:
        """Return where the settings come from, and what they overrule."""
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
        """Give what the verb's code is given by the command line; its error says what has failed, for nobody has printed it."""
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
            yield Context(arguments, self._root, report, Silent(), quiet=True)
        except OlympiaError as error:
            error.evidence = error.evidence or "\n".join(str(failure["message"]) for failure in report.failures)
            raise


def _assignment(name: str, value: Any) -> str:
    from ansible_collections.addons.olympia.plugins.module_utils.settings.sources import encode

    # Short names are upper-case on a command line, and full ones are known in either case.
    written = name if name.startswith(CONNECTION_PREFIX) else name.upper()
    return f"{written}={'' if value is None else encode(value)}"


def _only(answers: Mapping[str, Answer]) -> Answer:
    if len(answers) != 1:
        raise OlympiaError(
            f"{len(answers)} hosts have answered, and a stack is on one",
            evidence=", ".join(answers),
            way_out="Name it: Stack(..., limit=HOST)",
            code=ExitCode.USAGE,
        )
    return next(iter(answers.values()))
