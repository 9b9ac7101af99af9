# SPDX-License-Identifier: BSD-3-Clause
"""The output of a run: Ansible's own lines with the folding and annotations of the CI service, or events for programs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from .outcome import Report

# Seconds without output until a heartbeat is printed: CI services kill jobs that seem to hang.
HEARTBEAT = 30.0
SCHEMA = 1  # of the lines that JsonLines prints


class Observer:
    """Watches a run. This one prints nothing, because standard output belongs to the answer."""

    def see(self, event: Mapping[str, Any]) -> None:
        """Handle an event of a run.

        Args:
            event: An event of ansible-runner. The report has handled it before.
        """

    def progress(self, event: Mapping[str, Any]) -> None:
        """Handle a progress event.

        Args:
            event: An event of a running module; docs/events.md describes them.
        """

    def beat(self) -> None:
        """Handle the passing of time; called several times a second."""

    def close(self) -> None:
        """Finish the output."""

    def fail(self) -> None:
        """Print the failures of the run, which is over, as far as they have not been printed."""


class Plain:
    """A log without folding and annotations."""

    def begin(self, phase: str) -> str:
        """Return the start of a phase.

        Args:
            phase: Its name.
        """
        return ""

    def end(self, phase: str) -> str:
        """Return the end of a phase.

        Args:
            phase: Its name.
        """
        return ""

    def failure(self, title: str, text: str) -> str:
        """Return the annotation of a failure. Ansible has already printed the message.

        Args:
            title: What failed, and where.
            text: The message.
        """
        return ""

    def text(self, text: str) -> str:
        """Return a text in which the CI service recognizes no command.

        Args:
            text: Output of Ansible.
        """
        return text


class GitHub(Plain):
    """GitHub Actions; see "Workflow commands for GitHub Actions" in its documentation."""

    COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#\[)", re.MULTILINE)

    def begin(self, phase: str) -> str:
        """Open a group."""
        return f"::group::{phase}\n"

    def end(self, phase: str) -> str:
        """Close the group."""
        return "::endgroup::\n"

    def failure(self, title: str, text: str) -> str:
        """Return an annotation, which has to be one line."""
        escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        # Properties end at a colon or a comma.
        return f"::error title={title.replace('%', '%25').replace(':', '%3A').replace(',', '%2C')}::{escaped}\n"

    def text(self, text: str) -> str:
        """Make the start of a command unrecognizable."""
        return self.COMMAND.sub(lambda found: f"{found[1] or ''}{found[0][-1]} ", text)


class GitLab(Plain):
    """GitLab CI; see "Custom collapsible sections" in its documentation."""

    def begin(self, phase: str) -> str:
        """Open a section."""
        return f"\033[0Ksection_start:{int(time.time())}:olympia_{phase}\r\033[0K{phase}\n"

    def end(self, phase: str) -> str:
        """Close the section."""
        return f"\033[0Ksection_end:{int(time.time())}:olympia_{phase}\r\033[0K\n"


def style(environment: Mapping[str, str]) -> Plain:
    """Return the style of the log.

    Args:
        environment: The process environment.
    """
    if environment.get("GITHUB_ACTIONS") == "true":
        return GitHub()
    return GitLab() if environment.get("GITLAB_CI") == "true" else Plain()


class Console(Observer):
    """Prints a run as lines."""

    def __init__(
        self,
        report: Report,
        environment: Mapping[str, str],
        stream: TextIO,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create a console.

        Args:
            report: Collects what happens in the run. It gets each event first.
            environment: The process environment.
            stream: Where to print.
            clock: Returns the current time in seconds.
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
        """Print the output of an event."""
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
        """Remember what is running, for the heartbeat."""
        self._doing = str(event["name"])

    def beat(self) -> None:
        """Print a heartbeat after a time without output."""
        if not self._live and self._clock() - self._last >= HEARTBEAT:
            doing = ": ".join(filter(None, (self._report.phase, self._report.task, self._doing)))
            self._write(self._style.text(f"... still running{f', {doing}' if doing else ''}\n"))

    def close(self) -> None:
        """Close the open phase."""
        if self._open:
            self._write(self._style.end(self._open))
            self._open = ""

    def fail(self) -> None:
        """Annotate each failure, or the error of the command if no task failed."""
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


class JsonLines(Observer):
    """Prints one event per line, for programs. docs/events.md describes them."""

    def __init__(self, report: Report, stream: TextIO) -> None:
        """Create it, and print the first event.

        Args:
            report: Collects what happens in the run. It gets each event first.
            stream: Where to print.
        """
        self._report = report
        self._stream = stream
        self._phase = ""
        self._tasks = self._failures = 0
        self._print("begin", schema=SCHEMA, verb=report.verb)

    def see(self, event: Mapping[str, Any]) -> None:
        """Print what happened since the previous event."""
        if self._report.phase and self._report.phase != self._phase:
            self._phase = self._report.phase
            self._print("phase", phase=self._phase)
        for task in self._report.tasks[self._tasks :]:
            self._print(
                "task", host=task.host, phase=task.phase, task=task.name, status=task.status, seconds=task.seconds
            )
        for failure in self._report.failures[self._failures :]:
            self._print("failure", **failure)
        self._tasks, self._failures = len(self._report.tasks), len(self._report.failures)

    def progress(self, event: Mapping[str, Any]) -> None:
        """Print a progress event."""
        data = {name: value for name, value in event.items() if name != "kind"}
        self._print(str(event["kind"]), phase=self._report.phase, **data)

    def close(self) -> None:
        """Print the result of the run, if it is over."""
        if self._report.code is None:
            return
        result = self._report.as_dict({})
        self._print("end", **{name: result[name] for name in ("result", "exit_code", "error", "seconds")})

    def _print(self, event: str, **data: Any) -> None:
        self._stream.write(json.dumps({"event": event, "time": round(time.time(), 3), **data}) + "\n")
        self._stream.flush()
