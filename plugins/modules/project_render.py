#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Documentation only: what runs is the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: project_render
short_description: Render the project directory in one step
description:
  - An action. It renders all files on the controller and compares them with what the preflight found on the host.
  - Where they differ, M(addons.olympia.project_files) writes them. Without a difference no module runs on the host.
author: The Olympia provisioner authors (!UNKNOWN)
options:
  preflight:
    description: The result of M(addons.olympia.preflight).
    type: dict
    required: true
attributes:
  check_mode:
    description: Tells which files it would write.
    support: full
  diff_mode:
    description: Shows the difference of each file, without secrets.
    support: full
"""

EXAMPLES = r"""
- name: Render the project directory
  addons.olympia.project_render:
    preflight: "{{ preflight }}"
"""

RETURN = r"""
files:
  description: Paths of the files that differed, below the project directory.
  returned: success
  type: list
  elements: str
settings:
  description: Name, value and source of each setting, by variable, without credentials.
  returned: success
  type: dict
versions:
  description: Versions of the engine and its tools, by name.
  returned: success
  type: dict
"""
