# SPDX-License-Identifier: BSD-3-Clause
"""What `up` refuses before it changes anything, with the setting's name and the way out."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .stack import Stack

FULL = pytest.mark.full


@pytest.fixture
def stack(make_stack: Callable[..., Stack]) -> Stack:
    """Return an instance that was never brought up."""
    return make_stack()


@pytest.fixture
def taken_port() -> Iterator[int]:
    """Return a port that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def refusal(stack: Stack, **settings: Any) -> str:
    """Bring a stack up that must be refused, and return what was said, in one line."""
    before = sorted(stack.project.rglob("*"))
    run = stack.play("up", **settings)
    assert run.code != 0, run.output
    assert run.changed == 0
    assert "Traceback" not in run.output
    assert sorted(stack.project.rglob("*")) == before
    assert stack.docker("volume", "ls", "--quiet", "--filter", f"name=^{stack.instance}_") == ""
    return " ".join(run.output.split())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({"hsot_uid": "1000"}, "olympia_stack_hsot_uid is not a setting", marks=FULL),
        pytest.param({"hsot_uid": "1000"}, "Did you mean olympia_stack_host_uid?", marks=FULL),
        pytest.param({"debug": "perhaps"}, "olympia_stack_debug has a value that it does not accept", marks=FULL),
        pytest.param({"target": "produktion"}, "olympia_stack_target has a value that it does not accept", marks=FULL),
        ({"source_dir": "/no/such/tree"}, "/no/such/tree is not an addons-server source tree"),
        pytest.param(
            {"compose_file": "docker-compose.yml:mine.yml"},
            "COMPOSE_FILE names mine.yml, which does not exist",
            marks=FULL,
        ),
        pytest.param({"host_uid": "-3"}, "'-3' is not a UID", marks=FULL),
        pytest.param({"min_memory_mb": 10**9}, "this host has too little memory", marks=FULL),
        pytest.param({"min_disk_mb": 10**9}, "too little disk space", marks=FULL),
    ],
)
def test_bad_settings_and_unfit_hosts(stack: Stack, settings: dict[str, Any], words: str) -> None:
    assert words in refusal(stack, **settings)


def test_a_taken_port(stack: Stack, taken_port: int) -> None:
    said = refusal(stack, http_port=taken_port)
    assert f"port {taken_port} is taken [olympia_stack_http_port]" in said


def test_everything_is_said_at_once(stack: Stack, taken_port: int) -> None:
    said = refusal(
        stack, http_port=taken_port, min_memory_mb=10**9, debug="perhaps", source_dir="/no/such/tree", typo=1
    )
    assert "5 problems, nothing was changed" in said


def test_a_hand_written_file_is_left_alone(stack: Stack) -> None:
    mine = stack.project / "docker-compose.yml"
    mine.parent.mkdir(parents=True)
    mine.write_text("services: {}\n")
    assert "was not written by this collection" in refusal(stack)
    assert mine.read_text() == "services: {}\n"


@pytest.mark.parametrize(
    "content", ["# managed by addons.olympia\nFOO=1\n<<<<<<< mine\n", "# managed by addons.olympia\nA='open\n"]
)
def test_a_broken_env_file_is_named_by_line(stack: Stack, content: str) -> None:
    env = stack.project / ".env"
    env.parent.mkdir(parents=True)
    env.write_text(content)
    said = refusal(stack)
    assert ".env cannot be read" in said
    assert "line" in said
    assert env.read_text() == content
