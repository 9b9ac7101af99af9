# SPDX-License-Identifier: BSD-3-Clause
"""Work on volumes and on a real database server, as snapshots do it: held, packed, unpacked, replaced, loaded."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem
from ansible_collections.addons.olympia.plugins.module_utils.snapshots.volumes import HELPER, PROJECT, Volumes
from ansible_collections.addons.olympia.plugins.module_utils.stack.service_images import (
    image_files,
    image_tags,
    package_sources,
)

from .conftest import ROOT, docker
from .test_service_images import AWKWARD, run_role

TEST = "addons.olympia.test"
WRITER = "touch /data/lines; while :; do echo >> /data/lines; done"
COLLECTIONS = str(ROOT / "collections")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The database image, which stands in for the application's, too: it has a shell and tar."""
    code, output = run_role(tmp_path_factory.mktemp("images"))
    assert code == 0, output
    return image_tags(image_files(ROOT / "roles/olympia_images/files"), "bookworm", package_sources("bookworm"))[
        "mysqld"
    ]


@pytest.fixture
def volumes(image: str) -> Iterator[Volumes]:
    """The volumes of an instance of the test's own, with one volume that has a file."""
    own = Volumes(f"imgdev-{uuid.uuid4().hex[:8]}", image, image)
    docker("volume", "create", f"--label={PROJECT}={own.instance}", f"{own.instance}_data")
    inside(own, "echo old > /data/file; mkdir /data/folder; chown 999:999 /data /data/file")
    yield own
    own.sweep()
    for identity in docker("ps", "--all", "--quiet", f"--filter=label={TEST}={own.instance}").split():
        docker("rm", "--force", identity)
    for name in docker("volume", "ls", "--quiet", f"--filter=name=^{own.instance}_").split():
        docker("volume", "rm", name)


def inside(volumes: Volumes, script: str, *options: str, volume: str = "data") -> str:
    """Run a script with a volume of the instance at /data."""
    given = ["--rm", "--user=0:0", f"--label={TEST}={volumes.instance}", *options]
    return docker(
        "run",
        *given,
        f"--volume={volumes.instance}_{volume}:/data",
        "--entrypoint=bash",
        volumes.database,
        "-c",
        script,
    )


def number(volumes: Volumes) -> str:
    """Return how many lines the writer has written."""
    return inside(volumes, "stat --format=%s /data/lines")


def goes_on(volumes: Volumes, since: str) -> bool:
    """Return whether the writer writes again."""
    deadline = time.monotonic() + 30
    while number(volumes) == since:
        if time.monotonic() > deadline:
            return False
    return True


@pytest.mark.full
def test_what_is_held_writes_nothing(volumes: Volumes) -> None:
    inside(volumes, WRITER, "--detach")
    with volumes.held([f"{volumes.instance}_data"]):
        held = number(volumes)
        assert [number(volumes) for _ in range(3)] == [held] * 3
    assert goes_on(volumes, held)


