# SPDX-License-Identifier: BSD-3-Clause
"""What the engine's role would change on a host, decided from what was found there."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem
from ansible_collections.addons.olympia.plugins.module_utils.engine.daemon_config import (
    changed_keys,
    effect_of,
    merge_options,
    parse_daemon_json,
)
from ansible_collections.addons.olympia.plugins.module_utils.engine.engine_facts import parse_os_release, tcp_listeners
from ansible_collections.addons.olympia.plugins.module_utils.engine.engine_options import (
    EngineOptions,
    options_from_vars,
)
from ansible_collections.addons.olympia.plugins.module_utils.engine.engine_packages import (
    SUPPORT_PACKAGES,
    UBUNTU_SUITES,
)
from ansible_collections.addons.olympia.plugins.module_utils.engine.engine_plan import assess
from ansible_collections.addons.olympia.plugins.module_utils.engine.engine_sources import DOCKER_SOURCE_FILE, apt_state
from ansible_collections.addons.olympia.plugins.module_utils.engine.versions import meets, parse_version, satisfies
from ansible_collections.addons.olympia.plugins.module_utils.host.apt_sources import (
    parse_sources,
    read_host_sources,
)
from ansible_collections.addons.olympia.plugins.module_utils.host.connectivity import ask_url


def host(**changes: Any) -> dict[str, Any]:
    """Return a Debian 12 host with a sufficient engine; `docker__server=...` replaces a nested value."""
    facts: dict[str, Any] = {
        "os": {"id": "debian", "version_id": "12", "codename": "bookworm", "pretty": "Debian GNU/Linux 12 (bookworm)"},
        "service_manager": "systemd",
        "users": {
            "name": "root",
            "uid": 0,
            "docker_group": [],
            "session_in_docker_group": False,
            "can_become_root": True,
            "has_setfacl": True,
        },
        "docker": {
            "client": "26.1.5",
            "context": "default",
            "host": None,
            "server": "26.1.5+dfsg1",
            "server_error": None,
            "rootless": False,
            "remaps_users": False,
            "live_restore": False,
            "root_dir": "/var/lib/docker",
            "address_pools": [],
            "tcp": [],
        },
        "buildx": "0.13.1+ds1",
        "compose": "2.26.1-4",
        "builder": {"driver": "docker", "name": "default", "found": None},
        "containers": [],
        "daemon_json": {},
        "has_data": True,
        "pending": None,
        "held": "",
        "packages": {"docker.io": "26.1.5", "docker-cli": "26.1.5"},
        "apt": {
            "main": "http://mirror.example/debian",
            "security": None,
            "signed_by": None,
            "docker_files": [],
            "mixed_files": [],
            "repositories": [],
            "suites": ["bookworm", "bookworm-updates"],
            "universe": [],
        },
        "on_hold": [],
        "source": "distribution",
        "source_reason": "",
    }
    for path, value in changes.items():
        target = facts
        *parents, name = path.split("__")
        for parent in parents:
            target = target[parent]
        target[name] = deepcopy(value)
    return facts


BARE: dict[str, Any] = {
    "docker__client": None,
    "docker__server": None,
    "docker__server_error": "there is no docker command on PATH",
    "buildx": None,
    "compose": None,
    "has_data": False,
    "packages": {},
}
OLD: dict[str, Any] = {
    "docker__server": "20.10.24+dfsg1",
    "buildx": None,
    "compose": None,
    "packages": {"docker.io": "20.10.24+dfsg1-1", "containerd": "1.6.20", "runc": "1.1.5"},
}
WEB = {"name": "web-1", "project": "addons-server"}
OTHER = {"name": "other", "project": ""}


def plan(facts: dict[str, Any], **options: Any) -> dict[str, Any]:
    result = assess(facts, EngineOptions(**options))
    assert result["problems"] == []
    planned: dict[str, Any] = result["plan"]
    return planned


def only_problem(facts: dict[str, Any], **options: Any) -> Problem:
    (problem,) = assess(facts, EngineOptions(**options))["problems"]
    assert isinstance(problem, Problem)
    return problem


# --- versions


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("26.1.5+dfsg1", (26, 1)),
        ("v0.13.1", (0, 13)),
        ("0.20.0-rc2", (0, 20)),
        ("2.26.1-4", (2, 26)),
        ("", None),
        (None, None),
    ],
)
def test_versions_are_read(text: str | None, version: tuple[int, int] | None) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize(
    ("component", "version", "enough"),
    [
        ("engine", "25.0.0", True),
        ("engine", "24.0.9", False),
        ("engine", "100.0", True),
        ("buildx", "0.9.1", False),
        ("buildx", "v0.13.0", True),
        ("compose", "2.24.0", True),
        ("compose", "1.29.2", False),
        ("compose", None, False),
    ],
)
def test_versions_compare_as_numbers(component: str, version: str | None, enough: bool) -> None:
    assert satisfies(component, version) is enough


# --- daemon.json


def test_options_win_over_the_file_and_the_file_over_defaults_at_every_depth() -> None:
    merged = merge_options(
        {"log-driver": "journald", "features": {"buildkit": True}, "dns": ["10.0.0.1"], "mtu": 1400},
        {"features": {"containerd-snapshotter": True}, "dns": ["10.0.0.2"]},
        {"log-driver": "json-file", "features": {"buildkit": False, "cdi": True}, "debug": True},
    )
    assert merged == {
        "log-driver": "journald",
        "features": {"buildkit": True, "cdi": True, "containerd-snapshotter": True},
        "dns": ["10.0.0.2"],
        "mtu": 1400,
        "debug": True,
    }


def test_merging_leaves_its_input_alone() -> None:
    current = {"features": {"a": True}}
    merge_options(current, {"features": {"b": True}}, {"features": {"c": True}})
    assert current == {"features": {"a": True}}


def test_changed_keys_are_named_whether_added_changed_or_removed() -> None:
    assert changed_keys({"a": 1, "b": 2, "d": 0}, {"a": 1, "b": 3, "c": None}) == ["b", "c", "d"]


@pytest.mark.parametrize(
    ("keys", "effect"),
    [
        ([], "none"),
        (["registry-mirrors"], "reload"),
        (["registry-mirrors", "mtu"], "restart"),
        (["features"], "restart"),
    ],
)
def test_only_reloadable_keys_are_reloaded(keys: list[str], effect: str) -> None:
    assert effect_of(keys) == effect


def test_invalid_files_are_told_apart_from_empty_ones() -> None:
    assert parse_daemon_json(" \n") == {}
    assert "line 2" in parse_daemon_json('{"a": 1,\nb}')
    assert "not a JSON object" in parse_daemon_json("[]")


# --- settings


def test_settings_are_picked_out_by_their_prefix() -> None:
    options = options_from_vars(
        {"olympia_docker_source": "distribution", "olympia_stack_instance": "x", "source": "docker"}
    )
    assert options == EngineOptions(source="distribution")


def test_a_value_that_is_no_choice_is_refused_by_name() -> None:
    with pytest.raises(
        ValueError, match=r"olympia_docker_source is 'dist', but must be one of auto, docker, distribution"
    ):
        options_from_vars({"olympia_docker_source": "dist"})


@pytest.mark.parametrize("version", ["27.3", "newest", "24.0.7", "27.3.1-1"])
def test_a_version_that_is_none_or_too_old_is_refused(version: str) -> None:
    with pytest.raises(ValueError, match=rf"olympia_docker_version is '{version}', but must be 25.0.0 or newer"):
        options_from_vars({"olympia_docker_version": version})


# --- what is needed


def test_a_sufficient_engine_needs_nothing_whoever_runs() -> None:
    for changes in ({}, {"users__uid": 1000, "users__name": "ada", "users__can_become_root": False}):
        result = assess(host(**changes), EngineOptions())
        assert result["needs"] == [] and result["problems"] == []


def test_a_sufficient_engine_needs_nothing_on_systems_that_are_not_supported() -> None:
    assert assess(host(os__id="fedora", os__version_id="41"), EngineOptions())["problems"] == []


def test_a_bare_host_gets_everything_with_the_recommended_configuration() -> None:
    planned = plan(host(**BARE))
    assert planned["packages"] == [
        "docker.io>=25.0",
        "docker-cli>=25.0",
        "containerd>=1.7",
        "docker-buildx>=0.13",
        "docker-compose>=2.24",
        "ca-certificates",
        "iptables",
        "procps",
    ]
    assert planned["next_release"]["codename"] == "trixie"
    assert planned["next_release"]["main"] == "http://mirror.example/debian"
    assert planned["service"] == "start"
    assert planned["daemon_defaults"]["features"] == {"containerd-snapshotter": True}
    assert planned["daemon_keys"] == ["builder", "features", "log-driver", "log-opts"]


def test_debian_13_and_ubuntu_use_their_own_release() -> None:
    trixie = plan(host(**BARE, os__version_id="13", os__codename="trixie"))
    assert trixie["next_release"] is None
    noble = plan(host(**BARE, os__id="ubuntu", os__version_id="24.04", os__codename="noble", apt__main=None))
    assert noble["packages"][:3] == ["docker.io>=25.0", "docker-buildx>=0.13", "docker-compose-v2>=2.24"]
    assert noble["next_release"] is None


def test_dockers_repository_replaces_the_distributions_packages_and_old_source_files() -> None:
    facts = host(**OLD, source="docker", apt__docker_files=["/etc/apt/sources.list.d/docker.list", DOCKER_SOURCE_FILE])
    planned = plan(facts)
    assert planned["packages"][:3] == ["docker-ce>=5:25.0", "docker-ce-cli>=5:25.0", "containerd.io"]
    assert planned["remove"] == ["docker.io", "containerd", "runc"]
    assert planned["disable"] == ["/etc/apt/sources.list.d/docker.list"]


def test_the_version_that_is_asked_for_is_installed_held_and_let_go() -> None:
    dockers: dict[str, Any] = {
        "source": "docker",
        "packages": {"docker-ce": "5:26.1.5-1", "docker-ce-cli": "5:26.1.5-1"},
    }
    changed = plan(host(**dockers), version="27.3.1")
    assert changed["packages"][:3] == ["docker-ce=5:27.3.1-*", "docker-ce-cli=5:27.3.1-*", "containerd.io"]
    assert (changed["hold"], changed["service"]) == ("27.3.1", "restart")
    there = plan(host(**dockers), version="26.1.5")
    assert (there["hold"], there["packages"], there["service"]) == ("26.1.5", [], None)
    assert plan(host(**dockers, held="26.1.5"), version="26.1.5")["hold"] is None
    assert plan(host(**dockers, held="26.1.5"))["hold"] == ""


def test_a_version_can_come_from_dockers_repository_only() -> None:
    problem = only_problem(host(**BARE, source_reason="it does not answer"), version="27.3.1")
    assert (problem.setting, problem.cause) == ("olympia_docker_version", "it does not answer")


def test_an_old_engine_is_upgraded_and_its_images_stay_visible() -> None:
    planned = plan(host(**OLD))
    assert planned["remove"] == []
    assert planned["service"] == "restart"
    assert "features" not in planned["daemon_defaults"]


def test_only_the_missing_plugin_is_installed() -> None:
    planned = plan(host(compose="1.29.2"))
    assert planned["packages"] == ["docker-compose>=2.24"]
    assert planned["service"] is None and planned["daemon_defaults"] == {}


def test_log_options_do_not_reach_a_driver_that_would_refuse_them() -> None:
    defaults = plan(host(**BARE, daemon_json={"log-driver": "journald"}))["daemon_defaults"]
    assert "log-opts" not in defaults and "log-driver" not in defaults


def test_an_engine_that_is_installed_but_down_is_started() -> None:
    stopped = {"docker__server": None, "docker__server_error": "Cannot connect", "docker__installed": "26.1.5"}
    planned = plan(host(**stopped))
    assert planned["service"] == "start" and planned["packages"] == [] and planned["daemon_keys"] == []


def test_explicit_settings_reach_a_sufficient_engine_by_the_mildest_way() -> None:
    mirror = {"registry_mirrors": ["http://mirror.example:5000"]}
    assert plan(host(), **mirror)["service"] == "reload"
    assert plan(host(daemon_json={"registry-mirrors": ["http://mirror.example:5000"]}), **mirror)["service"] is None
    assert plan(host(), daemon_options={"mtu": 1400})["service"] == "restart"
    assert plan(host(), proxy={"http_proxy": "http://proxy.example:3128"})["daemon_options"] == {
        "proxies": {"http-proxy": "http://proxy.example:3128"}
    }


def test_what_an_interrupted_run_left_to_do_is_done() -> None:
    assert plan(host(pending="reload"))["service"] == "reload"
    assert plan(host(pending="restart"), registry_mirrors=["http://m"])["service"] == "restart"
    assert plan(host(pending="reload"), daemon_options={"mtu": 1400})["service"] == "restart"
    assert only_problem(host(pending="restart", containers=[OTHER])).setting == "olympia_docker_restart"


# --- access


def test_a_user_kept_out_of_the_engine_is_let_in_without_a_restart() -> None:
    closed = {
        "docker__server": None,
        "docker__server_error": "permission denied while trying to connect",
        "docker__installed": "26.1.5",
        "users__uid": 1000,
        "users__name": "ada",
    }
    planned = plan(host(**closed))
    assert planned["service"] is None
    assert planned["group_users"] == ["ada"] and planned["session_user"] == "ada"
    assert planned["packages"] == []
    assert plan(host(**closed, users__has_setfacl=False))["packages"] == ["acl"]
    member = plan(host(**closed, users__docker_group=["ada"]))
    assert member["group_users"] == [] and member["session_user"] == "ada"


def test_named_users_join_the_group_once() -> None:
    assert plan(host(users__docker_group=["ada"]), users=["ada", "grace"])["group_users"] == ["grace"]


# --- what stands in the way


def test_an_unsupported_system_is_one_sentence_that_names_the_supported_ones() -> None:
    problem = only_problem(host(**BARE, os__id="fedora", os__version_id="41", os__pretty="Fedora Linux 41"))
    assert problem.what == (
        "The engine can be set up on Debian 12, Debian 13, Ubuntu 22.04, Ubuntu 24.04, Ubuntu 26.04, but "
        "this host runs Fedora Linux 41"
    )


def test_containers_of_others_are_not_stopped_without_being_asked() -> None:
    facts = host(containers=[WEB, OTHER])
    problem = only_problem(facts, daemon_options={"mtu": 1400}, restart_projects=["addons-server"])
    assert problem.cause == "running: other" and problem.setting == "olympia_docker_restart"
    assert plan(facts, daemon_options={"mtu": 1400}, restart="always")["stops"] == ["web-1", "other"]


def test_a_restart_may_stop_the_projects_that_were_named_and_any_with_live_restore() -> None:
    facts = host(containers=[WEB])
    assert plan(facts, daemon_options={"mtu": 1400}, restart_projects=["addons-server"])["stops"] == ["web-1"]
    live = host(containers=[OTHER], docker__live_restore=True)
    assert plan(live, daemon_options={"mtu": 1400})["stops"] == []


def test_who_joins_group_docker_is_told_to_be_as_much_as_root() -> None:
    assert assess(host(), EngineOptions(users=["grace"]))["needs"] == [
        "add grace to group docker, which gives root access to this host"
    ]


@pytest.mark.parametrize("listener", ["tcp://127.0.0.1:2375", "0.0.0.0", ":2375"])
def test_the_engine_is_opened_to_no_network(listener: str) -> None:
    problem = only_problem(host(), daemon_options={"hosts": ["unix:///var/run/docker.sock", listener]})
    assert problem.setting == "olympia_docker_daemon_options"
    assert problem.cause == f"hosts: {listener}"


def test_a_socket_more_is_no_network() -> None:
    options = EngineOptions(daemon_options={"hosts": ["unix:///run/other.sock", "fd://"]})
    assert assess(host(), options)["problems"] == []


@pytest.mark.parametrize("options", [{}, {"users": ["grace"], "registry_mirrors": ["https://mirror.example"]}])
def test_a_new_engine_is_given_no_listener(options: dict[str, Any]) -> None:
    planned = plan(host(**BARE), **options)
    assert "hosts" not in planned["daemon_options"] | planned["daemon_defaults"]


def test_the_engine_tells_on_which_addresses_it_serves_everybody() -> None:
    warnings = [
        "WARNING: No swap limit support",
        "[DEPRECATION NOTICE]: API is accessible on http://0.0.0.0:2375 without encryption.\n  Access to the remote API is ...",
        "WARNING: API is accessible on https://127.0.0.1:2376 without TLS client verification.",
    ]
    assert tcp_listeners(warnings) == ["0.0.0.0:2375", "127.0.0.1:2376"]


def test_an_upgrade_needs_to_know_what_it_stops() -> None:
    facts = host(
        **{**OLD, "docker__server": None},
        docker__installed="20.10.24",
        docker__server_error="permission denied",
        users__uid=1000,
        users__name="ada",
    )
    assert "ada may not list them" in only_problem(facts).cause


def test_engines_that_the_role_cannot_upgrade_are_named() -> None:
    assert "not installed from a package" in only_problem(host(**{**OLD, "packages": {}})).what
    assert only_problem(host(docker__server="24.0.1", docker__host="tcp://far:2375")).where == "tcp://far:2375"


def test_a_repository_that_does_not_answer_is_a_problem_only_where_it_was_asked_for() -> None:
    problem = only_problem(host(**BARE, source=None, source_reason="no answer"), source="docker")
    assert problem.setting == "olympia_docker_source"


def test_debian_12_without_a_mirror_says_so() -> None:
    assert "no mirror" in only_problem(host(**BARE, apt__main=None)).what


def test_broken_configuration_is_left_alone() -> None:
    broken = host(daemon_json="/etc/docker/daemon.json is not valid JSON: line 1")
    assert assess(broken, EngineOptions())["problems"] == []
    assert only_problem(broken, registry_mirrors=["http://m"]).where == "/etc/docker/daemon.json"


def test_root_is_asked_for_only_where_it_is_needed() -> None:
    nobody = {
        "users__uid": 1000,
        "users__name": "ada",
        "users__can_become_root": False,
        "users__session_in_docker_group": True,
    }
    assert "no sudo" in only_problem(host(**BARE, **nobody)).what
    builder = host(**nobody, builder={"driver": "docker-container", "name": "olympia", "found": None})
    assert plan(builder, builder_driver="docker-container")["builder"] == "olympia"


# --- package sources that are there already

DOCKER_LIST = "/etc/apt/sources.list.d/docker.list"
DOCKERS_ENGINE: dict[str, Any] = {
    "docker__server": "27.3.1",
    "packages": {"docker-ce": "5:27.3.1-1", "docker-ce-cli": "5:27.3.1-1", "docker-compose-plugin": "2.20.0-1"},
    "compose": "2.20.0",
    "source": "docker",
}


def with_sources(texts: dict[str, str], **changes: Any) -> dict[str, Any]:
    """Return a Debian 12 host on amd64 with source files, and an engine of Docker's whose Compose is too old."""
    facts = host(**DOCKERS_ENGINE | changes)
    options = EngineOptions(repository_url="https://docker.example/linux")
    facts["apt"] = apt_state(parse_sources(texts), options, facts["os"]["codename"], "amd64")
    return facts


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (DOCKER_LIST, "deb [arch=amd64] https://docker.example/linux/debian bookworm stable\n"),
        (DOCKER_LIST, "deb https://mirror.example/docker-ce/linux/debian/ bookworm stable\n"),
        ("/etc/apt/sources.list", "deb http://m.example/d bookworm main\ndeb https://docker.example/linux/debian bookworm stable"),
        (
            "/etc/apt/sources.list.d/docker.sources",
            "Types: deb\nURIs: https://docker.example/linux/debian\nSuites: bookworm\nComponents: stable\nArchitectures: amd64\n",
        ),
    ],
)  # fmt: skip
def test_a_plugin_comes_from_the_repository_that_is_configured(path: str, text: str) -> None:
    planned = plan(with_sources({path: text}))
    assert planned["packages"] == ["docker-compose-plugin>=2.24"]
    assert (planned["source"], planned["disable"], planned["remove"]) == (None, [], [])
    assert plan(with_sources({path: text}, compose=None))["source"] is None


