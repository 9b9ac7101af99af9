# SPDX-License-Identifier: BSD-3-Clause
"""Writing the project directory: the right modes from the first moment, and nothing left behind."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.core.files import write
from ansible_collections.addons.olympia.plugins.modules.project_files import current, main


def test_a_new_file_has_its_mode_at_once_whatever_the_umask(tmp_path: Path) -> None:
    for name, mode in ((".env", 0o600), ("run.sh", 0o755)):
        write(tmp_path / "sub" / name, "text\n", mode)
        assert current(tmp_path / "sub" / name) == ("text\n", mode)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "inside").touch()
    with pytest.raises(OSError):
        write(tmp_path / "taken", "text\n", 0o644)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.fixture
def generous() -> Iterator[None]:
    """Let the group write what is made."""
    before = os.umask(0o002)
    yield
    os.umask(before)


@pytest.mark.usefixtures("generous")
def test_folders_are_the_same_whoever_makes_them(tmp_path: Path, run_module: Callable[..., dict[str, Any]]) -> None:
    files = {"sub/file": {"content": "text\n", "mode": "0644"}}
    assert run_module(main, directory=str(tmp_path / "made"), files=files)["changed"]
    assert stat.S_IMODE((tmp_path / "made/sub").stat().st_mode) == 0o755
