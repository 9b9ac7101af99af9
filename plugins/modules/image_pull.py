#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Ansible module: pull images, trying again where that can help."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_pull
short_description: Pull images, trying again where that can help
description:
  - Pulls the images that the engine does not have, several at a time.
  - A registry that does not answer, or has had too many requests, is asked again with growing pauses. One that refuses the
    credentials or has no such image is not.
  - An image that is there is left alone, whatever its tag means in the registry by now. Name a digest to be exact.
version_added: 0.1.0
author: The Olympia provisioner authors
requirements:
  - docker CLI with the buildx plugin
attributes:
  check_mode:
    description: Tells which images would be pulled.
    support: full
  diff_mode:
    description: An image has no text to compare.
    support: none
options:
  images:
    description: References, by tag or by digest.
    type: list
    elements: str
    required: true
  attempts:
    description: How often a pull is tried.
    type: int
    default: 5
seealso:
  - module: community.docker.docker_image_pull
"""

EXAMPLES = r"""
- name: Pull two images
  addons.olympia.image_pull:
    images:
      - redis:6.2
      - registry.example.org/site@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
"""

RETURN = r"""
pulled:
  description: What was pulled (in check mode, would be).
  returned: success
  type: list
  elements: str
  sample: ["redis:6.2"]
failures:
  description: What could not be pulled.
  returned: failure
  type: list
  elements: dict
  contains:
    image:
      description: The reference.
      type: str
    kind:
      description: One of V(refused), V(limited), V(missing), V(unreachable), V(garbled).
      type: str
    tries:
      description: How often it was tried.
      type: int
    seen:
      description: The engine's last words.
      type: str
"""

from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils import host, registry

AT_ONCE = 3


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "images": {"type": "list", "elements": "str", "required": True},
            "attempts": {"type": "int", "default": 5},
        },
        supports_check_mode=True,
    )
    attempts: int = module.params["attempts"]
    missing = [image for image in module.params["images"] if not host.image_id(host.run, image)]
    if module.check_mode or not missing:
        module.exit_json(changed=bool(missing), pulled=missing)

    def pull(image: str) -> registry.Answer:
        return registry.exchange(host.run, ["docker", "pull", image], image, attempts)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = dict(zip(missing, pool.map(pull, missing), strict=True))
    failed = {image: answer for image, answer in answers.items() if answer.kind}
    if failed:
        module.fail_json(
            msg="\n".join(answer.explain(f"{image} cannot be pulled") for image, answer in failed.items()),
            failures=[
                {"image": image, "kind": answer.kind, "tries": answer.tries, "seen": answer.words}
                for image, answer in failed.items()
            ],
            olympia={"phase": "images", "kind": "build"},
        )
    module.exit_json(changed=True, pulled=missing)


if __name__ == "__main__":
    main()
