#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Ansible module: build images with docker buildx bake."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bake
short_description: Build images with docker buildx bake
description:
  - Builds the targets of a bake definition (a Compose file, or a bake file in HCL or JSON) in one run, in parallel.
  - The module is idempotent through BuildKit's own cache; it reports a change when a tag names another image than before.
  - A cache outside of the builder that cannot be read, or that may fail to be written, gives a warning.
  - Default attestations are always off, because they give an unchanged image a new digest, and Compose would then
    recreate its containers.
version_added: 0.1.0
author: The Olympia provisioner authors (!UNKNOWN)
requirements:
  - docker CLI with the buildx plugin 0.13 or newer
attributes:
  check_mode:
    description: Validates the definition without building. A tag that does not exist yet counts as a change.
    support: full
  diff_mode:
    description: Shows the image ID of every tag before and after.
    support: full
extends_documentation_fragment:
  - addons.olympia.progress
options:
  project_src:
    description:
      - Folder on the host that the command runs in. Relative paths in the definition start here.
      - Exactly one of O(project_src) and O(project_files) is needed.
    type: path
  project_files:
    description:
      - The project's files as text, by their path relative to the project's folder. They exist on the host only during
        the build, in a temporary folder that the command runs in.
    type: dict
  files:
    description: Definition files, relative to the project's folder. Without any, bake looks for its default names.
    type: list
    elements: str
    default: []
  targets:
    description: Targets and groups to build. Without any, the group V(default).
    type: list
    elements: str
    default: []
  variables:
    description: Variables of the definition, handed over in the command's environment.
    type: dict
    default: {}
  secrets:
    description:
      - Like O(variables), but never shown. The definition hands them to build steps, for example with
        C(type=env,id=pip_conf,env=PIP_CONF).
    type: dict
    default: {}
  set:
    description: Overrides of the form V(target.key=value), as bake's C(--set) takes them.
    type: list
    elements: str
    default: []
  allow_read:
    description:
      - Paths outside the project's folder that the definition reads.
      - Only buildx 0.20 and newer ask for this permission; older ones do not know the option, so it is not used there.
    type: list
    elements: path
    default: []
  builder:
    description: Name of the builder. Without it, the current one.
    type: str
  pull:
    description: Whether to look for newer base images at the registry.
    type: bool
    default: false
  no_cache:
    description: Whether to build every step anew.
    type: bool
    default: false
  sequential:
    description:
      - Whether to build one target after the other, which leaves cores to what runs beside it.
      - There is no O(metadata_file) of such a build.
    type: bool
    default: false
  compression:
    description:
      - How the layers of images without an output of their own are compressed.
      - Compressing layers that stay on this host would take longer than many a build.
      - Layers of earlier builds stay as they are.
    type: str
    choices: [uncompressed, gzip]
    default: uncompressed
  metadata_file:
    description:
      - File on the host that receives bake's own account of what it built, relative to the project's folder. What it was made
        from, and the times of the build's steps, are added to it as RV(materials) and RV(steps), and so are O(inputs), and as
        C(images) the ID of each target's image.
    type: path
  inputs:
    description: What the targets are made from, as the caller tells it apart. Kept in O(metadata_file), for the caller to compare.
    type: str
    default: ""
seealso:
  - module: community.docker.docker_image_build
  - module: community.docker.docker_compose_v2
"""

EXAMPLES = r"""
- name: Build the image of one Compose service
  addons.olympia.bake:
    project_src: /srv/olympia
    files: [docker-compose.yml]
    targets: [web]

- name: Build everything in a bake file with another base image
  addons.olympia.bake:
    project_src: /srv/images
    files: [docker-bake.hcl]
    variables:
      BASE: "example/base:1"
    set:
      - "*.labels.org.example.revision=abc"

- name: Build from files that are not on the host
  addons.olympia.bake:
    project_files:
      docker-bake.json: '{"target": {"default": {"tags": ["example/hello:1"]}}}'
      Dockerfile: |
        FROM scratch
        COPY hello.txt /
      hello.txt: Hello
