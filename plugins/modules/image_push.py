#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Ansible module: push an image, if the registry permits."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_push
short_description: Push an image, if the registry permits
description:
  - Publishes an image under its tag, and returns the digest by which others can pull exactly this image.
  - Missing or refused credentials are a warning, not a failure, because a CI job of a fork has none; see RV(pushed).
  - Retries, with growing pauses, if a registry does not answer or has had too many requests.
version_added: 0.1.0
author: The Olympia provisioner authors (!UNKNOWN)
requirements:
  - docker CLI with the buildx plugin
attributes:
  check_mode:
    description: Reports whether the registry has another image under the tag, or none.
    support: full
  diff_mode:
    description: Shows the digest that the tag names, before and after.
    support: full
options:
  image:
    description: The reference, with its tag.
    type: str
    required: true
  attempts:
    description: Maximum number of attempts.
    type: int
    default: 5
  digest_file:
    description:
      - File on the host that receives the line C(DOCKER_DIGEST=sha256:...), for jobs that pull what this one has published.
      - It is removed if the image was not pushed.
    type: path
seealso:
  - module: community.docker.docker_image_push
"""

EXAMPLES = r"""
- name: Publish an image
  addons.olympia.image_push:
    image: registry.example.org/site:2024.11.21
  register: published
"""

RETURN = r"""
pushed:
  description: Whether the registry has the image now.
  returned: success
  type: bool
digest:
  description: The image's digest in the registry, or the empty string if it was not pushed.
  returned: success
  type: str
  sample: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
kind:
  description: Why it was not pushed, one of V(refused), V(limited), V(missing), V(unreachable), V(garbled).
  returned: failure
  type: str
"""

import re
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.host import engine_objects, registry
from ansible_collections.addons.olympia.plugins.module_utils.host.process import run


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "image": {"type": "str", "required": True},
            "attempts": {"type": "int", "default": 5},
            "digest_file": {"type": "path"},
        },
        supports_check_mode=True,
    )
    image: str = module.params["image"]
    before = registry.inspect(run, image).output
    if module.check_mode:
        local = engine_objects.image_id(run, image)
        module.exit_json(changed=before != local, pushed=before == local, digest=before)
    digest_file = Path(module.params["digest_file"]) if module.params["digest_file"] else None
    if digest_file:
        digest_file.unlink(missing_ok=True)
    answer = registry.exchange(run, ["docker", "push", image], image, module.params["attempts"])
    if answer.kind == registry.REFUSED:
        module.warn(answer.explain(f"{image} was not pushed"))
        module.exit_json(changed=False, pushed=False, digest="")
    if answer.kind:
        module.fail_json(
            msg=answer.explain(f"{image} cannot be pushed"),
            kind=answer.kind,
            olympia={"phase": "push", "kind": "build"},
        )
    found = re.search(r"digest: (sha256:[0-9a-f]{64})", answer.output)
    digest = found[1] if found else registry.inspect(run, image).output
    if digest_file:
        digest_file.write_text(f"DOCKER_DIGEST={digest}\n", encoding="utf-8")
    module.exit_json(
        changed=digest != before,
        pushed=True,
        digest=digest,
        diff={"before": f"{before or '(none)'}\n", "after": f"{digest}\n"},
    )


if __name__ == "__main__":
    main()
