# SPDX-License-Identifier: BSD-3-Clause
"""What the driver gives to Ansible, and what it makes of the events, which are recordings of real runs."""

from __future__ import annotations

import contextlib
import getpass
import os
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.playback import Driver, Typist

from olympia_provisioner.run import artifacts, locks
from olympia_provisioner.run.interruption import GRACE, Interruption


def test_settings_are_given_in_a_private_file_and_ansibles_lines_go_to_the_user(driver: Driver) -> None:
    code, output, errors = driver.run("up", "HTTP_PORT=80 81")
    assert (code, errors) == (0, "")
    assert "at your service" in output
    assert "\033[" not in output
    (run,) = driver.runs()
    (call,) = driver.calls
    assert call.arguments == [f"--extra-vars=@{run}/up.json"]
    assert call.settings == {"olympia_stack_http_port": "80 81"}
    assert (run / "up.json").stat().st_mode & 0o777 == 0o600
    assert run.stat().st_mode & 0o777 == 0o700
    assert call.given["envvars"]["ANSIBLE_NOCOLOR"] == "1"
    # The driver prints what Ansible says, and relative paths among settings start where it is called.
    assert (call.given["quiet"], call.given["project_dir"]) == (True, str(driver.path))


def test_lines_end_as_lines_do(driver: Driver) -> None:
    _code, output, _errors = driver.run("up")
    assert "ok: [localhost] => \n    msg: hello\n" in output
    assert "\r" not in output


def test_a_marked_failure_decides_the_exit_code(driver: Driver) -> None:
    driver.plays("marked")
    code, output, errors = driver.run("up")
    assert code == 5
    assert "no good" in output
    assert errors.startswith("olympia: up failed in the phase some\n  where: ")
    assert "no good" in Path(errors.splitlines()[1].partition(": ")[2]).read_text()


def test_any_other_failure_is_code_1(driver: Driver) -> None:
    driver.plays("failed")
    code, _output, errors = driver.run("up")
    assert code == 1
    assert errors.startswith("olympia: up failed\n")


def test_an_unreachable_host_is_code_6(driver: Driver) -> None:
    driver.plays("unreachable")
    code, output, _errors = driver.run("up")
    assert code == 6, output


def test_an_inventory_without_hosts_is_code_2(driver: Driver) -> None:
    driver.plays("no_hosts")
    code, _output, errors = driver.run("up")
    assert code == 2
    assert "No host matched" in errors


def test_a_play_without_hosts_among_others_is_no_failure(driver: Driver) -> None:
    driver.plays("idle_play")
    code, output, errors = driver.run("up")
    assert "skipping: no hosts matched" in output
    assert (code, "No host matched" in errors) == (0, False)


def test_a_broken_playbook_is_code_1_with_ansibles_words(driver: Driver) -> None:
    driver.plays("broken")
    code, output, _errors = driver.run("up")
    assert code == 1
    assert "no_such_module_at_all" in output


