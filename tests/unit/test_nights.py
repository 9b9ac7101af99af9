# SPDX-License-Identifier: BSD-3-Clause
"""What has come of a night: who was not saved, and whether anybody was."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.filter.nights import night

SAVED: dict[str, Any] = {"changed": True, "path": "/snapshots/ana/x", "told": "saved"}
EMPTY: dict[str, Any] = {"changed": False, "path": "", "told": "it holds no data"}
FAILED: dict[str, Any] = {"changed": False, "failed": True, "msg": "no room"}
SKIPPED: dict[str, Any] = {"changed": False, "skipped": True}
GONE: dict[str, Any] = {"changed": False, "unreachable": True, "msg": "no route"}
SHARED = {"olympia_instances": ["ana", "ben"]}


def variables(saved: dict[str, Any] | None, preflight: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the variables of a host after its tasks."""
    found = {"__olympia_stack_preflight": preflight or {"changed": False}}
    return found | ({"__olympia_stack_saved": saved} if saved is not None else {})


@pytest.mark.parametrize(
    ("ben", "why"),
    [
        (variables(FAILED), "no room"),
        (variables(None, FAILED), "no room"),
        (variables(SKIPPED, GONE), "no route"),
        (variables(GONE), "no route"),
        (variables(FAILED | {"msg": ""}), "no reason was given"),
    ],
)
@pytest.mark.parametrize("ana", [SAVED, EMPTY])
def test_whoever_was_not_saved_is_named(ana: dict[str, Any], ben: dict[str, Any], why: str) -> None:
    found = night(["ana", "ben"], {"ana": variables(ana), "ben": ben}, SHARED, "")
    assert found == {"failed": {"ben": f"ben was not saved: {why}"}, "text": f"ben was not saved: {why}"}


def test_what_a_host_says_is_text() -> None:
    says = "x\x1b]0;y\x07\n{{ z }}" + "w" * 9999
    found = night(["ben"], {"ben": variables(FAILED | {"msg": says})}, {}, "")
    assert found["text"].startswith("ben was not saved: x ]0;y {{ z }}ww")
    assert len(found["text"]) < 2100


def test_a_night_that_saves_nobody_has_failed_for_all() -> None:
    everybody = {"ana": variables(EMPTY), "ben": variables(EMPTY)}
    found = night(["ana", "ben"], everybody, SHARED, "")
    assert set(found["failed"]) == {"ana", "ben"}
    assert found["text"] == "Nothing was saved: no instance holds data."
    for groups, tenant in ((SHARED, "ana,ben"), ({}, "")):
        assert not night(["ana", "ben"], everybody, groups, tenant)["failed"]
    assert not night(["ana", "ben"], everybody | {"ben": variables(SAVED)}, SHARED, "")["failed"]
