# SPDX-License-Identifier: BSD-3-Clause
"""The built collection, installed into an empty folder, with nothing of the checkout on any path."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from environment import wanted_collections

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def run(*command: str | Path, cwd: Path, **more_environment: str) -> str:
    """Run one of Ansible's commands and return its output; a failure fails the test and shows what it said.

    Args:
        command: The command, by its name in the virtual environment.
        cwd: The folder that it runs in.
        more_environment: What it gets besides this process's environment.
    """
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"} | more_environment
    # The driver's own source is on it when the tests are run without installing the driver.
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        what = f"{' '.join(map(str, command))} ended with {done.returncode}"
        pytest.fail(f"{what}:\n{done.stdout}{done.stderr}", pytrace=False)
    return done.stdout


@dataclass(frozen=True)
class Installation:
    """A folder with the installed collection.

    Attributes:
        folder: The folder, which holds `ansible_collections` and an empty `ansible.cfg`.
    """

    folder: Path

    @property
    def collection(self) -> Path:
        """The collection's own folder."""
        return self.folder / "ansible_collections/addons/olympia"

    def run(self, *command: str | Path, cwd: Path | None = None, **more_environment: str) -> str:
        """Run one of Ansible's commands with this folder's collections and settings, and return its output."""
        return run(
            *command,
            cwd=cwd or self.folder,
            ANSIBLE_COLLECTIONS_PATH=str(self.folder),
            ANSIBLE_COLLECTIONS_SCAN_SYS_PATH="false",
            ANSIBLE_CONFIG=str(self.folder / "ansible.cfg"),
            **more_environment,
        )


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the built archive."""
    folder = tmp_path_factory.mktemp("build")
    run("ansible-galaxy", "collection", "build", f"--output-path={folder}", cwd=ROOT)
    (built,) = folder.glob("addons-olympia-*.tar.gz")
    return built


@pytest.fixture(scope="session")
def installation(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Return a folder with the installed archive and copies of the collections that it depends on."""
    folder = tmp_path_factory.mktemp("installation")
    (folder / "ansible.cfg").touch()
    installed = Installation(folder)
    installed.run("ansible-galaxy", "collection", "install", "--no-deps", f"--collections-path={folder}", artifact)
    for name in wanted_collections():
        place = Path("ansible_collections", *name.split("."))
        shutil.copytree(ROOT / "collections" / place, folder / place)
    return installed
