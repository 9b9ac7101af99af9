#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Create a buildx builder."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: engine_builder
short_description: Create a buildx builder
description:
  - Creates a builder if there is none of that name. An existing one is never changed or replaced, because its cache would be lost.
author: The Olympia provisioner authors (!UNKNOWN)
options:
  name:
    description: Name of the builder.
    type: str
    required: true
  driver:
    description: What runs BuildKit.
    type: str
    choices: [docker-container, remote, kubernetes]
    required: true
  endpoint:
    description: Address of the BuildKit for O(driver=remote); context or address of the engine for O(driver=docker-container).
    type: str
  options:
    description: Driver options, such as C(image), C(namespace) or C(cacert).
    type: dict
    default: {}
  cache_limit:
    description:
      - How much the build cache may grow, for instance V(20GB). Nothing in it expires by age.
      - A O(driver=remote) has a configuration of its own, and ignores this.
    type: str
attributes:
  check_mode:
    description: Can run in check mode.
    support: full
  diff_mode:
    description: Shows name and driver before and after.
    support: full
"""

EXAMPLES = r"""
- name: Create a builder in a container
  addons.olympia.engine_builder:
    name: olympia
    driver: docker-container
    options:
      network: host
    cache_limit: 20GB
"""

RETURN = r"""
cmd:
  description: The command that created the builder, or would.
  returned: when there was none
  type: list
  elements: str
rc:
  description: Return code of the command.
  returned: on failure
  type: int
stdout:
  description: Standard output of the command.
  returned: on failure
  type: str
stderr:
  description: Standard error of the command.
  returned: on failure
  type: str
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.text.formatters import human_to_bytes
from ansible_collections.addons.olympia.plugins.module_utils.host.docker_cli import DockerCli


def buildkit_configuration(cache_limit: str) -> str:
    """Return a BuildKit configuration with one clean-up rule, by size.

    :param cache_limit: such as `20GB`; units are powers of 1024, as in the engine's own configuration.
    :raises ValueError: it is not a size.
    """
    limit = human_to_bytes(cache_limit)
    return f"[worker.oci]\n  gc = true\n  [[worker.oci.gcpolicy]]\n    all = true\n    keepBytes = {limit}\n"


def create_arguments(parameters: dict[str, Any], configuration: Path | None) -> list[str]:
    """Return the arguments for `docker` that create the builder.

    :param configuration: file for BuildKit, None for BuildKit's defaults.
    """
    arguments = ["buildx", "create", "--name", parameters["name"], "--driver", parameters["driver"]]
    for name, value in sorted(parameters["options"].items()):
        arguments += ["--driver-opt", f"{name}={value}"]
    if configuration is not None:
        arguments += ["--config", str(configuration)]
    if parameters["endpoint"]:
        arguments.append(parameters["endpoint"])
    return arguments


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "driver": {"type": "str", "choices": ["docker-container", "remote", "kubernetes"], "required": True},
            "endpoint": {"type": "str"},
            "options": {"type": "dict", "default": {}},
            "cache_limit": {"type": "str"},
        },
        required_if=[("driver", "remote", ["endpoint"])],
        supports_check_mode=True,
    )
    docker = DockerCli(module)
    name = module.params["name"]
    if docker.run(["buildx", "inspect", name]).rc == 0:
        module.exit_json(changed=False)
    configuration = None
    if module.params["cache_limit"] and module.params["driver"] != "remote":
        configuration = Path(module.tmpdir) / "buildkitd.toml"
        try:
            configuration.write_text(buildkit_configuration(module.params["cache_limit"]), encoding="utf-8")
        except ValueError as error:
            module.fail_json(msg=f"cache_limit is not a size: {error}.")
    arguments = create_arguments(module.params, configuration)
    result: dict[str, Any] = {
        "changed": True,
        "cmd": ["docker", *arguments],
        "diff": {"before": "", "after": f"{name}: driver {module.params['driver']}\n"},
    }
    if not module.check_mode:
        completed = docker.run(arguments)
        if completed.rc != 0:
            docker.fail(f"Builder {name} cannot be created: {completed.stderr.strip()}", completed)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
