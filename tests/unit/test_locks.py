# SPDX-License-Identifier: BSD-3-Clause
"""One run at a time for each instance, on real playbooks."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from tests.unit.test_driver_run import Checkout, wait_for

from olympia_provisioner.errors import ExitCode, OlympiaError
from olympia_provisioner.locks import held, lock_file


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_a_second_run_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    with held(tmp_path, "two", "up"), pytest.raises(OlympiaError) as caught, held(tmp_path, "two", "down"):
        pass
    assert caught.value.code is ExitCode.CONFLICT
    assert f"olympia up, process {os.getpid()}, since 2" in str(caught.value)
    assert f"kill {os.getpid()}" in caught.value.way_out


def test_other_instances_and_later_runs_are_free(tmp_path: Path) -> None:
    with held(tmp_path, "two", "up"), held(tmp_path, "three", "up"):
        pass
    with held(tmp_path, "two", "down"):
        assert json.loads(lock_file(tmp_path, "two").read_text())["verb"] == "down"


def test_a_strange_name_stays_in_the_folder_of_locks(tmp_path: Path) -> None:
    assert lock_file(tmp_path, "../../etc/x").parent == tmp_path / "locks"


def test_a_run_holds_the_lock_until_it_is_killed(checkout: Checkout, tmp_path: Path) -> None:
    started = tmp_path / "started"
    checkout.playbook(
        f"- ansible.builtin.shell: 'echo $$ > {started}.new; mv {started}.new {started}; exec sleep 1000'"
    )
    process = checkout.start("up")
    wait_for(started.exists, "the task has started")
    code, _output, errors = checkout.run("up")
    assert code == ExitCode.CONFLICT
    assert "Another run for the instance addons-server is in progress" in errors
    assert f"olympia up, process {process.pid}" in errors
    # A plan changes nothing, and another instance is not this one.
    checkout.playbook("- ansible.builtin.debug: {msg: x}")
    assert checkout.run("up", "--check")[0] == 0
    assert checkout.run("up", "INSTANCE=other")[0] == 0
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert checkout.run("up")[0] == 0
    # Nobody was left to end the task's command.
    os.kill(int(started.read_text()), signal.SIGKILL)