def test_a_killed_holder_leaves_nothing_stopped(volumes: Volumes) -> None:
    inside(volumes, WRITER, "--detach")
    named = volumes.instance, volumes.application, volumes.database
    code = (
        "import sys\n"
        f"sys.path.insert(0, {COLLECTIONS!r})\n"
        "from ansible_collections.addons.olympia.plugins.module_utils.snapshots.volumes import Volumes\n"
        f"with Volumes(*{named!r}).held(['{volumes.instance}_data']):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stdout.readline() == "held\n"
        held = number(volumes)
        process.kill()
    assert goes_on(volumes, held)


def test_what_is_packed_comes_out_with_the_owner_of_the_volume(volumes: Volumes, tmp_path: Path) -> None:
    archive = tmp_path / "data.tar.zst"
    assert volumes.pack(f"{volumes.instance}_data", archive) > 0
    staged = volumes.stage(f"{volumes.instance}_data")
    inside(volumes, "chown --recursive 4242 /data")
    volumes.unpack(archive, staged, f"{volumes.instance}_data")
    found = inside(volumes, "cat /data/file; stat --format=%u /data /data/file /data/folder", volume="data_restored")
    assert found.split() == ["old", "4242", "4242", "4242"]


def test_half_an_archive_is_an_error_with_its_command(volumes: Volumes, tmp_path: Path) -> None:
    archive = tmp_path / "data.tar.zst"
    volumes.pack(f"{volumes.instance}_data", archive)
    archive.write_bytes(archive.read_bytes()[:-20])
    staged = volumes.stage(f"{volumes.instance}_data")
    with pytest.raises(Problem) as caught:
        volumes.unpack(archive, staged, f"{volumes.instance}_data")
    assert caught.value.evidence["rc"] != 0
    assert "zstd" in " ".join(caught.value.evidence["cmd"])


def test_a_volume_is_replaced_as_a_whole_or_not_at_all(volumes: Volumes) -> None:
    data = f"{volumes.instance}_data"
    with pytest.raises(Problem, match="is gone"):
        volumes.replace(data, f"{data}_restored")
    assert inside(volumes, "cat /data/file") == "old"
    volumes.stage(data)
    inside(volumes, "echo new > /data/file; echo more > /data/.hidden", volume="data_restored")
    # As one that was interrupted has left it.
    inside(volumes, "mkdir /data/.restored; echo half > /data/.restored/file; echo half > /data/.hidden")
    for _again in range(2):
        volumes.replace(data, f"{data}_restored")
        assert inside(volumes, "cd /data; cat file .hidden; ls -A").split() == ["new", "more", ".hidden", "file"]
    # It never starts, as one whose command was killed.
    docker("create", f"--label={HELPER}={volumes.instance}", f"--volume={data}_restored:/data", volumes.database)
    volumes.unstage()
    assert not volumes.exists(f"{data}_restored")


@pytest.fixture
def arguments(volumes: Volumes, tmp_path: Path) -> dict[str, Any]:
    """The module's arguments for an instance with a database of its own, whose server does not run."""
    database = f"{volumes.instance}_data_mysqld"
    name = f"{volumes.instance}-first"
    environment = [f"--env=MYSQL_ROOT_PASSWORD={AWKWARD}", "--env=MYSQL_DATABASE=olympia"]
    docker(
        "run", "--detach", f"--name={name}", f"--label={TEST}={volumes.instance}", *environment,
        f"--volume={database}:/var/lib/mysql", volumes.database,
    )  # fmt: skip
    while docker("inspect", "--format={{.State.Health.Status}}", name) != "healthy":
        time.sleep(0.2)
    docker("rm", "--force", name)
    (tmp_path / "project").mkdir()
    return {
        "instance": volumes.instance,
        "directory": str(tmp_path / "snapshots"),
        "project_src": str(tmp_path / "project"),
        "images": {"application": volumes.application, "database": volumes.database},
        "volumes": {"database": database, "storage": f"{volumes.instance}_data"},
        "password": AWKWARD,
        "kept": 1,
    }


@pytest.mark.full
def test_the_module_saves_and_lists_and_loads_where_nothing_runs(
    volumes: Volumes, arguments: dict[str, Any], tmp_path: Path, run_module: Callable[..., dict[str, Any]]
) -> None:
    planned = run_module("instance_snapshot", arguments | {"name": "one"}, check_mode=True)
    assert (planned["changed"], (tmp_path / "snapshots").exists()) == (True, False)
    saved = run_module("instance_snapshot", arguments | {"name": "one"})
    assert saved["changed"], saved
    manifest = json.loads(Path(saved["path"], "manifest.json").read_text())
    assert "MariaDB" in manifest["database_version"]
    assert manifest["migrations"] == []

    def load(text: str) -> dict[str, Any]:
        file = tmp_path / "some.sql"
        file.write_text(text)
        return run_module("instance_snapshot", arguments | {"state": "loaded", "file": str(file)})

    def names() -> list[str]:
        return volumes.ask(
            arguments["volumes"]["database"],
            "SELECT CONCAT(app, '.', name) FROM olympia.django_migrations INTO OUTFILE '/tmp/olympia.out';",
        ).split()

    table = "CREATE TABLE django_migrations (id INT PRIMARY KEY, app TEXT, name TEXT);\n"
    loaded = load(f"{table}INSERT INTO django_migrations VALUES (1, 'addons', '0001_initial');\n")
    assert loaded["changed"], loaded
    assert names() == ["addons.0001_initial"]
    refused = load(f"{table}no SQL at all;\n")
    assert refused["failed"]
    assert "no SQL at all" in refused["stderr"]
    assert (refused["rc"], refused["cmd"][:2]) == (1, ["docker", "run"])
    assert names() == ["addons.0001_initial"]
    assert not (tmp_path / "project/.restore.json").exists()
    listed = run_module("snapshots_info", {"directory": arguments["directory"]})["snapshots"]
    assert [one["automatic"] for one in listed].count(True) == 1
    # The newest automatic one has what was there before the one that was refused.
    newest = json.loads(Path(listed[-1]["path"], "manifest.json").read_text())
    assert newest["migrations"] == ["addons.0001_initial"]
    removed = run_module("instance_snapshot", arguments | {"state": "absent", "name": "one"})
    assert removed["changed"]
    assert not run_module("instance_snapshot", arguments | {"state": "absent", "name": "one"})["changed"]


def test_what_was_never_up_has_nothing_to_save(
    volumes: Volumes, tmp_path: Path, run_module: Callable[..., dict[str, Any]]
) -> None:
    result = run_module(
        "instance_snapshot",
        {
            "instance": volumes.instance,
            "directory": str(tmp_path / "snapshots"),
            "project_src": str(tmp_path),
            "volumes": {"database": f"{volumes.instance}_data_mysqld"},
            "images": {"application": volumes.application, "database": volumes.database},
            "name": "one",
        },
    )
    assert result["failed"]
    assert "Bring it up first" in result["msg"]
    assert not list(tmp_path.glob("snapshots/*/*"))
