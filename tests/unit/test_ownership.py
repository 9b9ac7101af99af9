# SPDX-License-Identifier: BSD-3-Clause
"""Whose an instance is, and what is refused to others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.host import engine_objects
from ansible_collections.addons.olympia.plugins.module_utils.stack import ownership

HERE, THERE = "/home/me/.local/state/olympia/site", "/home/you/.local/state/olympia/site"
OURS = {"service": "web", "working_dir": HERE}
THEIRS = {"service": "web", "directory": THERE}
FOREIGN = {"service": "selenium", "directory": "/srv/site"}


def facts(**changed: Any) -> dict[str, Any]:
    """Return what a probe finds of an instance that nobody has yet; names of the owner's are changed there."""
    owner = {"directory": "", "user": "", "claimed": False, "adopting": False, "unknown_volume": False}
    owner |= {name: value for name, value in changed.items() if name in owner}
    found = {"instance": "site", "project_dir": HERE, "owner": owner, "strangers": [], "volume_created": "yesterday"}
    return found | {name: value for name, value in changed.items() if name in found}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"directory": HERE, "claimed": True},
        {"directory": HERE, "claimed": True, "unknown_volume": True},
        {"directory": THERE, "adopting": True},
        {"strangers": [THEIRS], "adopting": True},
        {"unknown_volume": True, "adopting": True},
    ],
)
def test_nobodys_ones_own_and_adopted_instances_may_be_changed(changed: dict[str, Any]) -> None:
    assert ownership.check(facts(**changed)) == []


@pytest.mark.parametrize(
    ("changed", "evidence"),
    [
        ({"directory": THERE, "user": "you"}, f"you runs it from {THERE}"),
        ({"directory": THERE, "user": "you", "strangers": [THEIRS]}, f"you runs it from {THERE}"),
        # Of a release that wrote no owners down.
        ({"strangers": [THEIRS]}, f"somebody runs it from {THERE}"),
        ({"directory": HERE, "claimed": True, "user": "me", "strangers": [THEIRS]}, f"from {THERE}"),
        ({"unknown_volume": True}, "site_data_mysqld was made yesterday"),
    ],
)
def test_another_ones_is_refused_and_can_be_adopted(changed: dict[str, Any], evidence: str) -> None:
    (problem,) = ownership.check(facts(**changed))
    assert evidence in problem.cause
    assert "make up ARGS=--adopt" in problem.fix


def test_what_another_program_has_made_is_not_even_adopted() -> None:
    (problem,) = ownership.check(facts(strangers=[FOREIGN], adopting=True))
    assert "selenium was made from /srv/site" in problem.cause
    assert "adopt" not in problem.fix


def test_a_database_that_nobody_owns_may_be_looked_after_and_not_opened() -> None:
    assert ownership.check(facts(unknown_volume=True), starts=False) == []


def test_a_link_to_the_project_directory_is_the_project_directory(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert ownership.strangers([OURS | {"working_dir": str(tmp_path / "link")}], tmp_path) == []
    assert ownership.strangers([OURS], tmp_path) == [{"service": "web", "directory": HERE}]
    assert ownership.strangers([OURS | {"working_dir": ""}], tmp_path) == [{"service": "web", "directory": ""}]


def test_the_owner_is_read_from_the_engine() -> None:
    labels = '{"addons.olympia.owner": "/srv/a", "addons.olympia.user": "user ana"}'
    printed = f"site_owner\tyesterday\t{labels}\ntheirs_owner\ttoday\tnull\n"
    # The third one is missing, which fails the command.
    found = engine_objects.volumes(
        lambda _command: (1, printed, "no such volume"), "site_owner", "theirs_owner", "missing"
    )
    assert found.keys() == {"site_owner", "theirs_owner"}
    assert engine_objects.volumes(lambda _command: (1, "\n", "Cannot connect to the Docker daemon"), "site_owner") == {}
    assert ownership.recorded(found["site_owner"][1]) == {"directory": "/srv/a", "user": "user ana"}
    # Somebody else's volume of that name.
    assert ownership.recorded(found["theirs_owner"][1]) == {"directory": "", "user": ""}
