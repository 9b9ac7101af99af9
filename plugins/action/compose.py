# SPDX-License-Identifier: BSD-3-Clause
"""Action: run community.docker.docker_compose_v2 in a clean environment, and report the state of each container.

Compose takes the caller's environment before the project's `.env`, and an Ansible task can give variables, but not take any away.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.addons.olympia.plugins.module_utils.core.command_environment import unset_others
from ansible_collections.addons.olympia.plugins.module_utils.core.progress_events import teller
from ansible_collections.addons.olympia.plugins.module_utils.host.liveness import ENGINE_TIMEOUT
from ansible_collections.addons.olympia.plugins.plugin_utils.actions.live import PROGRESS, LiveAction, meanwhile

MODULE = "community.docker.docker_compose_v2"
FORMAT = '{{.Label "com.docker.compose.service"}}\\t{{.Label "com.docker.compose.oneoff"}}\\t{{.State}}\\t{{.Status}}'
HEALTH = re.compile(r"\((?:health: )?(starting|healthy|unhealthy)\)$")  # "Up 3 seconds (health: starting)"
States = dict[str, tuple[str, str]]
# Compose waits forever for an engine that no longer answers. So a shell starts a watcher before it becomes the module's Python; the
# watcher stops both once the engine has not answered twice in a row. The role then finds out why.
WATCHED = """sh -c '
  (
    # It is one of the children that it ends.
    trap "" TERM
    silent=0
    while sleep 5 && kill -0 $$; do
      if timeout {seconds} docker version; [ $? = 124 ]; then silent=$((silent + 1)); else silent=0; fi
      [ $silent -lt 2 ] || kill $(cat /proc/$$/task/$$/children) $$
    done
  ) > /dev/null 2>&1 < /dev/null &
  exec "$@"
' watched"""


class ActionModule(LiveAction):
    """Takes `project`, the Compose project's name, and what that module takes."""

    def _compute_environment_string(self, raw_environment_out: dict[str, Any] | None = None) -> str:
        """Return what goes before the module's command in the host's shell."""
        given: str = super()._compute_environment_string(raw_environment_out)
        return f"{unset_others()} {given} {WATCHED.format(seconds=ENGINE_TIMEOUT)}"

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module and return its result."""
        ActionBase.run(self, tmp, task_vars)
        task_vars = task_vars or {}
        arguments = dict(self._task.args)
        label = shlex.quote(f"label=com.docker.compose.project={arguments.pop('project')}")
        file = os.environ.get(PROGRESS, "")
        if not file:
            return self.module(MODULE, arguments, task_vars)
        tell = teller({"file": file, "host": str(task_vars["inventory_hostname"])})
        # An engine that no longer answers must not keep the look, which is waited for, from its end.
        command = f"timeout {ENGINE_TIMEOUT} docker ps --all --filter {label} --format {shlex.quote(FORMAT)}"

        def look(seen: States | None) -> States:
            states = parse(self.output_of(command))
            for service, (state, health) in states.items():
                if (seen or {}).get(service) != (state, health):
                    tell("service", name=service, state=state, health=health)
            return states

        with meanwhile(look):
            return self.module(MODULE, arguments, task_vars)


def parse(output: bytes) -> States:
    """Return state and health by service, from what `docker ps` prints in FORMAT.

    Args:
        output: A line for each container.
    """
    states = {}
    for line in output.decode(errors="replace").splitlines():
        # A label can hold anything, what separates the columns included.
        service, one_off, state, status = cells if len(cells := line.split("\t")) == 4 else ("", "True", "", "")
        if one_off != "True":
            found = HEALTH.search(status)
            states[service] = (state, found[1] if found else "")
    return states
