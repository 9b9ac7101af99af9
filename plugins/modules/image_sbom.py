#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Ansible module: create a software bill of materials (SBOM) of an image."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_sbom
short_description: Create a software bill of materials (SBOM) of an image
description:
  - Lists the packages that the package managers inside an image have installed, in the format of SPDX 2.3.
  - It covers Debian's packages (C(dpkg-query)), Python's (C(importlib.metadata)) and npm's (the C(package.json) of each module).
    Files that were copied into the image without a package manager, such as the site itself, are not listed.
  - The image is started once, without network and without capabilities, and must contain Python 3.10 or newer.
author: The Olympia provisioner authors (!UNKNOWN)
extends_documentation_fragment:
  - addons.olympia.reading
options:
  image:
    description: The image's reference or ID. It must exist on this host.
    type: str
    required: true
seealso:
  - module: addons.olympia.bake
"""

EXAMPLES = r"""
- name: Create the bill of materials of the application image
  addons.olympia.image_sbom:
    image: olympia/addons-server:local
  register: made

- name: Save it
  ansible.builtin.copy:
    content: "{{ made.document | to_nice_json }}"
    dest: addons-server.spdx.json
    mode: "0644"
"""

RETURN = r"""
document:
  description: The bill of materials, as the JSON form of SPDX has it.
  returned: success
  type: dict
"""

import json
from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.build.spdx import READER, document
from ansible_collections.addons.olympia.plugins.module_utils.host.docker_cli import DockerCli


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={"image": {"type": "str", "required": True}}, supports_check_mode=True)
    docker, image = DockerCli(module), module.params["image"]
    inspected = docker.run(["image", "inspect", image])
    if inspected.rc:
        docker.fail(f"There is no image {image} on this host. 'make build' builds it.", inspected)
    (about,) = json.loads(inspected.stdout)
    confined = ["--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges:true"]
    read = docker.run(["run", "--rm", *confined, "--entrypoint=python3", about["Id"], "-c", READER])
    if read.rc:
        docker.fail(f"The packages in {image} cannot be listed.", read)
    created = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    module.exit_json(changed=False, document=document(about, json.loads(read.stdout), created))


if __name__ == "__main__":
    main()
