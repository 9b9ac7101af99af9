# SPDX-License-Identifier: BSD-3-Clause
"""The positional arguments of a command line: words, and settings as NAME=value."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..errors import ExitCode, Problem
from ..paths import make_importable
from ..words import did_you_mean

# Ansible's own variables, such as ansible_user, are passed on unchecked.
CONNECTION_PREFIX = "ansible_"
# On shared machines: the tenant whose instance a run is about. The playbooks choose their hosts by it.
TENANT = "tenant"


def all_assignments(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return no words, and all arguments as assignments.

    Args:
        arguments: The positional arguments.
    """
    return [], arguments


def words_and_assignments(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the words and the assignments, which may stand in any order.

    Args:
        arguments: The positional arguments.
    """
    return [one for one in arguments if "=" not in one], [one for one in arguments if "=" in one]


def command_after_service(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return service and command as words, and the assignments before them.

    Args:
        arguments: The positional arguments. Everything after the service belongs to the command.

    Raises:
        Problem: There is an option among the assignments.
    """
    service = next((place for place, one in enumerate(arguments) if "=" not in one), len(arguments))
    words = arguments[service:]
    if words and words[0].startswith("-"):
        raise Problem(
            f"Unexpected option between the settings and the service: {words[0]}",
            fix="olympia exec [-e NAME=value] [NAME=value ...] SERVICE COMMAND [ARGUMENT ...]",
            code=ExitCode.USAGE,
        )
    return words, arguments[:service]


def known_settings(root: Path) -> frozenset[str]:
    """Return the names of all settings: the options in the argument specifications of the roles.

    Args:
        root: The root of the collection.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    names: set[str] = set()
    for path in root.glob("roles/*/meta/argument_specs.yml"):
        names |= set(yaml.load(path.read_bytes(), loader)["argument_specs"]["main"]["options"])
    return frozenset(names)


def short_names(known: Iterable[str]) -> list[str]:
    """Return the settings as people write them: short names of the stack's settings, full names of the others.

    Args:
        known: The names of all settings. The code of the collection must be importable.
    """
    from ansible_collections.addons.olympia.plugins.module_utils.settings.sources import STACK_PREFIX, short_name

    return sorted(short_name(name) if name.startswith(STACK_PREFIX) else name for name in known)


def unknown_setting(name: str, known: Iterable[str]) -> str:
    """Return a sentence that refuses a mistyped name and suggests a setting, where one is close.

    Args:
        name: A full or a short name.
        known: The names of all settings. The code of the collection must be importable.
    """
    suggestion = did_you_mean(name.upper(), short_names(known)) or did_you_mean(name.lower(), known)
    return f"{name} is not a setting. {suggestion}".strip()


def parse(assignments: Iterable[str], root: Path) -> dict[str, str]:
    """Return the value of each variable that `NAME=value` arguments set. If a name is repeated, the last value wins.

    Args:
        assignments: The arguments.
        root: The root of the collection.

    Raises:
        Problem: An argument is not an assignment, or its name is not a setting.
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
            unknown.append(unknown_setting(name, known))
        else:
            values[variable] = value
    if unknown:
        raise Problem(
            "\n".join(unknown), fix="See docs/settings.md for all settings; nothing was run", code=ExitCode.USAGE
        )
    return values
