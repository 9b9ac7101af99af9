#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause

from __future__ import annotations

DOCUMENTATION = r"""
module: instances_info
short_description: List the instances of a host
description:
  - Lists the stacks that have a project directory in the user's state directory, and those that have a database's volume on
    the engine; running or not.
  - Needs no root and changes nothing.
author: The Olympia provisioner authors (!UNKNOWN)
extends_documentation_fragment:
  - addons.olympia.reading
"""

EXAMPLES = r"""
- name: List the instances
  addons.olympia.instances_info:
  register: instances
"""

RETURN = r"""
engine:
  description: Whether an engine answers. Without one only the project directories are read.
  returned: always
  type: bool
instances:
  description: The instances, by name.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The instance.
      type: str
    containers:
      description: Number of its containers.
      type: int
    running:
      description: How many of them run.
      type: int
    healthy:
      description: How many of them are healthy.
      type: int
    url:
      description: The site's address. Empty if the project directory is not known.
      type: str
    loopback_url:
      description: The address that works on the host itself, without a name.
      type: str
    source_dir:
      description: The source tree.
      type: str
    project_dir:
      description: The project directory.
      type: str
    created:
      description: When the database's volume was created. Empty without one.
      type: str
    memory:
      description: >-
        Memory that its containers use, in bytes. Where rootless Docker cannot tell that, as with control groups of
        version 1, and no other instance runs, what all of its user's processes use.
      type: int
    disk:
      description: Disk space of its volumes, and of its images without shared layers, in bytes.
      type: int
"""

import json
import os
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.core import dotenv
from ansible_collections.addons.olympia.plugins.module_utils.host import engine_objects, system
from ansible_collections.addons.olympia.plugins.module_utils.host.docker_cli import DockerCli
from ansible_collections.addons.olympia.plugins.module_utils.host.liveness import engine_socket
from ansible_collections.addons.olympia.plugins.module_utils.host.process import run
from ansible_collections.addons.olympia.plugins.module_utils.stack import instance_names as instances
from ansible_collections.addons.olympia.plugins.module_utils.stack.ownership import DIRECTORY

INSTANCE = "addons.olympia.instance"
PROJECT = "com.docker.compose.project"


def projects(folder: Path) -> dict[str, dict[str, str]]:
    """Return what the project directories say of their instances, by name.

    Args:
        folder: Where the project directories are.
    """
    found = {}
    for path in sorted(folder.glob("*/.env")):
        sections, _error = dotenv.read(path)
        values = sections[dotenv.CHOICES] | sections[dotenv.DERIVED]
        found[values.get("COMPOSE_PROJECT_NAME", path.parent.name)] = {
            "url": values.get("OLYMPIA_SITE_URL", ""),
            "loopback_url": values.get("LOOPBACK_URL", ""),
            "source_dir": values.get("SOURCE_DIR", ""),
            "project_dir": str(path.parent),
        }
    return found


class Engine:
    """What the engine knows of instances; nothing if none answers."""

    def __init__(self, module: AnsibleModule) -> None:
        """Ask it.

        Args:
            module: The running module.
        """
        self._docker = DockerCli(module)
        # One line for each container: those that Compose has made for a service.
        template = f'{{{{.ID}}}}\t{{{{.Label "{PROJECT}"}}}}\t{{{{.State}}}}\t{{{{.Status}}}}'
        self.containers = [
            line.split("\t")
            for line in self._lines(
                "ps", "--all", "--no-trunc", "--format", template,
                "--filter", f"label={PROJECT}", "--filter", "label=com.docker.compose.oneoff=False",
            )
        ]  # fmt: skip
        self.answers = not self._docker.run(["version", "--format", "{{.Server.Version}}"]).rc
        # 'none' of rootless Docker with control groups of version 1.
        self._grouped = self._lines("info", "--format", "{{.CgroupDriver}}") != ["none"]
        usage = json.loads("".join(self._lines("system", "df", "--verbose", "--format", "json")) or "{}")
        self._volumes: list[dict[str, Any]] = usage.get("Volumes") or []
        self._images: list[dict[str, Any]] = usage.get("Images") or []

    def databases(self) -> dict[str, str]:
        """Return the name of the database's volume by instance."""
        return {
            labels[INSTANCE]: volume["Name"]
            for volume in self._volumes
            if INSTANCE in (labels := _labels(volume["Labels"]))
        }

    def owners(self) -> dict[str, str]:
        """Return the project directory by instance, also of those that other users have."""
        labelled = {volume["Name"]: _labels(volume["Labels"]) for volume in self._volumes}
        return {
            name.removesuffix("_owner"): labels[DIRECTORY] for name, labels in labelled.items() if DIRECTORY in labels
        }

    def created(self, volume: str) -> str:
        """Return when a volume was created."""
        return engine_objects.volume_created(run, volume)

    def disk(self, instance: str) -> int:
        """Return what an instance takes on the disk, in bytes."""
        volumes = [one["Size"] for one in self._volumes if instance in self._owners(one)]
        named = set(self._lines("image", "ls", "--quiet", "--filter", f"label={INSTANCE}={instance}"))
        images = [one["UniqueSize"] for one in self._images if one["ID"].removeprefix("sha256:")[:12] in named]
        return sum(map(instances.size, [*volumes, *images]))

    def shares_memory(self) -> bool:
        """Return whether it cannot tell its containers' memory apart from that of all of this user's processes."""
        return not self._grouped and engine_socket(run) == f"/run/user/{os.getuid()}/docker.sock"

    def memory(self) -> dict[str, int]:
        """Return what each running container uses, in bytes, by ID; nothing if the engine cannot tell that."""
        if not self._grouped:
            # It would give each container the same number, which is about all of the user's processes.
            return {}
        # Not by name: one that goes away meanwhile would fail the command for all.
        lines = self._lines("stats", "--no-stream", "--no-trunc", "--format", "{{.ID}} {{.MemUsage}}")
        return {line.split()[0]: instances.size(line.split()[1]) for line in lines}

    @staticmethod
    def _owners(volume: dict[str, Any]) -> set[str]:
        labels = _labels(volume["Labels"])
        return {labels.get(INSTANCE, ""), labels.get(PROJECT, "")}

    def _lines(self, *arguments: str) -> list[str]:
        completed = self._docker.run(list(arguments))
        return [] if completed.rc else completed.stdout.splitlines()


def _labels(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split(",") if "=" in pair)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    engine = Engine(module)
    known = projects(system.project_directory("", instances.DEFAULT_INSTANCE).parent)
    databases, owners = engine.databases(), engine.owners()
    names = sorted({*known, *databases})
    memory = engine.memory()
    unknown = dict.fromkeys(("url", "loopback_url", "source_dir"), "")
    found = []
    for name in names:
        own = [one for one in engine.containers if one[1] == name]
        found.append(
            {
                "name": name,
                "containers": len(own),
                "running": sum(state == "running" for _id, _project, state, _status in own),
                "healthy": sum("(healthy)" in status for _id, _project, _state, status in own),
                "created": engine.created(databases[name]) if name in databases else "",
                "memory": sum(memory.get(one[0], 0) for one in own),
                "disk": engine.disk(name),
                **known.get(name, unknown | {"project_dir": owners.get(name, "")}),
            }
        )
    if (one := instances.alone(found)) and engine.shares_memory():
        one["memory"] = system.user_memory(os.getuid())
    module.exit_json(changed=False, engine=engine.answers, instances=found)


if __name__ == "__main__":
    main()
