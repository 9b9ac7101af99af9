# SPDX-License-Identifier: BSD-3-Clause
"""A clone that people work in: it is moved on where nothing gets lost, and left alone where something would."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem
from ansible_collections.addons.olympia.plugins.modules.source_checkout import CHOSEN, Clone


class Repository:
    """A repository with the branches `main` and `next` and the tag `v1`."""

    def __init__(self, folder: Path) -> None:
        """Make it.

        Args:
            folder: Where.
        """
        self.path = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("one")
        self.git("tag", "v1")
        self.git("branch", "next")

    def git(self, *arguments: str) -> str:
        """Run git in it; it must succeed."""
        identity = ["-c", "user.name=tests", "-c", "user.email=tests@example.org"]
        done = subprocess.run(
            ["git", "-C", str(self.path), *identity, *arguments], text=True, capture_output=True, check=True
        )
        return done.stdout.strip()

    def commit(self, text: str) -> str:
        """Give its file another content, and return the commit."""
        (self.path / "file").write_text(text)
        self.git("add", "file")
        self.git("commit", "--quiet", f"--message={text}")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return the repository."""
    return Repository(tmp_path / "repository")


@pytest.fixture
def clone(repository: Repository, tmp_path: Path) -> Clone:
    """Return a clone of its default branch."""
    clone = Clone(tmp_path / "clone")
    clone.clone(str(repository.path), "HEAD")
    return clone


def content(clone: Clone) -> str:
    """Return what the clone's file holds."""
    return (clone.dest / "file").read_text()


def commit(clone: Clone, text: str) -> None:
    """Commit something in the clone, as a developer does."""
    (clone.dest / "file").write_text(text)
    subprocess.run(
        ["git", "-C", clone.dest, "-c", "user.name=me", "-c", "user.email=me@example.org", "commit", "-qam", text],
        check=True,
    )


def test_a_clean_clone_is_moved_on(repository: Repository, clone: Clone) -> None:
    repository.commit("two")
    assert clone.update(str(repository.path), "HEAD") == ""
    assert content(clone) == "two"


def test_a_plan_says_what_a_run_does_and_fetches_nothing(repository: Repository, clone: Clone) -> None:
    address = str(repository.path)
    assert clone.plan(address, "HEAD") == ("", False)
    repository.commit("two")
    before = clone.git("show-ref")
    assert clone.plan(address, "HEAD") == clone.plan(address, "main") == ("", True)
    assert clone.plan(address, "next") == clone.plan(address, "v1") == ("", False), "they are where it is"
    assert (clone.git("show-ref"), content(clone)) == (before, "one")
    repository.git("branch", "newer")
    assert clone.plan(address, "newer") == ("", True)
    commit(clone, "mine")
    assert clone.plan(address, "HEAD") == (clone.update(address, "HEAD"), False) == ("it has commits of its own", False)
    (clone.dest / "file").write_text("edited")
    assert clone.plan(address, "HEAD") == (clone.update(address, "HEAD"), False)


def test_one_of_a_release_before_is_moved_on(repository: Repository, clone: Clone) -> None:
    clone.git("config", "--unset", CHOSEN)
    repository.commit("two")
    assert clone.update(str(repository.path), "HEAD") == ""
    assert content(clone) == "two"


def test_an_edit_stays(repository: Repository, clone: Clone) -> None:
    repository.commit("two")
    (clone.dest / "file").write_text("mine")
    assert clone.update(str(repository.path), "HEAD") == "it has changes that are not committed"
    assert content(clone) == "mine"


def test_a_commit_stays(repository: Repository, clone: Clone) -> None:
    repository.commit("two")
    commit(clone, "mine")
    assert clone.update(str(repository.path), "HEAD") == "it has commits of its own"
    assert content(clone) == "mine"


def test_a_file_that_git_does_not_track_stays(repository: Repository, clone: Clone) -> None:
    (repository.path / "new").write_text("theirs")
    repository.git("add", "new")
    repository.commit("two")
    (clone.dest / "new").write_text("mine")
    assert "would be overwritten" in clone.update(str(repository.path), "HEAD")
    assert (clone.dest / "new").read_text() == "mine"
    (clone.dest / "new").unlink()
    (clone.dest / "other").write_text("mine")
    assert clone.update(str(repository.path), "HEAD") == ""
    assert (content(clone), (clone.dest / "other").read_text()) == ("two", "mine")


def test_a_branch_that_somebody_has_chosen_stays(repository: Repository, clone: Clone) -> None:
    clone.git("checkout", "--quiet", "-b", "feature")
    assert clone.update(str(repository.path), "HEAD") == "it is on feature and not on main"
    assert clone.git("branch", "--show-current") == "feature"
    assert "it is on feature" in clone.update(str(repository.path), "next")


def test_another_version_of_the_setting_is_checked_out(repository: Repository, clone: Clone) -> None:
    repository.git("checkout", "--quiet", "next")
    repository.commit("of next")
    repository.git("checkout", "--quiet", "main")
    repository.commit("two")
    for version, expected in (
        ("next", "of next"),
        ("v1", "one"),
        ("main", "two"),
        (repository.git("rev-parse", "v1"), "one"),
    ):
        assert clone.update(str(repository.path), version) == ""
        assert content(clone) == expected
        # Nothing to do the second time.
        assert clone.update(str(repository.path), version) == ""


def test_a_branch_that_was_rewritten_is_left_to_people(repository: Repository, clone: Clone) -> None:
    repository.commit("two")
    assert clone.update(str(repository.path), "HEAD") == ""
    repository.git("reset", "--quiet", "--hard", "v1")
    repository.commit("three")
    assert clone.update(str(repository.path), "HEAD") == "it has commits of its own"
    assert content(clone) == "two"


def test_a_repository_out_of_reach_does_not_end_a_run(repository: Repository, clone: Clone) -> None:
    repository.path.rename(repository.path.with_name("gone"))
    assert clone.update(str(repository.path), "HEAD").startswith("the repository does not answer: ")
    assert content(clone) == "one"


def test_a_clone_of_another_repository_stays(repository: Repository, clone: Clone, tmp_path: Path) -> None:
    other = Repository(tmp_path / "other")
    assert clone.update(str(other.path), "HEAD") == f"it is not a clone of {other.path}"
    secret = "https://me:swordfish@git.example.org/fork"
    assert clone.update(secret, "HEAD") == "it is not a clone of https://git.example.org/fork"


def test_half_a_clone_is_not_left_behind(repository: Repository, tmp_path: Path) -> None:
    clone = Clone(tmp_path / "clone")
    with pytest.raises(Problem, match="nowhere"):
        clone.clone(str(repository.path), "nowhere")
    assert not clone.dest.exists()
