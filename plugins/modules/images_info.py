#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Ansible module: gather facts for building images from packages."""

from __future__ import annotations

DOCUMENTATION = r"""
module: images_info
short_description: Gather facts for building images from packages
description:
  - Returns the existing images, the package mirror that the host uses, and the network settings that builds need. Needs
    no root and changes nothing.
version_added: 0.1.0
author: The Olympia provisioner authors (!UNKNOWN)
extends_documentation_fragment:
  - addons.olympia.reading
requirements:
  - docker CLI
options:
  release:
    description: Debian release of the images.
    type: str
    required: true
  mirror:
    description: Debian mirror. Empty means the one in the host's own apt sources.
    type: str
    default: ""
  security_mirror:
    description: Mirror of Debian's security archive. Empty means the one in the host's own apt sources.
    type: str
    default: ""
  database:
    description: As the setting C(olympia_images_database).
    type: str
    default: auto
  engine:
    description: Whether an engine is installed. Without one there are no images.
    type: bool
    default: true
seealso:
  - module: addons.olympia.base_image
"""

EXAMPLES = r"""
- name: Gather facts
  addons.olympia.images_info:
    release: bookworm
  register: host
"""

RETURN = r"""
present:
  description: Tags of the collection's own images.
  returned: success
  type: list
  elements: str
  sample: ["olympia/redis:bookworm-3b775dd8f68c"]
sources:
  description: Package sources of the images. Empty if no mirror is known.
  returned: success
  type: list
  elements: str
  sample: ["deb http://mirror.example.org/debian bookworm main"]
mysql:
  description: Package source of MySQL's image. Empty if the database server is MariaDB.
  returned: success
  type: str
  sample: "deb http://mirror.example.org/debian sid main"
tools:
  description: Missing packages that are needed to build a base image.
  returned: success
  type: list
  elements: str
  sample: [mmdebstrap]
builder:
  description: Name of the engine's own builder, which can use local images.
  returned: success
  type: str
  sample: default
ca_bundle:
  description: File with the CA certificates that the host trusts, or the empty string.
  returned: success
  type: str
proxies:
  description: The proxies that the host's environment, or else its apt, uses, by the variable's name.
  returned: success
  type: dict
  sample: {http_proxy: "http://proxy.example.org:3128"}
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.host.docker_cli import DockerCli
from ansible_collections.addons.olympia.plugins.module_utils.host.process import run
from ansible_collections.addons.olympia.plugins.module_utils.stack import database
from ansible_collections.addons.olympia.plugins.module_utils.stack.service_images import (
    LABEL,
    debian_mirror,
    mysql_source,
    package_sources,
)

CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def proxies(environment: Mapping[str, str], apt: str) -> dict[str, str]:
    """Return the proxies that builds go through, by variable. One on this host itself they would not reach.

    Args:
        environment: The process environment; it comes before apt's own settings.
        apt: What `apt-config dump` says of the proxies.
    """
    found: dict[str, str] = {}
    for line in apt.splitlines():
        name, _separator, value = line.partition(" ")
        kind = name.split("::")[1]
        address = urlsplit(value.strip('";')).hostname or ""
        if name == f"Acquire::{kind}::Proxy" and address and address != "localhost" and not address.startswith("127."):
            found[f"{kind}_proxy"] = value.strip('";')
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        if given := environment.get(name) or environment.get(name.upper()):
            found[name] = given
    return found


def ask_engine(module: AnsibleModule) -> tuple[list[str], str]:
    """Return the tags of the collection's images, and the name of the builder that sees them.

    Args:
        module: The running module.
    """
    docker = DockerCli(module)
    listed = docker.run(["image", "ls", f"--filter=label={LABEL}", "--format={{.Repository}}:{{.Tag}}"])
    if listed.rc != 0:
        docker.fail(f"The engine cannot list images: {listed.stderr.strip()}", listed)
    context = docker.run(["context", "show"])
    if context.rc != 0:
        docker.fail(f"The docker command has no usable context: {context.stderr.strip()}", context)
    return sorted(listed.stdout.split()), context.stdout.strip()


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "release": {"type": "str", "required": True},
            "mirror": {"type": "str", "default": ""},
            "security_mirror": {"type": "str", "default": ""},
            "database": {"type": "str", "default": "auto"},
            "engine": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    present, builder = ask_engine(module) if module.params["engine"] else ([], "")
    mirror = module.params["mirror"]
    chosen, _why = database.choose(run, module.params["database"], debian_mirror(mirror))
    apt = ["apt-config", "dump", "Acquire::http::Proxy", "Acquire::https::Proxy"]
    module.exit_json(
        changed=False,
        present=present,
        sources=package_sources(*(module.params[name] for name in ("release", "mirror", "security_mirror"))),
        mysql=mysql_source(run, chosen, mirror),
        tools=[
            *([] if shutil.which("mmdebstrap") else ["mmdebstrap"]),
            *([] if KEYRING.exists() else ["debian-archive-keyring"]),
        ],
        builder=builder,
        ca_bundle=str(CA_BUNDLE) if CA_BUNDLE.exists() else "",
        proxies=proxies(os.environ, module.run_command(apt)[1] if shutil.which(apt[0]) else ""),
    )


if __name__ == "__main__":
    main()
