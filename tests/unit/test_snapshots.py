# SPDX-License-Identifier: BSD-3-Clause
"""Snapshots as they lie on the disk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem
from ansible_collections.addons.olympia.plugins.module_utils.snapshots import store as snapshots
from ansible_collections.addons.olympia.plugins.module_utils.snapshots.restoring import Replaceable
from ansible_collections.addons.olympia.plugins.module_utils.snapshots.volumes import Volumes
from ansible_collections.addons.olympia.plugins.modules import instance_snapshot as module

from olympia_provisioner.cli.verbs import snapshot as verb

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def make(root: Path, name: str, instance: str = "two", **changed: Any) -> Path:
    """Make a snapshot of one part."""
    folder = root / instance / name
    with snapshots.making(folder) as unfinished:
        part = unfinished / "storage.tar.zst"
        part.write_bytes(b"content of " + name.encode())
        about = {"name": "storage", "file": part.name, "bytes": part.stat().st_size, "sha256": snapshots.checksum(part)}
        manifest = {"format": 1, "created": f"2026-01-02T03:04:0{len(list(root.glob('*/*')))}+00:00", "parts": [about]}
        snapshots.write_whole(unfinished / snapshots.MANIFEST, json.dumps(manifest | changed))
    return folder


def test_what_has_a_snapshots_name_is_whole_and_private(tmp_path: Path) -> None:
    folder = make(tmp_path / "snapshots", "one")
    snapshots.check_whole(folder, snapshots.read_manifest(folder))
    modes = {oct(path.stat().st_mode & 0o777) for path in (folder, folder.parent, folder.parents[1])}
    assert modes == {"0o700"}
    assert {oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {"0o600"}


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), snapshots.making(tmp_path / "two/one") as unfinished:
        (unfinished / "storage.tar.zst").write_bytes(b"half")
        raise RuntimeError
    assert list((tmp_path / "two").iterdir()) == []


def test_a_process_that_is_killed_leaves_no_snapshot_and_the_next_one_sweeps(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from ansible_collections.addons.olympia.plugins.module_utils.snapshots import store as snapshots\n"
        f"with snapshots.making(Path({str(tmp_path)!r}, 'two/one')) as folder:\n"
        "    (folder / 'storage.tar.zst').write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = str(Path(snapshots.__file__).parents[6])
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, check=False)
    assert len(list((tmp_path / "two").iterdir())) == 1
    assert snapshots.found(tmp_path) == []
    snapshots.sweep(tmp_path, "two")
    assert list((tmp_path / "two").iterdir()) == []


def test_what_is_being_made_is_not_swept(tmp_path: Path) -> None:
    with snapshots.making(tmp_path / "two/one") as unfinished:
        snapshots.sweep(tmp_path, "two")
        assert unfinished.exists()


def test_no_snapshot_is_overwritten(tmp_path: Path) -> None:
    make(tmp_path, "one")
    with pytest.raises(Problem, match="There is a snapshot one already"):
        make(tmp_path, "one")


@pytest.mark.parametrize("content", [b"", b"content of onE", b"content of one and more"])
def test_a_part_that_has_changed_is_damage(tmp_path: Path, content: bytes) -> None:
    folder = make(tmp_path, "one")
    (folder / "storage.tar.zst").write_bytes(content)
    with pytest.raises(Problem, match=r"storage\.tar\.zst is not what was saved"):
        snapshots.check_whole(folder, snapshots.read_manifest(folder))


def test_a_part_that_is_missing_is_damage(tmp_path: Path) -> None:
    folder = make(tmp_path, "one")
    (folder / "storage.tar.zst").unlink()
    with pytest.raises(Problem, match="cannot be read"):
        snapshots.check_whole(folder, snapshots.read_manifest(folder))


@pytest.mark.parametrize(("text", "says"), [("{", "damaged"), ("[]", "damaged"), ('{"format": 2}', "of format 2")])
def test_a_manifest_that_cannot_be_read_is_refused_and_listed(tmp_path: Path, text: str, says: str) -> None:
    folder = make(tmp_path, "one")
    (folder / snapshots.MANIFEST).write_text(text)
    with pytest.raises(Problem, match=says):
        snapshots.read_manifest(folder)
    (listed,) = snapshots.found(tmp_path)
    assert says in listed["problem"]


@pytest.mark.parametrize(
    ("name", "path"), [("one", "two/one"), ("three/one", "three/one"), ("v1.2_a-b", "two/v1.2_a-b")]
)
def test_a_name_says_where_a_snapshot_is(name: str, path: str) -> None:
    assert snapshots.locate(Path("/s"), "two", name) == Path("/s", path)


@pytest.mark.parametrize("name", ["", "/etc", "../one", "a/../b", "a/b/c", ".hidden", "x" * 101, "a b", "one\n"])
def test_a_name_leads_nowhere_else(name: str) -> None:
    with pytest.raises(Problem, match="cannot name a snapshot"):
        snapshots.locate(Path("/s"), "two", name)


def test_the_oldest_automatic_ones_go_and_no_other() -> None:
    automatic = [snapshots.automatic_name("restore", NOW.replace(second=second)) for second in range(4)]
    assert snapshots.superfluous([*reversed(automatic), "mine", "zebra"], kept=3) == automatic[:1]
    assert snapshots.superfluous(automatic, kept=9) == []


def test_nights_and_all_else_do_not_push_each_other_out() -> None:
    nights = [snapshots.automatic_name("nightly", NOW.replace(day=day)) for day in range(1, 10)]
    others = [snapshots.automatic_name("destroy", NOW.replace(second=second)) for second in range(4)]
    names = [*others, *reversed(nights), "mine", "mine-nightly"]
    assert snapshots.superfluous(names, kept=7, nightly=True) == nights[:2]
    assert snapshots.superfluous(names, kept=3) == others[:1]


def test_a_new_snapshot_that_is_damaged_does_not_stay(tmp_path: Path) -> None:
    snapshots.verify(good := make(tmp_path, "good"))
    (make(tmp_path, "bad") / "storage.tar.zst").write_bytes(b"other")
    with pytest.raises(Problem, match="is not what was saved"):
        snapshots.verify(tmp_path / "two/bad")
    assert [path.name for path in good.parent.iterdir()] == ["good"]


class Night:
    """An instance whose volumes are said to be there, or not; saving it makes a snapshot of one part."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, kept: int = 7, volume: bool = True) -> None:
        """Make it."""
        params = {
            "instance": "two",
            "directory": folder / "snapshots",
            "project_src": folder,
            "images": {},
            "services": {},
        }
        given = {"volumes": {"database": "two_data_mysqld"}, "password": "", "kept": kept, "holds_data": False}
        self.instance = Replaceable(params | given)
        self.root = self.instance.root
        monkeypatch.setattr(shutil, "which", lambda _name: "/bin/docker")
        monkeypatch.setattr(Volumes, "exists", lambda _self, _name: volume)
        monkeypatch.setattr(self.instance, "save", lambda folder: make(self.root, folder.name))

    def save(self, check: bool = False) -> dict[str, Any]:
        """Save it as a timer does."""
        asked: Any = SimpleNamespace(params={"automatic": "nightly"}, check_mode=check)
        return module.save(asked, self.instance)

    def names(self) -> list[str]:
        """Return the names of its snapshots."""
        return sorted(path.name for path in self.root.glob("*/*"))