def test_a_second_source_of_the_roles_own_is_taken_back() -> None:
    own = "Types: deb\nURIs: https://docker.example/linux/debian\nSuites: bookworm\nComponents: stable\n"
    listed = "deb https://docker.example/linux/debian bookworm stable\n"
    both = plan(with_sources({DOCKER_SOURCE_FILE: own, DOCKER_LIST: listed}))
    assert (both["source"], both["disable"]) == (None, [DOCKER_SOURCE_FILE])
    assert plan(with_sources({DOCKER_SOURCE_FILE: own}))["source"] == "docker"
    # Neither of these is read beside it.
    for text in (f"# {listed}", listed.replace("bookworm", "bullseye")):
        alone = plan(with_sources({DOCKER_SOURCE_FILE: own, DOCKER_LIST: text}))
        assert (alone["source"], alone["disable"]) == ("docker", [])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# deb https://docker.example/linux/debian bookworm stable # disabled on upgrade\n", "it is disabled"),
        ("deb https://docker.example/linux/debian bullseye stable\n", "its suite is bullseye, and this host's is bookworm"),
        ("deb https://docker.example/linux/debian bookworm test\n", "it lacks component stable"),
        ("deb [arch=arm64] https://docker.example/linux/debian bookworm stable\n", "it is for arm64, and this host is amd64"),
        ("deb-src https://docker.example/linux/debian bookworm stable\n", "it names source packages only"),
        (
            "deb [signed-by=/no/such/key.gpg] https://docker.example/linux/debian bookworm stable\n",
            "its key /no/such/key.gpg does not exist",
        ),
    ],
)  # fmt: skip
def test_a_repository_that_is_configured_and_of_no_use_is_named_with_the_reason(text: str, reason: str) -> None:
    problem = only_problem(with_sources({DOCKER_LIST: text}))
    assert problem.what == "Docker's package repository is configured, and compose cannot be installed from it"
    assert (problem.where, problem.cause) == (DOCKER_LIST, reason)
    assert "Correct that source, or delete it" in problem.fix


