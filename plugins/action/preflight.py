# SPDX-License-Identifier: BSD-3-Clause
"""Action: resolve the settings of a run, check the host, and report all problems at once."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.common.yaml import yaml_load
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.addons.olympia.plugins.module_utils.checks import preflight_checks as checks
from ansible_collections.addons.olympia.plugins.module_utils.core.masking import mask, mask_named
from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem, report
from ansible_collections.addons.olympia.plugins.module_utils.settings import sources as settings
from ansible_collections.addons.olympia.plugins.module_utils.stack import application, ownership
from ansible_collections.addons.olympia.plugins.module_utils.stack import derived as stack
from ansible_collections.addons.olympia.plugins.module_utils.stack import services as catalogue
from ansible_collections.addons.olympia.plugins.module_utils.stack.service_images import (
    image_files,
    image_tags,
    repositories,
)
from ansible_collections.addons.olympia.plugins.plugin_utils.actions.reaching import ReachingAction
from ansible_collections.addons.olympia.plugins.plugin_utils.rendering import extra
from ansible_collections.addons.olympia.plugins.plugin_utils.rendering.app_source import copied, is_there, source_files
from ansible_collections.addons.olympia.plugins.plugin_utils.rendering.project import RENDERED, application_environment

COLLECTION = Path(__file__).parents[2]
ROLES = ("olympia_stack", "olympia_docker", "olympia_images")
SECRETS = ("MYSQL_ROOT_PASSWORD", "RABBITMQ_PASSWORD", "REDIS_PASSWORD", "SECRET_KEY")


def load_specs(roles: Path) -> dict[str, dict[str, Any]]:
    """Return the option specification of every setting, by variable.

    Args:
        roles: The collection's roles directory.
    """
    specs: dict[str, dict[str, Any]] = {}
    for role in ROLES:
        text = (roles / role / "meta/argument_specs.yml").read_text(encoding="utf-8")
        specs |= yaml_load(text)["argument_specs"]["main"]["options"]
    return specs


class ActionModule(ReachingAction):
    """Runs on the controller, with one module execution on the host.

    Takes `purpose`: `up`, `share`, `build` and `push` fail if there are problems, the latter two build the application image
    regardless of its version; `look` is for verbs that have to work on a host with problems, too, and `act` for those that then
    change an instance: it fails only if that belongs to somebody else.
    """

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"purpose"})
    _requires_connection = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return settings, facts and secrets of the run, or fail with all problems at once."""
        ActionBase.run(self, tmp, task_vars)
        task_vars = task_vars or {}
        purpose = self._task.args.get("purpose", "up")
        build = purpose in ("build", "push")
        specs = load_specs(COLLECTION / "roles")
        layers = self._layers(task_vars, specs)
        local = self._play_context.connection == "local" or task_vars.get("ansible_connection") == "local"
        # A collection that belongs to somebody else, as on a shared machine, cannot be mounted and edited.
        local = local and os.access(COLLECTION / "app", os.W_OK)
        embedded = {} if local else copied(source_files(str(COLLECTION / "app")))
        files_of_images = image_files(COLLECTION / "roles/olympia_images/files")
        probe: dict[str, Any] = self._execute_module(
            module_name="addons.olympia.host_probe",
            module_args={
                "layers": layers,
                "specs": specs,
                "files": list(RENDERED),
                "services": {
                    "roles": catalogue.roles(),
                    "references": catalogue.registry_references(),
                    "repositories": repositories(files_of_images),
                    "database_volume": catalogue.database_volume(),
                },
                "adopt": boolean(task_vars.get("__olympia_stack_adopt", False)),
                "build": build,
                "embedded_source_dir": str(COLLECTION / "app") if local else "",
                "embedded_files": list(embedded),
            },
            task_vars=task_vars,
        )
        if probe.get("failed") or "settings" not in probe:
            return probe
        # The name of a shared machine, which the host itself does not know.
        resolution, facts = probe["settings"], probe["facts"] | {"machine": task_vars.get("olympia_machine", "")}
        # A server without a browser.
        facts["over_ssh"] = self._connection.transport in ("paramiko", "ssh")
        wrong_settings = [
            *settings.unknown_settings({*task_vars, *self._extra_vars()}, specs),
            *(Problem(**problem) for problem in resolution["problems"]),
            *checks.check_values(resolution["values"]),
            *settings.changed_by_others(settings.Resolution(**resolution), task_vars.get("__olympia_stack_fixed", ())),
            *application.check_purpose(resolution["values"], purpose),
            *extra.check_timeouts(resolution["values"]["olympia_stack_wait_timeouts"], facts["compose_d"]),
        ]
        # A refused value was replaced by its default, whose problems do not matter.
        refused = {problem.setting for problem in wrong_settings}
        unfit = [
            problem for problem in checks.check_host(resolution["values"], facts) if problem.setting not in refused
        ]
        unfit += extra.check(facts["compose_d"])
        if purpose == "act":
            wrong_settings, unfit = [], ownership.check(facts, starts=False)
        problems = wrong_settings + unfit
        if problems and purpose != "look":
            return {
                "failed": True,
                "msg": report(problems, resolution["sources"]),
                "olympia": {
                    "phase": "preflight",
                    "kind": "preflight" if unfit else "settings",
                },
            }
        package_images = image_tags(
            files_of_images,
            resolution["values"]["olympia_images_release"],
            facts["image_sources"],
            facts["database"]["source"],
            catalogue.known(),
        )
        derived = stack.derive(resolution["values"], facts, package_images, build, extra.services(facts["compose_d"]))
        decisions = stack.decisions(derived, facts)
        return {
            "changed": False,
            "warnings": self._remarks(specs, resolution) if purpose not in ("look", "act") else [],
            "settings": derived,
            "image_settings": {
                name: value for name, value in resolution["values"].items() if name.startswith("olympia_images_")
            },
            "missing_images": sorted(
                {*stack.images_to_make(derived, package_images)}.difference(facts["local_images"])
            ),
            "images_to_pull": stack.images_to_pull(derived, facts, package_images.values()),
            "source_kind": (kind := stack.source_kind(resolution["values"], facts)),
            # A repository may have moved on.
            "source_current": kind == "given" or (kind == "embedded" and is_there(embedded, facts["embedded"])),
            "started": (started := stack.started(facts)),
            "opens_volume": stack.opens_volume(derived, facts),
            "amiss": stack.amiss(facts),
            "healthy": (healthy := stack.healthy(derived, facts)),
            "initialized": (initialized := stack.initialized(derived, facts)),
            "settled": facts["owner"]["claimed"] and started and healthy and (initialized or not derived["initialize"]),
            "explained": {
                name: {
                    "name": settings.short_name(name),
                    "value": mask_named(value),
                    "source": resolution["sources"][name],
                    "overruled": mask_named(resolution["overruled"][name]),
                    # Where it is `auto`.
                    "decided": decisions.get(name, "") if value == "auto" else "",
                }
                for name, value in resolution["values"].items()
            },
            # Empty but for `look`.
            "wrong_settings": [problem.as_dict() for problem in wrong_settings],
            "choices": {
                settings.short_name(name): settings.encode(value) for name, value in resolution["choices"].items()
            },
            "facts": facts,
            # Generated once: those in the instance's .env are never replaced.
            "secrets": {name: probe["secrets"].get(name) or secrets.token_urlsafe(24) for name in SECRETS}
            | application_environment(derived["environment"], secret=True),
            "_ansible_no_log": True,
        }

    def _extra_vars(self) -> Mapping[str, Any]:
        given: Mapping[str, Any] = self._task.get_variable_manager().extra_vars
        return given

    def _remarks(self, specs: Mapping[str, Any], resolution: Mapping[str, Any]) -> list[str]:
        """Return remarks about variables of the process environment, without credentials."""
        given = {settings.variable_for(name, specs) for name in self._extra_vars()}
        remarks = [
            f"{name} is set in the environment, where it does not count. On the command line it does: make up {name}=VALUE"
            for name in settings.ignored(os.environ, specs)
            if settings.variable_for(name, specs) not in given
        ]
        for variable in (variable for variable, source in resolution["sources"].items() if source == "environment"):
            text, name = settings.encode(resolution["values"][variable]), settings.short_name(variable)
            known = [settings.encode(weaker["value"]) for weaker in resolution["overruled"][variable][:-1]]
            if text not in known:
                remarks.append(f"{name}={text} comes from the environment, and is kept: make up {name}= takes it back")
        return [str(mask(remark)) for remark in remarks]

    def _layers(self, task_vars: dict[str, Any], specs: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the raw values of all settings by source, except for persisted choices, which are on the host."""
        extra = {
            variable: self._templar.template(value)
            for name, value in self._extra_vars().items()
            if (variable := settings.variable_for(name, specs))
        }
        visible = {
            name: self._templar.template(task_vars[name]) for name in specs if name in task_vars and name not in extra
        }
        # A role's defaults are visible too. What equals a default is as good as that default.
        inventory = {name: value for name, value in visible.items() if value != specs[name]["default"]}
        return {
            "command line": extra,
            "environment": settings.environment_layer(os.environ, specs),
            "inventory": inventory,
        }
