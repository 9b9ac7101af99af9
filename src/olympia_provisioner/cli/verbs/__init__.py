# SPDX-License-Identifier: BSD-3-Clause
"""The verbs of the command line; a module for each kind."""

from __future__ import annotations

from . import (
    backup,
    completion,
    destroy,
    doctor,
    explain,
    inside,
    playbooks,
    render,
    report,
    sbom,
    snapshot,
    status,
    tenant,
)
from . import list as instances
from .base import Context, Verb

VERBS: tuple[Verb, ...] = (
    *playbooks.VERBS,
    *destroy.VERBS,
    *snapshot.VERBS,
    *backup.VERBS,
    *status.VERBS,
    *instances.VERBS,
    *tenant.VERBS,
    *explain.VERBS,
    *render.VERBS,
    *inside.VERBS,
    *doctor.VERBS,
    *sbom.VERBS,
    *report.VERBS,
    *completion.VERBS,
)

__all__ = ["VERBS", "Context", "Verb"]
