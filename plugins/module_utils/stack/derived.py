# SPDX-License-Identifier: BSD-3-Clause
"""From resolved settings and a probed host to what the templates and the phases read, and to what is left to do.

Pure functions.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible_collections.addons.olympia.plugins.module_utils.core.masking import mask
from ansible_collections.addons.olympia.plugins.module_utils.host.docker_cli import familiar_name
from ansible_collections.addons.olympia.plugins.module_utils.host.registry import REFUSED, SENTENCES
from ansible_collections.addons.olympia.plugins.module_utils.settings.sources import encode
from ansible_collections.addons.olympia.plugins.module_utils.stack import caches
from ansible_collections.addons.olympia.plugins.module_utils.stack import services as catalogue
from ansible_collections.addons.olympia.plugins.module_utils.stack.application import application_image
from ansible_collections.addons.olympia.plugins.module_utils.stack.instance_names import DEFAULT_INSTANCE
from ansible_collections.addons.olympia.plugins.module_utils.stack.remembered import initialization_state

BASE_FILE = catalogue.BASE_FILE
CI_FILE = "docker-compose.ci.yml"
PRIVATE_FILE = "docker-compose.private.yml"

OLYMPIA_UID = 9500
SITE_DOMAIN = "olympia.test"

# In the source tree of a container; one at a time. The file says that it has been done, for the worker's look at the search server.
INITIALIZE = ("flock", "storage", "sh", "-c", "make --file=Makefile-docker initialize && touch storage/.initialized")
NO_CACHE_EXPORT = (
    "No build cache is written: this engine's own builder can do that only with containerd's image store. "
    "olympia_docker_image_store=containerd switches to it (the images of now are hidden), and so does "
    "olympia_docker_builder_driver=docker-container to another builder."
)
# Debian's Python, for a base image that has none.
PACKAGES_BASE_PACKAGES = ["python-is-python3", "python3", "python3-dev", "python3-pip", "python3-venv", "tzdata"]


def derive(
    values: Mapping[str, Any],
    facts: Mapping[str, Any],
    package_images: Mapping[str, str],
    build: bool = False,
    extra: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the settings as templates and phases read them: short names, nothing left to decide.

    Args:
        values: Resolved settings by variable.
        facts: What the probe found.
        package_images: Tags of the images of the `packages` origin, by service.
        build: Whether the application image is built here, whatever version the settings name.
        extra: The services that users' own Compose files add.
    """
    short = {
        name.removeprefix("olympia_stack_"): value
        for name, value in values.items()
        if name.startswith("olympia_stack_")
    }
    instance = short["instance"]
    compose_files = [name for name in short["compose_file"].split(":") if name]
    closed = CI_FILE in compose_files
    origin = image_origin(values, facts)
    # No package holds what only a registry has, so the other origin's references stand for those.
    given_images = {name: str(image) for name, image in short["service_images"].items()}
    references = catalogue.registry_references()
    images = registry_images(values, references) | (dict(package_images) if origin == "packages" else {}) | given_images
    host_name = short["host_name"] or (SITE_DOMAIN if instance == DEFAULT_INSTANCE else f"{instance}.{SITE_DOMAIN}")
    port = "" if short["http_port"] == 80 else f":{short['http_port']}"
    site_url = short["site_url"] or f"http://{host_name}{port}"
    loopback_url = f"http://{in_url(short['bind_address'])}{port}"
    resolves = bool(short["site_url"]) or host_name in facts["local_names"]
    uid = short["host_uid"]
    # Where an engine runs without root, its user is root in the containers, and what belongs to others there does so here, too.
    rootless = facts["engine"]["docker"]["rootless"]
    private = PRIVATE_FILE in compose_files
    wanted = application_image(values)
    pulled = wanted.pulled and not build and facts["application"]["registry"] != REFUSED
    application = wanted if pulled else wanted.built_here()
    notes = []
    if wanted.pulled and not pulled and not build:
        notes.append(f"{wanted.reference}: {SENTENCES[REFUSED]}. It is built here instead, as {application.reference}.")
    writes_caches = can_write_caches(facts["engine"])
    if short["cache_to"] and not writes_caches and not pulled:
        notes.append(NO_CACHE_EXPORT)
    autograph = facts["autograph"] if origin == "registry" else ""
    chosen = short | {"autograph": autograph, "private": private}
    known = catalogue.known()
    services = [name for name in catalogue.started() if not known[name].needs or chosen[known[name].needs]]
    volatile = [name for name in services if known[name].forgets == origin]
    target = short["target"] or ("production" if closed or wanted.pulled else "development")
    return chosen | {
        "environment": {name: encode(value) for name, value in short["environment"].items()},
        "project_dir": facts["project_dir"],
        "source_dir": facts["source_dir"],
        "compose_files": [*compose_files, *facts["compose_d"]],
        "closed": closed,
        "target": target,
        "image": application.reference,
        "version": application.version,
        "labels": image_labels(short, facts["source_git"], target, application.version),
        "pulled": pulled,
        "build_notes": notes,
        "cache_from": [caches.reading(one) for one in short["cache_from"]],
        "cache_to": [caches.writing(one) for one in short["cache_to"]] if writes_caches else [],
        "image_origin": origin,
        "database": facts["database"]["chosen"] if origin == "packages" else "",
        "images": images,
        "image_platforms": {
            images[name]: service.platform
            for name, service in known.items()
            if service.platform and name not in given_images
        },
        "base_image": short["base_image"] or images["base"],
        "debian_package_replacements": {
            name: found if isinstance(found, list) else [found]
            for name, found in short["debian_package_replacements"].items()
        },
        "base_packages": short["base_packages"] or (PACKAGES_BASE_PACKAGES if origin == "packages" else []),
        # 'down' goes on with a value that 'up' refuses.
        "host_uid": int(uid) if uid.isdecimal() else OLYMPIA_UID if closed else 0 if rootless else facts["uid"],
        # Whoever runs this as root has the source tree's hooks run as the application's user.
        "hook_uid": (int(uid) if uid.isdecimal() else 0) or OLYMPIA_UID,
        "host_name": host_name,
        "site_url": site_url,
        "ca_bundle": facts["ca_bundle"] if short["ca_bundle"] == "auto" else short["ca_bundle"],
        "pip_config": facts["pip_config"],
        "npm_config": facts["npm_config"],
        "reload": short["reload"] and not closed,
        "services": [*services, *extra],
        "roles": catalogue.roles(),
        "application_services": [name for name in services if known[name].application],
        # What the application connects to, and where.
        "service_ports": {
            name: known[name].port for name in services if known[name].wanted_by_application and known[name].port
        },
        "initialize_command": list(INITIALIZE),
        "volatile_services": volatile,
        "loopback_url": loopback_url,
        "address": site_url if resolves else loopback_url,
        "url_hint": url_hint(site_url, loopback_url, resolves),
        "volume": f"{instance}_{catalogue.database_volume()}",
        "snapshots_dir": facts["snapshots_dir"],
        "snapshot_volumes": {
            volume.part: f"{instance}_{name}"
            for service in services
            for name, volume in known[service].volumes.items()
            # What forgets has nothing on the disk.
            if volume.part and service not in volatile
        },
        "port_block": facts["port_block"],
    }


