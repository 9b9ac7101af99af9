# SPDX-License-Identifier: BSD-3-Clause
"""Services that do not come up for what their machine or their source tree is like: the cause is what is told."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from tests.parts import ROOT

from .conftest import Commanded

pytestmark = pytest.mark.full
# Nobody else's on this machine.
UID = 424242
# Takes what a user may have of them, says so, and holds it.
TAKE_WATCHERS = """
import ctypes, os, sys
os.setgid({uid}); os.setuid({uid})
library = ctypes.CDLL(None)
while library.inotify_init() >= 0:
    pass
print("taken", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commanded]:
    """Return a stack with a source tree of its own, which nobody has brought up yet."""
    source = tmp_path_factory.mktemp("source") / "app"
    shutil.copytree(ROOT / "app", source)
    stack = Commanded(f"olympia-test-{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("state"), source=source)
    yield stack
    stack.destroy()


@pytest.fixture
def taken() -> Iterator[None]:
    """Let another program of the stack's user have all watchers."""
    command = [sys.executable, "-c", TAKE_WATCHERS.format(uid=UID)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "taken\n"
        yield
        process.communicate()


@pytest.mark.usefixtures("taken")
def test_watchers_that_are_used_up_are_the_cause(stack: Commanded) -> None:
    run = stack.make("up", f"HOST_UID={UID}", "WAIT_TIMEOUT=40")
    assert run.code == 5, run.output
    assert "The user's inotify watches are used up" in run.output
    assert "RELOAD=false" in run.output


def test_a_web_server_that_does_not_stay_up_has_the_last_word(stack: Commanded) -> None:
    assert stack.make("up", "WAIT_TIMEOUT=").code == 0
    module = stack.source / "src/olympia/lib/settings_base.py"
    sound = module.read_text()
    module.write_text(f"{sound}\nraise RuntimeError('broken on purpose')\n")
    assert stack.make("down").code == 0
    run = stack.make("up")
    assert run.code == 5, run.output
    assert "broken on purpose" in run.output
    assert "RuntimeError" in run.output
    module.write_text(sound)
    assert stack.make("up").code == 0


@pytest.fixture
def pruning() -> Iterator[None]:
    """Have the engine prune all the time, as other instances and people do now and then."""
    # Nothing has such a label.
    endless = ["sh", "-c", "while :; do docker image prune --force --filter label=olympia-test=prune; done"]
    loops = [
        subprocess.Popen(endless, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        for _number in range(4)
    ]
    yield
    for loop in loops:
        os.killpg(loop.pid, signal.SIGTERM)
        loop.wait()


@pytest.mark.usefixtures("pruning")
def test_somebody_else_who_prunes_ends_no_run(stack: Commanded) -> None:
    for _time in range(5):
        run = stack.make("down")
        assert run.code == 0, run.output
