# SPDX-License-Identifier: BSD-3-Clause
"""What modules that only read do in check mode and diff mode."""

from __future__ import annotations


class ModuleDocFragment:
    """Extended by the modules that change nothing."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    support: full
    description: Changes nothing in either mode.
  diff_mode:
    support: none
    description: Changes nothing.
"""
