# SPDX-License-Identifier: BSD-3-Clause
"""The driver on a terminal: a real one, as programs see it, in a temporary root with playbooks of its own."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import struct
import termios
from pathlib import Path

import pytest
from tests.unit.test_driver_artifacts import checkout, phases
from tests.unit.test_driver_run import Checkout, wait_for

__all__ = ["checkout"]

SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7][0-9;]*m")


def on_terminal(
    checkout: Checkout, *arguments: str, columns: int = 80, term: str = "xterm", no_colour: str = ""
) -> tuple[int, str]:
    """Run `olympia` with its output on a terminal; its code, and all that was written there."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = checkout.start(*arguments, stdout=theirs, TERM=term, NO_COLOR=no_colour, LC_ALL="C.UTF-8")
    os.close(theirs)
    written = b""
    # Once nobody has the other end any more, reading fails.
    with contextlib.suppress(OSError):
        while data := os.read(ours, 65536):
            written += data
    os.close(ours)
    process.communicate()
    return process.returncode, written.decode().replace("\r\n", "\n")


def frames(written: str) -> list[list[str]]:
    """Return what was drawn, redrawing after redrawing, without colours."""
    # Before each the cursor goes back to the first line.
    return [SEQUENCE.sub("", frame).splitlines() for frame in re.split(r"(?:\x1b\[2K|\x1b\[1A|\r)+", written)]


def test_phases_are_drawn_with_their_times_in_place_of_ansibles_lines(checkout: Checkout) -> None:
    phases(
        checkout,
        build="- ansible.builtin.command: echo built\n",
        start="- ansible.builtin.debug: {msg: at your service}\n",
    )
    code, written = on_terminal(checkout, "up")
    assert code == 0, written
    assert "TASK [" not in written
    assert "at your service" in written
    last = SEQUENCE.sub("", written).splitlines()[-2:]
    assert [re.sub(r"[\d.]+ s$", "N", re.sub(" +", " ", line)) for line in last] == ["✓ build N", "✓ start N"]


def test_what_a_module_tells_is_drawn_while_it_runs(checkout: Checkout) -> None:
    tell = (
        "import json, os, time, pathlib; file = open(os.environ['OLYMPIA_PROGRESS'], 'a'); "
        "event = dict(kind='step', name='[base 1/2] RUN make', host='localhost', state='running', seconds=0); "
        "print(json.dumps(event), file=file, flush=True); "
        "[time.sleep(0.05) for _ in range(1000) if not pathlib.Path('seen').exists()]"
    )
    phases(checkout, build=f'- ansible.builtin.command: {{argv: [python3, -c, "{tell}"], chdir: "{checkout.path}"}}\n')
    ours, theirs = os.openpty()
    process = checkout.start("up", stdout=theirs, TERM="xterm", LC_ALL="C.UTF-8")
    os.close(theirs)
    written = b""
    with contextlib.suppress(OSError):
        while data := os.read(ours, 65536):
            written += data
            if b"[base 1/2] RUN make" in written:
                (checkout.path / "seen").touch()
    os.close(ours)
    process.communicate()
    assert process.returncode == 0, written
    assert (checkout.path / "seen").exists()


def test_a_failure_is_told_above_the_drawing(checkout: Checkout) -> None:
    phases(checkout, build="- ansible.builtin.fail: {msg: no luck today}\n")
    code, written = on_terminal(checkout, "up")
    plain = SEQUENCE.sub("", written)
    assert code != 0
    assert "build failed on localhost" in plain
    assert "no luck today" in plain
    assert plain.splitlines()[-1].startswith("✗ build")


@pytest.mark.parametrize(
    ("arguments", "term"),
    [(["--plain"], "xterm"), (["-v"], "xterm"), (["--check"], "xterm"), (["--diff"], "xterm"), ([], "dumb")],
)
def test_who_asks_for_lines_gets_ansibles_own(checkout: Checkout, arguments: list[str], term: str) -> None:
    phases(checkout, build="- ansible.builtin.command: echo built\n")
    code, written = on_terminal(checkout, "up", *arguments, term=term)
    assert code == 0, written
    assert "TASK [" in written


def test_no_colour_where_none_is_wanted(checkout: Checkout) -> None:
    phases(checkout, build="- ansible.builtin.command: echo built\n")
    assert COLOUR.search(on_terminal(checkout, "up")[1])
    assert not COLOUR.search(on_terminal(checkout, "up", no_colour="1")[1])


@pytest.mark.parametrize("columns", [30, 80])
def test_no_line_is_longer_than_the_terminal_is_wide(checkout: Checkout, columns: int) -> None:
    phases(
        checkout,
        build="- name: A task with a name that is longer than any narrow terminal is wide\n  ansible.builtin.command: sleep 0.5\n",
    )
    code, written = on_terminal(checkout, "up", columns=columns)
    assert code == 0
    lines = [line for frame in frames(written) for line in frame]
    assert any("build" in line for line in lines)
    assert [line for line in lines if len(line) > columns] == []


def test_programs_get_an_event_a_line(checkout: Checkout) -> None:
    phases(checkout, build="- name: Try\n  ansible.builtin.fail: {msg: no luck today}\n")
    code, output, _errors = checkout.run("up", "--json")
    events = [json.loads(line) for line in output.splitlines()]
    assert [event["event"] for event in events] == ["begin", "phase", "task", "failure", "end"]
    assert (events[0]["schema"], events[0]["verb"]) == (1, "up")
    assert (events[2]["phase"], events[2]["task"], events[2]["status"]) == ("build", "Try", "failed")
    assert events[3]["message"] == "no luck today"
    assert (events[4]["result"], events[4]["exit_code"]) == ("failed", code)
    assert Path(events[4]["error"].splitlines()[1].partition(": ")[2]).is_file()


def test_a_run_goes_on_when_its_terminal_is_gone(checkout: Checkout) -> None:
    begun, go_on = checkout.path / "begun", checkout.path / "go-on"
    wait = f"touch {begun}; while ! test -e {go_on}; do sleep 0.05; done"
    phases(
        checkout, build=f"- ansible.builtin.shell: {wait}\n", start="- ansible.builtin.debug: {msg: at your service}\n"
    )
    ours, theirs = os.openpty()
    process = checkout.start("up", stdout=theirs, TERM="xterm")
    os.close(theirs)
    wait_for(begun.exists, "the task has started")
    os.close(ours)
    go_on.touch()
    assert process.stderr
    errors = process.stderr.read()
    assert (process.wait(), errors) == (0, "")
    (run,) = checkout.runs()
    assert json.loads((run / "record.json").read_text())["result"] == "done"
