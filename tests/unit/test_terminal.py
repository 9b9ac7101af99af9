# SPDX-License-Identifier: BSD-3-Clause
"""The driver on a terminal: a real one, as programs see it, on which recordings of real runs are played."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import re
import struct
import sys
import termios
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.playback import Call, Driver

SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7][0-9;]*m")


@contextlib.contextmanager
def replaced(descriptor: int, *others: int) -> Iterator[None]:
    """Let file descriptors of this process be copies of one meanwhile."""
    kept = {other: os.dup(other) for other in others}
    try:
        for other in others:
            os.dup2(descriptor, other)
        yield
    finally:
        for other, copy in kept.items():
            os.dup2(copy, other)
            os.close(copy)


def on_terminal(
    driver: Driver, *arguments: str, columns: int = 80, term: str = "xterm", no_colour: str = ""
) -> tuple[int, str]:
    """Run `olympia` with its output on a terminal; its code, and all that was written there."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    written: list[bytes] = []

    def read() -> None:
        # Once nobody has the other end any more, reading fails.
        with contextlib.suppress(OSError):
            while data := os.read(ours, 65536):
                written.append(data)

    reader = threading.Thread(target=read)
    reader.start()
    with pytest.MonkeyPatch.context() as patch, io.TextIOWrapper(io.FileIO(theirs, "w"), "utf-8") as terminal:
        patch.setattr(sys, "stdout", terminal)
        with replaced(theirs, 0, 1):
            code, _output, _errors = driver.run("up", *arguments, TERM=term, NO_COLOR=no_colour)
    reader.join()
    os.close(ours)
    return code, b"".join(written).decode().replace("\r\n", "\n")


def frames(written: str) -> list[list[str]]:
    """Return what was drawn, redrawing after redrawing, without colours."""
    # Before each the cursor goes back to the first line.
    return [SEQUENCE.sub("", frame).splitlines() for frame in re.split(r"(?:\x1b\[2K|\x1b\[1A|\r)+", written)]


def test_phases_are_drawn_with_their_times_in_place_of_ansibles_lines(driver: Driver) -> None:
    code, written = on_terminal(driver)
    assert code == 0, written
    assert "TASK [" not in written
    assert "at your service" in written
    last = SEQUENCE.sub("", written).splitlines()[-2:]
    assert [re.sub(r"[\d.]+ s$", "N", re.sub(" +", " ", line)) for line in last] == ["✓ build N", "✓ start N"]


def test_what_a_module_tells_is_drawn_while_it_runs(driver: Driver) -> None:
    step = {"kind": "step", "name": "[base 1/2] RUN make", "host": "localhost", "state": "running", "seconds": 0}

    def tell(event: Mapping[str, Any], call: Call) -> None:
        if event["event"] == "runner_on_start" and event["event_data"]["task"] == "Say it":
            Path(call.given["envvars"]["OLYMPIA_PROGRESS"]).write_text(json.dumps(step) + "\n")

    driver.player.meanwhile = tell
    code, written = on_terminal(driver)
    assert code == 0, written
    # It is drawn before the end of the module, which is followed by what it says.
    assert -1 < written.index("[base 1/2] RUN make") < written.index("hello")


def test_a_failure_is_told_above_the_drawing(driver: Driver) -> None:
    driver.plays("full")
    code, written = on_terminal(driver)
    plain = SEQUENCE.sub("", written)
    assert code != 0
    assert "build failed on localhost" in plain
    assert "100% of it" in plain
    assert plain.splitlines()[-1].startswith("✗ build")


@pytest.mark.parametrize(
    ("arguments", "term"),
    [(["--plain"], "xterm"), (["-v"], "xterm"), (["--check"], "xterm"), (["--diff"], "xterm"), ([], "dumb")],
)
def test_who_asks_for_lines_gets_ansibles_own(driver: Driver, arguments: list[str], term: str) -> None:
    code, written = on_terminal(driver, *arguments, term=term)
    assert code == 0, written
    assert "TASK [" in written


def test_no_colour_where_none_is_wanted(driver: Driver) -> None:
    assert COLOUR.search(on_terminal(driver)[1])
    assert not COLOUR.search(on_terminal(driver, no_colour="1")[1])
    wanted, unwanted = (call.given["envvars"] for call in driver.calls)
    assert ("ANSIBLE_FORCE_COLOR" in wanted, "ANSIBLE_NOCOLOR" in unwanted) == (True, True)


@pytest.mark.parametrize("columns", [30, 80, 120])
def test_no_line_is_longer_than_the_terminal_is_wide(driver: Driver, columns: int) -> None:
    code, written = on_terminal(driver, columns=columns)
    assert code == 0
    lines = [line for frame in frames(written) for line in frame]
    assert any("build" in line for line in lines)
    assert [line for line in lines if len(line) > columns] == []
    # The name of a task that takes long is cut off only where it has to be.
    name = "Build what has a name that is longer than any narrow terminal is wide"
    assert any(name in line for line in lines) is (columns == 120)


def test_programs_get_an_event_a_line(driver: Driver) -> None:
    driver.plays("full")
    code, output, _errors = driver.run("up", "--json")
    events = [json.loads(line) for line in output.splitlines()]
    assert [event["event"] for event in events] == ["begin", "phase", "task", "failure", "end"]
    assert (events[0]["schema"], events[0]["verb"]) == (1, "up")
    assert (events[2]["phase"], events[2]["task"], events[2]["status"]) == ("build", "Try", "failed")
    assert events[3]["message"] == "it is full,\n100% of it"
    assert (events[4]["result"], events[4]["exit_code"]) == ("failed", code)
    assert Path(events[4]["error"].splitlines()[1].partition(": ")[2]).is_file()
