# SPDX-License-Identifier: BSD-3-Clause
"""Every setting stands in three places: defaults, specification, documentation. They agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from settings_doc import pages

ROOT = Path(__file__).parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())


def options(role: str) -> dict[str, dict[str, Any]]:
    """Return the specification of a role's settings."""
    text = (ROOT / "roles" / role / "meta/argument_specs.yml").read_text()
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)["argument_specs"]["main"]["options"]
    return found


@pytest.mark.parametrize("role", ROLES)
def test_defaults_and_specification_agree(role: str) -> None:
    defaults = yaml.safe_load((ROOT / "roles" / role / "defaults/main.yml").read_text())
    assert {name: option["default"] for name, option in options(role).items()} == defaults


@pytest.mark.parametrize("role", ROLES)
def test_every_setting_has_a_type_and_a_sentence_and_the_roles_prefix(role: str) -> None:
    for name, option in options(role).items():
        # The list of all tenants is named as operators call it.
        assert name.startswith(f"{role}_") or name == "olympia_tenants", name
        assert option["type"], name
        assert str(option["description"]).rstrip("']").endswith("."), name


@pytest.mark.parametrize("path", ["docs/settings.md", *(f"roles/{role}/README.md" for role in ROLES)])
def test_pages_are_what_the_specifications_say(path: str) -> None:
    assert (ROOT / path).read_text() == pages()[ROOT / path], "run: make docs"


def test_no_failure_of_a_task_is_without_a_reason() -> None:
    # A module that has done well gives none, and Ansible then says "Unknown error". A command's return code is one.
    for path in (ROOT / "roles").glob("*/tasks/*.yml"):
        conditions = [line for line in path.read_text().splitlines() if line.strip().startswith("failed_when:")]
        assert all(".rc " in line for line in conditions), (path, conditions)
