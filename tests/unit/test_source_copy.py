# SPDX-License-Identifier: BSD-3-Clause
"""A copied source tree that people work in: what they have changed stays, what they have not is kept current."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.core.checksums import read_list, sum_of
from ansible_collections.addons.olympia.plugins.module_utils.core.files import write
from ansible_collections.addons.olympia.plugins.modules import source_copy
from ansible_collections.addons.olympia.plugins.plugin_utils.rendering.app_source import copied

OLD = {"manage.py": "one\n", "src/a.py": "one\n", "src/b.py": "one\n"}
NEW = {"manage.py": "two\n", "src/a.py": "two\n", "src/b.py": "two\n", "src/c.py": "two\n"}
BASELINE = Path(__file__).parents[2] / "roles/olympia_stack/files/source-0.2.sha256"


def as_files(contents: dict[str, str]) -> dict[str, dict[str, str]]:
    """Return contents as the module takes them."""
    return {name: {"content": content, "mode": "0644"} for name, content in contents.items()}


class Copy:
    """A copy of a source tree on a host."""

    def __init__(self, path: Path, run_module: Callable[..., dict[str, Any]]) -> None:
        """Name it.

        Args:
            path: Its folder.
            run_module: Runs a module.
        """
        self.path = path
        self.record = path.with_name("source.sha256")
        self._run_module = run_module

    def update(self, contents: dict[str, str], **arguments: Any) -> dict[str, Any]:
        """Run the module, and return its result."""
        return self._run_module(source_copy.main, directory=str(self.path), files=as_files(contents), **arguments)

    def contents(self) -> dict[str, str]:
        """Return the content of each file by path."""
        return {
            path.relative_to(self.path).as_posix(): path.read_text()
            for path in self.path.rglob("*")
            if path.is_file() and not path.is_symlink()
        }


@pytest.fixture
def copy(tmp_path: Path, run_module: Callable[..., dict[str, Any]]) -> Copy:
    """Return a copy of the old tree."""
    copy = Copy(tmp_path / "project/source", run_module)
    first = copy.update(OLD)
    assert (first["changed"], sorted(first["files"]), first["kept"]) == (True, sorted(OLD), [])
    return copy


def test_what_nobody_has_changed_is_updated(copy: Copy) -> None:
    assert copy.contents() == OLD
    assert not copy.update(OLD)["changed"]
    assert copy.update(NEW)["kept"] == []
    assert copy.contents() == NEW
    assert not copy.update(NEW)["changed"]


def test_what_somebody_has_changed_stays_and_is_named(copy: Copy) -> None:
    (copy.path / "src/a.py").write_text("mine\n")
    (copy.path / "src/mine.py").write_text("mine\n")
    for _time in range(2):
        assert copy.update(NEW)["kept"] == ["src/a.py"]
        assert copy.contents() == NEW | {"src/a.py": "mine\n", "src/mine.py": "mine\n"}
    assert not copy.update(NEW)["changed"]


def test_an_edit_stays_over_many_updates_and_one_that_is_taken_back_does_not(copy: Copy) -> None:
    (copy.path / "src/a.py").write_text("mine\n")
    copy.update(NEW)
    newest = dict.fromkeys(NEW, "three\n")
    assert copy.update(newest)["kept"] == ["src/a.py"]
    (copy.path / "src/a.py").write_text(OLD["src/a.py"])
    assert copy.update(newest)["kept"] == []
    assert copy.contents() == newest


def test_what_is_moved_away_is_copied_again(copy: Copy) -> None:
    (copy.path / "src/a.py").write_text("mine\n")
    copy.update(NEW)
    (copy.path / "src/a.py").rename(copy.path.parent / "a.py")
    assert copy.update(NEW)["files"] == ["src/a.py"]
    assert copy.contents() == NEW
    assert (copy.path.parent / "a.py").read_text() == "mine\n"


def test_what_is_a_link_or_a_folder_now_stays(copy: Copy, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (copy.path / "src").rename(elsewhere)
    (copy.path / "src").symlink_to(elsewhere)
    (copy.path / "manage.py").unlink()
    (copy.path / "manage.py").mkdir()
    assert sorted(copy.update(NEW)["kept"]) == sorted(NEW)
    assert {path.name: path.read_text() for path in elsewhere.iterdir()} == {"a.py": "one\n", "b.py": "one\n"}
    (copy.path / "manage.py").rmdir()
    (copy.path / "manage.py").symlink_to("nowhere")
    assert "manage.py" in copy.update(NEW)["kept"]
    assert (copy.path / "manage.py").is_symlink()


def test_without_a_record_only_what_releases_have_copied_is_ours(copy: Copy) -> None:
    copy.record.unlink()
    (copy.path / "src/a.py").write_text("mine\n")
    earlier = "# Of two releases.\n" + "".join(
        f"{sum_of(content.encode())}  {name}\n" for name in OLD for content in ("zero\n", "one\n")
    )
    (copy.path / "src/b.py").write_text("zero\n")
    assert copy.update(NEW, earlier=earlier)["kept"] == ["src/a.py"]
    assert copy.contents() == NEW | {"src/a.py": "mine\n"}


def test_without_a_record_and_releases_everything_else_is_somebodys(copy: Copy) -> None:
    copy.record.unlink()
    (copy.path / "src/a.py").write_text(NEW["src/a.py"])
    assert sorted(copy.update(NEW)["kept"]) == ["manage.py", "src/b.py"]


def test_a_plan_changes_nothing(copy: Copy) -> None:
    (copy.path / "src/a.py").write_text("mine\n")
    record = copy.record.read_text()
    planned = copy.update(NEW, check=True)
    assert (planned["changed"], planned["kept"]) == (True, ["src/a.py"])
    assert copy.contents() == OLD | {"src/a.py": "mine\n"}
    assert copy.record.read_text() == record


def test_a_copy_that_is_interrupted_goes_on_the_next_time(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: str, mode: int) -> None:
        if path.name == "b.py":
            raise OSError(28, "No space left on device", str(path))
        write(path, content, mode)

    monkeypatch.setattr(f"{source_copy.__name__}.write", full)
    failed = copy.update(NEW)
    assert failed["failed"] and "No space left on device" in failed["msg"]
    monkeypatch.undo()
    newest = dict.fromkeys(NEW, "three\n")
    assert copy.update(newest)["kept"] == []
    assert copy.contents() == newest


def test_the_record_is_what_the_controller_expects_and_sha256sum_checks(copy: Copy) -> None:
    assert copy.record.read_text() == copied(as_files(OLD))["source.sha256"]["content"]
    (copy.path / "src/a.py").write_text("mine\n")
    check = ["sha256sum", "--check", "--quiet", "--strict", "../source.sha256"]
    done = subprocess.run(check, cwd=copy.path, text=True, capture_output=True, check=False)
    assert done.stdout == "src/a.py: FAILED\n"


def test_the_list_of_earlier_releases_can_be_read() -> None:
    found = read_list(BASELINE.read_text())
    assert len(found) == len(BASELINE.read_text().splitlines()) - 1
    assert {"manage.py", "src/olympia/urls.py"} <= {name for name, _checksum in found}
