#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Documentation only: what runs is the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Resolve the settings of a run, look at the host, and report all problems at once
description:
  - An action. It collects the values of all settings by source, runs M(addons.olympia.host_probe) once on the host, and returns
    what the phases after it read.
  - Changes nothing.
author: The Olympia provisioner authors (!UNKNOWN)
extends_documentation_fragment:
  - addons.olympia.reading
options:
  purpose:
    description:
      - What the run is for. V(up), V(share), V(build) and V(push) fail when something stands in their way, and the latter two build
        the application image whatever its version.
      - V(look) is for what has to work on a host with problems, too.
    type: str
    choices: [up, share, build, push, look]
    default: up
"""

EXAMPLES = r"""
- name: Resolve the settings and look at the host
  addons.olympia.preflight:
    purpose: look
  register: preflight
"""

RETURN = r"""
settings:
  description: What templates and phases read, derived from the resolved settings and the facts.
  returned: success
  type: dict
facts:
  description: What was found on the host.
  returned: success
  type: dict
explained:
  description: Name, value and source of each setting, by variable.
  returned: success
  type: dict
wrong_settings:
  description: Problems of the settings, which only O(purpose=look) lets pass.
  returned: success
  type: list
  elements: dict
"""
