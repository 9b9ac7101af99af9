# SPDX-License-Identifier: BSD-3-Clause
"""Snapshots and plain SQL of a stack whose database server is the registry's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.stack import Stack

from .test_cycle import marigold, shows_marigold

__all__ = ["marigold"]
pytestmark = pytest.mark.full


def lose(stack: Stack) -> None:
    """Lose what was uploaded, in the database."""
    stack.ask_database("DELETE FROM addons_upload; DELETE FROM addons_addon")


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_a_snapshot_comes_back(stack: Stack, marigold: str, state: str) -> None:
    if state == "stopped":
        stack.docker("compose", "stop")
    saved = stack.olympia("snapshot", "save", state)
    assert saved.code == 0, saved.output
    stack.up()
    lose(stack)
    restored = stack.olympia("snapshot", "restore", state)
    assert restored.code == 0, restored.output
    stack.up()
    assert shows_marigold(stack, marigold)


def test_its_own_export_comes_back(stack: Stack, marigold: str, tmp_path: Path) -> None:
    file = str(tmp_path / "olympia.sql.zst")
    exported = stack.olympia("data_export", file)
    assert exported.code == 0, exported.output
    lose(stack)
    restored = stack.olympia("data_restore", file)
    assert restored.code == 0, restored.output
    stack.up()
    assert shows_marigold(stack, marigold)


def test_a_night_saves_a_stopped_instance(stack: Stack) -> None:
    stack.docker("compose", "stop")
    night = stack.play("nightly")
    assert night.code == 0, night.output
    assert list((stack.state / "olympia/snapshots" / stack.instance).glob("auto-*-nightly"))
    stack.up()


def test_what_a_stopped_instance_held_comes_back_after_its_destruction(stack: Stack, marigold: str) -> None:
    stack.docker("compose", "stop")
    run = stack.olympia("destroy", "--yes")
    assert run.code == 0, run.output
    (saved,) = (stack.state / "olympia/snapshots" / stack.instance).glob("auto-*-destroy")
    stack.up()
    restored = stack.olympia("snapshot", "restore", saved.name)
    assert restored.code == 0, restored.output
    stack.up()
    assert shows_marigold(stack, marigold)
