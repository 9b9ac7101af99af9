#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_wait
short_description: Wait until the services of a Compose project are healthy, and say why one is not
description:
  - Waits for each service by its own deadline, and ends as soon as success is impossible.
  - C(docker compose up --wait) gives no logs of an unhealthy service; this module shows its state, its last healthcheck
    and its last log lines.
author: The Olympia provisioner authors (!UNKNOWN)
extends_documentation_fragment:
  - addons.olympia.progress
  - addons.olympia.secrets
options:
  project:
    description: Name of the Compose project.
    type: str
    required: true
  services:
    description: Services to wait for.
    type: list
    elements: str
    required: true
  site:
    description: The C(address) of this host and the C(port) where a site has to answer once every service is healthy.
    type: dict
    default: {}
  said:
    description:
      - What Compose said when it could not start the services. The module then looks once and fails, with the first cause as its
        message.
      - Where the engine has refused something, that is the cause, and not the services that were never created for it.
    type: str
    default: ""
  timeout:
    description: Seconds that a service may take.
    type: int
    default: 180
  timeouts:
    description: Seconds by service, where one needs more or less than O(timeout).
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
    description: Changes nothing in either mode. In check mode it looks once and does not wait.
  diff_mode:
    support: none
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: Wait for two services, the second with more patience
  addons.olympia.stack_wait:
    project: addons-server
    services: [web, elasticsearch]
    timeouts:
      elasticsearch: 300
"""

RETURN = r"""
services:
  description: Container state and health by service.
  returned: always
  type: dict
  sample: {web: {state: running, health: healthy}}
history:
  description: Each change of a service's state or health, with the seconds since the module began to wait.
  returned: always
  type: list
  elements: dict
  sample: [{seconds: 0.1, service: web, state: running, health: starting}]
times:
  description: When each service's container was last started, and when it became healthy; empty where that cannot be told.
  returned: always
  type: dict
  sample: {web: {started: "2026-01-01T12:00:00.123456789Z", healthy: "2026-01-01T12:00:05.123456789Z"}}
failures:
  description: For each service that failed, what it is, its last healthcheck, its last log lines and what that mostly comes from.
  returned: failure
  type: list
  elements: dict
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.core.causes import (
    ENGINE_RESTARTED,
    ended_together,
    refusal,
    silence,
)
from ansible_collections.addons.olympia.plugins.module_utils.core.progress_events import ARGUMENT, teller
from ansible_collections.addons.olympia.plugins.module_utils.engine import networks
from ansible_collections.addons.olympia.plugins.module_utils.host import connectivity, engine_objects
from ansible_collections.addons.olympia.plugins.module_utils.host.liveness import engine_socket, hanging_engine
from ansible_collections.addons.olympia.plugins.module_utils.host.process import run
from ansible_collections.addons.olympia.plugins.module_utils.stack.failures import explain, message

POLL_SECONDS = 0.25
RESTART_LIMIT = 5  # the Compose file's own limit: after that many restarts Docker gives up
SITE_PATIENCE = 15  # seconds that a site may take to answer once every service is healthy
KILLED = 137  # 128 + SIGKILL


def verdict(container: dict[str, Any] | None, expired: bool) -> str:
    """Return `ready`, `waiting`, or what is wrong, in words that follow "the service".

    Args:
        container: The service's container as `engine_objects.containers` gives it, or None where there is none.
        expired: Whether the service's deadline has passed.
    """
    if container is None:
        return "has no container: it was never created" if expired else "waiting"
    state, health = container["state"], container["health"]
    if container["oom_killed"] or (state == "exited" and container["exit_code"] == KILLED):
        return "was killed, most likely for lack of memory (exit 137)"
    if container["restarts"] >= RESTART_LIMIT or state == "dead":
        return f"restarts in a loop: {container['restarts']} times so far, last with exit code {container['exit_code']}"
    if state == "exited":
        # Docker is about to restart it, or has given up; which of the two shows within the restart limit or the deadline.
        return f"has exited with code {container['exit_code']}" if expired or not container["exit_code"] else "waiting"
    if state == "running" and health in ("healthy", ""):
        return "ready"
    if health == "unhealthy":
        return "is unhealthy: its healthcheck failed too often"
    return "is not healthy in time" if expired else "waiting"


