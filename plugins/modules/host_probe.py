#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause

from __future__ import annotations

DOCUMENTATION = r"""
module: host_probe
short_description: Gather everything that a run needs to know about a host
description:
  - Reads the persisted choices of an instance, resolves the settings with them, and inspects engine, images, containers,
    rendered files, ports, memory and disk.
  - Needs no root and changes nothing.
  - It is the module half of the action M(addons.olympia.preflight), which is what a playbook calls.
author: The Olympia provisioner authors (!UNKNOWN)
extends_documentation_fragment:
  - addons.olympia.reading
options:
  layers:
    description: Values of settings by source, then by variable.
    type: dict
    required: true
  specs:
    description: Option specification by variable.
    type: dict
    required: true
  files:
    description: Paths of the rendered files below the project directory.
    type: list
    elements: str
    required: true
  services:
    description:
      - What it has to know of the services.
      - C(roles) is the service that has a role, by role; C(references) the images of a registry, by service; C(repositories) the
        names of the images that are made from packages; C(database_volume) the database's volume without the instance's name.
    type: dict
    required: true
  embedded_source_dir:
    description: Folder of the embedded application on this host. Empty if it has to be copied first.
    type: str
    default: ""
  embedded_files:
    description: Paths below the project directory of the embedded application's files and their checksums, if it has to be copied.
    type: list
    elements: str
    default: []
  adopt:
    description: Whether to take over an instance of another project directory, with its secrets if they can be read.
    type: bool
    default: false
  build:
    description: Whether the application image is built here, regardless of the version in the settings.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Gather facts about the host
  addons.olympia.host_probe:
    layers:
      command line:
        olympia_stack_http_port: 8080
    specs:
      olympia_stack_http_port: {type: int, default: 80, description: Host port of the site.}
    files: [.env, docker-compose.yml]
    services:
      roles: {site: web, proxy: nginx, database: mysqld, cache: memcached}
      references: {nginx: "nginx:1.25", mysqld: "mysql:8.0", memcached: "memcached:1.6"}
      repositories: [olympia/nginx]
      database_volume: data_mysqld
"""

RETURN = r"""
settings:
  description: Values, sources, choices and problems of the settings.
  returned: always
  type: dict
facts:
  description: Facts about the host.
  returned: always
  type: dict
secrets:
  description: The instance's passwords by name; empty before the first run.
  returned: always
  type: dict
"""

import os
import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.build import build_inputs
from ansible_collections.addons.olympia.plugins.module_utils.core import dotenv
from ansible_collections.addons.olympia.plugins.module_utils.engine import networks
from ansible_collections.addons.olympia.plugins.module_utils.engine.engine_options import options_from_vars
from ansible_collections.addons.olympia.plugins.module_utils.engine.engine_plan import inspect_engine
from ansible_collections.addons.olympia.plugins.module_utils.host import (
    connectivity,
    engine_objects,
    ports,
    registry,
    system,
    trees,
)
from ansible_collections.addons.olympia.plugins.module_utils.host.client_config import npm_config, pip_config
from ansible_collections.addons.olympia.plugins.module_utils.host.liveness import (
    chosen_socket,
    hanging_engine,
)
from ansible_collections.addons.olympia.plugins.module_utils.host.process import run
from ansible_collections.addons.olympia.plugins.module_utils.settings import sources as settings
from ansible_collections.addons.olympia.plugins.module_utils.stack import (
    application,
    extensions,
    origins,
    ownership,
    remembered,
)
from ansible_collections.addons.olympia.plugins.module_utils.stack import derived as stack
from ansible_collections.addons.olympia.plugins.module_utils.stack import instance_names as instances
from ansible_collections.addons.olympia.plugins.module_utils.stack.service_images import (
    package_sources,
)

SOURCE_SETTINGS = ("olympia_stack_source_dir", "olympia_stack_source_repo")

# The configuration of addons-server's signing service, which only that source tree has.
AUTOGRAPH_CONFIG = "docker/autograph/autograph_localdev_config.yaml"


def inherit(sections: dict[str, dict[str, str]], instance: str, project: Path) -> None:
    """Take over the passwords of an instance, and what it keeps, from its former project directory, as far as it can be read.

    Args:
        sections: The sections of the `.env`, which are changed.
        instance: The instance's name.
        project: The project directory.
    """
    others = ownership.strangers(engine_objects.containers(run, instance), project)
    found = engine_objects.volumes(run, ownership.volume(instance))
    owner = ownership.recorded(found.get(ownership.volume(instance), ("", {}))[1])
    if directory := ownership.former(owner, others):
        theirs, _error = dotenv.read(Path(directory) / ".env")
        sections["secrets"], sections["derived"] = theirs["secrets"], theirs["derived"]


def persisted_layer(choices: dict[str, str], specs: dict[str, Any]) -> dict[str, str]:
    """Return the persisted choices by variable.

    Args:
        choices: The choices section of the `.env`.
        specs: Option specification by variable.
    """
    named = {settings.variable_for(name, specs): value for name, value in choices.items()}
    return {variable: value for variable, value in named.items() if variable}


