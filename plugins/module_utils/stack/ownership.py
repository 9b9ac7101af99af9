# SPDX-License-Identifier: BSD-3-Clause
"""Whose an instance is: the one project directory that it is run from.

An engine can be shared, and project directories are each user's own. So the owner is written where everybody who shares the
engine sees it, and where it survives `down`: in the labels of an empty volume.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem

DIRECTORY, USER = "addons.olympia.owner", "addons.olympia.user"
# The parent of project directories in a state directory: containers from such a folder belong to another user's instance.
DEFAULT_PARENT = "olympia"


def volume(instance: str) -> str:
    """Return the name of the volume whose labels name the owner of an instance."""
    return f"{instance}_owner"


def recorded(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the project `directory` and the `user` that an instance belongs to; empty strings if there is no record.

    Args:
        labels: The labels of the owner's volume.
    """
    return {"directory": labels.get(DIRECTORY, ""), "user": labels.get(USER, "")}


def strangers(containers: Iterable[Mapping[str, Any]], project: Path) -> list[dict[str, str]]:
    """Return the containers under an instance's name that another directory's Compose project has made.

    Args:
        containers: Those of the instance's name.
        project: The project directory.
    """
    return [
        {"service": one["service"], "directory": one["working_dir"]}
        for one in containers
        if not same(one["working_dir"], project)
    ]


def same(directory: str, project: Path) -> bool:
    """Return whether two paths are one directory; one of them may be a link."""
    return bool(directory) and Path(directory).resolve() == project.resolve()


def former(owner: Mapping[str, str], others: Iterable[Mapping[str, str]]) -> str:
    """Return the project directory that an instance would be taken over from; empty where nothing is known of one.

    Args:
        owner: As `recorded` returns it.
        others: As `strangers` returns it.
    """
    return owner["directory"] or next((one["directory"] for one in others), "")


def check(facts: Mapping[str, Any], starts: bool = True) -> list[Problem]:
    """Return why an instance is not this project directory's to change.

    Args:
        facts: What the probe found.
        starts: Whether it would be started, and its database opened.
    """
    owner, instance, here = facts["owner"], facts["instance"], facts["project_dir"]
    another = f"Choose another name: make up INSTANCE=NAME. If {instance} is yours, "
    foreign = [one for one in facts["strangers"] if not _adoptable(one["directory"], owner, instance)]
    if foreign:
        return [
            Problem(
                what="another program's containers have the instance's name",
                setting="olympia_stack_instance",
                cause=f"{foreign[0]['service']} was made from {foreign[0]['directory'] or 'a folder that it does not tell'}",
                fix="Choose another name: make up INSTANCE=NAME. Or take the other one down where it is: docker compose down.",
            )
        ]
    if owner["adopting"] or (owner["claimed"] and not facts["strangers"]):
        return []
    if directory := former({"directory": ""} if owner["claimed"] else owner, facts["strangers"]):
        return [
            Problem(
                what=f"the instance {instance} belongs to another project directory",
                setting="olympia_stack_instance",
                cause=f"{owner['user'] or 'somebody'} runs it from {directory}, and this one is {here}",
                fix=f"{another}use that directory: PROJECT_DIR={directory}. Or take it over: make up ARGS=--adopt.",
            )
        ]
    if starts and owner["unknown_volume"]:
        return [
            Problem(
                what=f"a database volume for the instance {instance} exists, and no record says that it belongs here",
                setting="olympia_stack_instance",
                cause=f"the volume {instance}_data_mysqld was made {facts['volume_created']}, and {here} has no .env",
                fix=f"{another}take its database: make up ARGS=--adopt.",
            )
        ]
    return []


def _adoptable(directory: str, owner: Mapping[str, str], instance: str) -> bool:
    """Return whether containers are an instance's, although another project directory's."""
    path = Path(directory)
    return directory == owner["directory"] or (path.parent.name, path.name) == (DEFAULT_PARENT, instance)
