# SPDX-License-Identifier: BSD-3-Clause
"""What a managed host answers is untrusted: what is shown of it, what is told of it, and what its Python loads."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from ansible_collections.addons.olympia.plugins.action.compose import parse
from ansible_collections.addons.olympia.plugins.module_utils.core.progress_events import LONGEST, checked
from ansible_collections.addons.olympia.plugins.plugin_utils.actions import collected, live
from tests.checkout import ROOT

from olympia_provisioner.errors import marker
from olympia_provisioner.present.console import GitHub
from olympia_provisioner.run import artifacts
from olympia_provisioner.words import harmless

STEP = {"time": 1.5, "host": "other", "kind": "step", "id": 1, "name": "RUN", "state": "running", "seconds": 0.5}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("plain\ttext\n\u00e9 \u65e5\u672c", "plain\ttext\n\u00e9 \u65e5\u672c"),
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("a\r\nb", "a\nb"),
        ("title\x1b]0;owned\x07 and \x1b]52;c;b3duZWQ=\x1b\\ clipboard", "title and  clipboard"),
        ("\x1b[2J\x1b[1;1Hcleared\x1b[?1049h", "cleared"),
        ("asked\x1b[6n\x1b[c", "asked"),
        ("device\x1bPcontrol\x1b\\string", "devicestring"),
        ("good\rall is well", "good\ufffdall is well"),
        ("\x9b31m\x08\x00\x7f\x1b", "\ufffd31m\ufffd\ufffd\ufffd\ufffd"),
        ("\u202eexe.txt\u2066", "\ufffdexe.txt\ufffd"),
    ],
    ids=ascii,
)
def test_a_terminal_only_shows_what_a_host_says(said: str, shown: str) -> None:
    assert harmless(said) == shown
    assert harmless({said: [said, {"deep": said}, 7, None]}) == {shown: [shown, {"deep": shown}, 7, None]}


@pytest.mark.parametrize(
    "line",
    ["::error::x", "  ::stop-commands::x", "\t::add-mask::a", "x\n::set-output name=a::b", "##[error]x", "a ##[group]"],
)
def test_no_line_of_a_host_is_a_command_of_github(line: str) -> None:
    shown = GitHub().text(line)
    assert "##[" not in shown
    assert not [one for one in shown.splitlines() if one.strip().startswith("::")]


@pytest.mark.parametrize("text", ["a::b", "TASK [x] ***", "# [x]", "ok: [far]", "addr ::1"])
def test_what_is_no_command_stays_as_it_is(text: str) -> None:
    assert GitHub().text(text) == text


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "end"}, {"kind": ["step"]}, {"kind": None}, {"time": "now"},
        {"seconds": "1"}, {"seconds": None}, {"seconds": 10**400},
    ],
    ids=ascii,
)  # fmt: skip
def test_a_line_that_no_module_has_written_is_left_out(change: dict[str, Any]) -> None:
    assert checked(json.dumps(STEP | change).encode(), "far") == b""


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[" * 100000, b"7", b'"x"', b"[]", b"{}", b"\xff", b'{"kind": "pull", "time": NaN}']
)
def test_a_line_that_is_nothing_of_ours_is_left_out(line: bytes) -> None:
    assert checked(line, "far") == b""


def test_a_host_tells_for_itself_and_what_is_told_only() -> None:
    told = json.loads(checked(json.dumps(STEP | {"event": "end", "phase": "x", "name": "x" * 10**6}).encode(), "far"))
    assert told == STEP | {"host": "far", "name": "x" * LONGEST}


def test_a_host_fills_no_disk_with_what_it_tells(tmp_path: Path) -> None:
    asked: list[str] = []

    def output_of(command: str) -> bytes:
        asked.append(command)
        return json.dumps(STEP).encode() + b"\nno JSON\n" + b"half a li"

    action = cast(live.LiveAction, SimpleNamespace(output_of=output_of))
    here = tmp_path / "progress"
    offset = live.LiveAction._copy(action, "/there", here, "far", 0)
    assert json.loads(here.read_text()) == STEP | {"host": "far"}
    assert offset == len(json.dumps(STEP)) + len("\nno JSON\n")
    assert live.LiveAction._copy(action, "/there", here, "far", live.MOST + 1) == live.MOST + 1
    assert len(asked) == 1 and f"head --bytes={live.LOOK}" in asked[0]


def test_a_label_with_separators_is_no_service() -> None:
    output = b"web\tFalse\trunning\tUp (healthy)\na\tb\tFalse\trunning\tUp\nc\nd\t\x1b\n"
    assert parse(output) == {"web": ("running", "healthy")}


@pytest.mark.parametrize(
    "told",
    [
        None,
        "build",
        ["build"],
        {"kind": "none", "phase": "build"},
        {"kind": "build", "phase": "x\n::error::"},
        {"kind": {"a": 1}},
    ],
    ids=ascii,
)
def test_a_failure_of_no_known_kind_says_none(told: Any) -> None:
    assert marker({"olympia": told}) == {}


def test_a_failure_says_its_phase_and_kind_and_nothing_besides() -> None:
    told = {"kind": "tests", "phase": "test-site", "host": "other", "message": "x", "event": "end"}
    assert marker({"olympia": told}) == {"kind": "tests", "phase": "test-site"}


def test_the_driver_and_the_action_mean_the_same_file() -> None:
    assert artifacts.LEFT_OUT == collected.NOTES


@pytest.mark.parametrize("playbook", sorted((ROOT / "playbooks").glob("*.yml")), ids=lambda path: path.stem)
def test_every_play_keeps_a_users_own_python_packages_out_of_modules(playbook: Path) -> None:
    plays = [play for play in yaml.safe_load(playbook.read_text()) if "hosts" in play]
    assert [play.get("environment") for play in plays] == [{"PYTHONNOUSERSITE": "1"}] * len(plays)


@pytest.mark.parametrize("folder", ["playbooks", "roles"])
def test_no_task_runs_on_the_controller(folder: str) -> None:
    # Its arguments would be what a host has answered. The operator's alert gets that as its standard input, as plain text.
    alert = ROOT / "roles/olympia_stack/tasks/alert.yml"
    for path in {*(ROOT / folder).rglob("*.yml")} - {alert}:
        text = path.read_text()
        assert "delegate_to: localhost" not in text and "local_action" not in text, path
