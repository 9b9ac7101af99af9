# SPDX-License-Identifier: BSD-3-Clause
"""Action: the controller's half of a move. It stores a tenant's files between the two machines, without reading them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.addons.olympia.plugins.module_utils.shared.homes import MOVES


def held(account: str) -> Path:
    """Return where the files of a tenant are on the controller, in a folder that only its user reads.

    Args:
        account: The tenant, by the operator's own list.
    """
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state")
    folder = state / "olympia/moves"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder / f"{account}.tar"


class ActionModule(ActionBase):
    """Takes what the module takes. No module runs on the controller, and nothing that a host has answered is a path here."""

    TRANSFERS_FILES = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result; with C(packed), the files are here then, and with C(unpacked), they are no more."""
        super().run(tmp, task_vars)
        state, account = self._task.args["state"], self._task.args["account"]
        if state == "packed":
            # As the user who logs in: files of root would be transferred as a module's result, in memory.
            reader = self._low_level_execute_command("id -un", sudoable=False)["stdout"].strip()
            result = self._module({"reader": reader}, task_vars)
            if not result.get("failed"):
                here = held(account)
                here.unlink(missing_ok=True)
                self._connection.fetch_file(str(MOVES / f"{account}.tar"), str(here))
            return result
        if state == "unpacked":
            here = held(account)
            # Which Ansible removes at the end.
            there = self._connection._shell.join_path(self._connection._shell.tmpdir, "home.tar")
            self._transfer_file(str(here), there)
            result = self._module({"file": there}, task_vars)
            if not result.get("failed"):
                here.unlink()
            return result
        return self._module({}, task_vars)

    def _module(self, more: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(
            module_name="addons.olympia.tenant_home", module_args=self._task.args | more, task_vars=task_vars
        )
        return answer
