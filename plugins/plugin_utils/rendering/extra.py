# SPDX-License-Identifier: BSD-3-Clause
"""Users' own Compose files, which add to the stack or change it. Runs on the controller; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml
from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem
from ansible_collections.addons.olympia.plugins.module_utils.core.suggestion import nearest
from ansible_collections.addons.olympia.plugins.module_utils.stack.services import known, started


class _Loader(yaml.SafeLoader):
    """Reads YAML that has tags of Compose's own, such as !override."""


def _ignore_tag(loader: _Loader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return None


_Loader.add_multi_constructor("!", _ignore_tag)


def services(texts: Mapping[str, str]) -> list[str]:
    """Return the services that Compose files add to the stack, sorted; without those of a profile, which no `up` starts.

    Args:
        texts: Text by path. One that `check` refuses adds none.
    """
    added = {
        name
        for text in texts.values()
        for name, definition in _services(text)
        if name not in known() and not (isinstance(definition, dict) and definition.get("profiles"))
    }
    return sorted(added)


def check_timeouts(timeouts: Iterable[str], texts: Mapping[str, str]) -> list[Problem]:
    """Return a problem for each service that has a time to become healthy, and that no stack has.

    Args:
        timeouts: The services.
        texts: Text by path of users' own Compose files.
    """
    names = [*started(), *services(texts)]
    return [
        Problem(
            what=f"{name} is not a service",
            setting="olympia_stack_wait_timeouts",
            fix=nearest(name, names) or f"Name any of {', '.join(names)}.",
        )
        for name in timeouts
        if name not in names
    ]


def check(texts: Mapping[str, str]) -> list[Problem]:
    """Return a problem for each file that Compose could not read.

    Args:
        texts: Text by path.
    """
    problems = []
    for path, text in texts.items():
        try:
            read = yaml.load(text, _Loader)
            wrong = "" if read is None or isinstance(read, dict) else "it is not a mapping"
        except yaml.YAMLError as error:
            wrong = " ".join(str(error).split())
        if wrong:
            problems.append(
                Problem(
                    what=f"{path} is not a Compose file",
                    cause=wrong,
                    fix="Correct it, or move it out of that directory; each *.yml there is merged into the stack.",
                )
            )
    return problems


def _services(text: str) -> Iterator[tuple[str, Any]]:
    try:
        read = yaml.load(text, _Loader)
    except yaml.YAMLError:
        return
    found = read.get("services") if isinstance(read, dict) else None
    yield from ((str(name), definition) for name, definition in found.items()) if isinstance(found, dict) else ()