@pytest.fixture
def no_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep an interruption from whatever else this process has started."""
    monkeypatch.setattr("olympia_provisioner.run.interruption.parents", dict)


@pytest.mark.usefixtures("no_children")
def test_what_does_not_end_in_time_after_an_interruption_is_killed() -> None:
    now = 1000.0
    interruption = Interruption(quiet=True, clock=lambda: now)
    assert not interruption.overdue()
    interruption(2, None)
    now += GRACE
    assert not interruption.overdue()
    now += 0.1
    assert interruption.overdue()


@pytest.mark.usefixtures("no_children")
def test_a_second_interruption_does_not_wait() -> None:
    interruption = Interruption(quiet=True)
    interruption(2, None)
    assert not interruption.overdue()
    interruption(2, None)
    assert interruption.overdue()


def typing(monkeypatch: pytest.MonkeyPatch, password: str) -> list[str]:
    """Let somebody sit at a terminal and type a password; return the questions."""
    questions: list[str] = []

    def ask(question: str) -> str:
        questions.append(question)
        return password

    monkeypatch.setattr(sys, "stdin", Typist())
    monkeypatch.setattr(getpass, "getpass", ask)
    return questions


def test_the_password_of_sudo_is_asked_for_first_and_kept_nowhere(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = typing(monkeypatch, "open sesame")
    code, _output, errors = driver.run("up", "-K", "HTTP_PORT=80")
    assert (code, errors, questions) == (0, "", ["sudo password: "])
    (call,) = driver.calls
    assert "--ask-become-pass" in call.arguments
    assert list(call.given["passwords"].values()) == ["open sesame"]
    assert call.given["suppress_env_files"] is True
    for path in driver.state.rglob("*"):
        assert not path.is_file() or b"sesame" not in path.read_bytes(), path


def test_the_password_is_asked_for_where_it_turns_out_to_be_needed(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = typing(monkeypatch, "open sesame")
    driver.plays("sudo", "done")
    code, output, errors = driver.run("up")
    assert (code, questions) == (0, ["sudo password: "])
    assert "sudo on localhost needs a password." in errors
    assert "at your service" in output
    first, second = driver.calls
    assert ("--ask-become-pass" in first.arguments, first.given["passwords"]) == (False, {})
    assert "--ask-become-pass" in second.arguments
    assert list(second.given["passwords"].values()) == ["open sesame"]


def test_a_wrong_password_is_asked_for_once(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = typing(monkeypatch, "open barley")
    driver.plays("sudo")
    code, _output, errors = driver.run("up")
    assert (code, len(questions), len(driver.calls)) == (1, 1, 2)
    assert "olympia: up " in errors


def test_no_password_is_asked_for_where_something_else_has_failed(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = typing(monkeypatch, "open sesame")
    driver.plays("failed")
    assert driver.run("up")[0] == 1
    assert (questions, len(driver.calls)) == ([], 1)


def test_a_password_that_is_needed_and_cannot_be_asked_for_has_a_way_out(driver: Driver) -> None:
    driver.plays("sudo")
    code, _output, errors = driver.run("up")
    assert code == 1
    assert "up needs root, and sudo needs a password" in errors
    assert "ANSIBLE_BECOME_PASSWORD_FILE" in errors


def test_the_password_cannot_be_asked_for_without_a_terminal(driver: Driver) -> None:
    code, _output, errors = driver.run("up", "-K")
    assert (code, driver.calls) == (2, [])
    assert "without a terminal" in errors


def test_the_command_that_is_run_is_shown_to_those_who_ask_for_more(driver: Driver) -> None:
    assert "ansible-playbook" not in driver.run("up")[2]
    code, _output, errors = driver.run("up", "-v", "--check")
    assert (code, "/ansible-playbook --inventory=" in errors) == (0, True)


def test_check_diff_and_limit_are_passed_on(driver: Driver) -> None:
    assert driver.run("up", "--check", "--diff", "--limit", "vm1")[0] == 0
    assert driver.calls[0].arguments == ["--limit=vm1", "--check", "--diff"]


def test_old_runs_are_removed_and_young_ones_kept(driver: Driver) -> None:
    folders = [driver.state / f"olympia/runs/20200101T0000{number:02}-up-x" for number in range(15)]
    for folder in folders:
        folder.mkdir(parents=True)
    with locks.in_use(folders[0]):
        assert driver.run("up")[0] == 0
    names = [run.name for run in driver.runs()]
    # The oldest one goes on.
    assert len(names) == 1 + 10
    assert names[:2] == ["20200101T000000-up-x", "20200101T000006-up-x"]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_runs_are_named_by_the_time_of_utc(driver: Driver, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    before = datetime.now(UTC).replace(microsecond=0)
    assert driver.run("up")[0] == 0
    (run,) = driver.runs()
    assert before <= datetime.strptime(f"{run.name[:15]} +0000", "%Y%m%dT%H%M%S %z") <= datetime.now(UTC)


@pytest.fixture(autouse=True)
def this_machines_time() -> Iterator[None]:
    """Go back to the machine's own time zone."""
    yield
    time.tzset()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["up"], "The lock file of the instance cannot be created"),
        (["up", "--check"], "The directory for runs cannot be written"),
    ],
)
def test_a_state_directory_that_cannot_be_written_is_a_sentence(
    driver: Driver, arguments: list[str], sentence: str
) -> None:
    driver.state.write_text("a file where the folder should go")
    code, _output, errors = driver.run(*arguments)
    assert code == 1
    assert sentence in errors


# A long text is written at once, a short one when the command ends.
@pytest.mark.parametrize(("runs", "ends_with"), [(200, 1), (1, 0)])
def test_a_reader_that_goes_away_is_no_traceback(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, runs: int, ends_with: int
) -> None:
    driver.run("up")
    (run,) = driver.runs()
    for number in range(runs - 1):
        shutil.copytree(run, run.with_name(f"{run.name}-{number}"))
    reader, writer = os.pipe()
    os.close(reader)
    # What is left to print is flushed when it is closed, as at the end of a process.
    with os.fdopen(writer, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        code, _output, errors = driver.run("report", "--list")
    assert (code, errors) == (ends_with, "")


@contextlib.contextmanager
def files_of_at_most(room: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes, which programs meet as they do a full disk."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


@pytest.mark.parametrize("room", [10, 300])
def test_a_disk_without_room_for_the_run_is_a_sentence(driver: Driver, room: int) -> None:
    with files_of_at_most(room):
        code, _output, errors = driver.run("up", "HTTP_PORT=8080")
    assert code == 1
    assert "The directory of the run cannot be written" in errors


def test_what_nobody_has_thought_of_leaves_its_traceback_in_a_file(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(_directory: Path) -> None:
        raise KeyError("oh")

    monkeypatch.setattr(artifacts, "prepare", prepare)
    monkeypatch.setattr("tempfile.tempdir", str(driver.path))
    code, _output, errors = driver.run("up", "--artifacts", "x")
    assert code == 1
    assert "Internal error" in errors
    assert "KeyError: 'oh'" in errors
    (crash,) = driver.path.glob("olympia-crash-*.txt")
    assert str(crash) in errors
    assert "Traceback" in crash.read_text()
