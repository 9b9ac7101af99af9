# SPDX-License-Identifier: BSD-3-Clause
"""What a run prints: Ansible's own lines, and in the log of a CI service what that service folds and marks."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TextIO

from .outcome import Report

# Seconds without a line after which a log gets one: CI services end jobs that seem to hang.
HEARTBEAT = 30.0
SCHEMA = 1  # of the lines that JsonLines prints


class Observer(Protocol):
    """What watches a run and tells people of it."""

    def see(self, event: Mapping[str, Any]) -> None:
        """Take an event of ansible-runner into account; the report has seen it before."""

    def progress(self, event: Mapping[str, Any]) -> None:
        """Take what a module tells while it runs into account."""

    def beat(self) -> None:
        """Do what time alone makes necessary; called several times a second."""

    def close(self) -> None:
        """Put what has been printed into its final state."""

    def fail(self) -> None:
        """Tell of the failures of the run, which is over, besides what has been printed of them."""


class Plain:
    """A log that nobody folds."""

    def begin(self, phase: str) -> str:
        """Return what opens a phase."""
        return ""

    def end(self, phase: str) -> str:
        """Return what closes a phase."""
        return ""

    def failure(self, title: str, text: str) -> str:
        """Return what marks a failure, besides what Ansible has printed of it."""
        return ""

    def text(self, text: str) -> str:
        """Return a text that is not ours so that the log's reader takes none of its lines for a command."""
        return text


class GitHub(Plain):
    """GitHub Actions: its documentation, "Workflow commands for GitHub Actions"."""

    COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#\[)", re.MULTILINE)

    def begin(self, phase: str) -> str:
        """Open a group."""
        return f"::group::{phase}\n"

    def end(self, phase: str) -> str:
        """Close it."""
        return "::endgroup::\n"

    def failure(self, title: str, text: str) -> str:
        """Return an annotation, which is one line."""
        escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        # In a property, what ends one is escaped, too.
        return f"::error title={title.replace('%', '%25').replace(':', '%3A').replace(',', '%2C')}::{escaped}\n"

    def text(self, text: str) -> str:
        """Break what begins a command."""
        return self.COMMAND.sub(lambda found: f"{found[1] or ''}{found[0][-1]} ", text)


class GitLab(Plain):
    """GitLab CI: its documentation, "Custom collapsible sections"."""

    def begin(self, phase: str) -> str:
        """Open a section."""
        return f"\033[0Ksection_start:{int(time.time())}:olympia_{phase}\r\033[0K{phase}\n"

    def end(self, phase: str) -> str:
        """Close it."""
        return f"\033[0Ksection_end:{int(time.time())}:olympia_{phase}\r\033[0K\n"


def style(environment: Mapping[str, str]) -> Plain:
    """Return how the log is written here.

    Args:
        environment: The process environment.
    """
    if environment.get("GITHUB_ACTIONS") == "true":
        return GitHub()
    return GitLab() if environment.get("GITLAB_CI") == "true" else Plain()


class Console:
    """Prints a run as it goes on."""

    def __init__(
        self,
        report: Report,
        environment: Mapping[str, str],
        stream: TextIO,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make one.

        Args:
            report: The run; it sees each event before the console does.
            environment: The process environment.
            stream: Where to print.
            clock: Returns the time in seconds.
        """
        self._report = report
        self._style = style(environment)
        self._stream = stream
        self._clock = clock
        self._live = stream.isatty()
        self._open = ""
        self._doing = ""
        self._last = clock()

    def see(self, event: Mapping[str, Any]) -> None:
        """Print what an event of ansible-runner has to say."""
        if event.get("event") == "playbook_on_task_start":
            self._doing = ""
        if self._report.phase != self._open:
            self.close()
            if self._report.phase:
                self._open = self._report.phase
                self._write(self._style.begin(self._open))
        if text := event.get("stdout"):
            self._write(self._style.text(str(text).replace("\r\n", "\n")) + "\n")

    def progress(self, event: Mapping[str, Any]) -> None:
        """Remember what is being done, for a sign of life."""
        self._doing = str(event["name"])

    def beat(self) -> None:
        """Print a sign of life when it is time for one."""
        if not self._live and self._clock() - self._last >= HEARTBEAT:
            doing = ": ".join(filter(None, (self._report.phase, self._report.task, self._doing)))
            self._write(self._style.text(f"... still at it{f', {doing}' if doing else ''}\n"))

    def close(self) -> None:
        """Close the phase that is open."""
        if self._open:
            self._write(self._style.end(self._open))
            self._open = ""

    def fail(self) -> None:
        """Mark each failure of the run that is over; the command's own error where there is no other."""
        self.close()
        failures = self._report.failures or [{"phase": "", "host": "", "message": self._report.error}]
        for failure in failures:
            place = f" failed in {failure['phase']} on {failure['host']}" if failure["phase"] else " failed"
            self._write(self._style.failure(f"olympia {self._report.verb}{place}", failure["message"]))

    def _write(self, text: str) -> None:
        if text:
            self._stream.write(text)
            self._stream.flush()
            self._last = self._clock()


class JsonLines:
    """Prints an event a line, for programs; docs/events.md says which."""

    def __init__(self, report: Report, stream: TextIO) -> None:
        """Make one.

        Args:
            report: The run.
            stream: Where to print.
        """
        self._report = report
        self._stream = stream
        self._phase = ""
        self._tasks = self._failures = 0
        self._say("begin", schema=SCHEMA, verb=report.verb)

    def see(self, event: Mapping[str, Any]) -> None:
        """Print what has happened since the event before."""
        if self._report.phase and self._report.phase != self._phase:
            self._phase = self._report.phase
            self._say("phase", phase=self._phase)
        for task in self._report.tasks[self._tasks :]:
            self._say(
                "task", host=task.host, phase=task.phase, task=task.name, status=task.status, seconds=task.seconds
            )
        for failure in self._report.failures[self._failures :]:
            self._say("failure", **failure)
        self._tasks, self._failures = len(self._report.tasks), len(self._report.failures)

    def progress(self, event: Mapping[str, Any]) -> None:
        """Print what a module tells."""
        data = {name: value for name, value in event.items() if name != "kind"}
        self._say(str(event["kind"]), phase=self._report.phase, **data)

    def beat(self) -> None:
        """Do nothing: programs wait."""

    def close(self) -> None:
        """Print how the run has ended, once it has."""
        if self._report.code is None:
            return
        result = self._report.as_dict({})
        self._say("end", **{name: result[name] for name in ("result", "exit_code", "error", "seconds")})

    def fail(self) -> None:
        """Do nothing: the failures have been printed."""

    def _say(self, event: str, **data: Any) -> None:
        self._stream.write(json.dumps({"event": event, "time": round(time.time(), 3), **data}) + "\n")
        self._stream.flush()


class Silent:
    """Prints nothing: standard output belongs to an answer."""

    def see(self, event: Mapping[str, Any]) -> None:
        """Do nothing."""

    def progress(self, event: Mapping[str, Any]) -> None:
        """Do nothing."""

    def beat(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def fail(self) -> None:
        """Do nothing."""
