# SPDX-License-Identifier: BSD-3-Clause
"""Two users of one engine, each with a project directory of their own, and one name for an instance."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.stack import Run

from .conftest import Commanded


def directory_of(stack: Commanded) -> str:
    """Return the directory that the instance's web server runs from."""
    label = '{{ index .Config.Labels "com.docker.compose.project.working_dir" }}'
    return docker("inspect", f"{stack.instance}-web-1", "--format", label)


def docker(*arguments: str) -> str:
    """Run a docker command, which must succeed, and return its output."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def other(stack: Commanded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commanded]:
    """Return the same instance as another user has it, who never brought it up."""
    other = replace(stack, state=tmp_path_factory.mktemp("other"))
    yield other
    other.destroy()


def refused(run: Run, owner: Path) -> None:
    """See that a run was refused, and why."""
    assert run.code == 3, run.output
    assert "belongs to another project directory" in run.output
    assert str(owner) in run.output


def test_an_instance_is_one_users_until_another_one_adopts_it(stack: Commanded, other: Commanded) -> None:
    assert stack.make("up").code == 0
    started = docker("inspect", f"{stack.instance}-web-1", "--format", "{{ .State.StartedAt }}")
    for verb in (("up",), ("down",), ("build",), ("init",), ("destroy", "--yes")):
        refused(other.make(*verb), stack.project)
    assert docker("inspect", f"{stack.instance}-web-1", "--format", "{{ .State.StartedAt }}") == started

    # Without containers, too.
    assert stack.make("down").code == 0
    refused(other.make("up"), stack.project)
    assert other.make("doctor", "owner").output.startswith("failed    owner")

    assert other.make("up", "--adopt").code == 0
    assert directory_of(other) == str(other.project)
    # What the database was made with.
    assert other.secrets == stack.secrets
    assert other.make("up").changed == 0
    refused(stack.make("up"), other.project)
    refused(stack.make("down"), other.project)

    # From a running one.
    assert stack.make("up", "--adopt").code == 0
    assert directory_of(stack) == str(stack.project)
    assert stack.make("up").changed == 0


@pytest.mark.full
def test_an_instance_of_a_release_without_owners_is_its_project_directorys(stack: Commanded, tmp_path: Path) -> None:
    other = replace(stack, state=tmp_path)
    assert stack.make("up").code == 0
    docker("volume", "rm", f"{stack.instance}_owner")
    refused(other.make("up"), stack.project)
    assert stack.make("down").code == 0
    docker("volume", "rm", "--force", f"{stack.instance}_owner")
    run = other.make("up")
    assert (run.code, "a database volume for the instance" in run.output) == (3, True)
    assert stack.make("up").code == 0
    refused(other.make("up"), stack.project)
