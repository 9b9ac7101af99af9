#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Documentation only: what runs is the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Resolve the settings of a run, check the host, and report all problems at once
description:
  - An action. It collects the values of all settings by source, runs M(addons.olympia.host_probe) once on the host, and returns
    the input of the other phases.
  - Changes nothing.
author: The Olympia provisioner authors (!UNKNOWN)
extends_documentation_fragment:
  - addons.olympia.reading
options:
  purpose:
    description:
      - The purpose of the run. V(up), V(share), V(build) and V(push) fail if there are problems, and the latter two build the
        application image regardless of its version.
      - V(look) is for verbs that have to work on a host with problems, too.
    type: str
    choices: [up, share, build, push, look]
    default: up
"""

EXAMPLES = r"""
- name: Resolve the settings and check the host
  addons.olympia.preflight:
    purpose: look
  register: preflight
"""

RETURN = r"""
settings:
  description: Input of templates and phases, derived from the resolved settings and the facts.
  returned: success
  type: dict
facts:
  description: Facts about the host.
  returned: success
  type: dict
explained:
  description: Name, value and source of each setting, by variable.
  returned: success
  type: dict
wrong_settings:
  description: Problems of the settings, which only O(purpose=look) ignores.
  returned: success
  type: list
  elements: dict
"""
