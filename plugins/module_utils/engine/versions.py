# SPDX-License-Identifier: BSD-3-Clause
"""Versions of the engine and its plugins, and of their packages: which are new enough."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from typing import Any

MINIMUM = {"engine": (25, 0), "buildx": (0, 13), "compose": (2, 24)}


def parse_version(text: str | None) -> tuple[int, int] | None:
    """Return major and minor of a version such as `v0.13.1+ds1` or `26.1.5+dfsg1`; None if there is none."""
    match = re.match(r"v?(\d+)\.(\d+)", text or "")
    return (int(match[1]), int(match[2])) if match else None


def satisfies(component: str, version: str | None) -> bool:
    """Return whether a version is at least the minimum for `engine`, `buildx` or `compose`."""
    parsed = parse_version(version)
    return parsed is not None and parsed >= MINIMUM[component]


def meets(specification: str, package: str, version: str) -> bool:
    """Return whether a version of a package is one that a specification, as ansible.builtin.apt reads it, accepts.

    A specification of another package accepts any.
    """
    name, operator, wanted = re.split(r"(>?=|$)", specification, maxsplit=1)
    if name != package or not operator:
        return True
    # The epoch, which no version of these packages has ever been compared by.
    version, wanted = (re.sub(r"^\d+:", "", one) for one in (version, wanted))
    if operator == "=":
        return fnmatch.fnmatch(version, wanted)
    return (parse_version(version) or (0, 0)) >= (parse_version(wanted) or (0, 0))


def component_versions(facts: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the versions of engine, buildx and compose; of an engine that does not answer, the installed one."""
    engine = facts["docker"]["server"] or facts["docker"].get("installed")
    return {"engine": engine, "buildx": facts["buildx"], "compose": facts["compose"]}


def missing_components(facts: Mapping[str, Any], wanted: str) -> list[str]:
    """Return which of engine, buildx and compose are absent, too old, or of another version than the one asked for.

    Args:
        facts: What `gather` returns.
        wanted: The version of the engine that is asked for; empty for any.
    """
    versions = component_versions(facts)
    missing = [component for component, version in versions.items() if not satisfies(component, version)]
    other_version = wanted and re.split(r"[^\d.]", versions["engine"] or "")[0] != wanted
    if (facts["docker"]["client"] is None or other_version) and "engine" not in missing:
        missing.insert(0, "engine")
    return missing
