# SPDX-License-Identifier: BSD-3-Clause
"""Which tests a run takes: every day, in full, in slices, and for a change."""

from __future__ import annotations

import fnmatch
import subprocess

import pytest
import yaml
from tests.parts import EVERYDAY, FULL, PREPARATION, ROOT, TOUCHED, all_parts, chosen, sliced, touched_by, with_needed

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
