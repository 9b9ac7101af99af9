# SPDX-License-Identifier: BSD-3-Clause
"""Which tests a run takes: every day, in full, in slices, and for a change."""

from __future__ import annotations

import argparse
import fnmatch
import importlib.machinery
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from tests import parts as tests_parts
from tests.parts import (
    EVERYDAY,
    FULL,
    PREPARATION,
    PYTHONS,
    ROOT,
    TOUCHED,
    Part,
    all_parts,
    chosen,
    sliced,
    touched_by,
    with_needed,
)

PARTS = all_parts()


def names(*wanted: str) -> set[str]:
    """Return the names of the parts that are meant."""
    return {part.name for part in chosen(PARTS, wanted)}


def test_everyday_is_a_part_of_full_and_full_is_everything() -> None:
    assert names(EVERYDAY) < names(FULL) == {part.name for part in PARTS}
    assert {"e2e", "shared", "molecule-stack_local", "molecule-stack_ci", "unit"} < names(EVERYDAY)
    assert "molecule-upgrade" not in names(EVERYDAY)


def test_every_folder_of_tests_is_a_part() -> None:
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    # Those of a running stack are run by others, against theirs.
    assert folders - {"testinfra"} <= names(FULL)


def test_patterns_and_groups_mean_their_parts() -> None:
    assert names("molecule-*") == names("molecule") > {"molecule-upgrade", "molecule-stack_ci"}
    with pytest.raises(ValueError, match="There is no part unti"):
        names("unti")


def test_what_a_part_needs_comes_before_it() -> None:
    assert [part.name for part in with_needed(PARTS, chosen(PARTS, ["faults"]))] == [*PREPARATION, "faults"]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_slices_are_everything_once(count: int) -> None:
    slices = [sliced(PARTS, number, count) for number in range(1, count + 1)]
    found = [part.name for one in slices for part in one]
    assert sorted([*found, *PREPARATION]) == sorted(part.name for part in PARTS)
    together = next({part.name for part in one} for one in slices if any(part.name == "unit" for part in one))
    assert "coverage" in together


def test_a_shortened_part_leaves_out_what_only_the_full_run_has() -> None:
    parts = {part.name: part for part in all_parts()}
    assert (parts["e2e"].shorten(), parts["e2e"].command[-2:]) == (True, ["-m", "not full"])
    assert (parts["conformance"].shorten(), "-m" in parts["conformance"].command) == (False, False)
    assert not parts["ruff"].shorten()


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module of the command tests/run."""
    loader = importlib.machinery.SourceFileLoader("tests_run", str(ROOT / "tests/run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("tests_run", loader))  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "tests_run", module)
    loader.exec_module(module)
    return module


def test_the_other_pythons_are_tested_or_said_to_be_missing(
    runner: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    missing, *others = (version for version in PYTHONS if version != own)
    monkeypatch.setattr(tests_parts, "interpreter", lambda version: "" if version == missing else f"/bin/{version}")
    taken, left_out = runner.select(argparse.Namespace(parts=["matrix"], touched=None, slice=None))
    assert [part.command[1] for part in taken if part.group == "matrix"] == [f"/bin/{version}" for version in others]
    assert f"matrix-{missing} (there is no python{missing} here)" in left_out


def test_a_deprecation_of_ansible_fails_a_part(
    runner: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tests_parts, "LOGS", tmp_path)
    part = Part("old", ["true"])
    part.ansible_log.write_text("2026-01-01 p=1 u=root n=ansible INFO| TASK [Do something] ***\n")
    runner.count(part, 0)
    assert (part.passed, part.failed) == (1, 0)
    with part.ansible_log.open("a") as log:
        log.write("2026-01-01 p=1 u=root n=ansible INFO| [DEPRECATION WARNING]: It is old. It will go.\n")
    runner.count(part, 0)
    assert part.failed == 1
    assert "It is old" in part.note


def test_a_change_chooses_what_it_can_affect() -> None:
    assert "shared" in touched_by(["roles/olympia_tenant/tasks/disk.yml"])
    assert "molecule-docker_repository" not in names(*touched_by(["roles/olympia_tenant/tasks/disk.yml"]))
    assert set(touched_by(["docs/commands.md"])) == {"unit", "yamllint"}
    assert touched_by(["something/new"]) == [FULL]


def test_the_table_of_changes_names_parts_and_files_that_there_are() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = listed.stdout.splitlines()
    for row in yaml.safe_load(TOUCHED.read_text()):
        assert chosen(PARTS, row["parts"])
        assert [one for one in row["paths"] if not fnmatch.filter(files, one)] == []
