# SPDX-License-Identifier: BSD-3-Clause
"""Snapshots of real stacks: what was saved comes back, here and in another instance, and whoever is interrupted mixes nothing."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Upload
from .stack import ROOT, Stack, wait_until

BALLAST_MB = 96  # what takes long enough to be interrupted


@pytest.fixture(scope="module")
def saved(stack: Stack, marigold: Upload) -> Path:
    """The folder of a snapshot of that."""
    run = stack.olympia("snapshot", "save", "first")
    assert run.code == 0, run.output
    return folder(stack, "first")


@pytest.fixture(scope="module")
def heavy(stack: Stack, saved: Path) -> Path:
    """The folder of a snapshot that takes long enough to be interrupted."""
    ballast = "/data/olympia/storage/ballast"
    stack.inside("web", "dd", "if=/dev/urandom", f"of={ballast}", "bs=1M", f"count={BALLAST_MB}")
    run = stack.olympia("snapshot", "save", "heavy")
    assert run.code == 0, run.output
    return folder(stack, "heavy")


def folder(stack: Stack, name: str = "") -> Path:
    """Return where a snapshot of a stack is, or all of its snapshots."""
    return stack.state / "olympia/snapshots" / stack.instance / name


def snapshots(stack: Stack) -> dict[str, dict[str, Any]]:
    """Return the snapshots of a stack as `list` tells them, by name."""
    run = stack.olympia("snapshot", "list", "--json")
    assert run.code == 0, run.output
    return {one["name"]: one for one in json.loads(run.output)["localhost"] if one["instance"] == stack.instance}


def holds(stack: Stack) -> dict[str, Any]:
    """Return what the site has of the add-on that was uploaded first: in the database, in the index, and as a file."""
    slug = stack.ask_database("SELECT slug FROM addons_addon WHERE guid='marigold@example.org'")
    path = stack.ask_database("SELECT file FROM addons_addon WHERE guid='marigold@example.org'")
    return {
        "row": slug,
        "listed": "Marigold" in stack.get("/")[1],
        "found": "Marigold" in stack.get("/search/?q=petals")[1],
        "file": bool(path) and stack.get(f"/user-media/{path}")[0] == 200,
    }


ALL = {"row": "marigold", "listed": True, "found": True, "file": True}
NOTHING = {"row": "", "listed": False, "found": False, "file": False}


def lose(stack: Stack) -> None:
    """Lose the add-on: its row, its file and what search and cache know of it."""
    stack.ask_database("DELETE FROM addons_upload; DELETE FROM addons_addon WHERE guid='marigold@example.org'")
    stack.inside("web", "rm", "-rf", "/data/olympia/storage/shared_storage/uploads/addons/marigold")
    stack.docker("compose", "restart", "memcached")
    assert stack.play("init").code == 0
    assert holds(stack) == NOTHING


@contextlib.contextmanager
def killed_when(stack: Stack, condition: Callable[[], Any], *arguments: str) -> Iterator[None]:
    """Run the command `olympia`, kill it and all that it has started as soon as something is so, and go on then."""
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("olympia")), *arguments, f"INSTANCE={stack.instance}"],
        cwd=ROOT, env=stack.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None and time.monotonic() < deadline, "it ended before it could be killed"
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    doomed = {process.pid}
    while new := {pid for pid, parent in parents.items() if parent in doomed} - doomed:
        doomed |= new
    for pid in doomed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    yield


def step(stack: Stack) -> str:
    """Return how far a restore has got."""
    with contextlib.suppress(OSError, ValueError):
        return str(json.loads((stack.project / ".restore.json").read_text())["step"])
    return ""


def test_a_snapshot_is_private_and_says_what_it_is_of(stack: Stack, saved: Path) -> None:
    assert [oct(path.stat().st_mode & 0o777) for path in (saved.parent, saved)] == ["0o700"] * 2
    assert {oct(path.stat().st_mode & 0o777) for path in saved.iterdir()} == {"0o600"}
    manifest = json.loads((saved / "manifest.json").read_text())
    assert manifest["instance"] == stack.instance
    assert manifest["migrations"] == ["addons.0001_initial"]
    assert manifest["images"]["application"]["id"] == stack.container("web")["Image"]
    assert {part["name"] for part in manifest["parts"]} == {"database", "storage"}
    listed = stack.olympia("snapshot", "list")
    assert "first" in listed.output, listed.output
    # Nothing was interrupted by it.
    assert len(stack.healthy()) == 8


@pytest.mark.full
def test_nothing_is_saved_twice_and_a_plan_saves_nothing(stack: Stack, saved: Path) -> None:
    run = stack.olympia("snapshot", "save", "first")
    assert run.code == 2, run.output
    assert "There is a snapshot first already" in " ".join(run.output.split())
    run = stack.olympia("snapshot", "save", "planned", "--check")
    assert run.code == 0, run.output
    assert list(snapshots(stack)) == ["first"]


def test_rows_files_and_search_come_back(stack: Stack, saved: Path) -> None:
    lose(stack)
    run = stack.olympia("snapshot", "restore")
    assert run.code == 0, run.output
    assert holds(stack) == ALL
    assert stack.up().changed == 0
    (automatic,) = (one for one in snapshots(stack).values() if one["automatic"])
    assert automatic["path"] in "".join(run.output.split()), run.output


@pytest.mark.full
def test_a_night_replaces_the_night_before_and_nothing_else(stack: Stack, saved: Path) -> None:
    other = folder(stack, "auto-20260101-000000-destroy")
    shutil.copytree(saved, other)
    before = set(snapshots(stack))
    planned = stack.olympia("nightly", "--check")
    assert planned.code == 0, planned.output
    assert set(snapshots(stack)) == before
    stack.ask_database("CREATE TABLE note (text VARCHAR(9)); INSERT INTO note VALUES ('night')")
    # The second one of containers that are all stopped, as those of an instance that nobody uses.
    for stopped in (False, True):
        if stopped:
            stack.docker("compose", "stop")
        night = stack.olympia("nightly", "NIGHTLY_KEPT=1")
        assert night.code == 0, night.output
    (left,) = set(snapshots(stack)) - before
    assert left.endswith("-nightly")
    assert set(snapshots(stack)) >= {"first", other.name}
    stack.up()
    stack.ask_database("UPDATE note SET text='day'")
    run = stack.olympia("snapshot", "restore", left)
    assert run.code == 0, run.output
    assert stack.ask_database("SELECT text FROM note") == "night"
    assert holds(stack) == ALL
    # The one that was saved before that has pushed no nightly one out.
    assert left in snapshots(stack)
    stack.ask_database("DROP TABLE note")


@pytest.mark.full
def test_a_night_leaves_out_what_was_never_up(make_stack: Callable[..., Stack]) -> None:
    night = make_stack().olympia("nightly")
    assert night.code == 0, night.output
    assert "it holds no data, for there is no volume" in " ".join(night.output.split())


@pytest.mark.full
def test_what_is_damaged_is_refused(stack: Stack, saved: Path) -> None:
    broken = folder(stack, "broken")
    shutil.copytree(saved, broken)
    with (broken / "storage.tar.zst").open("r+b") as file:
        file.seek(40)
        file.write(b"x")
    run = stack.olympia("snapshot", "restore", "broken")
    assert run.code == 3, run.output
    assert "storage.tar.zst is not what was saved" in " ".join(run.output.split())
    assert holds(stack) == ALL
    run = stack.olympia("snapshot", "rm", "broken")
    assert run.code == 0, run.output
    assert not broken.exists()


@pytest.mark.full
def test_a_newer_schema_is_refused_unless_it_is_forced(stack: Stack, saved: Path) -> None:
    newer = folder(stack, "newer")
    shutil.copytree(saved, newer)
    manifest = json.loads((newer / "manifest.json").read_text())
    manifest["migrations"].append("addons.0002_from_the_future")
    (newer / "manifest.json").write_text(json.dumps(manifest))
    run = stack.olympia("snapshot", "restore", "newer")
    assert run.code == 3, run.output
    assert "does not know addons.0002_from_the_future" in " ".join(run.output.split())
    run = stack.olympia("snapshot", "restore", "newer", "--force")
    assert run.code == 0, run.output
    assert "[WARNING]: The snapshot's schema is newer" in run.output
    assert holds(stack) == ALL


@pytest.mark.full
def test_an_interrupted_save_leaves_nothing_and_stops_nothing(stack: Stack, heavy: Path) -> None:
    with killed_when(
        stack, lambda: list(heavy.parent.glob(".unfinished-*/storage.tar.zst")), "snapshot", "save", "interrupted"
    ):
        wait_until(lambda: stack.get("/__version__")[0] == 200, "the site goes on")
    assert "interrupted" not in snapshots(stack)
    run = stack.olympia("snapshot", "save", "after")
    assert run.code == 0, run.output
    assert [path.name for path in heavy.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.full
def test_a_restore_that_is_interrupted_early_leaves_what_was_there(stack: Stack, heavy: Path) -> None:
    with killed_when(stack, lambda: step(stack) == "fill", "snapshot", "restore", "heavy"):
        assert holds(stack) == ALL
    run = stack.up()
    assert "was rolled back" in run.output
    assert not (stack.project / ".restore.json").exists()
    assert "_restored" not in stack.docker("volume", "ls", "--quiet", "--filter", f"name=^{stack.instance}_")
    assert holds(stack) == ALL


@pytest.mark.full
def test_a_restore_that_is_interrupted_late_is_finished_by_up(stack: Stack, heavy: Path) -> None:
    lose(stack)
    with killed_when(stack, lambda: step(stack) == "replace", "snapshot", "restore", "heavy"):
        # Neither the old nor the new: nobody is shown anything.
        assert stack.get("/")[0] in (0, 502)
    run = stack.up()
    assert "was finished" in run.output
    assert holds(stack) == ALL
    assert len(stack.healthy()) == 8
    assert stack.up().changed == 0


@pytest.mark.full
def test_another_instance_gets_it_and_its_own_password_still_opens_the_database(
    stack: Stack, make_stack: Callable[..., Stack], saved: Path
) -> None:
    other = make_stack(settings={"snapshots_kept": 1})
    other.up()
    run = other.olympia("snapshot", "restore", f"{stack.instance}/first")
    assert run.code == 0, run.output
    assert holds(other) == ALL
    run = other.olympia("destroy", "--yes")
    assert run.code == 0, run.output
    # One was kept, the newer one, and outlives the instance.
    (automatic,) = snapshots(other)
    assert automatic.endswith("-destroy")
    assert f"{folder(other)}/{automatic}" in "".join(run.output.split())
    assert len(stack.healthy()) == 8


@pytest.mark.full
def test_plain_sql_goes_out_and_comes_back(stack: Stack, tmp_path: Path) -> None:
    dump = tmp_path / "dump.sql"
    run = stack.olympia("data_export", str(dump))
    assert run.code == 0, run.output
    assert "INSERT INTO `addons_addon`" in dump.read_text()
    assert oct(dump.stat().st_mode & 0o777) == "0o600"
    stack.ask_database("UPDATE addons_addon SET name='Other' WHERE guid='marigold@example.org'")
    broken = tmp_path / "broken.sql"
    broken.write_text("DROP TABLE addons_upload;\nno SQL at all;\n")
    run = stack.olympia("data_restore", str(broken))
    assert run.code == 1, run.output
    assert stack.ask_database("SELECT name FROM addons_addon WHERE guid='marigold@example.org'") == "Other"
    run = stack.olympia("data_restore", str(dump))
    assert run.code == 0, run.output
    assert holds(stack) == ALL
    assert stack.up().changed == 0
