# SPDX-License-Identifier: BSD-3-Clause
"""The settings that a command line gives, by the variables they mean."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from ..errors import ExitCode, OlympiaError
from ..paths import make_importable

# How a host is reached is Ansible's own affair.
CONNECTION_PREFIX = "ansible_"
# Whose instance it is about, where people share machines: what a playbook's hosts are chosen by.
TENANT = "tenant"


def known_settings(root: Path) -> frozenset[str]:
    """Return the names of all settings: the options in the roles' argument specifications.

    Args:
        root: The checkout.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    names: set[str] = set()
    for path in root.glob("roles/*/meta/argument_specs.yml"):
        names |= set(yaml.load(path.read_bytes(), loader)["argument_specs"]["main"]["options"])
    return frozenset(names)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return a sentence with the setting that a mistyped name comes nearest to, or the empty string.

    Args:
        name: A full or a short name.
        known: All settings; the collection's code must be importable.
    """
    from ansible_collections.addons.olympia.plugins.module_utils.core.suggestion import nearest
    from ansible_collections.addons.olympia.plugins.module_utils.settings.sources import STACK_PREFIX, short_name

    short = sorted(short_name(variable) for variable in known if variable.startswith(STACK_PREFIX))
    matches = difflib.get_close_matches(name.upper(), short, n=1)
    return f"Did you mean {matches[0]}?" if matches else nearest(name, known)


def parse(assignments: Iterable[str], root: Path) -> dict[str, str]:
    """Return value by variable for `NAME=value` arguments; the last one of a name counts.

    Args:
        assignments: As given.
        root: The checkout.

    Raises:
        OlympiaError: One is no assignment, or its name is not a setting.
    """
    given = list(assignments)
    if not given:
        return {}
    known = known_settings(root)
    make_importable(root)
    from ansible_collections.addons.olympia.plugins.module_utils.settings.sources import variable_for

    values: dict[str, str] = {}
    unknown: list[str] = []
    for assignment in given:
        name, equals, value = assignment.partition("=")
        is_known = name == TENANT or name.startswith(CONNECTION_PREFIX)
        variable = name if is_known else variable_for(name, known)
        if not equals:
            unknown.append(f"{assignment} is not of the form NAME=value.")
        elif variable is None:
            unknown.append(f"{name} is not a setting. {suggestion(name, known)}".strip())
        else:
            values[variable] = value
    if unknown:
        raise OlympiaError(
            "\n".join(unknown), way_out="docs/settings.md lists all settings; nothing was run", code=ExitCode.USAGE
        )
    return values
