# SPDX-License-Identifier: BSD-3-Clause
"""Fails as the stack role's own modules do: with a marker in its result, which has the task's arguments."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Ansible's way to find the plugin."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the failure."""
        return {"failed": True, "msg": "no good", "rc": 3, "olympia": self._task.args}