def expired(params: dict[str, Any], service: str, elapsed: float) -> bool:
    """Return whether a service has no time left.

    Args:
        params: The module's parameters.
        service: The service's name.
        elapsed: Seconds since the module began to wait.
    """
    if params["said"]:
        # Compose has given up for the containers that it names, and has not come to others.
        return f"{params['project']}-{service}-" in params["said"]
    return elapsed >= int(params["timeouts"].get(service, params["timeout"]))


def wait(module: AnsibleModule) -> dict[str, Any]:
    """Wait, and return the module's result.

    Args:
        module: The running module.
    """
    params = module.params
    tell = teller(params["progress"])
    started = time.monotonic()
    services: dict[str, dict[str, str]] = {}
    history: list[dict[str, Any]] = []
    ready_at = None
    while True:
        found = {entry["service"]: entry for entry in engine_objects.containers(run, params["project"])}
        elapsed = time.monotonic() - started
        for name in (name for name in params["services"] if name in found):
            now = {"state": found[name]["state"], "health": found[name]["health"]}
            if services.get(name) != now:
                services[name] = now
                history.append({"seconds": round(elapsed, 1), "service": name, **now})
                tell("service", name=name, **now)
        verdicts = {name: verdict(found.get(name), expired(params, name, elapsed)) for name in params["services"]}
        wrong = {name: text for name, text in verdicts.items() if text not in ("ready", "waiting")}
        waiting = "waiting" in verdicts.values()
        silent = connectivity.site_error(params["site"]) if params["site"] and not (wrong or waiting) else ""
        ready_at = elapsed if silent and ready_at is None else ready_at
        waiting = waiting or bool(silent and ready_at is not None and elapsed < ready_at + SITE_PATIENCE)
        if wrong or module.check_mode or params["said"] or not waiting:
            break
        time.sleep(POLL_SECONDS)
    failures = [explain(name, found.get(name), text) for name, text in wrong.items()]
    times = {
        name: {"started": found[name]["started_at"], "healthy": found[name]["healthy_at"]}
        for name in params["services"]
        if name in found
    }
    result: dict[str, Any] = {"changed": False, "services": services, "history": history, "times": times}
    if failures:
        result |= {
            "failed": True,
            "failures": failures,
            "msg": ENGINE_RESTARTED if ended_together(found.values()) else message(failures, params["project"]),
            "olympia": {"phase": "health", "kind": "unhealthy"},
        }
    if silent:
        result |= {
            "failed": True,
            "failures": [],
            "msg": silence(params["site"], silent, connectivity.firewall_rules(run)),
            "olympia": {"phase": "health", "kind": "unhealthy"},
        }
    return result


def not_started(result: dict[str, Any], said: str) -> dict[str, Any]:
    """Return the result of a start that has failed: what the engine has refused, or the services that others wait for.

    Args:
        result: What came of a look at the services.
        said: What Compose said.
    """
    refused = refusal(said, lambda: networks.look(run, engine_objects.address_pools(run)))
    if refused or not result.get("failed"):
        result |= {"failed": True, "failures": [], "msg": refused or said}
    return result | {"olympia": {"phase": "start", "kind": "unhealthy"}}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "project": {"type": "str", "required": True},
            "services": {"type": "list", "elements": "str", "required": True},
            "site": {"type": "dict", "default": {}},
            "said": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 180},
            "timeouts": {"type": "dict", "default": {}},
            "secrets": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "progress": ARGUMENT,
        },
        supports_check_mode=True,
    )
    said = module.params["said"]
    if said and (how := hanging_engine(engine_socket(run))):
        module.fail_json(msg=how, failures=[], olympia={"phase": "start", "kind": "unhealthy"})
    result = wait(module)
    if said:
        result = not_started(result, said)
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
