# SPDX-License-Identifier: BSD-3-Clause
"""Inventories that the plugin for tenants has refused, in Ansible's process on the controller.

Ansible itself only warns, and goes on without the instances. So the filters that choose a playbook's hosts look here.
"""

from __future__ import annotations

# The reason, by the file that names the plugin.
inventories: dict[str, str] = {}
