#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause

from __future__ import annotations

DOCUMENTATION = r"""
module: base_image
short_description: Make a Debian base image from the host's own package mirror
description:
  - Makes a small Debian root with C(mmdebstrap) and imports it as an image. Does nothing where the tag exists.
author: The Olympia provisioner authors
requirements:
  - mmdebstrap, and root for it
options:
  tag:
    description: Name and tag of the image.
    type: str
    required: true
  release:
    description: Debian release.
    type: str
    required: true
  mirror:
    description: Debian mirror. Empty means the one in the host's own apt sources.
    type: str
    default: ""
  packages:
    description: Packages besides apt and what it needs.
    type: list
    elements: str
    default: [ca-certificates]
  labels:
    description: Labels of the image.
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
    description: Tells whether the image would be made.
  diff_mode:
    support: none
    description: An image has no text to compare.
"""

EXAMPLES = r"""
- name: Make a base image
  addons.olympia.base_image:
    tag: example/base:bookworm
    release: bookworm
  become: true
"""

RETURN = r"""
mirrors:
  description: The package sources of the image. Returned when it was made.
  returned: changed
  type: list
  elements: str
"""

import subprocess
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.apt_sources import debian_mirrors, read_host_sources
from ansible_collections.addons.olympia.plugins.module_utils.cli import DockerCli, tail

# Nobody reads manuals in a container, and an image that is made anew after a crash needs no fsync.
ECONOMIES = (
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=force-unsafe-io",
    '--aptopt=Acquire::Languages "none"',
)


def sources(release: str, mirror: str) -> list[str]:
    """Return the image's apt sources; empty where no mirror is known.

    Args:
        release: Debian release.
        mirror: The mirror that was asked for, or the empty string.
    """
    found = debian_mirrors(read_host_sources())
    main = mirror or found.main
    if not main:
        return []
    lines = [f"deb {main} {release} main", f"deb {main} {release}-updates main"]
    return lines + ([f"deb {found.security} {release}-security main"] if found.security else [])


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "tag": {"type": "str", "required": True},
            "release": {"type": "str", "required": True},
            "mirror": {"type": "str", "default": ""},
            "packages": {"type": "list", "elements": "str", "default": ["ca-certificates"]},
            "labels": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    params = module.params
    docker = DockerCli(module)
    if docker.image_ids([params["tag"]]):
        module.exit_json(changed=False)
    mirrors = sources(params["release"], params["mirror"])
    if not mirrors:
        module.fail_json(
            msg="There is no Debian mirror in this host's apt sources, so there is nothing to make the base image from. "
            "Name one with olympia_images_mirror."
        )
    if module.check_mode:
        module.exit_json(changed=True, mirrors=mirrors)
    tool = module.get_bin_path("mmdebstrap", required=True)
    command = [
        tool,
        "--variant=apt",
        f"--include={','.join(params['packages'])}",
        *ECONOMIES,
        params["release"],
        "-",
        *mirrors,
    ]
    imported = ["docker", "import"]
    for name, value in params["labels"].items():
        imported += ["--change", f"LABEL {name}={value}"]
    imported += ["-", params["tag"]]
    with (
        tempfile.TemporaryFile() as root_log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=root_log) as root,
    ):
        image = subprocess.run(imported, stdin=root.stdout, capture_output=True, check=False)
        root.wait()
        root_log.seek(0)
        errors, import_errors = root_log.read(), image.stderr
    if root.returncode or image.returncode:
        # A root that ended early was imported in part.
        docker.run(["image", "rm", params["tag"]])
        failed, code, text = (
            (command, root.returncode, errors) if root.returncode else (imported, image.returncode, import_errors)
        )
        module.fail_json(
            msg=f"The base image cannot be made: {tail(text.decode(errors='replace'), 3)}",
            cmd=failed,
            rc=code,
            stdout="",
            stderr=text.decode(errors="replace"),
        )
    module.exit_json(changed=True, mirrors=mirrors)


if __name__ == "__main__":
    main()
