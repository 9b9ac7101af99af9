# SPDX-License-Identifier: BSD-3-Clause
"""What a run is at, as lines of text."""

from __future__ import annotations

from typing import Any

import pytest

from olympia_provisioner.present.board import SHOWN, Board
from olympia_provisioner.present.tables import duration


def told(kind: str, name: str, host: str = "one", **more: Any) -> dict[str, Any]:
    """Return an event as modules write them."""
    return {"kind": kind, "name": name, "host": host, "time": 0.0} | more


def step(name: str, state: str, seconds: float = 0.0) -> dict[str, Any]:
    """Return the event of a build step."""
    return told("step", name, state=state, seconds=seconds)


def drawn(board: Board, now: float) -> list[tuple[int, str, str, str]]:
    """Return the lines as plain data."""
    return [(line.depth, line.state, line.text, line.right) for line in board.lines(now)]


def at_build() -> Board:
    """Return a board of a run that has got to its build, ten seconds after it began."""
    board = Board()
    board.turn_to("preflight", "Look", 0)
    board.see_task("one", "ok", 1.5)
    board.turn_to("build", "Build the image", 10)
    return board


def test_a_phase_lasts_from_its_first_task_to_the_next_phase() -> None:
    assert drawn(at_build(), 12) == [
        (0, "done", "preflight", "10.0 s"),
        (0, "running", "build  Build the image", "2.0 s"),
    ]


def test_steps_stand_below_their_phase_while_it_runs_and_no_longer() -> None:
    board = at_build()
    board.see_progress(step("[a 1/2]", "cached"), 11)
    board.see_progress(step("[b 1/2]", "running"), 11)
    assert drawn(board, 13)[1:] == [
        (0, "running", "build", "3.0 s"),
        (1, "cached", "[a 1/2]", "cached"),
        (1, "running", "[b 1/2]", "2.0 s"),
    ]
    board.see_progress(step("[b 1/2]", "done", 4.25), 15)
    assert drawn(board, 15)[-1] == (1, "done", "[b 1/2]", "4.2 s")
    board.turn_to("start", "Go", 16)
    assert [line[2] for line in drawn(board, 16)] == ["preflight", "build", "start  Go"]


def test_a_failed_phase_keeps_what_it_was_at() -> None:
    board = at_build()
    board.see_progress(step("[b 1/2]", "failed"), 11)
    board.see_task("one", "failed", 12)
    board.turn_to("", "", 13)
    assert drawn(board, 99)[1:] == [(0, "failed", "build", "3.0 s"), (1, "failed", "[b 1/2]", "")]


def test_an_interrupted_phase_is_not_done() -> None:
    board = at_build()
    board.stop(12)
    board.turn_to("", "", 12)
    assert [line[1] for line in drawn(board, 99)] == ["done", "stopped"]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (told("pull", "redis:6", current=0, total=10_000_000), ("running", "0 MB of 10 MB")),
        (told("pull", "redis:6", current=1_500_000, total=40_000_000), ("running", "2 MB of 40 MB")),
        (told("pull", "redis:6", current=40_000_000, total=40_000_000), ("done", "40 MB of 40 MB")),
        (told("service", "web", state="created", health=""), ("running", "created")),
        (told("service", "web", state="running", health="starting"), ("running", "starting")),
        (told("service", "web", state="running", health="healthy"), ("done", "healthy")),
        (told("service", "web", state="running", health="unhealthy"), ("failed", "unhealthy")),
        (told("service", "web", state="exited", health=""), ("failed", "exited")),
    ],
)
def test_each_kind_is_told_in_its_own_words(event: dict[str, Any], line: tuple[str, str]) -> None:
    board = at_build()
    board.see_progress(event, 10)
    assert drawn(board, 10)[-1] == (1, line[0], event["name"], line[1])


def test_a_long_list_shows_what_runs_and_the_latest_of_the_rest() -> None:
    board = at_build()
    board.see_progress(step("first", "running"), 10)
    for number in range(30):
        board.see_progress(step(f"step {number}", "done", 1.0), 11 + number)
    names = [line[2] for line in drawn(board, 50)[2:]]
    assert names == ["first", *(f"step {number}" for number in range(31 - SHOWN, 30))]


def test_several_hosts_have_a_line_each() -> None:
    board = Board()
    board.turn_to("build", "Build the image", 0)
    board.see_progress(step("[a 1/2]", "running"), 1)
    board.see_progress(step("[z 1/2]", "running") | {"host": "two"}, 2)
    board.see_task("two", "failed", 3)
    assert drawn(board, 4) == [
        (0, "running", "one  build  [a 1/2]", "4.0 s"),
        (0, "failed", "two  build  [z 1/2]", "4.0 s"),
    ]


def test_what_is_told_outside_of_any_phase_is_nothing_to_draw() -> None:
    board = Board()
    board.see_progress(step("[a 1/2]", "running"), 1)
    board.see_task("one", "ok", 1)
    assert drawn(board, 2) == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0.0 s"), (9.96, "10.0 s"), (59.9, "59.9 s"), (60, "1 min 0 s"), (125.4, "2 min 5 s")]
)
def test_times_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text