"""

RETURN = r"""
images:
  description: What each target's tags name now.
  returned: success
  type: dict
  contains:
    tags:
      description: The target's tags.
      type: list
      elements: str
    id:
      description: ID of the image, or null if it does not exist (a target without tags, or check mode).
      type: str
    previous_id:
      description: ID that the first tag had before, or null.
      type: str
    changed:
      description: Whether a tag of this target names another image than before.
      type: bool
  sample:
    web:
      tags: ["olympia/addons-server:local"]
      id: sha256:df40ad4525e38ff7625f4a1d1dcc602cf3a718e27c286a02f864e7fa93be0291
      previous_id: null
      changed: true
command:
  description: The command that was run.
  returned: success
  type: list
  elements: str
materials:
  description: The images that the build started from, each with the digest that its tag had.
  returned: success, but not in check mode
  type: list
  elements: str
steps:
  description: The build's steps, in the order in which BuildKit began them.
  returned: when something was built, or failed to be; not in check mode
  type: list
  elements: dict
  contains:
    name:
      description: Stage, number and instruction.
      type: str
    cached:
      description: Whether it was found in a cache.
      type: bool
    seconds:
      description: How long it took.
      type: float
    started:
      description: When it began, in seconds since 1970 by the host's clock.
      type: float
stderr:
  description: The end of what BuildKit told; of a failed build, the last 400 lines.
  returned: always
  type: str
cmd:
  description: The command that failed.
  returned: failure
  type: list
  elements: str
rc:
  description: Return code of the command that failed.
  returned: failure
  type: int
stdout:
  description: Standard output of the command that failed.
  returned: failure
  type: str
