# SPDX-License-Identifier: BSD-3-Clause
"""What a run prints: on a terminal, in a plain log, and in the logs of CI services that fold and mark."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest

from olympia_provisioner.errors import ExitCode
from olympia_provisioner.present.console import HEARTBEAT, Console
from olympia_provisioner.present.outcome import Report

GITHUB = {"GITHUB_ACTIONS": "true"}
GITLAB = {"GITLAB_CI": "true"}
SERVICES: list[dict[str, str]] = [{}, GITHUB, GITLAB]


class Terminal(io.StringIO):
    """A stream that people look at."""

    def isatty(self) -> bool:
        """Return what a terminal does."""
        return True


class Log:
    """A console with a stream and a clock that the test looks at and turns."""

    def __init__(self, environment: dict[str, str], stream: io.StringIO | None = None) -> None:
        self.now = 1000.0
        self.stream = io.StringIO() if stream is None else stream
        self.report = Report("up")
        self.console = Console(self.report, environment, self.stream, lambda: self.now)

    def see(self, text: str = "", name: str = "verbose", **data: Any) -> None:
        """Let the run have an event with a text to print."""
        event = {"event": name, "stdout": text, "event_data": data}
        self.report.see(event)
        self.console.see(event)

    def enter(self, phase: str, text: str = "") -> None:
        """Let the run begin a task of a phase."""
        place = f"/somewhere/roles/olympia_stack/tasks/{phase}.yml:3"
        self.see(text, "playbook_on_task_start", task=f"Do {phase}", task_path=place)

    def fail(self, message: str, **data: Any) -> None:
        """Let a task fail."""
        self.see("", "runner_on_failed", host="one", res={"msg": message}, **data)

    def new(self) -> str:
        """Return what was printed since the last time."""
        text = self.stream.getvalue()
        self.stream.seek(0)
        self.stream.truncate()
        return text


def run(log: Log) -> None:
    """Let two phases go by."""
    log.see("PLAY [all]")
    log.enter("build", "TASK [build]")
    log.see("ok: [one]")
    log.enter("build")
    log.enter("start", "TASK [start]")
    log.see("PLAY RECAP", "playbook_on_stats")


@pytest.mark.parametrize("environment", [{}, {"GITHUB_ACTIONS": "false"}, {"GITLAB_CI": ""}, {"CI": "true"}])
def test_a_plain_log_has_ansibles_lines_and_no_marks(environment: dict[str, str]) -> None:
    log = Log(environment)
    run(log)
    assert log.new() == "PLAY [all]\nTASK [build]\nok: [one]\nTASK [start]\nPLAY RECAP\n"
    log.fail("no")
    log.console.fail()
    assert log.new() == ""


@pytest.mark.parametrize("environment", SERVICES)
def test_lines_end_as_lines_do(environment: dict[str, str]) -> None:
    log = Log(environment)
    log.see("one\r\ntwo\rand a half\r\nthree")
    assert log.new() == "one\ntwo\rand a half\nthree\n"


def test_github_folds_each_phase() -> None:
    log = Log(GITHUB)
    run(log)
    assert log.new().splitlines() == [
        "PLAY [all]",
        "::group::build",
        "TASK [build]",
        "ok: [one]",
        "::endgroup::",
        "::group::start",
        "TASK [start]",
        "::endgroup::",
        "PLAY RECAP",
    ]


def test_gitlab_folds_each_phase() -> None:
    log = Log(GITLAB)
    run(log)
    folded = re.sub(r"\033\[0Ksection_(start|end):\d{10,}:(\w+)\r\033\[0K", r"<\1 \2>", log.new())
    assert folded.splitlines() == [
        "PLAY [all]",
        "<start olympia_build>build",
        "TASK [build]",
        "ok: [one]",
        "<end olympia_build>",
        "<start olympia_start>start",
        "TASK [start]",
        "<end olympia_start>",
        "PLAY RECAP",
    ]


@pytest.mark.parametrize("environment", SERVICES)
def test_what_follows_the_recap_opens_no_phase(environment: dict[str, str]) -> None:
    log = Log(environment)
    run(log)
    log.new()
    log.see("Seconds by phase: build 1.0  start 2.0")
    assert log.new() == "Seconds by phase: build 1.0  start 2.0\n"


@pytest.mark.parametrize(("environment", "mark"), [(GITHUB, "::endgroup::"), (GITLAB, "section_end:")])
def test_a_phase_that_is_left_open_is_closed_once(environment: dict[str, str], mark: str) -> None:
    log = Log(environment)
    log.enter("build")
    assert mark not in log.new()
    log.console.close()
    assert log.new().count(mark) == 1
    log.console.close()
    log.console.fail()
    assert mark not in log.new()


def test_github_marks_each_failure_after_closing_the_phase() -> None:
    log = Log(GITHUB)
    log.enter("build")
    log.fail("no space left:\r\n100% of it, used\n")
    log.fail("again", task_path="/somewhere/roles/olympia_docker/tasks/main.yml:1")
    log.new()
    log.report.end(ExitCode.BUILD, "up failed")
    log.console.fail()
    assert log.new().splitlines() == [
        "::endgroup::",
        "::error title=olympia up failed in build on one::no space left:%0D%0A100%25 of it, used%0A",
        "::error title=olympia up failed in engine on one::again",
    ]


def test_github_marks_the_commands_own_error_where_no_task_has_failed() -> None:
    log = Log(GITHUB)
    log.report.end(ExitCode.USAGE, "No host matched\n  where: here")
    log.console.fail()
    assert log.new() == "::error title=olympia up failed::No host matched%0A  where: here\n"


def test_what_would_end_a_title_is_escaped_in_it_and_stays_in_the_text() -> None:
    log = Log(GITHUB)
    marker = {"phase": "build", "kind": "build"}
    log.see("", "runner_on_failed", host="50%:1,2", res={"msg": "x:y,z", "olympia": marker})
    log.console.fail()
    assert log.new() == "::error title=olympia up failed in build on 50%25%3A1%2C2::x:y,z\n"


def test_gitlab_has_no_annotations() -> None:
    log = Log(GITLAB)
    log.fail("no")
    log.console.fail()
    assert log.new() == ""


@pytest.mark.parametrize("environment", SERVICES)
def test_a_silent_log_gets_a_sign_of_life_with_phase_and_task(environment: dict[str, str]) -> None:
    log = Log(environment)
    log.enter("build", "TASK [build]")
    log.new()
    log.now += HEARTBEAT - 0.01
    log.console.beat()
    assert log.new() == ""
    log.now += 0.01
    log.console.beat()
    assert log.new() == "... still running, build: Do build\n"


def test_a_sign_of_life_comes_again_only_after_more_silence() -> None:
    log = Log({})
    for _ in range(3):
        log.now += HEARTBEAT
        log.console.beat()
        assert log.new() == "... still running\n"
        log.now += HEARTBEAT - 0.01
        log.console.beat()
        assert log.new() == ""


def test_a_line_postpones_the_sign_of_life_and_an_event_without_one_does_not() -> None:
    log = Log({})
    log.now += HEARTBEAT - 1
    log.see("a line")
    log.now += HEARTBEAT - 1
    log.see("")
    log.enter("build")
    log.console.beat()
    assert log.new() == "a line\n"
    log.now += 1
    log.console.beat()
    assert log.new() == "... still running, build: Do build\n"


def test_a_terminal_gets_no_signs_of_life() -> None:
    log = Log({}, Terminal())
    log.now += 10 * HEARTBEAT
    log.console.beat()
    assert log.new() == ""


def test_what_is_printed_is_there_at_once() -> None:
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(io.BufferedWriter(buffer), encoding="utf-8")
    console = Console(Report("up"), {}, stream)
    console.see({"event": "verbose", "stdout": "a line"})
    assert buffer.getvalue() == b"a line\n"