def test_a_source_that_cannot_be_moved_out_of_the_way_is_refused_before_there_is_a_second_one() -> None:
    text = "deb http://m.example/debian bookworm main\ndeb https://docker.example/linux/debian bookworm stable\n"
    facts = with_sources({"/etc/apt/sources.list": text}, **BARE)
    assert "shares its file" in only_problem(facts).what


def test_the_mirrors_key_is_that_of_a_source_that_is_read() -> None:
    moved = "# deb http://m.example/debian bookworm main\n"
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    sources = f"Types: deb\nURIs: http://m.example/debian\nSuites: bookworm\nComponents: main\nSigned-By: {keyring}\n"
    facts = with_sources({"/etc/apt/sources.list": moved, "/etc/apt/sources.list.d/debian.sources": sources})
    assert (facts["apt"]["main"], facts["apt"]["signed_by"]) == ("http://m.example/debian", keyring)


def test_a_plugin_takes_the_place_of_the_other_sources_package() -> None:
    dockers = plan(host(compose="2.20.0", packages={"docker.io": "29.1.3", "docker-compose-plugin": "2.20.0-1"}))
    assert (dockers["packages"], dockers["remove"]) == (["docker-compose>=2.24"], ["docker-compose-plugin"])
    ubuntus = plan(host(**DOCKERS_ENGINE | {"packages": {"docker-ce": "5:27.3.1-1", "docker-compose-v2": "2.20.2"}}))
    assert ubuntus["remove"] == ["docker-compose-v2"]
    # Python's docker-compose of long ago has no file in common with any plugin.
    other = plan(host(**DOCKERS_ENGINE | {"packages": {"docker-ce": "5:27.3.1-1", "docker-compose": "1.29.2-3"}}))
    assert other["remove"] == []


