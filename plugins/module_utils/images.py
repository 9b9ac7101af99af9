# SPDX-License-Identifier: BSD-3-Clause
"""The images of the `packages` origin: their tags, which are fingerprints of what goes into them, and their bake project."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.addons.olympia.plugins.module_utils.apt_sources import debian_mirrors, read_host_sources

SERVICES = ("mysqld", "redis", "rabbitmq", "memcached", "nginx", "elasticsearch")
LABEL = "addons.olympia.service"
BASE = "base"
REPOSITORIES = tuple(f"olympia/{name}" for name in (BASE, *SERVICES))
LISTS = "lists"  # fetches the package lists for the others; not an image of its own


def image_files(directory: Path) -> dict[str, str]:
    """Return the text of every file below the role's `files`, by relative path, sorted.

    Args:
        directory: The role's `files` directory.
    """
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def package_sources(release: str, mirror: str = "", security_mirror: str = "") -> list[str]:
    """Return the apt sources of the images, in one-line format; empty where no mirror is known.

    Runs on the host: what is not given is taken from the host's own apt sources. Builds reach a mirror only over http.

    Args:
        release: Debian release.
        mirror: Base address of a Debian mirror, or the empty string.
        security_mirror: Base address of a mirror of Debian's security archive, or the empty string.
    """
    found = debian_mirrors(read_host_sources())
    main, security = mirror or found.main or "", security_mirror or found.security or ""
    if not main.startswith("http"):
        return []
    lines = [f"deb {main} {release} main", f"deb {main} {release}-updates main"]
    return lines + ([f"deb {security} {release}-security main"] if security.startswith("http") else [])


def base_options(files: Mapping[str, str]) -> list[str]:
    """Return the options with which mmdebstrap makes the base image.

    Args:
        files: As `image_files` gives them.
    """
    return [
        "--variant=apt",
        "--include=ca-certificates",
        '--aptopt=Acquire::Languages "none"',
        f"--setup-hook={files[f'{BASE}/setup.sh']}",
        f"--customize-hook={files[f'{BASE}/customize.sh']}",
    ]


def image_tags(files: Mapping[str, str], release: str, sources: Sequence[str]) -> dict[str, str]:
    """Return the tag of the base image and of every service image, by name.

    A tag changes with anything that goes into its image, so an image whose tag exists need not be built.

    Args:
        files: As `image_files` gives them.
        release: Debian release.
        sources: As `package_sources` gives them. The images install from these, and so does what is built on them.
    """
    tags = {BASE: f"olympia/{BASE}:{release}-{_fingerprint([release, *sources, *base_options(files)])}"}
    for service in SERVICES:
        own = [[name, text] for name, text in sorted(files.items()) if name.startswith((f"{service}/", f"{LISTS}/"))]
        tags[service] = f"olympia/{service}:{release}-{_fingerprint([tags[BASE], own])}"
    return tags


def bake_project(
    files: Mapping[str, str],
    tags: Mapping[str, str],
    present: Collection[str] = (),
    ca_bundle: str = "",
    with_pip_config: bool = False,
    proxies: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the files of a bake project that builds the missing service images in parallel.

    Args:
        files: As `image_files` gives them.
        tags: As `image_tags` gives them.
        present: Tags of the images that need not be built.
        ca_bundle: File with the CA certificates that builds trust, or the empty string.
        with_pip_config: Whether the environment of bake has a pip configuration as PIP_CONF.
        proxies: Value by name of BuildKit's predefined proxy arguments (`http_proxy` and so on).
    """
    secrets = [f"type=file,id=ca_bundle,src={ca_bundle}"] if ca_bundle else []
    secrets += ["type=env,id=pip_conf,env=PIP_CONF"] if with_pip_config else []
    args = {"BASE": tags[BASE]} | {name: value for name, value in (proxies or {}).items() if value}
    common: dict[str, Any] = {"args": args, "secret": secrets}
    targets: dict[str, Any] = {LISTS: {**common, "context": LISTS}}
    for service in SERVICES:
        targets[service] = {
            **common,
            "context": service,
            "contexts": {LISTS: f"target:{LISTS}"},
            "labels": {
                LABEL: service,
                "org.opencontainers.image.title": f"olympia/{service}",
                "org.opencontainers.image.base.name": tags[BASE],
            },
            "tags": [tags[service]],
        }
    missing = [service for service in SERVICES if tags[service] not in present]
    definition = {"group": {"default": {"targets": missing}}, "target": targets}
    return {**files, "docker-bake.json": json.dumps(definition, indent=2)}


def _fingerprint(parts: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
