# SPDX-License-Identifier: BSD-3-Clause
"""Which phase of `up` a task belongs to, told by where it stands."""

from __future__ import annotations

from pathlib import Path

ROLE_PHASES = {"olympia_docker": "engine", "olympia_images": "images"}
STACK_ROLE = "olympia_stack"
NO_PHASES = (
    "main",
    "claim",
    "image",
    "deps",
    "hook",
    "prepare",
    "run",
    "settle",
    "summary",
    "replaced",
    "restored",
)  # they say which phases follow, what has come of them, or belong to several


def phase_of(task_path: str) -> str:
    """Return the phase that a task belongs to; the empty string if it opens none, and the one before goes on.

    Args:
        task_path: The task's file and line, as Ansible gives them.
    """
    parts = Path(task_path.rpartition(":")[0]).parts
    if "roles" not in parts:
        return ""
    role = parts[parts.index("roles") + 1]
    if role != STACK_ROLE:
        return ROLE_PHASES.get(role, "")
    name = Path(parts[-1]).stem
    return "" if name in NO_PHASES else name
