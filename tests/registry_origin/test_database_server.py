# SPDX-License-Identifier: BSD-3-Clause
"""Database servers that would open what another one has left: never without being told to, and never without a snapshot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.stack.service_images import (
    bake_project,
    image_bases,
    image_files,
    image_tags,
    package_sources,
)
from ansible_collections.addons.olympia.plugins.module_utils.stack.services import registry_references

from tests.e2e.stack import Stack
from tests.parts import ROOT

pytestmark = pytest.mark.full
NEXT_RELEASE = "trixie"


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the image of a newer MariaDB, that of Debian's next release."""
    files, sources = image_files(ROOT / "roles/olympia_images/files"), package_sources(NEXT_RELEASE)
    (base,) = image_bases(files, NEXT_RELEASE, sources)
    made = {name: base[name] for name in ("tag", "release", "sources")}
    ansible = Path(sys.executable).with_name("ansible")
    options = json.dumps(made | {"options": ["--variant=apt", "--include=ca-certificates"]})
    subprocess.run([ansible, "localhost", "-m", "addons.olympia.base_image", "-a", options], cwd=ROOT, check=True)
    tags = image_tags(files, NEXT_RELEASE, sources)
    folder = tmp_path_factory.mktemp("newer")
    for name, text in bake_project(files, tags).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    subprocess.run(["docker", "buildx", "bake", "--file=docker-bake.json", "mysqld"], cwd=folder, check=True)
    return tags["mysqld"]


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., Stack]) -> Stack:
    """Return a stack on MariaDB with something in its database."""
    stack = make_stack(settings={"image_origin": "packages"})
    stack.up()
    stack.ask_database("CREATE TABLE kept (n INT); INSERT INTO kept VALUES (42)")
    return stack


def has(stack: Stack, version: str) -> bool:
    """Return whether the database server is of a version, and has what was there."""
    said = stack.ask_database("SELECT VERSION(), n FROM kept")
    return said.startswith(version) and said.endswith("\t42")


def test_another_product_is_refused_before_anything_is_changed(stack: Stack) -> None:
    run = stack.play("up", olympia_images_database="mysql")
    assert run.code != 0
    assert "the instance's database belongs to MariaDB, and MySQL cannot read it" in run.output
    assert stack.up().changed == 0


def test_an_image_of_another_product_does_not_get_the_volume(stack: Stack, mirror: str) -> None:
    others = {"service_images": {"mysqld": f"{mirror}/{registry_references()['mysqld']}"}}
    run = stack.play("up", **others)
    assert run.code != 0
    assert "is of MariaDB 10.11, whose files MySQL 9.7 cannot read; nothing was changed" in run.output
    assert has(stack, "10.11")
    doctor = stack.olympia("doctor", "mysql-volume")
    assert "is of MariaDB 10.11, whose files MySQL 9.7 cannot read" in " ".join(doctor.output.split())
    stack.up(service_images={})


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_a_newer_server_needs_consent(stack: Stack, newer: str, state: str) -> None:
    if state == "stopped":
        stack.docker("compose", "stop")
    run = stack.play("up", service_images={"mysqld": newer})
    assert run.code != 0
    assert "MariaDB 11.8 would bring the database of MariaDB 10.11 to its own format" in run.output
    assert "UPGRADE_DATABASE=11.8" in run.output
    assert not list((stack.state / "olympia/snapshots" / stack.instance).glob("auto-*-upgrade"))
    stack.up(service_images={})
    assert has(stack, "10.11")


def test_with_consent_a_snapshot_is_the_way_back(stack: Stack, newer: str) -> None:
    upgraded = {"service_images": {"mysqld": newer}, "upgrade_database": "11.8"}
    stack.up(**upgraded)
    assert has(stack, "11.8")
    (saved,) = (stack.state / "olympia/snapshots" / stack.instance).glob("auto-*-upgrade")
    assert stack.up(**upgraded).changed == 0
    stack.play("down")
    run = stack.play("up", service_images={})
    assert run.code != 0
    assert "was opened by MariaDB 11.8 last, and MariaDB 10.11 is older and cannot read it" in run.output
    restored = stack.olympia("snapshot", "restore", saved.name)
    assert restored.code == 0, restored.output
    stack.up(service_images={})
    assert has(stack, "10.11")


def test_an_empty_database_can_be_the_other_products(stack: Stack) -> None:
    destroyed = stack.olympia("destroy", "--yes")
    assert destroyed.code == 0, destroyed.output
    stack.up(olympia_images_database="mysql")
    assert stack.ask_database("SELECT VERSION()").startswith("9.7")
    assert stack.up(olympia_images_database="mysql").changed == 0


def test_auto_is_mysql_where_the_package_index_has_it(make_stack: Callable[..., Stack], tmp_path: Path) -> None:
    stack = make_stack(settings={"image_origin": "packages"})
    # The index of a host whose apt knows sid, too.
    (tmp_path / "lists/partial").mkdir(parents=True)
    (tmp_path / "sources.list").write_text(package_sources("sid")[0])
    places = {
        "Etc::SourceList": "sources.list",
        "Etc::SourceParts": "none",
        "State::Lists": "lists",
        "Cache::pkgcache": "pkgcache.bin",
        "Cache::srcpkgcache": "srcpkgcache.bin",
    }
    (tmp_path / "apt.conf").write_text("".join(f'Dir::{name} "{tmp_path}/{file}";\n' for name, file in places.items()))
    apt = {"APT_CONFIG": str(tmp_path / "apt.conf")}
    subprocess.run(["apt-get", "update"], env=os.environ | apt, check=True)
    assert "here: mysql/sid, because" in stack.olympia("explain", "olympia_images_database", **apt).output
    assert "here: mariadb, because" in stack.olympia("explain", "olympia_images_database").output
