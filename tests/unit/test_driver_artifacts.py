# SPDX-License-Identifier: BSD-3-Clause
"""What the driver leaves in the folder for artifacts and prints for CI services, from recordings of real runs."""

from __future__ import annotations

import functools
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.core.masking import MASK
from tests.checkout import ROOT
from tests.playback import Call, Driver
from tests.recording import ADDRESS
from tests.results import cases_in, files_in, result_in

from olympia_provisioner.errors import ExitCode
from olympia_provisioner.present.console import HEARTBEAT, Console
from olympia_provisioner.present.outcome import Report
from olympia_provisioner.run import artifacts

SETTINGS = {"olympia_stack_debug": {"value": True, "source": "inventory"}}
GITHUB = {"GITHUB_ACTIONS": "true"}


def collect(call: Call) -> None:
    """Leave what the playbook `collect` does; the real one asks an engine."""
    folder = Path(call.settings["olympia_stack_artifacts"]) / "localhost"
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps(SETTINGS))


@pytest.fixture
def driver(driver: Driver) -> Driver:
    """Return the command, with hosts that have something to collect."""
    driver.player.effects["collect"] = collect
    return driver


def test_a_run_that_is_done_leaves_its_result_and_log_and_what_was_collected(driver: Driver) -> None:
    code, output, errors = driver.run("up", "--artifacts", "some/where")
    assert (code, errors) == (0, "")
    folder = driver.path / "some/where"
    assert set(files_in(folder)) == {"result.json", "junit.xml", "ansible.log", "hosts/localhost/settings.json"}
    result = result_in(folder)
    assert (result["verb"], result["result"], result["exit_code"], result["error"]) == ("up", "done", 0, "")
    assert result["inventory"] == str(ROOT / "inventories/local")
    assert [(phase["name"], phase["result"]) for phase in result["phases"]] == [("build", "changed"), ("start", "ok")]
    assert result["failures"] == []
    assert result["hosts"] == {"localhost": {"settings": SETTINGS}}
    assert cases_in(folder) == [
        ("build.localhost", "Say it"),
        ("build.localhost", "Build what has a name that is longer than any narrow terminal is wide"),
        ("start.localhost", "ansible.builtin.debug"),
    ]
    assert (folder / "ansible.log").read_text().strip() == output.strip()
    assert output.count("PLAY RECAP") == 1, "Collecting is not the user's affair"


def test_a_plan_is_collected_for_real(driver: Driver) -> None:
    assert driver.run("up", "--artifacts", "out", "--check", "--diff")[0] == 0
    plan, collected = driver.calls
    assert {"--check", "--diff"} <= set(plan.arguments)
    assert collected.playbook == "collect"
    assert {"--check", "--diff"}.isdisjoint(collected.arguments)


def test_a_run_that_fails_keeps_its_code_and_leaves_the_reason(driver: Driver) -> None:
    driver.plays("unhealthy")
    code, output, errors = driver.run("up", "--artifacts", "out")
    assert (code, "no good" in output) == (5, True)
    assert errors.startswith("olympia: up failed in the phase health\n")
    folder = driver.path / "out"
    result = result_in(folder)
    assert (result["result"], result["exit_code"]) == ("failed", 5)
    assert result["error"] == errors.removeprefix("olympia: ").strip()
    assert result["failures"] == [
        {
            "host": "localhost",
            "phase": "health",
            "task": "Wait",
            "kind": "unhealthy",
            "message": "no good",
            "evidence": {"rc": 3},
        }
    ]
    assert [(phase["name"], phase["result"]) for phase in result["phases"]] == [("start", "ok"), ("health", "failed")]
    assert result["hosts"] == {"localhost": {"settings": SETTINGS}}
    assert cases_in(folder)[1:] == [("health.localhost", "Wait", "failure"), ("olympia", "up", "error")]
    assert "no good" in (folder / "ansible.log").read_text()


def test_a_usage_error_is_told_though_nothing_was_run(driver: Driver) -> None:
    code, output, _errors = driver.run("up", "HTTP_PROT=1", "--artifacts", "out")
    assert (code, output, driver.calls) == (2, "", [])
    folder = driver.path / "out"
    assert set(files_in(folder)) == {"result.json", "junit.xml"}
    result = result_in(folder)
    assert (result["result"], result["exit_code"], result["phases"], result["hosts"]) == ("failed", 2, [], {})
    assert result["error"].startswith("HTTP_PROT is not a setting. Did you mean HTTP_PORT?")
    assert cases_in(folder) == [("olympia", "up", "error")]


def test_a_run_that_could_not_begin_is_told(driver: Driver) -> None:
    driver.state.write_text("a file where the folder for runs should go")
    assert driver.run("up", "--artifacts", "out")[0] == 1
    result = result_in(driver.path / "out")
    assert (result["exit_code"], result["error"].splitlines()[0]) == (
        1,
        "The lock file of the instance cannot be created",
    )


def test_a_folder_with_other_files_is_refused_and_left_as_it_is(driver: Driver) -> None:
    folder = driver.path / "out"
    (folder / "hosts").mkdir(parents=True)
    for name in ("precious.txt", "result.json", "hosts/theirs"):
        (folder / name).write_text(name)
    before = files_in(folder)
    code, output, errors = driver.run("up", "--artifacts", "out")
    assert (code, output) == (2, "")
    assert "contains other files" in errors and "precious.txt" in errors
    assert files_in(folder) == before
    assert not driver.state.exists(), "nothing was to be run"