def test_a_night_leaves_the_newest_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    night = Night(monkeypatch, tmp_path, kept=1)
    for name in ("mine", "auto-20260101-000000-nightly", "auto-20260101-000000-restore"):
        make(night.root, name)
    assert "would be saved" in night.save(check=True)["told"]
    assert "auto-20260101-000000-nightly" in night.names()
    saved = night.save()
    assert saved["changed"]
    assert night.names() == ["auto-20260101-000000-restore", Path(saved["path"]).name, "mine"]


@pytest.mark.parametrize(
    ("kept", "volume", "says"),
    [(7, False, "there is no volume two_data_mysqld"), (0, True, "NIGHTLY_KEPT"), (-1, True, "NIGHTLY_KEPT")],
)
def test_a_night_leaves_an_instance_out_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kept: int, volume: bool, says: str
) -> None:
    night = Night(monkeypatch, tmp_path, kept, volume)
    make(night.root, "auto-20260101-000000-nightly")
    told = night.save()
    assert not told["changed"]
    assert says in told["told"]
    assert night.names() == ["auto-20260101-000000-nightly"]


def test_a_night_saves_no_mixture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    night = Night(monkeypatch, tmp_path)
    night.instance.journal.touch()
    with pytest.raises(Problem, match="a restore is in progress, or was interrupted"):
        night.save()
    assert night.names() == []


def test_the_newest_is_the_one_that_somebody_has_saved_last(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="Nobody has saved a snapshot"):
        snapshots.newest(tmp_path, "two")
    for name in ("zebra", "ape", snapshots.automatic_name("restore", NOW)):
        make(tmp_path, name)
    make(tmp_path, "other", instance="three")
    assert snapshots.newest(tmp_path, "two") == "ape"


def test_a_schema_fits_that_the_code_knows() -> None:
    manifest = {"migrations": ["addons.0001_initial", "users.0001_initial"]}
    assert snapshots.newer_migrations(manifest, ["addons.0001_initial", "addons.0002", "users.0001_initial"]) == []
    assert snapshots.newer_migrations(manifest, ["addons.0001_initial"]) == ["users.0001_initial"]


def test_a_removed_snapshot_is_gone(tmp_path: Path) -> None:
    snapshots.remove(make(tmp_path, "one"))
    assert list((tmp_path / "two").iterdir()) == []


def test_the_list_is_for_people() -> None:
    one = {"instance": "two", "name": "one", "created": "2026-01-02T03:00:05+00:00", "bytes": 2_500_000}
    good = one | {"automatic": False, "problem": ""}
    listed = [good, good | {"name": "auto-x", "automatic": True}, good | {"name": "bad", "problem": "It is torn."}]
    text = verb.as_text({"directory": "/s", "snapshots": listed}, NOW)
    assert text.splitlines() == [
        "INSTANCE  NAME    AGE    SIZE",
        "two       one     4 min  2.5 MB",
        "two       auto-x  4 min  2.5 MB  automatic",
        "two       bad     4 min  2.5 MB  damaged",
        "It is torn.",
        "The snapshots are in /s.",
    ]
    assert "There are no snapshots in /s." in verb.as_text({"directory": "/s", "snapshots": []}, NOW)