def registry_images(values: Mapping[str, Any], references: Mapping[str, str]) -> dict[str, str]:
    """Return the references of all images that can come from a registry, by service.

    Args:
        values: Resolved settings by variable.
        references: As `registry_references` gives them.
    """
    short = {name.removeprefix("olympia_stack_"): value for name, value in values.items()}
    return {name: in_registry(short["registry"], catalogue.fill(image, short)) for name, image in references.items()}


def in_registry(registry: str, image: str) -> str:
    """Return the reference of an image of Docker Hub in another registry.

    Args:
        registry: The registry, with a path if it needs one; empty for Docker Hub itself.
        image: The reference in Docker Hub.
    """
    return f"{registry}/{image}" if registry else image


def image_labels(short: Mapping[str, Any], source_git: Mapping[str, str], target: str, version: str) -> dict[str, str]:
    """Return the labels of the application image; those of which nothing is known are left out.

    The names are those of the OCI image specification (annotations.md), and this collection's own.

    Args:
        short: The stack role's settings, by their short names.
        source_git: What git says of the source tree.
        target: The build's target.
        version: The image's version.
    """
    # A development image has no source tree in it, and of a repository nothing is known before it is cloned.
    found = source_git["revision"] if target == "production" and not short["source_repo"] else ""
    labels = {
        "addons.olympia.build": short["build"],
        "addons.olympia.created-by": "addons.olympia",
        "addons.olympia.instance": short["instance"],
        "org.opencontainers.image.revision": short["commit"] or found,
        "org.opencontainers.image.source": mask(short["source_repo"]) or source_git["url"],
        "org.opencontainers.image.version": version,
    }
    return {name: value for name, value in labels.items() if value}


def can_write_caches(engine: Mapping[str, Any]) -> bool:
    """Return whether the builder can write a cache that is not its own.

    Args:
        engine: What the probe found of the engine.
    """
    return engine["builder"]["driver"] != "docker" or bool(engine["docker"]["containerd_store"])


