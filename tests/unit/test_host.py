# SPDX-License-Identifier: BSD-3-Clause
"""Looking at a host on which something is in the way."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.module_utils import host, registry


def test_an_engine_that_takes_connections_and_answers_none_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "ENGINE_TIMEOUT", 1)
    path = str(tmp_path / "docker.sock")
    assert host.hanging_engine(path) == ""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        assert "dockerd" in host.hanging_engine(path)


def test_a_program_in_a_folder_that_may_not_be_searched_is_a_missing_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "git").write_text("")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert host.run(["git", "status"])[0] == 127


def test_files_for_their_owner_alone_and_with_windows_line_ends_are_found(tmp_path: Path) -> None:
    (tmp_path / "tight").write_text("a\n")
    (tmp_path / "tight").chmod(0o600)
    (tmp_path / "windows").write_bytes(b"a\r\n")
    names = ("tight", "windows", "missing")
    assert host.unreadable_for_others(tmp_path, names) == ["tight has mode 0600"]
    assert host.with_carriage_returns(tmp_path, names) == ["windows"]


def test_of_an_engine_elsewhere_the_client_asks_the_registry() -> None:
    def run(arguments: list[str]) -> tuple[int, str, str]:
        return (0, "tcp://engine.test:2376", "") if "context" in arguments else (1, "", "429 Too Many Requests")

    assert host.registry_answer(run, "memcached:1").kind in registry.SPOKEN