def test_what_is_on_hold_stays_and_is_named() -> None:
    problem = only_problem(host(**OLD, on_hold=["docker.io", "runc"]))
    assert problem.what == "docker.io must be upgraded or removed, but is on hold"
    assert problem.cause == "docker.io 20.10.24+dfsg1-1"
    assert problem.fix == "Run 'sudo apt-mark unhold docker.io', then run again."
    removed = only_problem(host(**OLD, source="docker", on_hold=["docker.io", "runc"]))
    assert removed.what == "docker.io and runc must be upgraded or removed, but are on hold"
    plugin = host(**DOCKERS_ENGINE, on_hold=["docker-ce", "docker-ce-cli"])
    assert assess(plugin, EngineOptions())["problems"] == []
    assert "docker-ce and docker-ce-cli" in only_problem(plugin, version="27.4.0").what


@pytest.mark.parametrize(
    ("specification", "version", "enough"),
    [
        ("docker-ce>=5:25.0", "5:27.3.1-1~debian.12~bookworm", True),
        ("docker-ce>=5:25.0", "5:24.0.7-1~debian.12~bookworm", False),
        ("docker-ce=5:27.3.1-*", "5:27.3.1-1~debian.12~bookworm", True),
        ("docker-ce=5:27.3.1-*", "5:27.3.2-1~debian.12~bookworm", False),
        ("docker-ce", "1.0", True),
        ("docker-ce-cli>=5:25.0", "5:24.0.7", True),
    ],
)
def test_versions_of_packages_meet_what_is_asked_of_them(specification: str, version: str, enough: bool) -> None:
    assert meets(specification, "docker-ce", version) is enough


