# SPDX-License-Identifier: BSD-3-Clause
"""The option of modules whose results may contain the output of other programs."""

from __future__ import annotations


class ModuleDocFragment:
    """Extended by the modules that have it."""

    DOCUMENTATION = r"""
options:
  secrets:
    description: Texts that are masked in the result.
    type: list
    elements: str
    default: []
"""
