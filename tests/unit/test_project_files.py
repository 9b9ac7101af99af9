# SPDX-License-Identifier: BSD-3-Clause
"""Writing the project directory: the right modes from the first moment, and nothing left behind."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.modules.project_files import current, write


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


def test_folders_are_the_same_whoever_makes_them(tmp_path: Path) -> None:
    ansible = str(Path(sys.executable).with_name("ansible"))
    arguments = {"directory": str(tmp_path / "made"), "files": {"sub/file": {"content": "text\n", "mode": "0644"}}}
    command = [ansible, "localhost", "-m", "addons.olympia.project_files", "-a", json.dumps(arguments)]
    done = subprocess.run(
        command, umask=0o002, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert stat.S_IMODE((tmp_path / "made/sub").stat().st_mode) == 0o755
