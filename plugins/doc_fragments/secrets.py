# SPDX-License-Identifier: BSD-3-Clause
"""The option of modules whose results may hold what somebody else has printed."""

from __future__ import annotations


class ModuleDocFragment:
    """Extended by the modules that have it."""

    DOCUMENTATION = r"""
options:
  secrets:
    description: Texts that are masked, wherever they stand.
    type: list
    elements: str
    default: []
"""
