# SPDX-License-Identifier: BSD-3-Clause
"""A tenant's repository: a snapshot comes back whole or not at all. Restic and systemd are stand-ins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem
from ansible_collections.addons.olympia.plugins.module_utils.shared.restic import Repository

# Keeps what it is given in $STORE, and tells of it as restic does.
RESTIC = r"""#!/bin/sh
echo "$@" >> "$STORE/calls"
[ "$RESTIC_PASSWORD" = word ] || exit 12
case $1 in
    init) touch "$STORE/config" ;;
    snapshots)
        [ -e "$STORE/config" ] || { echo "Is there a repository at the following location? $RESTIC_REPOSITORY" >&2; exit 10; }
        [ -e "$STORE/kept" ] || { echo "[]"; exit; }
        echo '[{"id": "1f", "tags": ["first"], "hostname": "vm1", "time": "2027-01-02T04:05:06.123456789+01:00"}]' ;;
    backup) cat > "$STORE/part" && mv "$STORE/part" "$STORE/kept" ;;
    dump) cat "$STORE/kept" ;;
esac
"""
SYSTEMD_RUN = """#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """Return a repository, and make a snapshot `first` in `snapshots`."""
    for name, text in (("restic", RESTIC), ("systemd-run", SYSTEMD_RUN)):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    (tmp_path / "store").mkdir()
    (tmp_path / "snapshots/first").mkdir(parents=True)
    (tmp_path / "snapshots/first/manifest.json").write_text("{}")
    return Repository(str(tmp_path / "store"), "word", {"STORE": str(tmp_path / "store")}, "ana", 2001, 1 << 20)


def calls(folder: Path) -> list[str]:
    """Return what restic was called with."""
    return (folder / "store/calls").read_text().splitlines()


def test_it_is_made_once_and_retention_is_over_all_snapshots_of_the_tenant(
    repository: Repository, tmp_path: Path
) -> None:
    assert repository.ensure() == []
    repository.save(str(tmp_path / "snapshots"), "first", "vm1", {"daily": 7, "weekly": 0})
    assert repository.ensure() == [
        {"id": "1f", "name": "first", "machine": "vm1", "created": "2027-01-02T03:05:06+00:00", "bytes": 0}
    ]
    words = calls(tmp_path)
    assert [line.split()[0] for line in words] == ["snapshots", "init", "backup", "unlock", "forget", "snapshots"]
    assert words[4] == "forget --quiet --group-by= --keep-daily=7 --prune"
    assert not [line for line in words if "word" in line.split()]


def test_without_retention_all_are_kept(repository: Repository, tmp_path: Path) -> None:
    repository.save(str(tmp_path / "snapshots"), "first", "vm1", {})
    assert [line.split()[0] for line in calls(tmp_path)] == ["backup"]


def test_a_snapshot_comes_back_once(repository: Repository, tmp_path: Path) -> None:
    repository.save(str(tmp_path / "snapshots"), "first", "vm1", {})
    there = tmp_path / "elsewhere/ana"
    assert repository.fetch(str(there), {"id": "1f", "name": "first"})
    assert [path.name for path in there.iterdir()] == ["first"]
    assert (there / "first/manifest.json").read_text() == "{}"
    assert not repository.fetch(str(there), {"id": "1f", "name": "first"})


def test_what_is_cut_off_has_no_snapshots_name(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "snapshots/first/large").write_bytes(os.urandom(300000))
    repository.save(str(tmp_path / "snapshots"), "first", "vm1", {})
    os.truncate(tmp_path / "store/kept", 200000)
    with pytest.raises(Problem, match="first is not fetched"):
        repository.fetch(str(tmp_path / "elsewhere"), {"id": "1f", "name": "first"})
    assert [*(tmp_path / "elsewhere").iterdir()] == []


def test_more_than_a_home_directory_has_is_not_saved(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "snapshots/first/large").write_bytes(b"x" * (2 << 20))
    with pytest.raises(Problem, match=r"first is not saved.*more than 1048576 bytes"):
        repository.save(str(tmp_path / "snapshots"), "first", "vm1", {"daily": 7})
    assert not (tmp_path / "store/kept").exists()


@pytest.mark.parametrize(
    ("address", "password", "said"),
    [("/not/mounted", "word", "no directory /not/mounted"), ("sftp:me@host:/x", "other", "restic snapshots")],
)
def test_what_cannot_be_read_is_not_made_anew(
    address: str, password: str, said: str, repository: Repository, tmp_path: Path
) -> None:
    wrong = Repository(address, password, {"STORE": str(tmp_path / "store")}, "ana", 2001, 1)
    with pytest.raises(Problem, match=said):
        wrong.ensure()
    assert not (tmp_path / "store/config").exists()


def test_a_name_from_a_repository_leads_nowhere_else(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(Problem, match="cannot name a snapshot"):
        repository.fetch(str(tmp_path), {"id": "1f", "name": "../../etc"})
