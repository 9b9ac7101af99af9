# SPDX-License-Identifier: BSD-3-Clause
"""Answers as the collection's action of this name does."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Ansible's way to find the plugin."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the answer."""
        settings = {"olympia_stack_instance": {"value": "demo", "source": "command line"}}
        return {"changed": True, "files": [".env"], "settings": settings, "versions": {"buildx": "0.13.1"}}
