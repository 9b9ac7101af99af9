# SPDX-License-Identifier: BSD-3-Clause
"""The images of the `packages` origin: their tags, which are fingerprints of what goes into them, and their bake project."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.addons.olympia.plugins.module_utils.host.apt_sources import (
    debian_mirrors,
    read_host_sources,
)
from ansible_collections.addons.olympia.plugins.module_utils.stack import database, services

LABEL = "addons.olympia.service"
BASE = "base"
LISTS = "lists"  # fetches the package lists for the others; not an image of its own
# MySQL is in none of Debian's releases that the others could be made of, so its image has a base of its own.
MYSQL_BASE, MYSQL_LISTS = "mysql-base", "mysql-lists"
SERVER_PACKAGES = {
    database.MARIADB: "mariadb-server-core mariadb-client",
    database.MYSQL: "mysql-server-core mysql-client-core",
}


def image_files(directory: Path) -> dict[str, str]:
    """Return the text of every file below the role's `files`, by relative path, sorted.

    Args:
        directory: The role's `files` directory.
    """
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def made_here(files: Mapping[str, str], on_request: Collection[str] = ()) -> list[str]:
    """Return the names of the services that have an image of their own in the `packages` origin.

    Args:
        files: As `image_files` gives them.
        on_request: Those that count though no stack has them by default.
    """
    return [
        name
        for name, service in services.known().items()
        if f"{name}/Dockerfile" in files and (not service.needs or name in on_request)
    ]


def repositories(files: Mapping[str, str]) -> list[str]:
    """Return the names of all images, without their tags.

    Args:
        files: As `image_files` gives them.
    """
    return [f"olympia/{name}" for name in (BASE, *made_here(files, services.known()))]


def debian_mirror(mirror: str = "") -> str:
    """Return the base address of the Debian mirror that builds reach; empty where none is known.

    Args:
        mirror: What the setting says; empty for the host's own.
    """
    main = mirror or debian_mirrors(read_host_sources()).main or ""
    return main if main.startswith("http") else ""


def package_sources(release: str, mirror: str = "", security_mirror: str = "") -> list[str]:
    """Return the apt sources of the images, in one-line format; empty where no mirror is known.

    Runs on the host: what is not given is taken from the host's own apt sources. Builds reach a mirror only over http.

    Args:
        release: Debian release.
        mirror: Base address of a Debian mirror, or the empty string.
        security_mirror: Base address of a mirror of Debian's security archive, or the empty string.
    """
    main, security = debian_mirror(mirror), security_mirror or debian_mirrors(read_host_sources()).security or ""
    if not main:
        return []
    lines = [f"deb {main} {release} main", f"deb {main} {release}-updates main"]
    return lines + ([f"deb {security} {release}-security main"] if security.startswith("http") else [])


def mysql_source(run: database.Run, chosen: str, mirror: str = "") -> str:
    """Return the apt source of MySQL's image, in one-line format; empty where the server is another, or no mirror is known.

    A development release's lists expire, and a mirror can be late. Whether that matters is the host's own apt's to say.

    Args:
        run: Runs a command.
        chosen: The server, as `database.choose` gives it.
        mirror: Base address of a Debian mirror, or the empty string for the host's own.
    """
    release = database.release_of(chosen)
    # Most instances have MariaDB, and every run comes by here.
    main = debian_mirror(mirror) if release else ""
    if not main:
        return ""
    _code, output, _errors = run(["apt-config", "dump", "Acquire::Check-Valid-Until"])
    late = "[check-valid-until=no] " if re.search('"(false|no|0|off)"', output, re.IGNORECASE) else ""
    return f"deb {late}{main} {release} main"


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


def image_tags(
    files: Mapping[str, str],
    release: str,
    sources: Sequence[str],
    mysql: str = "",
    on_request: Collection[str] = (),
) -> dict[str, str]:
    """Return the tags of the base images and of every service image, by name.

    A tag changes with anything that goes into its image, so an image whose tag exists need not be built.

    Args:
        files: As `image_files` gives them.
        release: Debian release.
        sources: As `package_sources` gives them. The images install from these, and so does what is built on them.
        mysql: As `mysql_source` gives it.
        on_request: As `made_here` takes it.
    """
    tags = {base["name"]: base["tag"] for base in image_bases(files, release, sources, mysql)}
    server = services.roles()["database"]
    for service in made_here(files, on_request):
        base = tags[MYSQL_BASE] if service == server and mysql else tags[BASE]
        own = [[name, text] for name, text in sorted(files.items()) if name.startswith((f"{service}/", f"{LISTS}/"))]
        tags[service] = f"olympia/{service}:{base.partition(':')[2].partition('-')[0]}-{_fingerprint([base, own])}"
    return tags


def image_bases(
    files: Mapping[str, str], release: str, sources: Sequence[str], mysql: str = ""
) -> list[dict[str, Any]]:
    """Return name, tag, release and package sources of the base images.

    Args:
        files: As `image_files` gives them.
        release: Debian release.
        sources: As `package_sources` gives them.
        mysql: As `mysql_source` gives it.
    """
    bases = [{"name": BASE, "release": release, "sources": list(sources)}]
    if mysql:
        bases.append({"name": MYSQL_BASE, "release": mysql.split()[-2], "sources": [mysql]})
    for base in bases:
        inputs = [base["release"], *base["sources"], *base_options(files)]
        base["tag"] = f"olympia/{BASE}:{base['release']}-{_fingerprint(inputs)}"
    return bases


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
    of_mysql = {"BASE": tags[MYSQL_BASE]} if MYSQL_BASE in tags else {}
    server = services.roles()["database"]
    packages = {"PACKAGES": SERVER_PACKAGES[database.MYSQL if of_mysql else database.MARIADB]}
    targets: dict[str, Any] = {
        LISTS: {**common, "context": LISTS},
        MYSQL_LISTS: {**common, "context": LISTS, "args": args | of_mysql},
    }
    made = made_here(files, tags)
    for service in made:
        own_args = args | of_mysql | packages if service == server else args
        targets[service] = {
            **common,
            "args": own_args,
            "context": service,
            "contexts": {LISTS: f"target:{MYSQL_LISTS if service == server and of_mysql else LISTS}"},
            "labels": {
                LABEL: service,
                "org.opencontainers.image.title": f"olympia/{service}",
                "org.opencontainers.image.base.name": own_args["BASE"],
            },
            "tags": [tags[service]],
        }
    missing = [service for service in made if tags[service] not in present]
    definition = {"group": {"default": {"targets": missing}}, "target": targets}
    return {**files, "docker-bake.json": json.dumps(definition, indent=2)}


def _fingerprint(parts: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
