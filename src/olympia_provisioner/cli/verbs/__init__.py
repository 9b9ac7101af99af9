# SPDX-License-Identifier: BSD-3-Clause
"""The verbs of the command line, one module for each kind."""

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

MODULES = (
    *(playbooks, destroy, snapshot, backup, status, instances, tenant),
    *(explain, render, inside, doctor, sbom, report, completion),
)
VERBS: tuple[Verb, ...] = tuple(verb for module in MODULES for verb in module.VERBS)

__all__ = ["VERBS", "Context", "Verb"]
