# SPDX-License-Identifier: BSD-3-Clause
"""What the built archive holds, and what Ansible finds in it."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import ROOT, Installation

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
    "tests",
}
TESTS = {
    "tests",
    "tests/config.yml",
    "tests/sanity",
    *(f"tests/sanity/ignore-2.{minor}.txt" for minor in range(19, 23)),
}
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())


def described(installation: Installation, kind: str, *names: str) -> dict[str, Any]:
    """Return what ansible-doc tells of plugins or roles, by name."""
    found: dict[str, Any] = json.loads(installation.run("ansible-doc", "--json", f"--type={kind}", *names))
    return found


def test_the_artifact_holds_the_collection_and_nothing_else(artifact: Path) -> None:
    with tarfile.open(artifact) as archive:
        names = archive.getnames()
    assert {name.partition("/")[0] for name in names} == CONTENTS
    assert {name for name in names if name.partition("/")[0] == "tests"} == TESTS
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_every_module_and_action_is_documented(installation: Installation) -> None:
    files = [*(ROOT / "plugins/modules").glob("*.py"), *(ROOT / "plugins/action").glob("*.py")]
    wanted = {f"addons.olympia.{path.stem}" for path in files}
    documents = described(installation, "module", *wanted)
    assert {name for name, document in documents.items() if document["doc"]["short_description"]} == wanted


@pytest.fixture(scope="module")
def roles(installation: Installation) -> dict[str, Any]:
    """Return what ansible-doc tells of the roles, by name."""
    return described(installation, "role", *(f"addons.olympia.{role}" for role in ROLES))


@pytest.mark.parametrize("role", ROLES)
def test_every_entry_point_of_a_role_is_documented(roles: dict[str, Any], role: str) -> None:
    called = {"main"} | {
        name
        for pattern in ("playbooks/*.yml", "roles/*/tasks/*.yml")
        for path in ROOT.glob(pattern)
        for match in re.finditer(rf"name: addons\.olympia\.{role}\n\s+tasks_from: (.+)", path.read_text())
        # A name, or an expression with names in it.
        for name in re.findall(r"'([\w-]+)'", match[1]) or [match[1]]
    }
    entry_points = roles[f"addons.olympia.{role}"]["entry_points"]
    assert set(entry_points) == called
    assert all(entry["short_description"] for entry in entry_points.values())
    defaults = yaml.safe_load((ROOT / "roles" / role / "defaults/main.yml").read_text())
    assert set(entry_points["main"]["options"]) == set(defaults)
