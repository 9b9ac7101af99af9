# SPDX-License-Identifier: BSD-3-Clause
"""The wheel, installed where nothing of the checkout is on any path."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .conftest import ROOT, run


def test_the_command_of_the_wheel_runs_its_own_collection(tmp_path: Path) -> None:
    build: list[str | Path] = [sys.executable, ROOT / "scripts/wheel"]
    wheel = subprocess.run(build, check=True, capture_output=True, text=True).stdout.strip()
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        tmp_path / "there",
        wheel,
    ]
    subprocess.run(pip, check=True, capture_output=True)
    # -P: the working directory is on no path. The checkout's own package would come after this one.
    program = "import sys; sys.path.insert(0, sys.argv.pop(1)); from olympia_provisioner.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-P", "-c", program, str(tmp_path / "there")]
    where = {"XDG_STATE_HOME": str(tmp_path / "state"), "ANSIBLE_COLLECTIONS_PATH": "/nowhere"}
    assert "docker-compose.yml" in run(*command, "render", cwd=tmp_path, **where)
    assert "changed=0 " in run(*command, "down", cwd=tmp_path, **where)
    again = subprocess.run(build, check=True, capture_output=True, text=True).stdout.strip()
    assert again == wheel
