# SPDX-License-Identifier: BSD-3-Clause
"""What the engine's role would change on a host, decided from what was found there."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.engine import (
    DOCKER_SOURCE_FILE,
    EngineOptions,
    assess,
    changed_keys,
    effect_of,
    merge_options,
    options_from_vars,
    parse_daemon_json,
    parse_version,
    probe_url,
    satisfies,
    tcp_listeners,
)


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
        },
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


def only_problem(facts: dict[str, Any], **options: Any) -> dict[str, Any]:
    (problem,) = assess(facts, EngineOptions(**options))["problems"]
    assert isinstance(problem, dict)
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
    assert "line 2" in parse_daemon_json('{"a": 1,\n}')
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
    assert (problem["setting"], problem["evidence"]) == ("olympia_docker_version", "it does not answer")


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
    assert only_problem(host(pending="restart", containers=[OTHER]))["setting"] == "olympia_docker_restart"


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
    assert problem["what"] == (
        "The engine can be set up on Debian 12, Debian 13, Ubuntu 22.04, Ubuntu 24.04, but this host runs Fedora Linux 41"
    )


def test_containers_of_others_are_not_stopped_without_being_asked() -> None:
    facts = host(containers=[WEB, OTHER])
    problem = only_problem(facts, daemon_options={"mtu": 1400}, restart_projects=["addons-server"])
    assert problem["evidence"] == "running: other" and problem["setting"] == "olympia_docker_restart"
    assert plan(facts, daemon_options={"mtu": 1400}, restart="always")["stops"] == ["web-1", "other"]


def test_a_restart_may_stop_the_projects_that_were_named_and_any_with_live_restore() -> None:
    facts = host(containers=[WEB])
    assert plan(facts, daemon_options={"mtu": 1400}, restart_projects=["addons-server"])["stops"] == ["web-1"]
    live = host(containers=[OTHER], docker__live_restore=True)
    assert plan(live, daemon_options={"mtu": 1400})["stops"] == []


def test_who_joins_group_docker_is_told_to_be_as_much_as_root() -> None:
    assert assess(host(), EngineOptions(users=["grace"]))["needs"] == [
        "add grace to group docker, which is as much as root on this host"
    ]


@pytest.mark.parametrize("listener", ["tcp://127.0.0.1:2375", "0.0.0.0", ":2375"])
def test_the_engine_is_opened_to_no_network(listener: str) -> None:
    problem = only_problem(host(), daemon_options={"hosts": ["unix:///var/run/docker.sock", listener]})
    assert problem["setting"] == "olympia_docker_daemon_options"
    assert problem["evidence"] == f"hosts: {listener}"


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
    assert "ada may not list them" in only_problem(facts)["evidence"]


def test_engines_that_the_role_cannot_upgrade_are_named() -> None:
    assert "not installed from a package" in only_problem(host(**{**OLD, "packages": {}}))["what"]
    assert only_problem(host(docker__server="24.0.1", docker__host="tcp://far:2375"))["where"] == "tcp://far:2375"


def test_a_repository_that_does_not_answer_is_a_problem_only_where_it_was_asked_for() -> None:
    problem = only_problem(host(**BARE, source=None, source_reason="no answer"), source="docker")
    assert problem["setting"] == "olympia_docker_source"


def test_debian_12_without_a_mirror_says_so() -> None:
    assert "no mirror" in only_problem(host(**BARE, apt__main=None))["what"]


def test_broken_configuration_is_left_alone() -> None:
    broken = host(daemon_json="/etc/docker/daemon.json is not valid JSON: line 1")
    assert assess(broken, EngineOptions())["problems"] == []
    assert only_problem(broken, registry_mirrors=["http://m"])["where"] == "/etc/docker/daemon.json"


def test_root_is_asked_for_only_where_it_is_needed() -> None:
    nobody = {
        "users__uid": 1000,
        "users__name": "ada",
        "users__can_become_root": False,
        "users__session_in_docker_group": True,
    }
    assert "no sudo" in only_problem(host(**BARE, **nobody))["what"]
    builder = host(**nobody, builder={"driver": "docker-container", "name": "olympia", "found": None})
    assert plan(builder, builder_driver="docker-container")["builder"] == "olympia"


# --- builders


def test_a_builder_is_created_once_and_never_replaced() -> None:
    def with_builder(found: dict[str, str] | None) -> dict[str, Any]:
        return host(builder={"driver": "remote", "name": "olympia", "found": found})

    remote = {"builder_driver": "remote", "builder_endpoint": "tcp://build.example:1234"}
    assert plan(with_builder(None), **remote)["builder"] == "olympia"
    assert plan(with_builder({"driver": "remote", "endpoint": "tcp://build.example:1234"}), **remote)["builder"] is None
    problem = only_problem(with_builder({"driver": "docker-container", "endpoint": "default"}), **remote)
    assert problem["setting"] == "olympia_docker_builder_name"
    assert only_problem(with_builder(None), builder_driver="remote")["setting"] == "olympia_docker_builder_endpoint"


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
    assert probe_url(f"{repository}/InRelease") is None
    assert "Not Found" in str(probe_url(f"{repository}/other"))
    assert "unknown url type" in str(probe_url("nonsense"))
