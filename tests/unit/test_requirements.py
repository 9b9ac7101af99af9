# SPDX-License-Identifier: BSD-3-Clause
"""The two ways to the collections give the same versions, and the locks say what they promise."""

from __future__ import annotations

import json
import re
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

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


def pinned() -> dict[str, str]:
    """Return the pins as Ansible reads them."""
    return {
        one["name"]: one["version"] for one in yaml.safe_load((ROOT / "requirements.yml").read_text())["collections"]
    }


def test_bootstrap_reads_the_pins_as_ansible_does() -> None:
    assert environment.pinned_collections() == pinned()


def test_what_is_installed_is_what_is_pinned() -> None:
    assert installed(ROOT / "collections") == pinned()


@pytest.fixture
def carried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Let the package index have a carrier with these collections and versions."""
    carried = pinned() | {"community.other": "1.0.0"}

    def download(command: list[str], *_: str) -> None:
        (folder,) = (one.removeprefix("--dest=") for one in command if one.startswith("--dest="))
        with zipfile.ZipFile(f"{folder}/ansible-1-py3-none-any.whl", "w") as archive:
            for name, version in carried.items():
                namespace, short = name.split(".")
                info = {"namespace": namespace, "name": short, "version": version}
                archive.writestr(
                    f"ansible_collections/{namespace}/{short}/MANIFEST.json", json.dumps({"collection_info": info})
                )

    monkeypatch.setattr(environment, "call", download)
    return carried


def test_only_what_is_pinned_is_taken_from_the_carrier(tmp_path: Path, carried: dict[str, str]) -> None:
    environment.from_carrier(Path(sys.prefix), tmp_path)
    assert installed(tmp_path) == pinned()


def test_a_carrier_with_other_versions_is_refused(tmp_path: Path, carried: dict[str, str]) -> None:
    carried["community.docker"] = "99.0.1"
    pin = pinned()["community.docker"]
    with pytest.raises(
        environment.BootstrapError, match=rf"99\.0\.1, and requirements.yml pins {re.escape(pin)}: run make lock"
    ):
        environment.from_carrier(Path(sys.prefix), tmp_path)


def test_the_artifact_asks_for_what_is_pinned() -> None:
    """galaxy.yml gives a range, for other people's environments; it starts at what is tested here."""
    dependencies = yaml.safe_load((ROOT / "galaxy.yml").read_text())["dependencies"]
    for name, wanted in dependencies.items():
        assert wanted.startswith(f">={pinned()[name]},"), name


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
