# SPDX-License-Identifier: BSD-3-Clause
"""What a service that has failed leaves as evidence, and how people are told."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.addons.olympia.plugins.module_utils.core.causes import likely_cause
from ansible_collections.addons.olympia.plugins.module_utils.host.process import run

LOG_LINES = 20


def explain(service: str, container: dict[str, Any] | None, wrong: str) -> dict[str, Any]:
    """Return the evidence on a failed service.

    Args:
        service: The service's name.
        container: Its container, or None.
        wrong: The verdict.
    """
    failure: dict[str, Any] = {
        "service": service,
        "wrong": wrong,
        "healthcheck": "",
        "log": [],
        "cause": likely_cause(wrong, ""),
    }
    if container is None:
        return failure
    _code, health, _errors = run(["docker", "inspect", "--format", "{{json .State.Health}}", container["id"]])
    checks = (json.loads(health) or {}).get("Log") or [] if health.strip() else []
    _code, output, errors = run(["docker", "logs", "--tail", str(LOG_LINES), container["id"]])
    healthcheck, log = checks[-1]["Output"].strip() if checks else "", (output + errors).splitlines()[-LOG_LINES:]
    return failure | {
        "state": container["state"],
        "exit_code": container["exit_code"],
        "healthcheck": healthcheck,
        "log": log,
        # What was said last says most.
        "cause": likely_cause(wrong, "\n".join([*reversed(log), healthcheck])),
    }


def message(failures: list[dict[str, Any]], project: str) -> str:
    """Return the failures as a message for people.

    Args:
        failures: At least one, as `explain` gives them.
        project: Name of the Compose project.
    """
    lines = []
    for failure in failures:
        lines.append(f"The service {failure['service']} {failure['wrong']}.")
        if failure["healthcheck"]:
            lines += ["  last healthcheck:", *(f"    {line}" for line in failure["healthcheck"].splitlines()[-5:])]
        if failure["log"]:
            lines += ["  last log lines:", *(f"    {line}" for line in failure["log"])]
        if failure["cause"]:
            lines.append(f"  likely cause: {failure['cause']}")
        lines.append(f"  look further: docker compose --project-name {project} logs {failure['service']}")
    return "\n".join(lines)