def in_url(address: str) -> str:
    """Return an IP address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address


def url_hint(site_url: str, loopback_url: str, resolves: bool) -> str:
    """Return the sentence that says where the site is.

    Args:
        site_url: The site's own address.
        loopback_url: The address that works on the host without a name.
        resolves: Whether the hosts file knows the site's name, or somebody has said where it is.
    """
    if resolves:
        return f"The site is at {site_url}"
    name = site_url.removeprefix("http://").partition(":")[0]
    return f"The site is at {loopback_url} (and at {site_url} once /etc/hosts has the line '127.0.0.1 {name}')"


def images_to_pull(settings: Mapping[str, Any], facts: Mapping[str, Any], made: Collection[str]) -> list[str]:
    """Return the images that come from a registry and are not here.

    Args:
        settings: Derived settings.
        facts: What the probe found.
        made: The images of the `packages` origin.
    """
    # Compose itself pulls those of services that users have added.
    known = [name for name in settings["services"] if name in catalogue.known()]
    services = [name for name in known if name not in settings["application_services"]]
    wanted = [settings["images"][name] for name in services] + ([settings["image"]] if settings["pulled"] else [])
    return [image for image in wanted if image not in made and familiar_name(image) not in facts["local_images"]]


def images_to_make(settings: Mapping[str, Any], package_images: Mapping[str, str]) -> list[str]:
    """Return the images of the `packages` origin that the stack needs.

    Args:
        settings: Derived settings.
        package_images: Tags of the images of that origin, by service.
    """
    if settings["image_origin"] != "packages":
        return []
    left_out = set(catalogue.known()).difference(settings["services"])
    return [tag for name, tag in package_images.items() if name not in left_out]


def source_kind(values: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Return where the source tree comes from: `given` on the host, a `repository`, or `embedded` and to be copied there.

    Args:
        values: Resolved settings by variable.
        facts: What the probe found.
    """
    if values["olympia_stack_source_repo"]:
        return "repository"
    return "embedded" if facts["source_dir"] == f"{facts['project_dir']}/source" else "given"


def healthy(settings: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    """Return whether every service ran and was healthy, and the site answered, when the host was probed.

    Args:
        settings: Derived settings.
        facts: What the probe found.
    """
    good = {
        entry["service"]
        for entry in facts["containers"]
        # One without a healthcheck is as well as it can be.
        if entry["state"] == "running" and entry["health"] in ("healthy", "")
    }
    return good.issuperset(settings["services"]) and not facts["site_error"]


def started(facts: Mapping[str, Any]) -> bool:
    """Return whether Compose would find nothing to do with the project as it was probed.

    That is so when no restore was interrupted, no container is another project directory's, each service has one running container,
    made from its configuration and its image of now, and no other service has one: the comparison that `docker compose up` itself
    makes.

    Args:
        facts: What the probe found.
    """
    containers = facts["containers"]
    return (
        bool(containers)
        and not (facts["restore"] or facts["strangers"])
        and {entry["service"]: entry["config_hash"] for entry in containers} == facts["service_hashes"]
        and len(containers) == len(facts["service_hashes"])
        and all(entry["state"] == "running" and not entry["image_replaced"] for entry in containers)
    )


def opens_volume(settings: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    """Return whether the database's volume is about to be opened by a server that no container there is has been made from.

    Args:
        settings: Derived settings.
        facts: What the probe found.
    """
    database = settings["roles"]["database"]
    servers = [entry["image_name"] for entry in facts["containers"] if entry["service"] == database]
    return bool(facts["volume_created"]) and settings["images"][database] not in servers


def amiss(facts: Mapping[str, Any]) -> list[str]:
    """Return what is not as the last run has left it, with a sentence for each service; nothing of a project that is down.

    Args:
        facts: What the probe found.
    """
    containers = {entry["service"]: entry for entry in facts["containers"]}
    hashes = facts["service_hashes"]
    found = []
    for service in sorted({*containers, *hashes}) if containers else ():
        entry = containers.get(service)
        if not entry:
            found.append(f"{service} has no container")
        elif entry["state"] == "exited":
            memory = ": its memory had run out" if entry["oom_killed"] else ""
            found.append(f"{service} has ended with exit code {entry['exit_code']}{memory}")
        elif entry["state"] != "running":
            found.append(f"{service} is {entry['state']}")
        elif entry["image_replaced"]:
            found.append(f"{service} runs an image that is gone, or has been replaced")
        elif hashes and entry["config_hash"] != hashes.get(service):
            found.append(f"{service} runs with another configuration")
        elif entry["health"] == "unhealthy":
            found.append(f"{service} is unhealthy")
    return found


def initialized(settings: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    """Return whether the database, the image and the index are the ones that were initialized last.

    Args:
        settings: Derived settings.
        facts: What the probe found.
    """
    state = initialization_state(
        facts["volume_created"], facts["containers"], settings["roles"]["site"], settings["volatile_services"]
    )
    return bool(facts["initialized"] == state) and not facts["restore"]


def decisions(settings: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, str]:
    """Return what the settings that are decided by the host come to on it, and why, by variable.

    Args:
        settings: Derived settings.
        facts: What the probe found.
    """
    found = {"olympia_stack_image_origin": f"{settings['image_origin']}, because {facts['image_origin_why']}"}
    if settings["database"]:
        found["olympia_images_database"] = f"{settings['database']}, because {facts['database']['why']}"
    return found


def image_origin(values: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Return `registry` or `packages`, or `auto` as long as no engine is there to ask.

    Args:
        values: Resolved settings by variable.
        facts: What the probe found.
    """
    configured: str = values["olympia_stack_image_origin"]
    return configured if configured != "auto" else facts["image_origin"] or "auto"
