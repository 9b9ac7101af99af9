# SPDX-License-Identifier: BSD-3-Clause
"""Build caches outside of the builder: the settings' words for them, turned into BuildKit's. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem
from ansible_collections.addons.olympia.plugins.module_utils.settings.sources import short_name
from ansible_collections.addons.olympia.plugins.module_utils.stack.application import is_reference

# What each kind of cache cannot do without, where it is read and where it is written.
TYPES = {"registry": ("ref", "ref"), "local": ("src", "dest"), "gha": ("", "")}
ATTRIBUTES = re.compile(r"[^=,]+=[^,]*(,[^=,]+=[^,]*)*")
# `max` keeps the layers of every stage. A cache that cannot be written is no reason to fail a build that has succeeded.
WRITING = {"mode": "max", "ignore-error": "true"}


def parse(cache: str) -> dict[str, str]:
    """Return the attributes of a cache.

    Args:
        cache: `type=TYPE,NAME=VALUE,...` as BuildKit has it, or the reference of an image in a registry.
    """
    if "=" not in cache:
        return {"type": "registry", "ref": cache}
    pairs = (part.partition("=") for part in cache.split(","))
    return {name.strip(): value.strip() for name, _equals, value in pairs}


def reading(cache: str) -> str:
    """Return a cache to read, in BuildKit's words."""
    return _join(parse(cache))


def writing(cache: str) -> str:
    """Return a cache to write, in BuildKit's words."""
    return _join(WRITING | parse(cache))


def check(values: Mapping[str, Any]) -> list[Problem]:
    """Return every reason why the settings name no caches.

    Args:
        values: Resolved settings by variable.
    """
    problems = []
    for index, setting in enumerate(("olympia_stack_cache_from", "olympia_stack_cache_to")):
        for cache in values[setting]:
            attributes = parse(cache)
            kind = attributes.get("type", "")
            needed = TYPES.get(kind, ("", ""))[index]
            value = attributes.get(needed, "")
            if '"' in cache or ("=" in cache and not ATTRIBUTES.fullmatch(cache)):
                wrong = "it is neither a reference nor NAME=VALUE,..."
            elif kind not in TYPES:
                wrong = f"its type is not one of {', '.join(TYPES)}"
            elif needed and not value:
                wrong = f"a cache of type {kind} needs {needed}=..."
            elif kind == "registry" and not is_reference(value):
                wrong = f"{value} is not the reference of an image"
            elif kind == "local" and not PurePosixPath(value).is_absolute():
                wrong = f"{needed} is not an absolute path"
            else:
                continue
            problems.append(
                Problem(
                    what=f"'{cache}' is not a build cache: {wrong}",
                    setting=setting,
                    fix=f"{short_name(setting)} takes a reference in a registry, type=local,{TYPES['local'][index]}=/path "
                    "or type=gha.",
                )
            )
    return problems


def _join(attributes: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in attributes.items())
