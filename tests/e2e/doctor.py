# SPDX-License-Identifier: BSD-3-Clause
"""Asking the doctor about a stack."""

from __future__ import annotations

import json
from typing import Any

from .stack import Run, Stack


def document(run: Run) -> dict[str, Any]:
    """Return the JSON document that a run has printed; what follows it went to standard error."""
    found: dict[str, Any] = json.JSONDecoder().raw_decode(run.output)[0]
    return found


def ask(stack: Stack, *arguments: str, **environment: str) -> dict[str, dict[str, Any]]:
    """Return the doctor's verdicts by name."""
    run = stack.olympia("doctor", "--json", *arguments, **environment)
    found = document(run)
    assert run.code == (3 if found["summary"]["failed"] else 0), run.output
    return {verdict["name"]: verdict for verdict in found["hosts"]["localhost"]["checks"]}


def state(stack: Stack, name: str, *arguments: str, **environment: str) -> tuple[str, str]:
    """Return state and evidence of one check."""
    (verdict,) = ask(stack, name, *arguments, **environment).values()
    return verdict["state"], verdict["evidence"]
