# SPDX-License-Identifier: BSD-3-Clause
"""Snapshots and plain SQL of a stack whose database server is the registry's."""

from __future__ import annotations

import re

import pytest

from tests.e2e.stack import Stack

from .test_cycle import marigold, shows_marigold

__all__ = ["marigold"]
pytestmark = pytest.mark.full


def lose(stack: Stack) -> None:
    """Lose what was uploaded, in the database."""
    statement = "DELETE FROM addons_upload; DELETE FROM addons_addon"
    stack.inside("mysqld", "sh", "-c", 'MYSQL_PWD=$MYSQL_ROOT_PASSWORD mysql -uroot olympia -e "$0"', statement)


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


def test_its_own_export_comes_back(stack: Stack, marigold: str) -> None:
    exported = stack.olympia("data_export")
    assert exported.code == 0, exported.output
    file = re.search(r"\S+\.sql\S*", exported.output)
    assert file, exported.output
    lose(stack)
    restored = stack.olympia("data_restore", file[0].rstrip(".,"))
    assert restored.code == 0, restored.output
    stack.up()
    assert shows_marigold(stack, marigold)


def test_a_night_saves_a_stopped_instance(stack: Stack) -> None:
    stack.docker("compose", "stop")
    night = stack.play("nightly")
    assert night.code == 0, night.output
    assert list((stack.state / "olympia/snapshots" / stack.instance).glob("auto-*-nightly"))
    stack.up()


def test_destroy_saves_a_stopped_instance_first(stack: Stack) -> None:
    stack.docker("compose", "stop")
    run = stack.olympia("destroy", "--yes")
    assert run.code == 0, run.output
    assert list((stack.state / "olympia/snapshots" / stack.instance).glob("auto-*-destroy"))
