# SPDX-License-Identifier: BSD-3-Clause
"""A filter that summarizes the nightly snapshots of all instances."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

# Maximum length of a reason.
LIMIT = 2000


def plain(text: str) -> str:
    """Return a host's message as one line of limited length, without control characters.

    Args:
        text: What it has said.
    """
    shown = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(shown.split())[:LIMIT]


def night(
    hosts: Sequence[str], hostvars: Mapping[str, Any], groups: Mapping[str, Sequence[str]], tenant: str
) -> dict[str, Any]:
    """Return why instances were not saved, by host as `failed`, and in lines for people as `text`.

    An instance without data is no failure. But a night that was for everybody who shares machines, and has saved nobody, is one.

    Args:
        hosts: Those of the play.
        hostvars: Ansible's variable of that name; the hosts have what the tasks of snapshot_nightly.yml have registered.
        groups: Ansible's variable of that name.
        tenant: Whose instance the night was for; empty for all.
    """
    failed, saved = {}, False
    for host in hosts:
        result = hostvars[host].get("__olympia_stack_saved", {"skipped": True})
        saved = saved or bool(result.get("changed"))
        if result.get("skipped"):
            # The one that comes before it has failed.
            result = hostvars[host]["__olympia_stack_preflight"]
        if result.get("failed") or result.get("unreachable"):
            failed[host] = f"{host} was not saved: {plain(str(result.get('msg', ''))) or 'no reason was given'}"
    if "olympia_instances" in groups and not (tenant or failed or saved):
        failed = dict.fromkeys(hosts, "Nothing was saved: no instance holds data.")
    return {"failed": failed, "text": "\n".join(dict.fromkeys(failed.values()))}


class FilterModule:
    """Ansible's way to find the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"night": night}