# --- Ubuntu, from files: ubuntu/README.md says where they come from

UBUNTU = Path(__file__).parent / "ubuntu"
RELEASES = sorted(path.name for path in UBUNTU.iterdir() if path.is_dir())


def ubuntu(release: str, apt: Path | None = None, **changes: Any) -> dict[str, Any]:
    """Return a bare host of a release of Ubuntu, with the package sources that the installer leaves or with others."""
    facts = host(**BARE | changes)
    facts["os"] = parse_os_release((UBUNTU / release / "os-release").read_text())
    options = EngineOptions(repository_url="https://docker.example/linux")
    facts["apt"] = apt_state(
        read_host_sources(apt or UBUNTU / release / "apt"), options, facts["os"]["codename"], "amd64"
    )
    return facts


def sources_without(release: str, word: str, directory: Path) -> Path:
    """Return apt's directory of a release without a suite or a component."""
    for path in sorted((UBUNTU / release / "apt").rglob("*.*")):
        if path.is_file():
            target = directory / path.relative_to(UBUNTU / release / "apt")
            target.parent.mkdir(parents=True, exist_ok=True)
            lines = path.read_text().splitlines()
            if path.suffix == ".list" and not word.startswith("universe"):
                lines = [line for line in lines if f" {word} " not in line]
            target.write_text("\n".join(re.sub(rf" {word}(?= |$)", "", line) for line in lines) + "\n")
    return directory


