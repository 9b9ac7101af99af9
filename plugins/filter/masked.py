# SPDX-License-Identifier: BSD-3-Clause
"""Filter: a value without the credentials in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.addons.olympia.plugins.module_utils.core.masking import mask

DOCUMENTATION = r"""
name: masked
short_description: A value without the credentials in it
description:
  - Masks what gives credentials away by its form, in a text or in all texts of a list or dictionary.
options:
  _input:
    description: The value.
    type: raw
    required: true
"""

EXAMPLES = r"""
# http://********@proxy.example.org
- ansible.builtin.debug:
    msg: "{{ 'http://me:swordfish@proxy.example.org' | addons.olympia.masked }}"
"""

RETURN = r"""
_value:
  description: The same value, masked.
  type: raw
"""


class FilterModule:
    """The collection's filter on texts that leave a host."""

    def filters(self) -> dict[str, Callable[[Any], Any]]:
        """Return the filter by its name."""
        return {"masked": mask}
