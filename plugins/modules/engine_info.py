#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Gather facts about a host's Docker, and plan what the stack needs."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: engine_info
short_description: Gather facts about a host's Docker, and plan what the stack needs
description:
  - Inspects the container engine, its command line plugins, its configuration and who may use it.
  - Returns what the role C(addons.olympia.olympia_docker) would change, and why it cannot, if so.
  - Only reads, and needs no root.
author: The Olympia provisioner authors (!UNKNOWN)
extends_documentation_fragment:
  - addons.olympia.reading
options:
  settings:
    description:
      - The role's settings, under the names of its variables (V(olympia_docker_source) and so on).
      - Names of anything else are ignored; settings that are left out have the defaults of the role,
        except the addresses of Docker's repository, which the module does not know.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Gather facts about the engine
  addons.olympia.engine_info:
    settings:
      olympia_docker_source: distribution
  register: engine

- name: Show what is missing
  ansible.builtin.debug:
    var: engine.needs
"""

RETURN = r"""
needs:
  description: What would be changed, one sentence each. Empty if nothing is needed.
  returned: success
  type: list
  elements: str
  sample: ["install engine (found none, need 25.0)"]
problems:
  description: Why that cannot be done. Empty if it can.
  returned: success
  type: list
  elements: dict
  contains:
    what:
      description: What is wrong.
      type: str
    where:
      description: Where that is.
      type: str
    cause:
      description: Why, with the evidence.
      type: str
    fix:
      description: What to do.
      type: str
    setting:
      description: The variable to change. Empty if there is none.
      type: str
refusal:
  description: The problems as a message. Empty if there are none.
  returned: success
  type: str
plan:
  description: The needed changes, in the form in which the role's tasks read them.
  returned: success
  type: dict
docker:
  description: Versions of client and engine, the reason why an engine does not answer, its image store and context.
  returned: success
  type: dict
buildx:
  description: Version of the buildx plugin, if there is one.
  returned: success
  type: str
  sample: 0.13.1+ds1
compose:
  description: Version of the Compose plugin, if there is one.
  returned: success
  type: str
  sample: 2.26.1-4
builder:
  description: Name and driver of the builder that builds shall use.
  returned: success
  type: dict
daemon_json:
  description: The engine's configuration file, or a sentence that says why it cannot be used.
  returned: success
  type: raw
os:
  description: The host's distribution.
  returned: success
  type: dict
service_manager:
  description: V(systemd), or V(none).
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.engine.engine_options import options_from_vars
from ansible_collections.addons.olympia.plugins.module_utils.engine.engine_plan import inspect_engine
from ansible_collections.addons.olympia.plugins.module_utils.host.process import run


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"settings": {"type": "dict", "default": {}}},
        supports_check_mode=True,
    )
    try:
        options = options_from_vars(module.params["settings"])
    except ValueError as error:
        module.fail_json(msg=f"{error}.")
    module.exit_json(changed=False, **inspect_engine(run, options))


if __name__ == "__main__":
    main()
