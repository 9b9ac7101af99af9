#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Documentation only: what runs is the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: packages
short_description: Install packages, even if unrelated package sources fail
description:
  - An action. It updates apt's package lists with M(addons.olympia.package_lists), then installs with M(ansible.builtin.apt).
  - M(ansible.builtin.apt) fails if any source of the host does not answer, such as a forgotten one of a vendor. Here, that is
    a warning; if the packages are not available without that source, the failure names it, with apt's message.
  - A host without apt is left to M(ansible.builtin.package).
author: The Olympia provisioner authors (!UNKNOWN)
options:
  name:
    description: The packages, as M(ansible.builtin.apt) takes them.
    type: list
    elements: str
    required: true
  cache_valid_time:
    description: Age in seconds up to which package lists are not updated, as long as they have the packages.
    type: int
    default: 0
  lock_timeout:
    description: How long to wait for another program that uses apt, in seconds.
    type: int
    default: 600
  allow_downgrade:
    description: Whether a version may be older than the installed one.
    type: bool
    default: false
  install_recommends:
    description: Whether packages that they recommend are installed, too.
    type: bool
    default: false
  policy_rc_d:
    description: Exit code of C(policy-rc.d) meanwhile; V(101) prevents services from being started or restarted.
    type: int
attributes:
  check_mode:
    description: Installs nothing, and updates no lists.
    support: full
  diff_mode:
    description: Shows what M(ansible.builtin.apt) shows.
    support: full
"""

EXAMPLES = r"""
- name: Install nginx
  addons.olympia.packages:
    name: [nginx-light, openssl]
    cache_valid_time: 3600
  become: true
"""

RETURN = r"""
warnings:
  description: The package sources that could not be used.
  returned: if there are any
  type: list
  elements: str
"""
