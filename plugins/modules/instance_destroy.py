#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Ansible module: remove everything of an instance."""

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_destroy
short_description: Remove everything of an instance of the stack, its data too
description:
  - Removes the containers, networks, volumes and images of one instance, and the files of the provisioner in its project
    directory. They are identified by labels. A database volume that C(up) found, and did not create, has none and is kept.
  - Other files in the project directory are kept, and so is the directory then.
author: The Olympia provisioner authors (!UNKNOWN)
options:
  project_src:
    description: The project directory. It need not exist.
    type: path
    required: true
  instance:
    description: The instance, whose name is that of its Compose project.
    type: str
    required: true
  files:
    description: Paths of the rendered files below O(project_src).
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: Lists what would be removed.
  diff_mode:
    support: none
    description: The result lists what was removed.
"""

EXAMPLES = r"""
- name: Remove an instance
  addons.olympia.instance_destroy:
    project_src: /srv/olympia/two
    instance: two
    files: [.env, docker-compose.yml]
"""

RETURN = r"""
removed:
  description: Names of what was removed (in check mode, would be), by kind.
  returned: always
  type: dict
  sample: {containers: [two-web-1], networks: [two_default], volumes: [two_data_mysqld], images: [two], files: [.env]}
kept:
  description: Other files in the project directory.
  returned: always
  type: list
  elements: str
"""

import shutil
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.build.build_inputs import METADATA
from ansible_collections.addons.olympia.plugins.module_utils.host.docker_cli import DockerCli
from ansible_collections.addons.olympia.plugins.module_utils.snapshots.volumes import HELPER
from ansible_collections.addons.olympia.plugins.module_utils.stack import remembered
from ansible_collections.addons.olympia.plugins.module_utils.stack.ownership import DIRECTORY

PROJECT = "com.docker.compose.project"
INSTANCE = "addons.olympia.instance"
# What the provisioner makes in a project directory besides the rendered files, and nobody edits.
MADE = (remembered.INITIALIZED, remembered.RESTORE, METADATA, "published.env", remembered.TEST_RESULTS)


class Engine:
    """The containers, networks, volumes and images of an instance."""

    def __init__(self, module: AnsibleModule) -> None:
        """Make one.

        Args:
            module: The running module.
        """
        self._docker = DockerCli(module)
        self._directory = Path(module.params["project_src"])
        self._instance = module.params["instance"]

    def found(self, rendered: bool) -> dict[str, dict[str, str]]:
        """Return name by ID of what the instance has, by kind; in the order in which it can be removed.

        The name alone makes nothing the instance's: addons-server's own Compose project has the default instance's name.

        Args:
            rendered: Whether the project directory has rendered files.
        """
        volumes = ["volume", "ls", "--format", "{{.Name}} {{.Name}}", "--filter"]
        # 'up' labels the database's volume where it makes it.
        labelled = self._list(*volumes, f"label={INSTANCE}={self._instance}")
        labelled |= self._list(*volumes, f"name=^{self._instance}_owner$", "--filter", f"label={DIRECTORY}")
        images = self._images()
        if not (rendered or labelled):
            return {"containers": {}, "networks": {}, "volumes": {}, "images": images}
        project = f"label={PROJECT}={self._instance}"
        containers = ["ps", "--all", "--format", "{{.ID}} {{.Names}}", "--filter"]
        return {
            # A save or a restore that was killed can have left some of its own.
            "containers": self._list(*containers, project)
            | self._list(*containers, f"label={HELPER}={self._instance}"),
            "networks": self._list("network", "ls", "--format", "{{.ID}} {{.Name}}", "--filter", project),
            "volumes": self._list(*volumes, project) | labelled,
            "images": images,
        }

    def remove(self, found: dict[str, dict[str, str]]) -> None:
        """Remove it, or end the module where the engine refuses.

        Args:
            found: As `found` returns it.
        """
        commands = {
            "containers": ["rm", "--force"],
            "networks": ["network", "rm"],
            "volumes": ["volume", "rm"],
            # An image goes with the last of its names; those without one have themselves in place of it.
            "images": ["image", "rm"],
        }
        for kind, command in commands.items():
            named = list(found[kind] if kind != "images" else found[kind].values())
            if named:
                self._run(*command, *named)

    def _images(self) -> dict[str, str]:
        listed = self._list(
            "image", "ls", "--no-trunc", "--format", "{{.ID}}={{.Repository}}:{{.Tag}} {{.ID}}",
            "--filter", f"label={INSTANCE}={self._instance}",
        )  # fmt: skip
        names = {key: key.partition("=")[2] for key in listed}
        return {key: listed[key] if "<none>" in name else name for key, name in names.items()}

    def _list(self, *arguments: str) -> dict[str, str]:
        return dict(line.split(maxsplit=1) for line in self._run(*arguments).splitlines())

    def _run(self, *arguments: str) -> str:
        completed = self._docker.run(arguments)
        if completed.rc:
            said = completed.stderr.strip() or completed.stdout.strip()
            self._docker.fail(f"{self._instance} was not removed completely: {said}", completed)
        return completed.stdout


def made_files(directory: Path, rendered: list[str]) -> list[str]:
    """Return what the provisioner has made in a project directory.

    Args:
        directory: The project directory; it need not exist.
        rendered: Paths of the rendered files below it.
    """
    # Without one of them nothing tells that the directory is the provisioner's at all.
    made = [name for name in MADE if (directory / name).exists()] if rendered else []
    # Dependencies that no image was asked for are somebody's own.
    return [*rendered, *made, *(["deps"] if rendered and (directory / remembered.DEPS_IMAGE).exists() else [])]


def other_files(directory: Path, ours: list[str]) -> list[str]:
    """Return what else there is in a project directory; of a folder that stays as a whole, its name.

    Args:
        directory: The project directory; it need not exist.
        ours: Paths below it of what goes.
    """
    shared = {parent.as_posix() for name in ours for parent in Path(name).parents}
    others, folders = [], [directory] if directory.is_dir() else []
    while folders:
        for path in sorted(folders.pop().iterdir()):
            name = path.relative_to(directory).as_posix()
            if name in shared:
                folders.append(path)
            elif name not in ours:
                others.append(name)
    return others


def remove_files(directory: Path, names: list[str]) -> None:
    """Remove files and folders, and the folders that are empty after that.

    Args:
        directory: The project directory.
        names: Paths below it.
    """
    for name in names:
        path = directory / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    parents = {directory / parent for name in names for parent in Path(name).parents}
    # The innermost first.
    for parent in sorted(parents, key=lambda path: -len(path.parts)):
        if not any(parent.iterdir()):
            parent.rmdir()


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "project_src": {"type": "path", "required": True},
            "instance": {"type": "str", "required": True},
            "files": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    directory = Path(module.params["project_src"])
    engine = Engine(module)
    found = engine.found(bool(module.params["files"]))
    ours = made_files(directory, module.params["files"])
    kept = other_files(directory, ours)
    removed: dict[str, Any] = {kind: sorted(set(names.values())) for kind, names in found.items()} | {"files": ours}
    if not module.check_mode:
        engine.remove(found)
        try:
            remove_files(directory, ours)
        except OSError as error:
            module.fail_json(
                msg=f"{error.filename or directory} cannot be removed: {error.strerror}. Everything else of the instance "
                "is gone. Remove it as its owner.",
                removed=removed,
            )
    module.exit_json(changed=any(removed.values()), removed=removed, kept=kept)


if __name__ == "__main__":
    main()
