# SPDX-License-Identifier: BSD-3-Clause
"""What is installed is what the requirements allow, and the locks say what they promise."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet

import environment

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def installed(collections: Path) -> dict[str, str]:
    """Return version by name of the third-party collections that lie in a folder."""
    versions = {}
    for path in collections.glob("ansible_collections/*/*/MANIFEST.json"):
        info = json.loads(path.read_text())["collection_info"]
        versions[f"{info['namespace']}.{info['name']}"] = info["version"]
    return versions


def allowed() -> dict[str, str]:
    """Return the range of versions by name, as Ansible reads it."""
    return {
        one["name"]: one["version"] for one in yaml.safe_load((ROOT / "requirements.yml").read_text())["collections"]
    }


def test_bootstrap_reads_the_requirements_as_ansible_does() -> None:
    assert environment.wanted_collections() == list(allowed())


def test_what_is_installed_is_allowed() -> None:
    versions = installed(ROOT / "collections")
    assert set(versions) == set(allowed())
    for name, wanted in allowed().items():
        assert versions[name] in SpecifierSet(wanted), name


def test_the_artifact_asks_for_the_same() -> None:
    dependencies = yaml.safe_load((ROOT / "galaxy.yml").read_text())["dependencies"]
    assert dependencies
    assert dependencies.items() <= allowed().items()


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
def test_each_python_has_an_ansible_and_the_collections_that_go_with_it(python: str) -> None:
    def locked(lock: str, package: str) -> list[int]:
        lines = re.findall(rf"^{package}==(\S+)(?: ; (.*))? \\$", (ROOT / "requirements" / lock).read_text(), re.M)
        environment = {"python_full_version": f"{python}.0"}
        (version,) = (found for found, marker in lines if not marker or Marker(marker).evaluate(environment))
        return [int(part) for part in version.split(".")]

    major, minor, _patch = locked("runtime.txt", "ansible-core")
    assert major == 2 and (minor == 19) is (python == "3.11")
    # ansible 12 goes with ansible-core 2.19, and so on.
    assert locked("collections.txt", "ansible")[0] == minor - 7


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_locked_package_is_exact_and_hashed_and_no_host_is_named(lock: Path) -> None:
    entries = re.split(r"\n(?=\S)", lock.read_text())
    for entry in entries:
        if not entry.startswith("#"):
            assert re.match(r"[a-z0-9-]+==\S+( ; .*)? \\\n    --hash=sha256:[0-9a-f]{64}", entry), entry
    assert "://" not in lock.read_text()


def test_the_development_lock_contains_the_runtime_lock() -> None:
    def packages(name: str) -> set[str]:
        return set(re.findall(r"^([a-z0-9-]+==\S+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE))

    backend = {one for one in packages("runtime.txt") if one.startswith("flit-core==")}
    assert backend
    assert packages("runtime.txt") - backend <= packages("dev.txt")


def test_the_project_is_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"] == project["version"]
