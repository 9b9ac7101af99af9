# SPDX-License-Identifier: BSD-3-Clause
"""Action: the controller's half of snapshots. It passes the preflight's facts about the instance to the module."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Takes `preflight`, the result of the preflight action, and what the module takes besides."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result."""
        super().run(tmp, task_vars)
        given = dict(self._task.args)
        preflight = given.pop("preflight", None)
        known = self._of_instance(preflight) if preflight else {}
        answer: dict[str, Any] = self._execute_module(
            module_name="addons.olympia.instance_snapshot", module_args=known | given, task_vars=task_vars
        )
        return answer

    @staticmethod
    def _of_instance(preflight: dict[str, Any]) -> dict[str, Any]:
        settings, secrets = preflight["settings"], preflight["secrets"]
        return {
            "instance": settings["instance"],
            "directory": settings["snapshots_dir"],
            "project_src": settings["project_dir"],
            "images": {"application": settings["image"], "database": settings["images"][settings["roles"]["database"]]},
            "services": settings["roles"],
            "volumes": settings["snapshot_volumes"],
            "password": secrets["MYSQL_ROOT_PASSWORD"],
            "secrets": list(secrets.values()),
            "kept": settings["snapshots_kept"],
            # Without initialization by the provisioner this is unknown.
            "holds_data": bool(preflight["facts"]["initialized"]) or not settings["initialize"],
        }
