# SPDX-License-Identifier: BSD-3-Clause
"""A run as data: the arguments it is given, and the exit code that its events come to."""

from __future__ import annotations

from typing import Any

import pytest

from olympia_provisioner.errors import ExitCode
from olympia_provisioner.run.playbook import Options, Outcome, arguments

NO_HOSTS = {"event": "playbook_on_no_hosts_matched", "event_data": {}}
WORKED = {"event": "runner_on_ok", "event_data": {}}
UNREACHABLE = {"event": "runner_on_unreachable", "event_data": {}}


def failed(kind: str = "", task_path: str = "", **more: Any) -> dict[str, Any]:
    """Return the event of a failed task, marked with a kind or not."""
    result: dict[str, Any] = {"msg": "no"} | ({"olympia": {"phase": "some", "kind": kind}} if kind else {})
    return {"event": "runner_on_failed", "event_data": {"res": result, "task_path": task_path, **more}}


def in_role(role: str) -> dict[str, Any]:
    """Return the event of an unmarked failure in another role."""
    return failed(task_path=f"/somewhere/roles/{role}/tasks/main.yml:12")


def in_phase(phase: str) -> dict[str, Any]:
    """Return the event of an unmarked failure in one of the role's task files."""
    return failed(task_path=f"/somewhere/roles/olympia_stack/tasks/{phase}.yml:12")


@pytest.mark.parametrize(
    ("events", "return_code", "code"),
    [
        ([], 0, ExitCode.DONE),
        ([failed("settings")], 2, ExitCode.USAGE),
        ([failed("preflight")], 2, ExitCode.PREFLIGHT),
        ([failed("build")], 2, ExitCode.BUILD),
        ([failed("unhealthy")], 2, ExitCode.UNHEALTHY),
        ([failed("conflict")], 2, ExitCode.CONFLICT),
        ([failed("tests")], 2, ExitCode.TESTS),
        ([in_phase("build")], 2, ExitCode.BUILD),
        ([in_role("olympia_images")], 2, ExitCode.BUILD),
        ([in_role("olympia_docker")], 2, ExitCode.UNEXPECTED),
        ([in_phase("start")], 2, ExitCode.UNHEALTHY),
        ([in_phase("health")], 2, ExitCode.UNHEALTHY),
        ([in_phase("render")], 2, ExitCode.UNEXPECTED),
        # A rescue may name a failure better, and what fails after it says nothing new.
        ([in_phase("start"), failed("build"), in_phase("main")], 2, ExitCode.BUILD),
        ([failed("build")], 0, ExitCode.DONE),
        ([failed("build", ignore_errors=True), failed()], 2, ExitCode.UNEXPECTED),
        ([failed("unheard of")], 2, ExitCode.UNEXPECTED),
        ([UNREACHABLE], 4, ExitCode.UNREACHABLE),
        ([UNREACHABLE], 0, ExitCode.DONE),
        # Ansible's code for an unreachable host, and also for a playbook that it cannot read.
        ([], 4, ExitCode.UNEXPECTED),
        ([], 1, ExitCode.UNEXPECTED),
        ([], -9, ExitCode.UNEXPECTED),
        ([NO_HOSTS], 0, ExitCode.USAGE),
        # One play of several.
        ([WORKED, NO_HOSTS, WORKED], 0, ExitCode.DONE),
    ],
)
def test_exit_code_follows_events_and_return_code(
    events: list[dict[str, Any]], return_code: int, code: ExitCode
) -> None:
    outcome = Outcome()
    for event in events:
        outcome.see(event)
    assert outcome.exit_code(return_code) is code


def test_the_phase_is_known_by_mark_or_place() -> None:
    outcome = Outcome()
    outcome.see(in_phase("initialize"))
    assert outcome.phase == "initialize"
    outcome.see(failed("unhealthy"))
    assert outcome.phase == "some"
    for role, phase in (("olympia_docker", "engine"), ("olympia_images", "images")):
        outcome = Outcome()
        outcome.see(in_role(role))
        assert outcome.phase == phase


def test_exit_codes_are_as_documented() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "DONE": 0,
        "UNEXPECTED": 1,
        "USAGE": 2,
        "PREFLIGHT": 3,
        "BUILD": 4,
        "UNHEALTHY": 5,
        "UNREACHABLE": 6,
        "CONFLICT": 7,
        "TESTS": 8,
        "INTERRUPTED": 130,
    }


def test_settings_are_never_among_the_arguments() -> None:
    given = arguments(Options("inv", {"olympia_stack_instance": "two"}), "/run/settings.json")
    assert given == ["--extra-vars=@/run/settings.json"]


def test_every_option_becomes_an_argument() -> None:
    options = Options("inv", limit="a:b", check=True, diff=True, ask_become_pass=True, verbosity=3)
    assert arguments(options, "") == ["--limit=a:b", "--check", "--diff", "--ask-become-pass", "-vvv"]