def published(release: str, suites: Iterable[str]) -> dict[str, list[str]]:
    """Return the versions of each package in suites of a release."""
    found: dict[str, list[str]] = {}
    for suite in suites:
        path = UBUNTU / release / "packages" / suite
        text = path.read_text() if path.exists() else ""
        for name, version in re.findall(r"^Package: (\S+)\nSection: \S+\nVersion: (\S+)$", text, re.MULTILINE):
            found.setdefault(name, []).append(version)
    return found


def installable(planned: dict[str, Any], versions: dict[str, list[str]]) -> bool:
    """Tell whether there is a version of each planned package that its specification accepts."""
    specifications = [one for one in planned["packages"] if one not in SUPPORT_PACKAGES]
    names = [re.split(">?=", one)[0] for one in specifications]
    return all(
        any(meets(one, name, version) for version in versions.get(name, []))
        for one, name in zip(specifications, names, strict=True)
    )


@pytest.mark.parametrize("release", RELEASES)
def test_ubuntu_has_what_is_planned_for_it(release: str) -> None:
    facts = ubuntu(release)
    own = plan(facts)
    assert own["next_release"] is None and own["source"] == "distribution"
    assert installable(own, published(release, facts["apt"]["universe"]))
    dockers = plan(ubuntu(release, source="docker"))
    assert installable(dockers, published(release, ["docker"]))


