# SPDX-License-Identifier: BSD-3-Clause
"""A run of a playbook, as plain data: its options, its arguments, and what its events come to."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ExitCode

# The kind that a failing task of the stack role carries in `olympia: {phase, kind}`.
KINDS = {
    "settings": ExitCode.USAGE,
    "preflight": ExitCode.PREFLIGHT,
    "build": ExitCode.BUILD,
    "unhealthy": ExitCode.UNHEALTHY,
    "conflict": ExitCode.CONFLICT,
    "tests": ExitCode.TESTS,
}
PHASE = re.compile(r"[a-z_-]{1,30}")
# What a task says that needs root where sudo wants a password: sudo's own words, and Ansible's.
NO_PASSWORD = ("sudo: a password is required", "Missing sudo password")
# What the failure of a phase comes to when its task does not say so itself.
PHASE_KINDS = {
    "images": "build",
    "build": "build",
    "start": "unhealthy",
    "initialize": "unhealthy",
    "health": "unhealthy",
}


@dataclass(frozen=True)
class Options:
    """How a playbook is run.

    Attributes:
        inventory: Path of the inventory.
        settings: Value by variable.
        limit: Pattern of hosts, or the empty string for all.
        check: Only say what would change.
        diff: Show what changes in files.
        artifacts: Folder for what the run leaves behind, if any.
        ask_become_pass: Ask for the password of sudo first.
        verbosity: Number of `-v`.
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
    """Return the arguments of ansible-playbook, apart from inventory and playbook.

    Args:
        options: How to run it.
        settings_file: A file with the settings, if any: on the command line they would show in the process list.
    """
    given = [f"--extra-vars=@{settings_file}"] if settings_file else []
    given += [f"--limit={options.limit}"] if options.limit else []
    given += ["--check"] if options.check else []
    given += ["--diff"] if options.diff else []
    given += ["--ask-become-pass"] if options.ask_become_pass else []
    given += ["-" + "v" * options.verbosity] if options.verbosity else []
    return given


def pasteable(environment: Mapping[str, str], command: Sequence[str]) -> str:
    """Return a command line, quoted for a shell, that can be pasted.

    Args:
        environment: What the command needs of it.
        command: The command and its arguments.
    """
    assignments = [f"{name}={shlex.quote(value)}" for name, value in environment.items()]
    return " ".join([*assignments, shlex.join(command)])


def marker(result: Any) -> dict[str, str]:
    """Return phase and kind of a failure, where its task says so; what else a host says there is nothing of ours.

    Args:
        result: What the task has come to.
    """
    told = result.get("olympia") if isinstance(result, Mapping) else None
    phase, kind = (str(told.get(key, "")) for key in ("phase", "kind")) if isinstance(told, Mapping) else ("", "")
    return {"phase": phase, "kind": kind} if kind in KINDS and PHASE.fullmatch(phase) else {}


@dataclass
class Outcome:
    """What the events of a run come to.

    Attributes:
        phase: The phase that failed, where a failing task says so.
        kind: Its kind, one of KINDS.
        idle_play: A play had no host, as that for what several people run where nobody shares anything.
        worked: A host did something.
        unreachable: A host could not be reached.
        password: A host whose task failed because sudo wants a password, as it says; empty where none did.
    """

    phase: str = ""
    kind: str = ""
    idle_play: bool = False
    worked: bool = False
    unreachable: bool = False
    password: str = ""

    def see(self, event: Mapping[str, Any]) -> None:
        """Take one event of ansible-runner into account. The last marked failure counts: a rescue may name it better."""
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
        """Take the phase from the place of a failing task, a file and a line."""
        from ansible_collections.addons.olympia.plugins.module_utils.core.phase_names import phase_of

        self.phase = phase_of(task_path)
        self.kind = PHASE_KINDS.get(self.phase, "")

    @property
    def no_hosts(self) -> bool:
        """Whether the inventory, or what it is limited to, has no host for this run."""
        return self.idle_play and not self.worked

    def exit_code(self, return_code: int) -> ExitCode:
        """Return the command's exit code.

        Args:
            return_code: That of ansible-playbook; not a number from 0 on when it died of a signal.
        """
        if return_code == 0:
            return ExitCode.USAGE if self.no_hosts else ExitCode.DONE
        if self.kind in KINDS:
            return KINDS[self.kind]
        # Ansible's own code for that, 4, is also the one for a playbook that it cannot read.
        return ExitCode.UNREACHABLE if self.unreachable else ExitCode.UNEXPECTED
