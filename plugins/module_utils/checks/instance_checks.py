# SPDX-License-Identifier: BSD-3-Clause
"""The checks of an instance, in the order in which `olympia doctor` shows them."""

from __future__ import annotations

from . import engine_checks, network_checks, project_checks
from .verdicts import Check

# The names never change: people and jobs use them.
CHECKS = (
    Check("settings", "valid settings", project_checks.settings),
    Check("engine", "version of Docker Engine", engine_checks.component("engine")),
    Check("buildx", "version of the plugin buildx", engine_checks.component("buildx")),
    Check("compose", "version of the plugin Compose", engine_checks.component("compose")),
    Check("engine-setup", "what 'make up' would change of the engine", engine_checks.engine_setup),
    Check("daemon", "answer of the engine", engine_checks.daemon),
    Check("engine-tcp", "engine, reachable from a network", engine_checks.engine_tcp),
    Check("docker-group", "permission to use the engine", engine_checks.docker_group),
    Check("http-port", "port of the site", network_checks.port("olympia_stack_http_port")),
    Check("mysql-port", "port of the database", network_checks.port("olympia_stack_mysql_port")),
    Check("services", "services, and those of your own", engine_checks.services),
    Check("site-answer", "answer of the site", network_checks.published_address),
    Check("firewall-rules", "firewall rules of its port and of builds", network_checks.firewall_rules),
    Check("networks", "networks of containers, and room for them", network_checks.networks),
    Check("hosts-entry", "name of the site on this host", network_checks.hosts_entry),
    Check("memory", "memory of this host", engine_checks.memory),
    Check("disk-images", "room for images", engine_checks.disk(of_images=True)),
    Check("disk-project", "room for the project directory", engine_checks.disk(of_images=False)),
    Check("map-count", "vm.max_map_count", engine_checks.map_count),
    Check("search-server", "search server", project_checks.search_server),
    Check("owner", "project directory that the instance is run from", project_checks.owner),
    Check("source-tree", "files of the source tree", project_checks.source_tree),
    Check("ownership", "owner of source tree and deps", project_checks.file_owners),
    Check("env-file", "form of .env", project_checks.env_file),
    Check("rendered-files", "rendered files, as up would write them", project_checks.rendered_files),
    Check("project-dir", "project directory, for the docker client", project_checks.project_dir),
    Check("compose-files", "files that COMPOSE_FILE names", project_checks.compose_files),
    Check("override-file", "override file, used or ignored", project_checks.override_file),
    Check("mysql-volume", "volume and server of the database", project_checks.mysql_volume),
    Check("registry", "registry of the service images", network_checks.registry),
    Check("mirrors", "mirrors of apt, pip and npm packages", network_checks.mirrors),
    Check("proxy", "proxy of builds and of the environment", network_checks.proxy),
    Check("ca-bundle", "certificates that builds trust", network_checks.ca_bundle),
    Check("clock", "clock, against that of a mirror", network_checks.clock),
    Check("leftovers", "containers of an interrupted run", engine_checks.leftovers),
)
