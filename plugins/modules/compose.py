#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Documentation only: what runs is the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: compose
short_description: Bring a Compose project up or down in a clean environment
description:
  - An action around P(community.docker.docker_compose_v2#module), whose further options it takes and whose result it returns.
  - Of the caller's environment, Compose gets only the variables that locate programs, engine and network.
  - Reports the state of each container while the module runs, if the driver listens.
author: The Olympia provisioner authors (!UNKNOWN)
options:
  project:
    description: Name of the Compose project.
    type: str
    required: true
  project_src:
    description: The project directory.
    type: path
    required: true
attributes:
  check_mode:
    description: That of the module.
    support: full
  diff_mode:
    description: That of the module.
    support: none
"""

EXAMPLES = r"""
- name: Start
  addons.olympia.compose:
    project: addons-server
    project_src: /home/me/.local/state/olympia/addons-server
    build: never
"""

RETURN = r"""
actions:
  description: What was done to containers, networks and volumes.
  returned: success
  type: list
  elements: dict
"""
