# SPDX-License-Identifier: BSD-3-Clause
"""What `destroy` takes from a project directory, and what it leaves there."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.modules.instance_destroy import made_files, other_files, remove_files

RENDERED = [".env", "docker-compose.yml", "image/build.sh"]


def fill(directory: Path, *names: str) -> None:
    """Make files."""
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).touch()


def left(directory: Path) -> set[str]:
    """Return the files that there are."""
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}


def test_an_instance_goes_with_its_directory(tmp_path: Path) -> None:
    project = tmp_path / "two"
    fill(project, *RENDERED, ".initialized.json", "deps/.image", "deps/lib/x.py", "test-results/junit.xml")
    ours = made_files(project, RENDERED)
    assert other_files(project, ours) == []
    remove_files(project, ours)
    assert not project.exists()
    assert tmp_path.exists()


def test_the_users_own_files_stay(tmp_path: Path) -> None:
    own = ["docker-compose.override.yml", "image/notes.txt", "source/a/b.py", "deps/mine.py"]
    fill(tmp_path, *RENDERED, *own)
    ours = made_files(tmp_path, RENDERED)
    assert sorted(other_files(tmp_path, ours)) == ["deps", "docker-compose.override.yml", "image/notes.txt", "source"]
    remove_files(tmp_path, ours)
    assert left(tmp_path) == set(own)


def test_a_directory_without_a_rendered_file_is_not_the_provisioners(tmp_path: Path) -> None:
    fill(tmp_path, "deps/.image", "test-results/x", "build-metadata.json")
    assert made_files(tmp_path, []) == []


def test_there_need_not_be_a_directory(tmp_path: Path) -> None:
    assert other_files(tmp_path / "none", made_files(tmp_path / "none", [])) == []
    remove_files(tmp_path / "none", [])


@pytest.mark.parametrize("name", ["deps", ".env"])
def test_what_a_link_leads_to_stays(tmp_path: Path, name: str) -> None:
    fill(tmp_path, "elsewhere/.image")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / name).symlink_to(tmp_path / "elsewhere")
    remove_files(tmp_path / "project", [name])
    assert left(tmp_path) == {"elsewhere/.image"}
