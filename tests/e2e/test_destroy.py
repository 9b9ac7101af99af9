# SPDX-License-Identifier: BSD-3-Clause
"""Destroying an instance: what is asked first, what goes, and what stays."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .stack import ROOT, SERVICES, Stack


def instance_volumes(stack: Stack) -> list[str]:
    """Return the volumes whose names begin as the instance does."""
    return stack.docker("volume", "ls", "--quiet", "--filter", f"name=^{stack.instance}_").split()


def test_destroy_without_a_terminal_wants_a_yes(stack: Stack) -> None:
    run = stack.olympia("destroy")
    assert run.code == 2, run.output
    assert f"{stack.instance}_data_mysqld" in run.output
    assert "--yes confirms in advance" in run.output
    assert stack.healthy() == SERVICES


@pytest.mark.full
def test_destroy_asks_for_the_name(stack: Stack) -> None:
    terminal, other_end = os.openpty()
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("olympia")), "destroy", f"INSTANCE={stack.instance}"],
        cwd=ROOT, env=stack.environment, text=True,
        stdin=other_end, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    os.write(terminal, b"something else\n")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 2
    assert f"Type {stack.instance} to destroy it" in output
    assert "Nothing was destroyed" in output
    assert stack.healthy() == SERVICES


def test_destroy_leaves_what_only_has_the_instances_name(make_stack: Callable[..., Stack]) -> None:
    # As addons-server's own Compose project may have left it.
    other = make_stack()
    theirs = [f"{other.instance}_data_mysqld", f"{other.instance}_data_redis"]
    other.docker("volume", "create", theirs[0])
    other.docker("volume", "create", f"--label=com.docker.compose.project={other.instance}", theirs[1])
    run = other.olympia("destroy", "--yes")
    assert (run.code, "nothing to remove" in run.output) == (0, True), run.output
    assert instance_volumes(other) == theirs


def test_destroy_refuses_where_the_project_is_also_somebody_elses(
    make_stack: Callable[..., Stack], tmp_path: Path, stack: Stack
) -> None:
    other = make_stack()
    image = next(
        name
        for name in stack.docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
        if name.startswith("olympia/memcached:")
    )
    (tmp_path / "compose.yml").write_text(f"services: {{own: {{image: '{image}'}}}}\n")
    compose = ["docker", "compose", "--project-name", other.instance]
    subprocess.run([*compose, "up", "--detach"], cwd=tmp_path, check=True, capture_output=True)
    try:
        run = other.olympia("destroy", "--yes")
        assert run.code == 3, run.output
        assert str(tmp_path) in run.output
        assert subprocess.run([*compose, "ps", "-q"], cwd=tmp_path, check=True, capture_output=True).stdout
    finally:
        subprocess.run([*compose, "down"], cwd=tmp_path, check=True, capture_output=True)


# Last: the other tests share the stack.
def test_destroy_takes_everything_of_the_instance_and_nothing_else(
    stack: Stack, make_stack: Callable[..., Stack]
) -> None:
    other = make_stack()
    other.docker("volume", "create", f"{stack.instance}_data_mysqld_of_mine")
    own = stack.project / "docker-compose.override.yml"
    own.write_text("services: {}\n")
    listed = stack.olympia("destroy", "--check")
    assert listed.code == 0, listed.output
    assert stack.healthy() == SERVICES
    run = stack.olympia("destroy", "--yes")
    assert run.code == 0, run.output
    everything = ["--all", "--quiet", "--filter", f"label=com.docker.compose.project={stack.instance}"]
    assert stack.docker("ps", *everything) == ""
    assert instance_volumes(stack) == [f"{stack.instance}_data_mysqld_of_mine"]
    assert stack.docker("image", "ls", "--quiet", "--filter", f"label=addons.olympia.instance={stack.instance}") == ""
    assert stack.docker("network", "ls", "--quiet", "--filter", f"name=^{stack.instance}_") == ""
    assert [path.name for path in stack.project.iterdir()] == [own.name]
    own.unlink()
    again = stack.olympia("destroy", "--yes")
    assert (again.code, "nothing to remove" in again.output) == (0, True)
