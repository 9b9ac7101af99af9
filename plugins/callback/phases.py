# SPDX-License-Identifier: BSD-3-Clause
"""Callback: at the end of a run, say how long each phase took."""

from __future__ import annotations

DOCUMENTATION = r"""
name: phases
type: aggregate
short_description: Says how long each phase of a run took
description:
  - A phase is a task file of the role P(addons.olympia.olympia_stack#role), or another role of this collection that it includes.
author: The Olympia provisioner authors (!UNKNOWN)
requirements:
  - enabled in ansible.cfg, with C(callbacks_enabled)
"""

import time
from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible_collections.addons.olympia.plugins.module_utils.core.phase_names import phase_of


class CallbackModule(CallbackBase):
    """Adds up the time between the starts of tasks, by phase."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "addons.olympia.phases"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._seconds: dict[str, float] = {}
        self._phase = ""
        self._since = time.monotonic()

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Close the phase before, and open the task's.

        Args:
            task: The task.
            is_conditional: Not used; Ansible's interface.
        """
        self._turn_to(phase_of(task.get_path() or ""))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the phases and their seconds.

        Args:
            stats: Not used; Ansible's interface.
        """
        self._turn_to("")
        if self._seconds:
            phases = "  ".join(f"{phase} {seconds:.1f}" for phase, seconds in self._seconds.items())
            self._display.display(f"Seconds by phase: {phases}  (all: {sum(self._seconds.values()):.1f})")

    def _turn_to(self, phase: str) -> None:
        now = time.monotonic()
        if self._phase:
            self._seconds[self._phase] = self._seconds.get(self._phase, 0.0) + now - self._since
        self._phase, self._since = phase, now
