# SPDX-License-Identifier: BSD-3-Clause
"""The option of modules that report progress."""

from __future__ import annotations


class ModuleDocFragment:
    """Extended by the modules that have it."""

    DOCUMENTATION = r"""
options:
  progress:
    description: Where to append an event for each change while the module runs. The action plugin of the same name sets it.
    type: dict
    suboptions:
      file:
        description: Path of a file on this host.
        type: path
      host:
        description: Name of this host in the events.
        type: str
"""
