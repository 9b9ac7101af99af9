# SPDX-License-Identifier: BSD-3-Clause
"""The collection as it is built, and installed elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
# What users of an installed collection need, and nothing of the checkout's own life.
CONTENTS = {
    "CHANGELOG.md",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "app",
    "docs",
    "inventories",
    "meta",
    "playbooks",
    "plugins",
    "requirements.yml",
    "roles",
}


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the built archive."""
    folder = tmp_path_factory.mktemp("build")
    subprocess.run([BIN / "ansible-galaxy", "collection", "build", f"--output-path={folder}"], cwd=ROOT, check=True)
    (built,) = folder.glob("addons-olympia-*.tar.gz")
    return built


def test_the_artifact_holds_the_collection_and_nothing_else(artifact: Path) -> None:
    with tarfile.open(artifact) as archive:
        names = archive.getnames()
    assert {name.partition("/")[0] for name in names} == CONTENTS
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_an_installed_artifact_has_working_modules_and_roles(artifact: Path, tmp_path: Path) -> None:
    environment = os.environ | {
        "ANSIBLE_COLLECTIONS_PATH": str(tmp_path),
        "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
    }
    (tmp_path / "ansible.cfg").touch()
    subprocess.run(
        [BIN / "ansible-galaxy", "collection", "install", "--no-deps", f"--collections-path={tmp_path}", artifact],
        cwd=tmp_path,
        env=environment,
        check=True,
    )

    def described(kind: str) -> dict[str, object]:
        shown = subprocess.run(
            [BIN / "ansible-doc", "--json", "--list", f"--type={kind}", "addons.olympia"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        found: dict[str, object] = json.loads(shown.stdout)
        return found

    modules = {path.stem for path in (ROOT / "plugins/modules").glob("*.py")}
    assert set(described("module")) == {f"addons.olympia.{name}" for name in modules}
    assert {f"addons.olympia.{path.name}" for path in (ROOT / "roles").iterdir()} == set(described("role"))
