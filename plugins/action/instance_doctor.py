# SPDX-License-Identifier: BSD-3-Clause
"""Action: the controller's half of the doctor. It compares the rendered files, and passes on what contains no secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
from ansible.plugins.action import ActionBase
from ansible_collections.addons.olympia.plugins.module_utils.checks.findings import FACTS, SETTINGS
from ansible_collections.addons.olympia.plugins.module_utils.core.dotenv import DotenvError
from ansible_collections.addons.olympia.plugins.module_utils.core.masking import mask
from ansible_collections.addons.olympia.plugins.plugin_utils.rendering.project import differing, render

TEMPLATES = Path(__file__).parents[2] / "roles/olympia_stack/templates"


class ActionModule(ActionBase):
    """Takes `preflight`, the result of the preflight action, and the module's `checks` and `fix`."""

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"preflight", "checks", "fix"})
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the verdicts."""
        super().run(tmp, task_vars)
        preflight = self._task.args["preflight"]
        values = {name: entry["value"] for name, entry in preflight["explained"].items()}
        answer: dict[str, Any] = self._execute_module(
            module_name="addons.olympia.instance_doctor",
            module_args={
                "values": mask(values),
                "settings": mask({name: preflight["settings"][name] for name in SETTINGS}),
                "facts": mask({name: preflight["facts"][name] for name in FACTS}),
                "wrong_settings": mask(preflight["wrong_settings"]),
                "differing": self._differing(preflight),
                "checks": self._task.args.get("checks", []),
                "fix": self._task.args.get("fix", False),
            },
            task_vars=task_vars,
        )
        return answer

    @staticmethod
    def _differing(preflight: dict[str, Any]) -> list[str]:
        """Return the files that the render action would write or remove; none if it cannot render them."""
        probed = preflight["facts"]["rendered"]
        try:
            contents = render(TEMPLATES, preflight["settings"], preflight["choices"], preflight["secrets"])
        except (jinja2.TemplateError, DotenvError):
            return []
        return [*differing(contents, probed), *(name for name in probed if name not in contents)]
