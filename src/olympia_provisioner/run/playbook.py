# SPDX-License-Identifier: BSD-3-Clause
"""A run of a playbook as data: its options, the arguments of ansible-playbook, and the outcome."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import KINDS, ExitCode, marker

# The messages of sudo and Ansible if a task needs root and sudo needs a password.
NO_PASSWORD = ("sudo: a password is required", "Missing sudo password")
# The kind of a failure in a phase whose task does not report it.
PHASE_KINDS = {
    "images": "build",
    "build": "build",
    "start": "unhealthy",
    "initialize": "unhealthy",
    "health": "unhealthy",
}


@dataclass(frozen=True)
class Options:
    """The options of a run.

    Attributes:
        inventory: The path of the inventory.
        settings: The value of each variable.
        limit: A host pattern, or the empty string for all hosts.
        check: Only report what would change.
        diff: Show changes in files.
        artifacts: The folder for artifacts, if any.
        ask_become_pass: Ask for the sudo password first.
        verbosity: The number of `-v`.
    """

    inventory: str
    settings: Mapping[str, str] = field(default_factory=dict)
    limit: str = ""
    check: bool = False
    diff: bool = False
    artifacts: Path | None = None
    ask_become_pass: bool = False
    verbosity: int = 0


def arguments(options: Options, settings_file: str) -> list[str]:
    """Return the arguments of ansible-playbook, except inventory and playbook.

    Args:
        options: The options of the run.
        settings_file: A file with the settings, if any. On the command line, they would be in the process list.
    """
    given = [f"--extra-vars=@{settings_file}"] if settings_file else []
    given += [f"--limit={options.limit}"] if options.limit else []
    given += ["--check"] if options.check else []
    given += ["--diff"] if options.diff else []
    given += ["--ask-become-pass"] if options.ask_become_pass else []
    given += ["-" + "v" * options.verbosity] if options.verbosity else []
    return given


def pasteable(environment: Mapping[str, str], command: Sequence[str]) -> str:
    """Return a command line that can be pasted into a shell.

    Args:
        environment: The environment variables that the command needs.
        command: The command and its arguments.
    """
    assignments = [f"{name}={shlex.quote(value)}" for name, value in environment.items()]
    return " ".join([*assignments, shlex.join(command)])


@dataclass
class Outcome:
    """The outcome of a run, derived from its events.

    Attributes:
        phase: The phase that failed, if known.
        kind: The kind of the failure, one of KINDS, if known.
        idle_play: A play had no hosts; for example the one for shared builds in an inventory without them.
        worked: A task ran on a host.
        unreachable: A host could not be reached.
        password: The host where a task failed because sudo needs a password, or the empty string.
    """

    phase: str = ""
    kind: str = ""
    idle_play: bool = False
    worked: bool = False
    unreachable: bool = False
    password: str = ""

    def see(self, event: Mapping[str, Any]) -> None:
        """Handle an event of ansible-runner. The last marked failure wins, because a rescue may describe it better."""
        data = event.get("event_data") or {}
        self.worked = self.worked or str(event.get("event")).startswith("runner_on_")
        if event.get("event") == "playbook_on_no_hosts_matched":
            self.idle_play = True
        elif event.get("event") == "runner_on_unreachable":
            self.unreachable = True
        elif event.get("event") == "runner_on_failed" and not data.get("ignore_errors"):
            result = data.get("res")
            if any(words in str(result) for words in NO_PASSWORD):
                self.password = str(data.get("host", ""))
            if marked := marker(result):
                self.phase, self.kind = marked["phase"], marked["kind"]
            elif not self.kind:
                self._see_path(str(data.get("task_path", "")))

    def _see_path(self, task_path: str) -> None:
        """Derive the phase from the place of a failing task, a file and a line."""
        from ansible_collections.addons.olympia.plugins.module_utils.core.phase_names import phase_of

        self.phase = phase_of(task_path)
        self.kind = PHASE_KINDS.get(self.phase, "")

    @property
    def no_hosts(self) -> bool:
        """Whether the inventory, with its limit, has no host for this run."""
        return self.idle_play and not self.worked

    def exit_code(self, return_code: int) -> ExitCode:
        """Return the command's exit code.

        Args:
            return_code: The return code of ansible-playbook; negative if a signal killed it.
        """
        if return_code == 0:
            return ExitCode.USAGE if self.no_hosts else ExitCode.DONE
        if self.kind in KINDS:
            return KINDS[self.kind]
        # Ansible's return code 4 means an unreachable host, but also a playbook that cannot be read.
        return ExitCode.UNREACHABLE if self.unreachable else ExitCode.UNEXPECTED
