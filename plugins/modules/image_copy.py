#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause

from __future__ import annotations

DOCUMENTATION = r"""
module: image_copy
short_description: Copy images from this host's engine into other engines on it
description:
  - An engine that lacks an image gets it from the one that the docker command talks to, by C(docker save) and C(docker load).
  - An image is known by its tag, which has to change with what is in it.
author: The Olympia provisioner authors (!UNKNOWN)
options:
  images:
    description: References of the images.
    type: list
    elements: str
    required: true
  sockets:
    description: Path of each other engine's socket, by the name that messages call it.
    type: dict
    required: true
attributes:
  check_mode:
    support: full
    description: Tells what would be copied.
  diff_mode:
    support: none
    description: Images have none.
"""

EXAMPLES = r"""
- name: Give an engine an image
  addons.olympia.image_copy:
    images: [olympia/base:1]
    sockets:
      ana: /run/user/2001/docker.sock
  become: true
"""

RETURN = r"""
copied:
  description: References of the images that were copied (in check mode, would be), by the engine's name.
  returned: always
  type: dict
  sample: {ana: ["olympia/base:1"]}
cmd:
  description: The command that failed.
  returned: failure
  type: list
  elements: str
rc:
  description: Its return code.
  returned: failure
  type: int
stdout:
  description: What it printed.
  returned: failure
  type: str
stderr:
  description: What it said.
  returned: failure
  type: str
"""

import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.cli import Completed, DockerCli
from ansible_collections.addons.olympia.plugins.module_utils.environment import commands


def present(docker: DockerCli, socket: str) -> set[str]:
    """Return what names the images of an engine.

    Args:
        docker: Runs commands.
        socket: The engine's socket.
    """
    asked = ["--host", f"unix://{socket}", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]
    listed = docker.run(asked)
    if listed.rc:
        docker.fail(f"The engine at {socket} cannot list images: {listed.stderr.strip()}", listed)
    return set(listed.stdout.split())


def copy(docker: DockerCli, images: list[str], socket: str) -> None:
    """Copy images into an engine.

    Args:
        docker: Runs commands.
        images: Their references.
        socket: The engine's socket.
    """
    save, load = docker.command(["save", *images]), docker.command(["--host", f"unix://{socket}", "load", "--quiet"])
    with subprocess.Popen(save, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=commands()) as source:
        done = subprocess.run(load, stdin=source.stdout, capture_output=True, text=True, check=False, env=commands())
        # Else a source whose reader has gone would wait for it for ever.
        if source.stdout:
            source.stdout.close()
        errors = source.stderr.read() if source.stderr else ""
        source.wait()
    if source.returncode and done.returncode == 0:
        docker.fail(
            f"The engine cannot save the images: {errors.strip()}", Completed(save, source.returncode, "", errors)
        )
    if done.returncode:
        failed = Completed(load, done.returncode, done.stdout, done.stderr)
        docker.fail(f"The engine at {socket} cannot load the images: {done.stderr.strip()}", failed)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "images": {"type": "list", "elements": "str", "required": True},
            "sockets": {"type": "dict", "required": True},
        },
        supports_check_mode=True,
    )
    docker = DockerCli(module)
    copied = {}
    for name, socket in module.params["sockets"].items():
        there = present(docker, socket)
        missing = [image for image in module.params["images"] if image not in there]
        if missing:
            copied[name] = missing
            if not module.check_mode:
                copy(docker, missing, socket)
    module.exit_json(changed=bool(copied), copied=copied)


if __name__ == "__main__":
    main()
