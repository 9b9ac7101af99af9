# SPDX-License-Identifier: BSD-3-Clause
"""Action: render the project directory in one step; without a difference, no module runs on the host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.addons.olympia.plugins.module_utils.build.build_inputs import build_inputs
from ansible_collections.addons.olympia.plugins.module_utils.core.masking import mask
from ansible_collections.addons.olympia.plugins.module_utils.host.docker_cli import familiar_name
from ansible_collections.addons.olympia.plugins.plugin_utils.rendering.compose_services import checksum
from ansible_collections.addons.olympia.plugins.plugin_utils.rendering.project import RENDERED, differing, render

TEMPLATES = Path(__file__).parents[2] / "roles/olympia_stack/templates"


class ActionModule(ActionBase):
    """Takes `preflight`, the result of the preflight action."""

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"preflight"})
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Write what differs from the probed files, and return the paths that changed.

        The preflight's own result has secrets and is shown to nobody; what the report may tell of it is returned here.
        """
        super().run(tmp, task_vars)
        preflight = self._task.args["preflight"]
        settings, probed = preflight["settings"], preflight["facts"]["rendered"]
        secrets = dict(preflight["secrets"])
        try:
            contents = render(TEMPLATES, settings, preflight["choices"], secrets)
        except jinja2.TemplateError as error:
            raise AnsibleActionFail(f"The project directory cannot be rendered: {error}") from error
        inputs = build_inputs(
            preflight["facts"]["source_tree"],
            preflight["facts"]["compose_files_present"] | {name: checksum(text) for name, text in contents.items()},
            preflight["facts"]["local_images"].get(familiar_name(settings["base_image"]), ""),
        )
        files = {name: {"content": contents[name], "mode": RENDERED[name].mode} for name in differing(contents, probed)}
        stale = [name for name in probed if name not in contents]
        if not (files or stale):
            return {"changed": False, "files": [], "inputs": inputs} | self._told(preflight)
        written: dict[str, Any] = self._execute_module(
            module_name="addons.olympia.project_files",
            module_args={
                "directory": settings["project_dir"],
                "files": files,
                "absent": stale,
                # The engine would make what it mounts at as root, in the user's own source tree, too.
                "directories": [] if settings["closed"] else ["deps", f"{settings['source_dir']}/storage"],
                "secrets": [*secrets.values(), settings["pip_config"], settings["npm_config"]],
            },
            task_vars=task_vars,
        )
        return written | {"inputs": inputs} | self._told(preflight)

    @staticmethod
    def _told(preflight: dict[str, Any]) -> dict[str, Any]:
        engine = preflight["facts"]["engine"]
        versions = {
            "Docker Engine": engine["docker"]["server"],
            "docker (client)": engine["docker"]["client"],
            "buildx": engine["buildx"],
            "Compose": engine["compose"],
        }
        return {
            "settings": mask(preflight["explained"]),
            "versions": {name: version for name, version in versions.items() if version},
        }
