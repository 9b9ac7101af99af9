# SPDX-License-Identifier: BSD-3-Clause
"""The images of the `packages` origin: their tags, which are fingerprints of what goes into them, and their bake project."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SERVICES = ("mysqld", "redis", "rabbitmq", "memcached", "nginx", "elasticsearch")
LABEL = "addons.olympia.service"
LISTS = "lists"  # fetches the package lists for the others; not an image of its own
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def image_files(directory: Path) -> dict[str, str]:
    """Return the text of every file below the role's `files`, by relative path, sorted.

    Args:
        directory: The role's `files` directory.
    """
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def image_tags(files: Mapping[str, str], release: str) -> dict[str, str]:
    """Return the tag of the base image and of every service image, by name.

    A tag changes with anything that goes into its image, so an image whose tag exists need not be built.

    Args:
        files: As `image_files` gives them.
        release: Debian release.
    """
    base = {name: text for name, text in files.items() if name.startswith("base/")}
    tags = {"base": f"olympia/base:{release}-{_fingerprint(release, base)}"}
    for service in SERVICES:
        own = {name: text for name, text in files.items() if name.startswith((f"{service}/", f"{LISTS}/"))}
        tags[service] = f"olympia/{service}:{release}-{_fingerprint(tags['base'], own)}"
    return tags


def bake_project(files: Mapping[str, str], release: str, with_pip_config: bool) -> dict[str, str]:
    """Return the files of a bake project that builds all service images in parallel.

    Args:
        files: As `image_files` gives them.
        release: Debian release.
        with_pip_config: Whether the environment of bake has the host's pip configuration as PIP_CONF.
    """
    tags = image_tags(files, release)
    secrets = [f"type=file,id=ca_bundle,src={CA_BUNDLE}"] + ["type=env,id=pip_conf,env=PIP_CONF"] * with_pip_config
    targets: dict[str, Any] = {LISTS: {"context": LISTS, "args": {"BASE": tags["base"]}}}
    for service in SERVICES:
        targets[service] = {
            "context": service,
            "contexts": {LISTS: f"target:{LISTS}"},
            "args": {"BASE": tags["base"]},
            "labels": {LABEL: service},
            "secret": secrets,
            "tags": [tags[service]],
        }
    definition = {"group": {"default": {"targets": list(SERVICES)}}, "target": targets}
    return {**files, "docker-bake.json": json.dumps(definition, indent=2)}


def _fingerprint(head: str, files: Mapping[str, str]) -> str:
    digest = hashlib.sha256(head.encode())
    for name, text in sorted(files.items()):
        digest.update(f"\0{name}\0{text}".encode())
    return digest.hexdigest()[:12]
