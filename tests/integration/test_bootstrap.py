# SPDX-License-Identifier: BSD-3-Clause
"""Bootstrap with the real pip and package index. No engine is needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import environment
from tests.unit.test_requirements import installed

from .conftest import ROOT


def test_an_unfinished_environment_is_replaced(bare_checkout: Path) -> None:
    venv = bare_checkout / ".venv"
    (venv / environment.MARKER).mkdir(parents=True)
    (venv / "bin").mkdir()
    (venv / "bin/python").write_text("half a file")
    environment.make_venv(venv)
    shown = subprocess.run([venv / "bin/python", "-m", "pip", "--version"], capture_output=True, text=True, check=True)
    assert str(venv) in shown.stdout


def test_an_index_out_of_reach_is_a_sentence_and_the_next_run_goes_on(bare_checkout: Path) -> None:
    closed = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_RETRIES": "0"}
    done = subprocess.run(
        [sys.executable, "scripts/bootstrap"],
        cwd=bare_checkout,
        env={name: value for name, value in os.environ.items() if not name.startswith("PIP_")} | closed,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Is the package index reachable?" in done.stderr
    assert not environment.ready(bare_checkout / ".venv", bare_checkout / "collections", dev=False)


def test_the_collections_come_from_the_package_index(bare_checkout: Path) -> None:
    environment.make_collections(Path(sys.prefix), bare_checkout / "collections")
    assert installed(bare_checkout / "collections") == installed(ROOT / "collections")
