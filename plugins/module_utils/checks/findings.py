# SPDX-License-Identifier: BSD-3-Clause
"""The input of the doctor's checks of an instance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .verdicts import UNKNOWN, Verdict

PROXIES = ("http_proxy", "https_proxy", "no_proxy")
NO_ENGINE = "the engine does not answer"
ENGINE_FIRST = "See the check daemon first."
# What of the probe's facts the checks read; others may carry credentials, and stay on the controller.
FACTS = (
    "application", "ca_bundle", "client_error", "client_path", "compose_files_present", "containers", "disk_free_mb",
    "engine", "env_error", "image_origin", "image_sources", "initialized", "instance", "listening_ports", "local_names",
    "machine", "max_map_count", "memory_mb", "over_ssh", "owner", "port_owners", "project_dir", "rendered", "site_error",
    "source_dir", "source_missing", "source_tight", "source_windows", "strangers", "unprivileged_port", "volume_created",
)  # fmt: skip
SETTINGS = (
    "bind_address", "ca_bundle", "closed", "compose_files", "elasticsearch_version", "host_name", "host_uid", "image",
    "image_origin", "images", "initialize", "instance", "project_dir", "roles", "service_ports", "services",
    "source_dir", "volatile_services", "volume", *PROXIES,
)  # fmt: skip


@dataclass(frozen=True)
class Findings:
    """The input of the checks.

    Attributes:
        values: Resolved settings by variable.
        settings: Derived settings.
        facts: What the probe found.
        wrong_settings: Problems of settings, as plain data.
        differing: Rendered files that the next run would change.
        seen: What the doctor found itself.
    """

    values: Mapping[str, Any]
    settings: Mapping[str, Any]
    facts: Mapping[str, Any]
    wrong_settings: list[dict[str, Any]]
    differing: list[str]
    seen: Mapping[str, Any]

    @property
    def engine(self) -> Mapping[str, Any]:
        """What the probe found of the engine."""
        found: Mapping[str, Any] = self.facts["engine"]
        return found

    @property
    def reachable(self) -> bool:
        """Whether the engine answers this user."""
        return self.engine["docker"]["server"] is not None


def needs_engine(judge: Callable[[Findings], Verdict]) -> Callable[[Findings], Verdict]:
    """Return a judge whose verdict is unknown while no engine answers."""

    def judged(findings: Findings) -> Verdict:
        return judge(findings) if findings.reachable else Verdict(UNKNOWN, NO_ENGINE, ENGINE_FIRST)

    return judged
