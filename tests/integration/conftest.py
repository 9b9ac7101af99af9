# SPDX-License-Identifier: BSD-3-Clause
"""What the tests against a real engine share: calling docker, and calling modules of this collection."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def docker(*arguments: str, check: bool = True, stdin: str | None = None) -> str:
    """Run ``docker ARGUMENTS`` and return its output; a failure fails the test and shows what docker said."""
    done = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        pytest.fail(f"docker {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


@pytest.fixture(scope="session")
def run_module(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """Return a function that runs a module of this collection as Ansible does, in a process of its own.

    ``run_module("bake", {...}, check_mode=True)`` returns the module's JSON result.
    """
    folder = tmp_path_factory.mktemp("module")
    path = os.pathsep.join([str(ROOT / "collections"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}

    def run(name: str, arguments: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
        special = {
            "_ansible_check_mode": check_mode,
            "_ansible_diff": True,
            "_ansible_remote_tmp": str(folder),
        }
        done = subprocess.run(
            [sys.executable, "-m", f"ansible_collections.addons.olympia.plugins.modules.{name}"],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": {**arguments, **special}}),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if not done.stdout.strip():
            pytest.fail(f"The module {name} returned nothing: {done.stderr}")
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    return run