def application_image(wanted: application.ApplicationImage, build: bool) -> dict[str, str]:
    """Return the ID of the application image as it is here and, where it is not, what its registry says of it.

    Args:
        wanted: The image that the settings ask for.
        build: Whether it is built here in any case.
    """
    if build or not wanted.pulled:
        return {"id": engine_objects.image_id(run, wanted.built_here().reference), "registry": "", "evidence": ""}
    identity = engine_objects.image_id(run, wanted.reference)
    answer = registry.inspect(run, wanted.reference) if not identity else None
    if answer and answer.kind == registry.REFUSED:
        identity = engine_objects.image_id(run, wanted.built_here().reference)
    return {
        "id": identity,
        "registry": answer.kind if answer else "",
        "evidence": answer.words if answer else "",
    }


def look(
    values: dict[str, Any], services: dict[str, Any], project: Path, source: Path, files: list[str], build: bool
) -> dict[str, Any]:
    """Return what the host is like.

    Args:
        values: The resolved settings.
        services: The parameter of that name.
        project: The project directory.
        source: The source tree.
        files: Paths of the rendered files below it.
        build: Whether the application image is built here in any case.
    """
    instance = values["olympia_stack_instance"]
    # The run brings its own containers back, so they are no reason against a restart of the engine.
    extra = extensions.compose_files(project, source)
    compose_files = [name for name in values["olympia_stack_compose_file"].split(":") if name] + [*extra]
    own = {"olympia_docker_restart_projects": [*values["olympia_docker_restart_projects"], instance]}
    wanted = application.application_image(values)
    images = [wanted.reference, *services["repositories"]]
    images += stack.registry_images(values, services["references"]).values()
    images += [str(image) for image in values["olympia_stack_service_images"].values()]
    images += [values["olympia_stack_base_image"]] if values["olympia_stack_base_image"] else []
    listening = ports.listening_ports()
    volume = f"{instance}_{services['database_volume']}"
    with ThreadPoolExecutor() as pool:
        jobs: dict[str, Future[Any]] = {
            "engine": pool.submit(inspect_engine, run, options_from_vars(values | own)),
            "containers": pool.submit(engine_objects.containers, run, instance),
            "service_hashes": pool.submit(engine_objects.service_hashes, run, project, compose_files),
            "volumes": pool.submit(engine_objects.volumes, run, volume, ownership.volume(instance)),
            "application": pool.submit(application_image, wanted, build),
            "local_images": pool.submit(engine_objects.local_images, run, images),
        }
        facts = {name: job.result() for name, job in jobs.items()}
    volumes, none = facts.pop("volumes"), ("", dict[str, str]())
    wanted_ports = {values[variable] for variable in settings.PORTS} & set(listening) - ports.own_ports(
        facts["containers"]
    )
    # A site whose web server runs; of any other it is known that it does not answer.
    proxy = services["roles"]["proxy"]
    runs = any(entry["service"] == proxy and entry["state"] == "running" for entry in facts["containers"])
    site = {"address": values["olympia_stack_bind_address"], "port": values["olympia_stack_http_port"]}
    # Whose network is in use needs no other one.
    connected = any(entry["state"] == "running" and entry["networks"] for entry in facts["containers"])
    docker = facts["engine"]["docker"]
    # Rootless Docker has its data where the project directory is, in the home directory.
    disks = (project,) if docker["rootless"] else (project, Path(docker["root_dir"] or system.ENGINE_DATA))
    return facts | {
        "volume_created": volumes.get(volume, none)[0],
        "owner": ownership.recorded(volumes.get(ownership.volume(instance), none)[1]),
        "uid": system.invoking_uid(),
        "memory_mb": system.memory_mb(),
        "disk_free_mb": {str(path): system.free_disk_mb(path) for path in disks},
        "initialized": remembered.read_initialization(project / remembered.INITIALIZED),
        "site_error": connectivity.site_error(site) if runs else "",
        "networks": None if connected else networks.look(run, docker["address_pools"], docker["rootless"]),
        "restore": system.exists(project / remembered.RESTORE),
        "snapshots_dir": str(system.snapshots_directory(values["olympia_stack_snapshots_dir"])),
        "deps_image": system.read_text(project / remembered.DEPS_IMAGE),
        "local_names": system.local_names(),
        "unprivileged_port": system.kernel_setting("net.ipv4.ip_unprivileged_port_start"),
        "max_map_count": system.kernel_setting("vm.max_map_count"),
        "listening_ports": listening,
        "port_owners": {str(port): ports.port_owner(run, port) for port in wanted_ports},
        "rendered": trees.rendered_files(project, files),
        # One that reads the rendered files can read others there.
        "client_error": engine_objects.client_error(run, project)
        if facts["engine"]["compose"] and not facts["service_hashes"]
        else "",
        "client_path": shutil.which("docker") or "",
        "compose_d": extra,
        "hooks": extensions.hooks(source),
        "compose_files_present": trees.checksums(project, compose_files),
        "ca_bundle": str(system.CA_BUNDLE) if system.CA_BUNDLE.exists() else "",
        "image_sources": package_sources(
            values["olympia_images_release"], values["olympia_images_mirror"], values["olympia_images_security_mirror"]
        ),
        "pip_config": pip_config(),
        "npm_config": npm_config(),
    }


