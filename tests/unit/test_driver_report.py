# SPDX-License-Identifier: BSD-3-Clause
"""Runs, played from recordings, leave their record, and `olympia report` tells of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.core.masking import MASK
from tests.playback import Driver
from tests.results import record_of


def test_a_good_run_leaves_a_record_and_its_page(driver: Driver, tmp_path: Path) -> None:
    driver.plays("rendered")
    assert driver.run("up")[0] == 0
    (run,) = driver.runs()
    record = record_of(run)
    assert (record["verb"], record["result"]) == ("up", "done")
    first, second = record["tasks"]
    assert (first["name"], first["status"], first["host"]) == ("Render it", "changed", "localhost")
    assert 0 < first["start"] < first["start"] + first["seconds"] <= second["start"]
    assert record["hosts"]["localhost"]["files"] == [".env"]
    assert {"addons.olympia", "ansible-core"} <= set(record["versions"])
    assert "open-sesame" not in (run / "record.json").read_text()

    code, output, errors = driver.run("report")
    assert (code, errors, output) == (0, "", f"{run}/report.html\n")
    text = (run / "report.html").read_text()
    assert "olympia up succeeded" in text and "Render it" in text and "0.13.1" in text
    for address in ("./artifacts/up/stdout", "./record.json"):
        assert f'href="{address}"' in text and (run / address).is_file()

    target = tmp_path / "elsewhere.html"
    assert driver.run("report", run.name, "--output", str(target))[1] == f"{target}\n"
    log = os.path.relpath(run / "artifacts/up/stdout", tmp_path)
    assert f'href="./{log}"' in target.read_text()


def test_a_failure_is_told_with_its_evidence(driver: Driver) -> None:
    driver.plays("failed")
    assert driver.run("up")[0] == 1
    (run,) = driver.runs()
    record = record_of(run)
    assert (record["result"], record["exit_code"]) == ("failed", 1)
    assert driver.run("report")[0] == 0
    text = (run / "report.html").read_text()
    assert "olympia up failed" in text
    assert f"cat &#39;https://{MASK}@example.org/nothing&#39;" in text
    assert "hunter2" not in text and "hunter2" not in (run / "record.json").read_text()


def test_runs_are_listed_the_newest_first(driver: Driver) -> None:
    driver.plays("done", "failed")
    assert driver.run("up")[0] == 0
    (first,) = driver.runs()
    first.rename(first.with_name("20200101T000000-up-x"))
    assert driver.run("up")[0] == 1
    # Killed before its end.
    (driver.state / "olympia/runs/20990101T000000-up-x").mkdir()
    code, output, _errors = driver.run("report", "--list")
    assert code == 0
    title, newest, oldest = output.splitlines()
    assert title.split() == ["RUN", "VERB", "STARTED", "RESULT", "DURATION"]
    names = [run.name for run in driver.runs()]
    assert newest.startswith(names[1]) and "failed (1)" in newest
    assert oldest.startswith(names[0]) and " done " in oldest and oldest.endswith(" s")
    assert driver.run("report")[1] == f"{driver.runs()[1]}/report.html\n"


def test_an_unknown_run_is_answered_with_the_nearest(driver: Driver) -> None:
    code, _output, errors = driver.run("report")
    assert code == 2
    assert "There are no runs yet" in errors
    driver.run("up")
    (run,) = driver.runs()
    code, _output, errors = driver.run("report", run.name[:-2])
    assert code == 2
    assert f"There is no run {run.name[:-2]} with a record" in errors
    assert f"Did you mean {run.name}" in errors


@pytest.mark.parametrize("content", ["", "{", "[1"])
def test_a_record_that_cannot_be_read_is_a_sentence(driver: Driver, content: str) -> None:
    run = driver.state / "olympia/runs/20260101T000000-up-x"
    run.mkdir(parents=True)
    (run / "record.json").write_text(content)
    code, _output, errors = driver.run("report")
    assert code == 1
    assert "The record of the run cannot be read" in errors


def test_a_page_that_cannot_be_written_is_a_sentence(driver: Driver) -> None:
    driver.run("up")
    code, _output, errors = driver.run("report", "--output", str(driver.path / "nowhere/page.html"))
    assert code == 1
    assert "The page cannot be written" in errors
