#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause

from __future__ import annotations

DOCUMENTATION = r"""
module: initialize
short_description: Run a command in a Compose service once per state of its data
description:
  - Runs a command in a running service, and records in the project directory the database volume, image and container.
    It runs again only when one of them has changed.
author: The Olympia provisioner authors (!UNKNOWN)
extends_documentation_fragment:
  - addons.olympia.secrets
options:
  project_src:
    description: The project directory.
    type: path
    required: true
  project:
    description: Name of the Compose project.
    type: str
    required: true
  service:
    description: The service that the command runs in.
    type: str
    required: true
  command:
    description: The command.
    type: list
    elements: str
    required: true
  volume:
    description: The volume that the command fills.
    type: str
    required: true
  volatile_services:
    description: Services that lose their data when they restart.
    type: list
    elements: str
    default: []
  force:
    description: Run the command even if nothing has changed since the last time.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Reports whether the command would run.
  diff_mode:
    support: none
    description: See the output of the command.
"""

EXAMPLES = r"""
- name: Initialize the database
  addons.olympia.initialize:
    project_src: /srv/olympia/addons-server
    project: addons-server
    service: web
    command: [make, initialize]
    volume: addons-server_data_mysqld
"""

RETURN = r"""
stdout:
  description: Output of the command. Empty if it did not run.
  returned: always
  type: str
"""

import json
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.core.causes import ENGINE_RESTARTED, ended_together
from ansible_collections.addons.olympia.plugins.module_utils.host import engine_objects
from ansible_collections.addons.olympia.plugins.module_utils.host.docker_cli import DockerCli
from ansible_collections.addons.olympia.plugins.module_utils.host.process import run, tail
from ansible_collections.addons.olympia.plugins.module_utils.stack import remembered
from ansible_collections.addons.olympia.plugins.module_utils.stack.failures import explain, message

LOG_LINES = 30
COMES_BACK = 10  # seconds that an engine may take to start a service again
# What the engine prints for a container that does not run.
NOT_RUNNING = re.compile(r"is restarting|is not running")
FAILURE = {"phase": "initialize", "kind": "unhealthy"}


def awaited_containers(project: str, service: str) -> list[dict[str, Any]]:
    """Return the containers of a project, after waiting for a service that the engine is about to restart.

    An engine that was restarted starts them one after the other.

    Args:
        project: The Compose project.
        service: The service.
    """
    deadline = time.monotonic() + COMES_BACK
    while True:
        found = engine_objects.containers(run, project)
        own = next((entry for entry in found if entry["service"] == service), None)
        coming = own and (own["state"] == "restarting" or (own["state"] == "exited" and own["exit_code"]))
        if not coming or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def started(containers: Iterable[Mapping[str, Any]], service: str) -> str:
    """Return when the running container of a service was started; the empty string if none runs.

    Args:
        containers: The project's, as `engine_objects.containers` gives them.
        service: The service.
    """
    running = (entry for entry in containers if entry["service"] == service and entry["state"] == "running")
    return next((str(entry["started_at"]) for entry in running), "")


def why_not(project: str, service: str) -> str:
    """Return why commands cannot run in a service, with its last output.

    Args:
        project: The Compose project.
        service: The service.
    """
    container = next((entry for entry in engine_objects.containers(run, project) if entry["service"] == service), None)
    if container is None:
        return (
            f"The service {service} of {project} is not running, so nothing was initialized: bring the stack up first."
        )
    wrong = f"does not stay up ({container['state']}, {container['restarts']} restarts), so nothing was initialized"
    return message([explain(service, container, wrong)], project)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "project_src": {"type": "path", "required": True},
            "project": {"type": "str", "required": True},
            "service": {"type": "str", "required": True},
            "command": {"type": "list", "elements": "str", "required": True},
            "volume": {"type": "str", "required": True},
            "volatile_services": {"type": "list", "elements": "str", "default": []},
            "secrets": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "force": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    params: dict[str, Any] = module.params
    docker = DockerCli(module)
    containers = awaited_containers(params["project"], params["service"])
    marker = Path(params["project_src"], remembered.INITIALIZED)
    state = remembered.initialization_state(
        engine_objects.volume_created(run, params["volume"]), containers, params["service"], params["volatile_services"]
    )
    if not params["force"] and remembered.read_initialization(marker) == state:
        module.exit_json(changed=False, stdout="")
    if module.check_mode:
        module.exit_json(changed=True, stdout="")
    if not any(entry["service"] == params["service"] and entry["state"] == "running" for entry in containers):
        # Again: an engine that stops while it lists containers returns none.
        answer = docker.run(["version"])
        if answer.rc:
            docker.fail(f"The engine no longer answers: {answer.stderr.strip()}", answer, olympia=FAILURE)
        module.fail_json(
            msg=ENGINE_RESTARTED
            if ended_together(engine_objects.containers(run, params["project"]))
            else why_not(params["project"], params["service"]),
            olympia=FAILURE,
        )
    completed = docker.run(
        ["compose", "--project-directory", params["project_src"], "exec", "-T", params["service"], *params["command"]],
        cwd=params["project_src"],
    )
    if completed.rc:
        before, after = (
            started(found, params["service"])
            for found in (containers, engine_objects.containers(run, params["project"]))
        )
        if before != after or NOT_RUNNING.search(completed.stderr):
            docker.fail(why_not(params["project"], params["service"]), completed, olympia=FAILURE)
        docker.fail(
            f"{' '.join(params['command'])} failed in the service {params['service']} with return code {completed.rc}:\n"
            f"{tail(completed.stdout + completed.stderr, LOG_LINES)}\n"
            f"more: docker compose --project-directory {params['project_src']} logs {params['service']}",
            completed,
            olympia=FAILURE,
        )
    marker.write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
    module.exit_json(changed=True, stdout=completed.stdout)


if __name__ == "__main__":
    main()
