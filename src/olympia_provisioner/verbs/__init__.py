# SPDX-License-Identifier: BSD-3-Clause
"""The verbs of the command line; a module for each kind."""

from __future__ import annotations

from . import explain, inside, playbooks
from .base import Context, Verb

VERBS: tuple[Verb, ...] = (*playbooks.VERBS, *explain.VERBS, *inside.VERBS)

__all__ = ["VERBS", "Context", "Verb"]