def port_block(instance: str, project: Path, derived: dict[str, str]) -> int:
    """Return the block of ports that an instance keeps, or the free one that it will keep.

    Args:
        instance: Its name.
        project: Its project directory.
        derived: The derived section of its `.env`.
    """
    kept = instances.kept_block(derived)
    if kept is not None:
        return kept
    own = ports.own_ports(engine_objects.containers(run, instance))
    return instances.choose_block(instance, {*ports.listening_ports(), *instances.kept_ports(project.parent)} - own)


def source_tree(values: dict[str, Any], project: Path, embedded: str) -> Path:
    """Return where the source tree is, or where the run will put it.

    Args:
        values: The resolved settings.
        project: The project directory.
        embedded: The embedded application on this host, or the empty string.
    """
    configured = "" if values["olympia_stack_source_repo"] else values["olympia_stack_source_dir"] or embedded
    return system.expanded(configured) if configured else project / "source"


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "layers": {"type": "dict", "required": True},
            "specs": {"type": "dict", "required": True},
            "files": {"type": "list", "elements": "str", "required": True},
            "services": {"type": "dict", "required": True},
            "embedded_source_dir": {"type": "str", "default": ""},
            "embedded_files": {"type": "list", "elements": "str", "default": []},
            "adopt": {"type": "bool", "default": False},
            "build": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    socket = chosen_socket(run)
    # Where another engine is meant, this one does not matter.
    if not {"DOCKER_HOST", "DOCKER_CONTEXT"} & set(os.environ) and (how := hanging_engine(socket)):
        module.fail_json(msg=how, olympia={"phase": "preflight", "kind": "preflight"})
    layers, specs, services = (module.params[name] for name in ("layers", "specs", "services"))
    embedded = module.params["embedded_source_dir"]
    # No choice that an instance keeps can say which instance it is.
    given = settings.resolve(layers, {name: specs[name] for name in SOURCE_SETTINGS}).values
    layers["host"] = {"olympia_stack_instance": instances.instance_of(source_tree(given, Path(), embedded))}
    located = settings.resolve(layers, {name: specs[name] for name in settings.LOCATING}).values
    project = system.project_directory(*(located[name] for name in reversed(settings.LOCATING)))
    instance = located["olympia_stack_instance"]
    sections, env_error = dotenv.read(project / ".env")
    if module.params["adopt"] and not sections["secrets"]:
        inherit(sections, instance, project)
    block = port_block(instance, project, sections["derived"])
    found = layers["host"] | instances.ports(block)
    layers["host"] = {name: value for name, value in found.items() if value != specs[name]["default"]}
    resolution = settings.resolve(layers | {"persisted choice": persisted_layer(sections["choices"], specs)}, specs)
    source = source_tree(resolution.values, project, embedded)
    facts = look(resolution.values, services, project, source, module.params["files"], module.params["build"])
    # An instance keeps its origin: one database server's files are not the other's.
    kept_origin = sections["derived"].get("IMAGE_ORIGIN")
    origin = kept_origin or origins.image_origin(resolution.values, services, facts["engine"])
    module.exit_json(
        settings=asdict(resolution),
        secrets=sections["secrets"],
        facts=facts
        | {
            "project_dir": str(project),
            "env_error": env_error,
            "instance": instance,
            "owner": facts["owner"]
            | {
                "adopting": module.params["adopt"],
                "claimed": ownership.same(facts["owner"]["directory"], project),
                "me": system.user_name(os.getuid()),
                # Of before owners were written down. One with containers, or a `.env`, is this directory's.
                "unknown_volume": bool(facts["volume_created"] and not (facts["containers"] or sections["derived"])),
            },
            "strangers": ownership.strangers(facts["containers"], project),
            "port_block": block,
            "image_origin": origin,
            "image_origin_why": origins.KEEPS if kept_origin else origins.REASONS[origin],
            "database": origins.database_server(resolution.values, origin, sections["derived"]),
            "source_dir": str(source),
            "git": shutil.which("git") is not None,
            "embedded": trees.rendered_files(project, module.params["embedded_files"]),
            "source_git": trees.source_git(run, source),
            "source_tree": build_inputs.tree_fingerprint(
                source, [project / "Dockerfile.dockerignore", source / ".dockerignore"]
            ),
            "built": build_inputs.last_build(project, services["roles"]["site"]),
            "autograph": system.read_text(source / AUTOGRAPH_CONFIG),
            "source_tight": trees.unreadable_for_others(source, instances.READ_IN_BUILDS),
            "source_windows": trees.with_carriage_returns(source, instances.READ_IN_BUILDS),
            "source_missing": [name for name in instances.SOURCE_MARKS if not system.exists(source / name)],
        },
    )


if __name__ == "__main__":
    main()