@pytest.mark.parametrize("release", RELEASES)
def test_the_suites_that_ubuntu_needs_are_those_that_have_the_packages(release: str) -> None:
    facts = ubuntu(release)
    codename, planned = facts["os"]["codename"], plan(facts)
    for suite in facts["apt"]["universe"]:
        enough = installable(planned, published(release, {codename, suite}))
        assert enough == bool({codename, suite} & set(UBUNTU_SUITES[codename])), suite


@pytest.mark.parametrize(
    ("release", "word", "named"),
    [
        ("22.04", "universe", "jammy-updates"),
        ("22.04", "jammy-updates", "jammy-updates"),
        ("24.04", "universe", "noble-updates or noble-security"),
        ("26.04", "universe", "resolute"),
    ],
)
def test_ubuntu_without_the_sources_of_its_packages_says_so(
    release: str, word: str, named: str, tmp_path: Path
) -> None:
    problem = only_problem(ubuntu(release, sources_without(release, word, tmp_path)))
    assert problem.what == (
        f"Ubuntu's packages of Docker are in component universe of {named}, which this host's package sources do not name"
    )
    assert "sudo add-apt-repository universe" in problem.fix
    assert plan(ubuntu(release, tmp_path, source="docker"))["source"] == "docker"


def test_sources_of_ubuntu_that_suffice_or_cannot_be_read_are_no_problem(tmp_path: Path) -> None:
    assert plan(ubuntu("24.04", sources_without("24.04", "noble-updates", tmp_path / "24.04")))
    assert plan(ubuntu("26.04", sources_without("26.04", "resolute-updates", tmp_path / "26.04")))
    assert plan(ubuntu("22.04", tmp_path / "nothing"))


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("form", ["docker.list", "docker.sources"])
def test_ubuntu_with_dockers_repository_gets_a_plugin_from_it_unless_an_upgrade_disabled_it(
    release: str, form: str, tmp_path: Path
) -> None:
    apt = sources_without(release, "nothing", tmp_path)
    codename = parse_os_release((UBUNTU / release / "os-release").read_text())["codename"]
    enabled, disabled = {
        "docker.list": (
            f"deb [arch=amd64] https://docker.example/linux/ubuntu {codename} stable\n",
            f"# deb [arch=amd64] https://docker.example/linux/ubuntu {codename} stable # disabled on upgrade to {codename}\n",
        ),
        "docker.sources": (
            f"Types: deb\nURIs: https://docker.example/linux/ubuntu\nSuites: {codename}\nComponents: stable\n",
            f"Enabled: no\nTypes: deb\nURIs: https://docker.example/linux/ubuntu\nSuites: {codename}\nComponents: stable\n",
        ),
    }[form]
    (apt / "sources.list.d").mkdir(exist_ok=True)
    file = apt / "sources.list.d" / form
    there = {"docker__client": "27.3.1", "docker__server": "27.3.1", "buildx": "0.17.1", "docker__server_error": None}
    missing = {**DOCKERS_ENGINE, **there}
    file.write_text(enabled)
    planned = plan(ubuntu(release, apt, **missing))
    assert (planned["packages"], planned["source"]) == (["docker-compose-plugin>=2.24"], None)
    file.write_text(disabled)
    problem = only_problem(ubuntu(release, apt, **missing))
    assert (problem.where, problem.cause) == (str(file), "it is disabled")


# --- builders


def test_a_builder_is_created_once_and_never_replaced() -> None:
    def with_builder(found: dict[str, str] | None) -> dict[str, Any]:
        return host(builder={"driver": "remote", "name": "olympia", "found": found})

    remote = {"builder_driver": "remote", "builder_endpoint": "tcp://build.example:1234"}
    assert plan(with_builder(None), **remote)["builder"] == "olympia"
    assert plan(with_builder({"driver": "remote", "endpoint": "tcp://build.example:1234"}), **remote)["builder"] is None
    problem = only_problem(with_builder({"driver": "docker-container", "endpoint": "default"}), **remote)
    assert problem.setting == "olympia_docker_builder_name"
    assert only_problem(with_builder(None), builder_driver="remote").setting == "olympia_docker_builder_endpoint"


# --- the probe


@pytest.fixture
def repository() -> Iterator[str]:
    """Serve an empty directory on loopback and return its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/InRelease" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_probe_tells_an_answer_from_a_refusal(repository: str) -> None:
    assert ask_url(f"{repository}/InRelease").error == ""
    assert "Not Found" in ask_url(f"{repository}/other").error
    assert "unknown url type" in ask_url("nonsense").error
