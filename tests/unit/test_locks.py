# SPDX-License-Identifier: BSD-3-Clause
"""One run at a time for each instance."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.playback import Driver

from olympia_provisioner.errors import ExitCode, OlympiaError
from olympia_provisioner.locks import held, lock_file


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


def test_a_run_holds_the_lock_to_its_end(driver: Driver) -> None:
    def conflict(_event: object, _call: object) -> None:
        with (
            pytest.raises(OlympiaError, match="Another run for the instance two is in progress"),
            held(driver.state / "olympia", "two", "down"),
        ):
            pass

    driver.player.meanwhile = conflict
    assert driver.run("up", "INSTANCE=two")[0] == 0
    with held(driver.state / "olympia", "two", "down"):
        pass


@pytest.fixture
def other_run(driver: Driver) -> Iterator[subprocess.Popen[str]]:
    """Return a process that holds the lock of the instance `two`."""
    code = (
        "import pathlib, signal; from olympia_provisioner.locks import held\n"
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