def test_a_folder_that_cannot_be_made_is_a_sentence(driver: Driver) -> None:
    (driver.path / "out").write_text("a file")
    code, output, errors = driver.run("up", "--artifacts", "out")
    assert (code, output) == (2, "")
    assert "The folder for artifacts cannot be written" in errors


def test_a_second_run_replaces_what_the_first_has_left(driver: Driver) -> None:
    folder = driver.path / "out"
    driver.plays("full", "done")
    assert driver.run("up", "--artifacts", "out")[0] == 4
    assert "it is full" in files_in(folder)["result.json"]
    (folder / "hosts/localhost").rename(folder / "hosts/one-that-is-gone")
    assert driver.run("up", "--artifacts", "out")[0] == 0
    assert not [name for name, text in files_in(folder).items() if "it is full" in text]
    assert result_in(folder)["result"] == "done"
    assert set(result_in(folder)["hosts"]) == {"localhost"}
    assert "at your service" in files_in(folder)["ansible.log"]
    # One that runs nothing has no log.
    assert driver.run("up", "--artifacts", "out", "NO_SUCH=1")[0] == 2
    assert set(files_in(folder)) == {"result.json", "junit.xml"}


def test_hosts_that_cannot_be_asked_do_not_change_what_a_run_came_to(driver: Driver) -> None:
    del driver.player.effects["collect"]
    driver.plays("full", playbook="collect")
    code, _output, errors = driver.run("up", "--artifacts", "out")
    assert code == 0
    assert "Cannot collect artifacts from the host" in errors and "it is full" in errors
    result = result_in(driver.path / "out")
    assert (result["result"], result["failures"], result["hosts"]) == ("done", [], {})


def test_the_logs_lines_end_as_lines_do(driver: Driver) -> None:
    assert driver.run("up", "--artifacts", "out")[0] == 0
    assert b"\r" not in (driver.path / "out/ansible.log").read_bytes()


def test_a_password_in_an_address_does_not_get_into_the_results(driver: Driver) -> None:
    driver.plays("failed")
    assert driver.run("up", "--artifacts", "out")[0] == 1
    folder = driver.path / "out"
    command, fail = result_in(folder)["failures"]
    masked = ADDRESS.replace("ada:hunter2", MASK)
    assert command["evidence"]["cmd"] == ["cat", masked]
    assert command["evidence"]["stderr"] == f"cat: '{masked}': No such file or directory"
    assert fail["message"] == f"cannot read {masked}"
    assert fail["message"] in (folder / "junit.xml").read_text()
    assert {"result.json", "junit.xml", artifacts.LOG} <= {path.name for path in folder.iterdir()}
    assert [path.name for path in folder.rglob("*") if path.is_file() and "hunter2" in path.read_text()] == []


@pytest.mark.parametrize(
    ("message", "masked"),
    [
        ("npm said: //host.test/:_authToken=s3cret", f"npm said: //host.test/:_authToken={MASK}"),
        ('found "auth": "s3cret" in it', f'found "auth": "{MASK}" in it'),
        ("//host.test/:_password=s3<&>cret&more", f"//host.test/:_password={MASK}"),
    ],
)
def test_masking_leaves_junit_whole(tmp_path: Path, message: str, masked: str) -> None:
    report = Report("up")
    report.see({"event": "runner_on_failed", "event_data": {"host": "one", "task": "Do it", "res": {"msg": message}}})
    report.end(ExitCode.UNEXPECTED, message)
    artifacts.write(tmp_path, report)
    assert "cret" not in (tmp_path / "junit.xml").read_text()
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    for element in (*root.iter("failure"), *root.iter("error")):
        assert (element.get("message"), element.text) == (masked, masked)


def test_github_gets_an_annotation_for_a_failing_task(driver: Driver) -> None:
    driver.plays("full")
    code, output, _errors = driver.run("up", **GITHUB)
    assert code == 4
    annotations = [line for line in output.splitlines() if line.startswith("::error")]
    assert annotations == ["::error title=olympia up failed in build on localhost::it is full,%0A100%25 of it"]
    assert not any(line.startswith("::") for line in driver.run("up")[1].splitlines())


def test_github_gets_an_annotation_for_what_is_refused(driver: Driver) -> None:
    (driver.path / "out").mkdir()
    (driver.path / "out/precious.txt").touch()
    for arguments, words in (
        (["HTTP_PROT=1"], "HTTP_PROT is not a setting"),
        (["--artifacts", "out"], "The folder for artifacts contains other files"),
    ):
        code, output, _errors = driver.run("up", *arguments, **GITHUB)
        assert code == 2
        assert output.startswith(f"::error title=olympia up failed::{words}")


def test_github_gets_a_group_for_each_phase_that_is_closed_in_the_end(driver: Driver) -> None:
    code, output, _errors = driver.run("up", **GITHUB)
    assert code == 0
    marks = [line for line in output.splitlines() if line.startswith("::")]
    assert marks == ["::group::build", "::endgroup::", "::group::start", "::endgroup::"]


def test_a_silent_run_gives_signs_of_life(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("olympia_provisioner.cli.main.Console", functools.partial(Console, clock=lambda: now))

    def be_silent(event: Mapping[str, Any], _call: Call) -> None:
        nonlocal now
        if event["event"] == "runner_on_start" and event["event_data"]["task"] == "Say it":
            now += HEARTBEAT

    driver.player.meanwhile = be_silent
    code, output, errors = driver.run("up")
    assert (code, errors) == (0, "")
    assert output.count("\n... still running, build: Say it\n") == output.count("... still") == 1
