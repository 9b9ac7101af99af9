# SPDX-License-Identifier: BSD-3-Clause
"""The clone of a repository is somebody's place of work: nothing in it gets lost, and nothing in it ends a run."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts import ROOT

from .conftest import Commanded

pytestmark = pytest.mark.full


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder; it must succeed. Return its output."""
    identity = ["-c", "user.name=tests", "-c", "user.email=tests@example.org"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], text=True, capture_output=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository that has the embedded application."""
    folder = tmp_path_factory.mktemp("repository") / "addons"
    shutil.copytree(ROOT / "app", folder)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=one")
    return folder


@pytest.fixture(scope="module")
def stack(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commanded]:
    """Return a stack on a clone of the repository, which runs."""
    stack = Commanded(f"olympia-test-{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("state"))
    first = stack.olympia("up", f"HTTP_PORT={stack.port}", f"SOURCE_REPO={repository}", "IMAGE_ORIGIN=packages")
    assert first.code == 0, first.output
    yield stack
    stack.destroy()


def test_what_the_repository_has_is_what_runs(stack: Commanded, repository: Path) -> None:
    (repository / "news.txt").write_text("two")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message=two")
    run = stack.olympia("up")
    assert run.code == 0, run.output
    assert (stack.project / "source/news.txt").read_text() == "two"
    assert "is built as it is" not in run.output


def test_an_edit_and_a_commit_stay_and_are_built(stack: Commanded, repository: Path) -> None:
    source = stack.project / "source"
    (source / "manage.py").write_text((source / "manage.py").read_text() + "# mine\n")
    edited = stack.olympia("up")
    assert edited.code == 0, edited.output
    assert "is built as it is: it has changes that are not committed" in " ".join(edited.output.split())
    git(source, "commit", "--quiet", "--all", "--message=mine")
    committed = stack.olympia("up")
    assert committed.code == 0, committed.output
    assert "is built as it is: it has commits of its own" in " ".join(committed.output.split())
    assert git(source, "log", "--format=%s", "--max-count=1") == "mine"
    assert (source / "manage.py").read_text().endswith("# mine\n")
    assert stack.olympia("up").changed == 0


def test_a_tree_in_a_folder_with_letters_beyond_ascii_is_built(tmp_path: Path) -> None:
    source = tmp_path / "größe app"
    shutil.copytree(ROOT / "app", source)
    stack = Commanded(f"olympia-test-{uuid.uuid4().hex[:8]}", tmp_path / "state", source=source)
    try:
        run = stack.make("build")
        assert run.code == 0, run.output
    finally:
        stack.destroy()
