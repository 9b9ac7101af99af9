# SPDX-License-Identifier: BSD-3-Clause
"""What the unit tests share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from tests.playback import Driver

RunModule = Callable[..., dict[str, Any]]


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Driver:
    """Return the command, which runs in this process and plays recordings."""
    return Driver(tmp_path, monkeypatch, capsys)


@pytest.fixture
def run_module(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> RunModule:
    """Return what runs a module in this process: `run_module(main, check=True, option=value)` returns its answer."""

    def run(main: Callable[[], None], check: bool = False, **arguments: Any) -> dict[str, Any]:
        special = {"_ansible_check_mode": check, "_ansible_remote_tmp": str(tmp_path)}
        with patch_module_args(arguments | special), pytest.raises(SystemExit):
            main()
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        return answer

    return run
