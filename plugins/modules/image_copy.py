#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause

from __future__ import annotations

DOCUMENTATION = r"""
module: image_copy
short_description: Copy images from this host's engine into other engines on it
description:
  - Copies missing images from the engine that the docker command uses, with C(docker save) and C(docker load).
  - Images are compared by tag, which has to change with the content.
  - The engines belong to tenants of a shared machine. One that does not answer is reported, and the others get their images.
  - Needs root and systemd.
author: The Olympia provisioner authors (!UNKNOWN)
options:
  images:
    description: References of the images.
    type: list
    elements: str
    required: true
  accounts:
    description: Names of the accounts that have the other engines.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    support: full
    description: Reports what would be copied.
  diff_mode:
    support: none
    description: Images have none.
"""

EXAMPLES = r"""
- name: Copy an image
  addons.olympia.image_copy:
    images: [olympia/base:1]
    accounts: [ana]
  become: true
"""

RETURN = r"""
ailing:
  description: Why an engine did not get the images, by account.
  returned: success
  type: dict
  sample: {ben: its engine gives no answer within 20 seconds}
copied:
  description: References of the images that were copied (in check mode, would be), by account.
  returned: always
  type: dict
  sample: {ana: ["olympia/base:1"]}
"""

import pwd
import subprocess
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.core.command_environment import commands
from ansible_collections.addons.olympia.plugins.module_utils.shared import as_tenant

# Gigabytes, on a busy machine.
COPY_SECONDS = 1200


def missing(account: str, uid: int, images: list[str]) -> list[str]:
    """Return the images that an engine lacks.

    Args:
        account: Whose engine it is.
        uid: The account's UID.
        images: References of images.

    Raises:
        RuntimeError: It does not tell; the message says why.
    """
    asked = ["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]
    code, output, errors = as_tenant.engine(account, uid, asked)
    if code:
        raise RuntimeError(f"its engine cannot list images: {errors.strip()}")
    return [image for image in images if image not in output.split()]


def copy(account: str, uid: int, images: list[str]) -> None:
    """Copy images into an engine.

    Args:
        account: Whose engine it is.
        uid: The account's UID.
        images: Their references.

    Raises:
        RuntimeError: It does not get them; the message says why.
    """
    with tempfile.TemporaryFile() as said:
        save = subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE, stderr=said, env=commands())
        with save as source:
            code, _output, errors = as_tenant.engine(account, uid, ["load", "--quiet"], COPY_SECONDS, source.stdout)
            saved = source.poll()
            # Otherwise it would wait forever for a reader.
            source.kill()
        said.seek(0)
        if saved:
            raise RuntimeError(f"this machine's engine cannot save the images: {said.read().decode().strip()}")
    if code:
        raise RuntimeError(f"its engine cannot load the images: {errors.strip()}")


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "images": {"type": "list", "elements": "str", "required": True},
            "accounts": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    copied: dict[str, list[str]] = {}
    ailing: dict[str, str] = {}
    for account in module.params["accounts"]:
        uid = pwd.getpwnam(account).pw_uid
        try:
            images = missing(account, uid, module.params["images"])
            if images and not module.check_mode:
                copy(account, uid, images)
        except RuntimeError as error:
            ailing[account] = str(error)
            module.warn(f"{account}: {error}")
        else:
            copied |= {account: images} if images else {}
    module.exit_json(changed=bool(copied), copied=copied, ailing=ailing)


if __name__ == "__main__":
    main()
