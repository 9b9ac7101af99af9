# SPDX-License-Identifier: BSD-3-Clause
"""Action: install packages, even if unrelated package sources fail."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.addons.olympia.plugins.module_utils.host import apt_lists as package_lists
from ansible_collections.addons.olympia.plugins.module_utils.host.apt_lists import SourceFailure

# The lists are those of a moment ago: without update_cache=false, ansible.builtin.apt may update them nevertheless.
DEFAULTS = {"install_recommends": False, "lock_timeout": 600, "update_cache": False}


class ActionModule(ActionBase):
    """Updates the lists first, with a module of its own, because ansible.builtin.apt fails if one source fails."""

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset(
        {"name", "cache_valid_time", "lock_timeout", "allow_downgrade", "install_recommends", "policy_rc_d"}
    )
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Install the packages and return the result of what installed them."""
        super().run(tmp, task_vars)
        arguments = DEFAULTS | self._task.args
        valid_for = arguments.pop("cache_valid_time", 0)
        lists = self._update(valid_for, arguments["lock_timeout"], task_vars)
        if lists.get("failed"):
            return lists
        if not lists["apt"]:
            return self._without_apt(task_vars)
        result = self._install(arguments, task_vars)
        if result.get("failed") and valid_for and not lists["updated"] and not self._task.check_mode:
            # The packages in the lists may have been replaced since.
            lists = self._update(0, arguments["lock_timeout"], task_vars)
            if lists.get("failed"):
                return lists
            result = self._install(arguments, task_vars)
        failures = [SourceFailure(**failure) for failure in lists["failures"]]
        if result.get("failed"):
            result["msg"] = package_lists.not_installed(arguments["name"], str(result.get("msg", "")), failures)
            # Ansible prints this first, and it is the module's original message.
            result.pop("exception", None)
        result["warnings"] = [*result.get("warnings", []), *map(package_lists.warning, failures)]
        return result

    def _update(self, valid_for: int, lock_timeout: int, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        lists: dict[str, Any] = self._execute_module(
            module_name="addons.olympia.package_lists",
            module_args={"valid_for": valid_for, "lock_timeout": lock_timeout},
            task_vars=task_vars,
        )
        return lists

    def _install(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        result: dict[str, Any] = self._execute_module(
            module_name="ansible.builtin.apt", module_args=arguments, task_vars=task_vars
        )
        return result

    def _without_apt(self, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Use the host's own package manager, with the names of the packages only."""
        task = self._task.copy()
        task.args = {"name": self._task.args["name"]}
        action = self._shared_loader_obj.action_loader.get(
            "ansible.builtin.package",
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        result: dict[str, Any] = action.run(task_vars=task_vars)
        return result
