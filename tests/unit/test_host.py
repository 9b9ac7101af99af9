# SPDX-License-Identifier: BSD-3-Clause
"""Looking at a host on which something is in the way."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.host import liveness, registry, trees
from ansible_collections.addons.olympia.plugins.module_utils.host.process import run


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[str]:
    """Return the socket of an engine that takes connections and answers none."""
    path = str(tmp_path / "docker.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        yield path


def test_an_engine_that_takes_connections_and_answers_none_is_told(silent: str) -> None:
    assert "dockerd" in liveness.hanging_engine(silent, timeout=1)
    assert liveness.hanging_engine(f"{silent}.none") == ""


def test_a_command_that_waits_for_a_silent_engine_is_ended(silent: str, tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\nexec sleep 600\n")
    docker.chmod(0o755)
    with (
        subprocess.Popen([docker, "ps"]) as process,
        liveness.watched(process, lambda _command: (0, f"unix://{silent}\n", ""), pause=0.1, timeout=1) as gave_up,
    ):
        assert process.wait(60) == -signal.SIGKILL
    (said,) = gave_up
    assert "does not answer within 1 seconds" in said


def test_a_program_in_a_folder_that_may_not_be_searched_is_a_missing_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "git").write_text("")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(["git", "status"])[0] == 127


def test_files_for_their_owner_alone_and_with_windows_line_ends_are_found(tmp_path: Path) -> None:
    (tmp_path / "tight").write_text("a\n")
    (tmp_path / "tight").chmod(0o600)
    (tmp_path / "windows").write_bytes(b"a\r\n")
    names = ("tight", "windows", "missing")
    assert trees.unreadable_for_others(tmp_path, names) == ["tight has mode 0600"]
    assert trees.with_carriage_returns(tmp_path, names) == ["windows"]


def test_of_an_engine_elsewhere_the_client_asks_the_registry() -> None:
    def run(arguments: list[str]) -> tuple[int, str, str]:
        return (0, "tcp://engine.test:2376", "") if "context" in arguments else (1, "", "429 Too Many Requests")

    assert registry.ask(run, "memcached:1").kind in registry.SPOKEN