"""

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.build.baking import (
    explain_failure,
    targets_to_build,
    write_project,
)
from ansible_collections.addons.olympia.plugins.module_utils.build.buildkit import BuildLog
from ansible_collections.addons.olympia.plugins.module_utils.core.progress_events import ARGUMENT, teller
from ansible_collections.addons.olympia.plugins.module_utils.host.docker_cli import DockerCli
from ansible_collections.addons.olympia.plugins.module_utils.host.process import Completed, tail


class Bake:
    """One run of the module."""

    def __init__(self, module: AnsibleModule, project: str) -> None:
        self.module = module
        self.params: dict[str, Any] = module.params
        self.docker = DockerCli(module)
        self.project = project
        self.environment = {
            name: str(value) for name, value in {**self.params["variables"], **self.params["secrets"]}.items()
        }
        self.environment["BUILDX_NO_DEFAULT_ATTESTATIONS"] = "1"

    def run(self) -> dict[str, Any]:
        """Build, or in check mode only validate, and return the module's result."""
        selection = self._selection()
        printed = self._call(["--print", *selection, *self.params["targets"]])
        if printed.rc != 0:
            reason = tail(printed.stderr, 1).removeprefix("ERROR: ")
            self.docker.fail(f"bake rejects the definition in {self.project}: {reason}", printed)
        targets = targets_to_build(json.loads(printed.stdout))
        tags = [tag for target in targets.values() for tag in target.get("tags", [])]
        before = self.docker.image_ids(tags)
        log = BuildLog()
        completed = printed if self.module.check_mode else self._build(selection, targets, log)
        after = dict(before) if self.module.check_mode else self.docker.image_ids(tags)
        changed = {tag for tag in tags if before.get(tag) != after.get(tag) or tag not in after}
        told = {"materials": log.materials(), "steps": log.told()}
        images = {
            name: {
                "tags": (own := target.get("tags", [])),
                "id": after.get(own[0]) if own else None,
                "previous_id": before.get(own[0]) if own else None,
                "changed": not changed.isdisjoint(own),
            }
            for name, target in targets.items()
        }
        if self.params["metadata_file"] and not self.module.check_mode:
            made = {"inputs": self.params["inputs"], "images": {name: image["id"] for name, image in images.items()}}
            self._complete(Path(self.project, self.params["metadata_file"]), told | made)
        return {
            "changed": bool(changed),
            "images": images,
            "command": completed.cmd,
            **told,
            "stderr": tail(completed.stderr, 40),
            "diff": {
                "before": {tag: before.get(tag, "(none)") for tag in tags},
                "after": {tag: after.get(tag, "(to be built)") for tag in tags},
            },
        }

    def _build(self, selection: list[str], targets: Mapping[str, Any], log: BuildLog) -> Completed:
        arguments = ["--progress", "rawjson"]
        for flag in ("pull", "no_cache"):
            if self.params[flag]:
                arguments.append("--" + flag.replace("_", "-"))
        if self.params["metadata_file"]:
            arguments += ["--metadata-file", self.params["metadata_file"]]
        # Without an output, builders other than "docker" leave the result in their cache.
        for name, target in targets.items():
            if not target.get("output"):
                arguments += ["--set", f"{name}.output=type=docker,compression={self.params['compression']}"]
        tell = teller(self.params["progress"])

        def see(line: str) -> None:
            for step in log.feed(line):
                if not step.name.startswith("[internal]"):
                    tell("step", id=step.number, name=step.name, state=step.state, seconds=step.seconds)

        for chosen in [[name] for name in targets] if self.params["sequential"] else [self.params["targets"]]:
            command = ["buildx", "bake", *arguments, *selection, *chosen]
            completed = self.docker.stream(command, see, self.project, self.environment)
            completed = replace(completed, stderr=log.text())
            if completed.rc != 0:
                break
        for problem in log.cache_problems():
            self.module.warn(problem)
        if completed.rc != 0:
            shown = replace(completed, stderr=tail(completed.stderr, 400))
            self.docker.fail(explain_failure(log, completed.rc, self.params["allow_read"]), shown, steps=log.told())
        return completed

    @staticmethod
    def _complete(path: Path, more: dict[str, Any]) -> None:
        """Put what bake knows and does not tell into its metadata file."""
        path.write_text(json.dumps(json.loads(path.read_text()) | more, indent=2) + "\n", encoding="utf-8")

    def _selection(self) -> list[str]:
        """Return the arguments that say from what is built, common to printing and building."""
        arguments = []
        if self.params["builder"]:
            arguments += ["--builder", self.params["builder"]]
        for file in self.params["files"]:
            arguments += ["--file", file]
        for override in self.params["set"]:
            arguments += ["--set", override]
        if self.params["allow_read"] and self._asks_for_permission():
            arguments += [f"--allow=fs.read={path}" for path in self.params["allow_read"]]
        return arguments

    def _asks_for_permission(self) -> bool:
        completed = self.docker.run(["buildx", "version"])
        version = re.search(r"\bv?(\d+)\.(\d+)\.", completed.stdout)
        if not version:
            self.docker.fail("docker buildx does not tell its version.", completed)
        return (int(version.group(1)), int(version.group(2))) >= (0, 20)

    def _call(self, arguments: list[str]) -> Completed:
        return self.docker.run(["buildx", "bake", *arguments], cwd=self.project, environment=self.environment)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "project_src": {"type": "path"},
            "project_files": {"type": "dict"},
            "files": {"type": "list", "elements": "str", "default": []},
            "targets": {"type": "list", "elements": "str", "default": []},
            "variables": {"type": "dict", "default": {}},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "set": {"type": "list", "elements": "str", "default": []},
            "allow_read": {"type": "list", "elements": "path", "default": []},
            "builder": {"type": "str"},
            "pull": {"type": "bool", "default": False},
            "no_cache": {"type": "bool", "default": False},
            "metadata_file": {"type": "path"},
            "inputs": {"type": "str", "default": ""},
            "progress": ARGUMENT,
            "sequential": {"type": "bool", "default": False},
            "compression": {"type": "str", "choices": ["uncompressed", "gzip"], "default": "uncompressed"},
        },
        mutually_exclusive=[("project_src", "project_files"), ("sequential", "metadata_file")],
        required_one_of=[("project_src", "project_files")],
        supports_check_mode=True,
    )
    project = module.params["project_src"]
    if project:
        if not Path(project).is_dir():
            module.fail_json(msg=f"The project folder {project} does not exist on this host.")
        module.exit_json(**Bake(module, project).run())
    # Ansible removes the module's temporary folder, and this one with it, however the module ends.
    folder = tempfile.mkdtemp(prefix="bake-", dir=module.tmpdir)
    try:
        write_project(module.params["project_files"], Path(folder))
    except ValueError as error:
        module.fail_json(msg=f"project_files: the path {error} leaves the project's folder.")
    module.exit_json(**Bake(module, folder).run())


if __name__ == "__main__":
    main()
