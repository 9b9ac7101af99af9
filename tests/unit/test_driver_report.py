# SPDX-License-Identifier: BSD-3-Clause
"""Real runs in a miniature checkout leave their record, and `olympia report` tells of them."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.masking import MASK
from tests.unit.test_driver_run import Checkout, checkout, wait_for  # noqa: F401

# Answers as the role's action of this name does.
RENDER = """
from ansible.plugins.action import ActionBase
class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        settings = dict(olympia_stack_instance=dict(value='demo', source='command line'))
        return dict(changed=True, files=['.env'], settings=settings, versions=dict(buildx='0.13.1'))
"""
# Its result is secret, and so stays what is in it.
SECRET = "- ansible.builtin.command: echo open-sesame\n  no_log: true\n"


def record_of(run: Path) -> dict[str, Any]:
    """Return the record in a run's directory, which is its owner's alone."""
    assert (run / "record.json").stat().st_mode & 0o777 == 0o600
    record: dict[str, Any] = json.loads((run / "record.json").read_text())
    return record


def test_a_good_run_leaves_a_record_and_its_page(checkout: Checkout, tmp_path: Path) -> None:  # noqa: F811
    plugins = checkout.path / "playbooks/action_plugins"
    plugins.mkdir()
    (plugins / "render.py").write_text(RENDER)
    checkout.playbook(f"- name: Render it\n  render:\n{SECRET}")
    assert checkout.run("up")[0] == 0
    (run,) = checkout.runs()
    record = record_of(run)
    assert (record["verb"], record["result"]) == ("up", "done")
    first, second = record["tasks"]
    assert (first["name"], first["status"], first["host"]) == ("Render it", "changed", "localhost")
    assert 0 < first["start"] < first["start"] + first["seconds"] <= second["start"]
    assert record["hosts"]["localhost"]["files"] == [".env"]
    assert {"addons.olympia", "ansible-core"} <= set(record["versions"])
    assert "open-sesame" not in (run / "record.json").read_text()

    code, output, errors = checkout.run("report")
    assert (code, errors, output) == (0, "", f"{run}/report.html\n")
    text = (run / "report.html").read_text()
    assert "olympia up succeeded" in text and "Render it" in text and "0.13.1" in text
    for address in ("./artifacts/up/stdout", "./record.json"):
        assert f'href="{address}"' in text and (run / address).is_file()

    target = tmp_path / "elsewhere.html"
    assert checkout.run("report", run.name, "--output", str(target))[1] == f"{target}\n"
    log = os.path.relpath(run / "artifacts/up/stdout", tmp_path)
    assert f'href="./{log}"' in target.read_text()


def test_a_failure_is_told_with_its_evidence(checkout: Checkout) -> None:  # noqa: F811
    checkout.playbook("- name: Fetch\n  ansible.builtin.command: cat https://ada:hunter2@example.org/nothing")
    assert checkout.run("up")[0] == 1
    (run,) = checkout.runs()
    record = record_of(run)
    assert (record["result"], record["exit_code"]) == ("failed", 1)
    assert checkout.run("report")[0] == 0
    text = (run / "report.html").read_text()
    assert "olympia up failed" in text
    assert f"cat &#39;https://{MASK}@example.org/nothing&#39;" in text
    assert "hunter2" not in text and "hunter2" not in (run / "record.json").read_text()


def test_an_interruption_leaves_a_record_too(checkout: Checkout, tmp_path: Path) -> None:  # noqa: F811
    started = tmp_path / "started"
    checkout.playbook(f"- name: Sleep long\n  ansible.builtin.shell: 'touch {started}; exec sleep 1000'")
    process = checkout.start("up")
    wait_for(started.exists, "the task has started")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    (run,) = checkout.runs()
    record = record_of(run)
    assert (record["result"], record["exit_code"]) == ("interrupted", 130)
    assert [(task["name"], task["status"]) for task in record["tasks"]] == [("Sleep long", "unfinished")]
    assert checkout.run("report")[0] == 0
    text = (run / "report.html").read_text()
    assert "Where it was interrupted" in text and "Sleep long" in text


def test_runs_are_listed_the_newest_first(checkout: Checkout) -> None:  # noqa: F811
    checkout.playbook("- ansible.builtin.debug: {msg: x}")
    assert checkout.run("up")[0] == 0
    checkout.playbook("- ansible.builtin.command: /bin/false")
    assert checkout.run("up")[0] == 1
    # Killed before its end.
    (checkout.state / "olympia/runs/20990101T000000-up-x").mkdir()
    code, output, _errors = checkout.run("report", "--list")
    assert code == 0
    title, newest, oldest = output.splitlines()
    assert title.split() == ["RUN", "VERB", "STARTED", "RESULT", "DURATION"]
    names = [run.name for run in checkout.runs()]
    assert newest.startswith(names[1]) and "failed (1)" in newest
    assert oldest.startswith(names[0]) and " done " in oldest and oldest.endswith(" s")
    assert checkout.run("report")[1] == f"{checkout.runs()[1]}/report.html\n"


def test_an_unknown_run_is_answered_with_the_nearest(checkout: Checkout) -> None:  # noqa: F811
    code, _output, errors = checkout.run("report")
    assert code == 2
    assert "There is no run to report on" in errors
    checkout.playbook("- ansible.builtin.debug: {msg: x}")
    checkout.run("up")
    (run,) = checkout.runs()
    code, _output, errors = checkout.run("report", run.name[:-2])
    assert code == 2
    assert f"There is no run {run.name[:-2]} with a record" in errors
    assert f"The nearest is {run.name}" in errors


@pytest.mark.parametrize("content", ["", "{", "[1"])
def test_a_record_that_cannot_be_read_is_a_sentence(checkout: Checkout, content: str) -> None:  # noqa: F811
    run = checkout.state / "olympia/runs/20260101T000000-up-x"
    run.mkdir(parents=True)
    (run / "record.json").write_text(content)
    code, _output, errors = checkout.run("report")
    assert code == 1
    assert "The record of a run cannot be read" in errors


def test_a_page_that_cannot_be_written_is_a_sentence(checkout: Checkout) -> None:  # noqa: F811
    checkout.playbook("- ansible.builtin.debug: {msg: x}")
    checkout.run("up")
    code, _output, errors = checkout.run("report", "--output", str(checkout.path / "nowhere/page.html"))
    assert code == 1
    assert "The page cannot be written" in errors
