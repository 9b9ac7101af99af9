# SPDX-License-Identifier: BSD-3-Clause
"""The verbs for programs, on recordings of real runs."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from olympia_provisioner.cli.verbs.status import Status
from tests.playback import Driver

from olympia_provisioner import OlympiaError, Stack
from olympia_provisioner.errors import ExitCode


def test_a_run_returns_what_it_has_come_to_and_prints_nothing(
    driver: Driver, capsys: pytest.CaptureFixture[str]
) -> None:
    driver.plays("done", "done", "answer")
    plan = Stack(http_port=8080).up(check=True)
    assert (plan.verb, plan.changed, set(plan.seconds)) == ("up", 1, {"build", "start"})
    assert Stack(HTTP_PORT=8080).up().changed == 1
    assert Stack(olympia_stack_http_port="8080").up().changed == 0
    assert ["--check" in call.arguments for call in driver.calls] == [True, False, False]
    assert [call.settings for call in driver.calls] == [{"olympia_stack_http_port": "8080"}] * 3
    assert capsys.readouterr() == ("", "")


def test_values_of_any_type_reach_the_playbook(driver: Driver) -> None:
    Stack(debug=True, wait_timeouts={"web": 3}, target=None, ansible_user="ada").up()
    assert driver.calls[0].settings == {
        "olympia_stack_debug": "true",
        "olympia_stack_wait_timeouts": '{"web": 3}',
        "olympia_stack_target": "",
        "ansible_user": "ada",
    }


def test_a_failure_is_an_exception_with_its_reason(driver: Driver, capsys: pytest.CaptureFixture[str]) -> None:
    driver.plays("failed")
    driver.plays("failed", playbook="status")
    for method in (Stack().up, Stack().status):
        with pytest.raises(OlympiaError) as caught:
            method()
        assert (caught.value.code, "cannot read" in caught.value.evidence) == (ExitCode.UNEXPECTED, True)
    assert capsys.readouterr() == ("", "")


def test_a_wrong_setting_is_an_exception(driver: Driver) -> None:
    with pytest.raises(OlympiaError, match="Did you mean HTTP_PORT") as caught:
        Stack(http_prot=1).up()
    assert caught.value.code is ExitCode.USAGE


def test_it_works_in_a_thread(driver: Driver) -> None:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(Stack().up()))
    thread.start()
    thread.join(60)
    assert [result.verb for result in results] == ["up"]


def test_a_look_returns_a_typed_answer(driver: Driver, capsys: pytest.CaptureFixture[str]) -> None:
    driver.plays("answer", "two_answers", playbook="status")
    found = Stack().status()
    assert isinstance(found, Status)
    assert (found.instance, found.healthy, len(found.pending)) == ("two", False, 2)
    assert capsys.readouterr() == ("", "")
    assert driver.runs() == []
    with pytest.raises(OlympiaError, match="2 hosts have answered"):
        Stack().status()


def test_what_is_said_of_snapshots_reaches_their_playbooks(driver: Driver) -> None:
    assert Stack().snapshot_restore("one/first", force=True).verb == "snapshot_restore"
    Stack().data_export("dump.sql")
    assert {call.playbook: call.settings for call in driver.calls} == {
        "snapshot_restore": {
            "__olympia_stack_snapshot_name": "one/first",
            "__olympia_stack_snapshot_force": "true",
        },
        "data_export": {"__olympia_stack_sql_file": str(Path.cwd() / "dump.sql")},
    }
