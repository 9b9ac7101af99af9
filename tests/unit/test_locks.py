# SPDX-License-Identifier: BSD-3-Clause
"""One run at a time for each instance."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.playback import Driver

from olympia_provisioner.errors import ExitCode, Problem
from olympia_provisioner.run.locks import held, lock_file


def test_a_second_run_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    with held(tmp_path, "two", "up"), pytest.raises(Problem) as caught, held(tmp_path, "two", "down"):
        pass
    assert caught.value.code is ExitCode.CONFLICT
    assert f"olympia up, process {os.getpid()}, since 2" in str(caught.value)
    assert f"kill {os.getpid()}" in caught.value.fix


def test_other_instances_and_later_runs_are_free(tmp_path: Path) -> None:
    with held(tmp_path, "two", "up"), held(tmp_path, "three", "up"):
        pass
    with held(tmp_path, "two", "down"):
        assert json.loads(lock_file(tmp_path, "two").read_text())["verb"] == "down"


def test_a_strange_name_stays_in_the_folder_of_locks(tmp_path: Path) -> None:
    assert lock_file(tmp_path, "../../etc/x").parent == tmp_path / "locks"


def test_a_run_holds_the_lock_to_its_end(driver: Driver) -> None:
    def conflict(_event: object, _call: object) -> None:
        with (
            pytest.raises(Problem, match="Another run for the instance two is in progress"),
            held(driver.state / "olympia", "two", "down"),
        ):
            pass

    driver.player.meanwhile = conflict
    assert driver.run("up", "INSTANCE=two")[0] == 0
    with held(driver.state / "olympia", "two", "down"):
        pass


@pytest.fixture
def shared(driver: Driver) -> Path:
    """Return an inventory of a machine that ana, ben-b and cay share."""
    folder = driver.path / "shared"
    folder.mkdir()
    people = [{"name": name, "uid": 2001 + number} for number, name in enumerate(("ana", "ben-b", "cay"))]
    machines = {"hosts": {"vm1": {}}, "vars": {"olympia_tenants": people}}
    (folder / "hosts.yml").write_text(json.dumps({"olympia_machines": machines}))
    (folder / "instances.yml").write_text("plugin: addons.olympia.tenants\n")
    return folder


def test_who_shares_a_machine_is_alone_with_an_instance_and_not_with_the_machine(driver: Driver, shared: Path) -> None:
    with held(driver.state / "olympia", "ben-b", "up", str(shared)):
        assert driver.run("up", "-i", str(shared), "tenant=ana")[0] == 0
        assert driver.run("up", "-i", str(shared), "--limit=cay.vm1")[0] == 0
        # Somebody of that name elsewhere, and the instance of that name on this machine, are others.
        assert driver.run("up", "INSTANCE=ben-b")[0] == 0
        driver.calls.clear()
        for verb, tenant in (("up", "ben-b"), ("up", "ana,ben-b"), ("up", ""), ("bootstrap", ""), ("fleet", "ana")):
            code, _output, errors = driver.run(verb, "-i", str(shared), *([f"tenant={tenant}"] if tenant else []))
            assert (code, driver.calls) == (ExitCode.CONFLICT, []), (verb, tenant, errors)
            assert "Another run for the instance ben-b is in progress" in errors
    assert driver.run("up", "-i", str(shared))[0] == 0
    assert driver.run("fleet", "-i", str(shared), "tenant=ana")[0] == 0
    assert driver.calls[-1].settings["tenant"] == "ana"


def test_a_night_saves_the_others_and_waits_for_whom_another_run_is_changing(driver: Driver, shared: Path) -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(held(driver.state / "olympia", "ben-b", "up", str(shared)))

        def end(_call: object) -> None:
            # The other run ends when the night has begun with the others.
            stack.close()

        driver.player.effects["nightly"] = end
        code, _output, errors = driver.run("nightly", "-i", str(shared))
    assert code == 0, errors
    assert [call.settings["tenant"] for call in driver.calls] == ["ana,cay", "ben-b"]
    assert "Waiting for at most 60 minutes: Another run for the instance ben-b is in progress" in errors
    driver.calls.clear()
    assert driver.run("nightly", "-i", str(shared))[0] == 0
    assert ["tenant" in call.settings for call in driver.calls] == [False], "one night for all"


def test_a_night_does_not_wait_for_ever(driver: Driver, shared: Path) -> None:
    with held(driver.state / "olympia", "ben-b", "up", str(shared)):
        driver.plays("done", "failed", playbook="nightly")
        code, _output, errors = driver.run("nightly", "-i", str(shared), "--wait=0")
    assert code == ExitCode.CONFLICT, errors
    others, last = driver.calls
    assert (others.settings["tenant"], last.settings["tenant"]) == ("ana,cay", "ben-b")
    assert "Another run for the instance ben-b is in progress" in last.settings["__olympia_stack_busy"]


def test_a_night_that_has_failed_for_some_is_no_success_for_the_others(driver: Driver, shared: Path) -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(held(driver.state / "olympia", "ben-b", "up", str(shared)))
        driver.player.effects["nightly"] = lambda _call: stack.close()
        driver.plays("failed", "done", playbook="nightly")
        assert driver.run("nightly", "-i", str(shared))[0] == 1
    assert len(driver.calls) == 2


def test_a_plan_of_a_night_waits_for_nobody(driver: Driver, shared: Path) -> None:
    with held(driver.state / "olympia", "ben-b", "up", str(shared)):
        assert driver.run("nightly", "-i", str(shared), "--check")[0] == 0
    assert len(driver.calls) == 1


@pytest.fixture
def other_run(driver: Driver) -> Iterator[subprocess.Popen[str]]:
    """Return a process that holds the lock of the instance `two`."""
    code = (
        "import pathlib, signal; from olympia_provisioner.run.locks import held\n"
        f"with held(pathlib.Path({str(driver.state / 'olympia')!r}), 'two', 'up'):\n"
        "    print('held', flush=True)\n"
        "    signal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_run_is_refused_until_the_other_one_is_killed(driver: Driver, other_run: subprocess.Popen[str]) -> None:
    code, _output, errors = driver.run("up", "INSTANCE=two")
    assert (code, driver.calls) == (ExitCode.CONFLICT, [])
    assert "Another run for the instance two is in progress" in errors
    assert f"olympia up, process {other_run.pid}" in errors
    # A plan changes nothing, and another instance is not this one.
    assert driver.run("up", "INSTANCE=two", "--check")[0] == 0
    assert driver.run("up", "INSTANCE=three")[0] == 0
    other_run.kill()
    other_run.wait()
    assert driver.run("up", "INSTANCE=two")[0] == 0
