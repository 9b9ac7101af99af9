# SPDX-License-Identifier: BSD-3-Clause
"""Action: collect diagnostics of an instance, and write them to the controller."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.addons.olympia.plugins.module_utils.core.masking import mask
from ansible_collections.addons.olympia.plugins.plugin_utils.actions.collected import PROJECT, choose, write_all


class ActionModule(ActionBase):
    """Takes `preflight`, the result of the preflight action, and `directory`, the folder on the controller.

    No module writes there: its arguments would be what the host has answered.
    """

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"preflight", "directory"})
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the paths of the files that were written, below the host's folder."""
        super().run(tmp, task_vars)
        preflight = self._task.args["preflight"]
        settings = preflight["settings"]
        answer: dict[str, Any] = self._execute_module(
            module_name="addons.olympia.collect",
            module_args={
                "project_src": settings["project_dir"],
                "project": settings["instance"],
                "image": settings["image"],
                "files": list(PROJECT),
                "secrets": list(preflight["secrets"].values()),
            },
            task_vars=task_vars,
        )
        if answer.get("failed"):
            return answer
        told = {"settings.json": json.dumps(mask(preflight["explained"]), indent=2, sort_keys=True) + "\n"}
        answered = answer.get("files")
        files = choose(told | answered if isinstance(answered, dict) else told)
        host = (task_vars or {})["inventory_hostname"]
        if not self._task.check_mode:
            try:
                write_all(Path(self._task.args["directory"]), {f"{host}/{name}": text for name, text in files.items()})
            except OSError as error:
                raise AnsibleActionFail(
                    f"What {host} has sent cannot be written to {self._task.args['directory']}: {error.filename}: "
                    f"{error.strerror}. Nothing is written through a link: remove it, or name another folder"
                ) from error
        return {"changed": True, "files": sorted(files)}
