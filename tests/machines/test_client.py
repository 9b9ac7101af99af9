# SPDX-License-Identifier: BSD-3-Clause
"""A docker client that sees less than its user does, as that of a snap."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.e2e.doctor import state

from .conftest import Commanded

pytestmark = pytest.mark.full
# It sees no hidden folder of the home directory.
CLIENT = """#!/bin/sh
exec unshare --mount sh -c '
    for folder in "$HOME"/.[a-z]*; do mount -t tmpfs none "$folder"; done
    cd "$PWD" && exec {docker} "$@"
' docker "$@"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return an empty home directory."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def confined(home: Path, tmp_path: Path) -> dict[str, str]:
    """Return the environment of somebody with such a client."""
    docker = tmp_path / "bin/docker"
    docker.parent.mkdir()
    docker.write_text(CLIENT.format(docker=shutil.which("docker")))
    docker.chmod(0o755)
    path = f"{docker.parent}{os.pathsep}{os.environ['PATH']}"
    # Relative, it is as good as none.
    return {"HOME": str(home), "PATH": path, "XDG_STATE_HOME": "none"}


@pytest.mark.parametrize("there", ["", ".local/state/olympia"])
def test_a_client_that_sees_no_hidden_folder_is_told_before_anything_is_made(
    stack: Commanded, home: Path, confined: dict[str, str], there: str
) -> None:
    (home / there).mkdir(parents=True, exist_ok=True)
    run = stack.make("up", "--check", **confined)
    assert run.code == 3, run.output
    assert f"the docker client cannot read the project directory {home}/.local/state/olympia" in run.output
    assert "XDG_STATE_HOME=$HOME/olympia-state" in run.output
    found, evidence = state(stack, "project-dir", **confined)
    assert (found, "cannot read" in evidence) == ("failed", True)
    assert not list(home.rglob("*olympia-*"))


def test_what_is_said_to_help_helps(stack: Commanded, home: Path, confined: dict[str, str]) -> None:
    elsewhere = confined | {"XDG_STATE_HOME": str(home / "olympia-state")}
    run = stack.make("up", "--check", **elsewhere)
    assert run.code == 0, run.output
    assert state(stack, "project-dir", **elsewhere)[0] == "ok"
