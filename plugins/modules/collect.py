#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Ansible module: collect diagnostics of an instance."""

from __future__ import annotations

DOCUMENTATION = r"""
module: collect
short_description: Collect diagnostics of an instance of the stack
description:
  - Reads the rendered files, the containers' logs and the history of their healthchecks, and the image, and returns them as
    texts.
  - It is the module half of the action M(addons.olympia.collect), which is what a playbook calls. The action takes the result of
    M(addons.olympia.preflight) as C(preflight), and writes the texts to a C(directory) on the controller.
  - Changes nothing on the host. Missing files are left out.
author: The Olympia provisioner authors (!UNKNOWN)
extends_documentation_fragment:
  - addons.olympia.reading
  - addons.olympia.secrets
options:
  project_src:
    description: The project directory.
    type: path
    required: true
  project:
    description: Name of the Compose project.
    type: str
    required: true
  image:
    description: The application image.
    type: str
    required: true
  files:
    description: Paths of text files below O(project_src).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Collect
  addons.olympia.collect:
    preflight: "{{ preflight }}"
    directory: /tmp/artifacts
"""

RETURN = r"""
files:
  description: >-
    Text by path; of the action, the paths that were written. C(project/) has the files of the project directory, C(logs/) a log
    for each service, C(tests/) what the site's tests reported; C(health.json) has state and healthchecks by service,
    C(image.json) the application image's reference, ID and digest.
  returned: always
  type: dict
"""

import json
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.core.masking import mask
from ansible_collections.addons.olympia.plugins.module_utils.host import engine_objects
from ansible_collections.addons.olympia.plugins.module_utils.host.process import run
from ansible_collections.addons.olympia.plugins.module_utils.stack import remembered

LOG_LINES = 5000


def read(directory: Path, names: list[str]) -> dict[str, str]:
    """Return the text of those files that exist and can be read, by path.

    Args:
        directory: Where they are.
        names: Paths below it.
    """
    found = {}
    for name in names:
        try:
            found[name] = directory.joinpath(name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
    return found


def health(container: dict[str, Any]) -> dict[str, Any]:
    """Return a container's state with the healthchecks that the engine remembers, which are the last five.

    Args:
        container: As `engine_objects.containers` gives it.
    """
    _code, output, _errors = run(["docker", "inspect", "--format", "{{json .State.Health}}", container["id"]])
    log = (json.loads(output) or {}).get("Log") if output.strip() else None
    return {name: value for name, value in container.items() if name != "ports"} | {"healthchecks": log or []}


def image(reference: str) -> dict[str, str]:
    """Return an image's reference, ID and digest; the latter two empty if it is missing.

    Args:
        reference: What names it.
    """
    code, output, _errors = run(["docker", "image", "inspect", "--format", "{{json .}}", reference])
    found = {} if code else json.loads(output)
    digests = [digest.partition("@")[2] for digest in found.get("RepoDigests") or []]
    return {"reference": reference, "id": found.get("Id", ""), "digest": digests[0] if digests else ""}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "project_src": {"type": "path", "required": True},
            "project": {"type": "str", "required": True},
            "image": {"type": "str", "required": True},
            "files": {"type": "list", "elements": "str", "default": []},
            "secrets": {"type": "list", "elements": "str", "default": [], "no_log": True},
        },
        supports_check_mode=True,
    )
    project = Path(module.params["project_src"])
    containers = engine_objects.containers(run, module.params["project"])
    texts = {f"project/{name}": text for name, text in read(project, module.params["files"]).items()}
    results = [path.name for path in project.joinpath(remembered.TEST_RESULTS).glob("*")]
    texts |= {f"tests/{name}": text for name, text in read(project / remembered.TEST_RESULTS, results).items()}
    for container in containers:
        arguments = ["docker", "logs", "--timestamps", "--tail", str(LOG_LINES), container["id"]]
        _code, output, errors = run(arguments)
        # Each stream is sorted; together they are sorted by their timestamps.
        texts[f"logs/{container['service']}.log"] = "".join(sorted((output + errors).splitlines(keepends=True)))
    texts["health.json"] = json.dumps({entry["service"]: health(entry) for entry in containers}, indent=2) + "\n"
    texts["image.json"] = json.dumps(image(module.params["image"]), indent=2) + "\n"
    module.exit_json(changed=False, files={name: mask(text) for name, text in texts.items()})


if __name__ == "__main__":
    main()
