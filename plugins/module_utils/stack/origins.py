# SPDX-License-Identifier: BSD-3-Clause
"""Which image origin and which database server `auto` means on a host."""

from __future__ import annotations

from typing import Any

from ansible_collections.addons.olympia.plugins.module_utils.host import registry
from ansible_collections.addons.olympia.plugins.module_utils.host.process import run
from ansible_collections.addons.olympia.plugins.module_utils.stack import database
from ansible_collections.addons.olympia.plugins.module_utils.stack import derived as stack
from ansible_collections.addons.olympia.plugins.module_utils.stack.service_images import debian_mirror, mysql_source

# Why `auto` means which image origin.
REASONS = {
    "registry": "the registry answers",
    "packages": "no registry answers",
    "": "no engine is there yet to ask for it",
}
KEEPS = "the instance keeps the one that it was made with"


def image_origin(values: dict[str, Any], services: dict[str, Any], engine_facts: dict[str, Any]) -> str:
    """Return the origin that `auto` means on this host, or the empty string if it cannot be told or is not asked.

    Args:
        values: The resolved settings.
        services: As host_probe takes them.
        engine_facts: What was found of the engine.
    """
    if values["olympia_stack_image_origin"] != "auto" or not engine_facts["docker"]["server"]:
        return ""
    images = stack.registry_images(values, services["references"]) | values["olympia_stack_service_images"]
    reference = images[services["roles"]["cache"]]
    return "registry" if registry.ask(run, reference).kind in registry.SPOKEN else "packages"


def database_server(values: dict[str, Any], origin: str, derived: dict[str, str]) -> dict[str, str]:
    """Return the database server that images made from packages are to have, why, and the one that the instance has kept.

    Args:
        values: The resolved settings.
        origin: The image origin, or the empty string if it cannot be told yet.
        derived: The derived section of its `.env`.
    """
    wanted, mirror = values["olympia_images_database"], values["olympia_images_mirror"]
    kept_origin = derived.get("IMAGE_ORIGIN", "")
    # One from before there was a choice has MariaDB.
    kept = derived.get("DATABASE") or {"packages": database.MARIADB, "registry": database.MYSQL}.get(kept_origin, "")
    if kept_origin == "packages" and wanted in (database.AUTO, database.product(kept)):
        chosen, why = kept, KEEPS
    elif "registry" in (origin, values["olympia_stack_image_origin"]):
        chosen, why = "", ""
    else:
        chosen, why = database.choose(run, wanted, debian_mirror(mirror))
    return {"chosen": chosen, "why": why, "kept": kept, "source": mysql_source(run, chosen, mirror)}
