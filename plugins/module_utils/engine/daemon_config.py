# SPDX-License-Identifier: BSD-3-Clause
"""The engine's configuration file, daemon.json: merging settings, and applying changes to a running engine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .engine_options import EngineOptions

# Keys of daemon.json that a running engine takes over on SIGHUP; every other one needs a restart.
RELOADABLE = frozenset(
    [
        "authorization-plugins", "debug", "default-runtime", "insecure-registries", "labels", "live-restore",
        "max-concurrent-downloads", "max-concurrent-uploads", "max-download-attempts", "registry-mirrors",
        "runtimes", "shutdown-timeout",
    ]
)  # fmt: skip
DAEMON_JSON = Path("/etc/docker/daemon.json")


def merge_options(
    current: Mapping[str, Any], options: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """Merge settings into the content of a daemon.json.

    Mappings are merged key by key at every depth. Any other value, lists included, is replaced by that of
    `options` and kept against that of `defaults`.
    """
    merged = dict(current)
    for name, value in defaults.items():
        if isinstance(value, Mapping) and isinstance(merged.get(name), Mapping):
            merged[name] = merge_options(merged[name], {}, value)
        else:
            merged.setdefault(name, value)
    for name, value in options.items():
        if isinstance(value, Mapping) and isinstance(merged.get(name), Mapping):
            merged[name] = merge_options(merged[name], value, {})
        else:
            merged[name] = value
    return merged


def changed_keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the top-level keys in which two contents of daemon.json differ, sorted."""
    return sorted(name for name in {*before, *after} if before.get(name, ...) != after.get(name, ...))


def effect_of(keys: Iterable[str]) -> str:
    """Return what a running engine needs to apply changed keys: `none`, `reload` or `restart`."""
    names = set(keys)
    if not names:
        return "none"
    return "reload" if names <= RELOADABLE else "restart"


def explicit_daemon_options(options: EngineOptions) -> dict[str, Any]:
    """Return the keys of daemon.json that the user's settings require on every engine."""
    asked: dict[str, Any] = {}
    if options.registry_mirrors:
        asked["registry-mirrors"] = list(options.registry_mirrors)
    if options.proxy:
        asked["proxies"] = {f"{name.replace('_', '-')}": value for name, value in options.proxy.items()}
    if options.image_store != "auto":
        asked["features"] = {"containerd-snapshotter": options.image_store == "containerd"}
    return merge_options(asked, options.daemon_options, {})


def new_engine_defaults(options: EngineOptions, daemon_json: Mapping[str, Any], has_data: bool) -> dict[str, Any]:
    """Return the defaults for keys of daemon.json that are not set, for an engine installed by the role.

    One garbage collection rule by size replaces BuildKit's own, the first of which drops cache mounts that were
    unused for two days. The image store is chosen only while there is no data: a switch hides existing images.
    """
    rule = {"all": True, "keepStorage": options.build_cache_limit}
    defaults: dict[str, Any] = {"builder": {"gc": {"enabled": True, "policy": [rule]}}}
    driver = options.daemon_options.get("log-driver", daemon_json.get("log-driver", "json-file"))
    if driver in ("json-file", "local"):
        defaults["log-driver"] = "json-file"
        defaults["log-opts"] = {"max-size": options.log_max_size, "max-file": str(options.log_max_files)}
    if not has_data:
        defaults["features"] = {"containerd-snapshotter": True}
    return defaults


def parse_daemon_json(text: str, path: Path = DAEMON_JSON) -> dict[str, Any] | str:
    """Parse the text of a daemon.json; an empty one is an empty object.

    :returns: the content, or a text that says what is wrong with it.
    """
    if not text.strip():
        return {}
    try:
        content = json.loads(text)
    except ValueError as error:
        return f"{path} is not valid JSON: {error}"
    if not isinstance(content, dict):
        return f"{path} is not a JSON object"
    return content
