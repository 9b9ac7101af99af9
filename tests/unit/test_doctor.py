# SPDX-License-Identifier: BSD-3-Clause
"""The doctor's verdicts, from settings and facts; and its fixes, on files that are nobody's."""

from __future__ import annotations

import os
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.addons.olympia.plugins.module_utils.checks import fixes, instance_checks, verdicts
from ansible_collections.addons.olympia.plugins.module_utils.checks.findings import (
    FACTS,
    NO_ENGINE,
    PROXIES,
    SETTINGS,
    Findings,
)
from ansible_collections.addons.olympia.plugins.module_utils.checks.network_checks import mirror_urls
from ansible_collections.addons.olympia.plugins.module_utils.checks.project_checks import OVERRIDES
from ansible_collections.addons.olympia.plugins.module_utils.host.system import ENGINE_DATA
from ansible_collections.addons.olympia.plugins.module_utils.stack import derived as stack
from ansible_collections.addons.olympia.plugins.module_utils.stack.services import started

from olympia_provisioner.cli.verbs.doctor import document, text
from olympia_provisioner.words import WIDTH

ROLES = Path(__file__).parents[2] / "roles"
NOW = 1_800_000_000.0
DOCKER: dict[str, Any] = {
    "client": "26.1", "context": "default", "host": None, "server": "26.1.5", "server_error": None,
    "containerd_store": True, "rootless": False, "remaps_users": False, "root_dir": None, "address_pools": [], "tcp": [],
}  # fmt: skip
NETWORKS: dict[str, Any] = {"names": ["bridge", "other"], "idle": ["other"], "without_bridge": [], "free": 29}
FULL = {"names": ["addons-server_default", "bridge"], "idle": [], "free": 0}
USERS = {"name": "me", "uid": 1000, "docker_group": ["me"], "session_in_docker_group": True}


def engine(docker: dict[str, Any] | None = None, users: dict[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
    """Return what a probe finds of a good engine, some of it changed."""
    return {
        "docker": DOCKER | (docker or {}),
        "users": USERS | (users or {}),
        "buildx": "v0.13.1",
        "compose": "2.26.1",
        "builder": {"driver": "docker"},
        "needs": [],
        "problems": [],
    } | changed


def values(**changed: Any) -> dict[str, Any]:
    """Return the roles' defaults, some changed; names of the stack role without their prefix."""
    defaults: dict[str, Any] = {}
    for role in ("olympia_docker", "olympia_stack"):
        defaults |= yaml.safe_load((ROLES / role / "defaults/main.yml").read_text())
    return defaults | {name if name in defaults else f"olympia_stack_{name}": value for name, value in changed.items()}


def findings(
    *,
    facts: dict[str, Any] | None = None,
    seen: dict[str, Any] | None = None,
    differing: list[str] | None = None,
    wrong: list[dict[str, str]] | None = None,
    **settings: Any,
) -> Findings:
    """Return the findings of a host where all is well, some changed; other names are those of settings."""
    project = "/home/me/.local/state/olympia/addons-server"
    host = {
        "application": {"id": "", "registry": "", "evidence": ""},
        "autograph": "",
        "ca_bundle": "",
        "compose_files_present": {},
        "containers": [],
        "disk_free_mb": {str(ENGINE_DATA): 50000, project: 50000},
        "engine": engine(),
        "env_error": "",
        "database": {"chosen": "mariadb"},
        "image_origin": "packages",
        "image_sources": [],
        "initialized": {},
        "listening_ports": [22],
        "local_names": ["localhost", "olympia.test"],
        "port_block": 0,
        "restore": False,
        "client_error": "",
        "client_path": "/usr/bin/docker",
        "networks": None,
        "site_error": "",
        "instance": "addons-server",
        "owner": {
            "directory": "",
            "user": "",
            "claimed": False,
            "adopting": False,
            "me": "me",
            "unknown_volume": False,
        },
        "strangers": [],
        "unprivileged_port": 1024,
        "snapshots_dir": "/home/me/.local/state/olympia/snapshots",
        "machine": "",
        "over_ssh": False,
        "port_owners": {},
        "max_map_count": 65530,
        "memory_mb": 16000,
        "npm_config": "",
        "compose_d": {},
        "pip_config": "",
        "project_dir": project,
        "rendered": {},
        "source_dir": "/src",
        "source_git": {"url": "", "revision": ""},
        "source_missing": [],
        "source_tight": [],
        "source_windows": [],
        "uid": 1000,
        "volume_created": "",
    } | (facts or {})
    chosen = values(**settings)
    looked = {
        "addresses": ["127.0.0.1"],
        "builds_reach_out": None,
        "ca_bundle_error": "",
        "environment": dict.fromkeys(PROXIES, ""),
        "foreign_deps": [],
        "mirrors": [mirror()],
        "networks": NETWORKS,
        "one_off": [],
        "overrides": [],
        "registry": {"kind": "", "words": ""},
        "source_not_utf8": [],
        "source_uid": 1000,
        "firewall_rules": None,
        "refusal": ["", ""],
        "unreached": {},
        "volume_files": None,
    } | (seen or {})
    derived = stack.derive(chosen, host, {})
    return Findings(
        chosen,
        # The module is given no others.
        {name: derived[name] for name in SETTINGS},
        {name: host[name] for name in FACTS},
        wrong or [],
        differing or [],
        looked,
    )


def mirror(**changed: Any) -> dict[str, Any]:
    """Return a good answer of a package mirror, some of it changed."""
    good = {"url": "http://mirror.example/debian", "error": "", "status": 200, "age": "", "at": NOW}
    return good | {"date": formatdate(NOW, usegmt=True)} | changed


def verdict(name: str, found: Findings) -> dict[str, Any]:
    """Return the verdict of one check."""
    (answer,) = verdicts.examine(verdicts.choose([name], instance_checks.CHECKS), found)
    return answer


DOWN = {"server": None, "server_error": "Cannot connect to the Docker daemon"}
REGISTRY = {"image_origin": "registry"}
NGINX = {"service": "nginx", "state": "running", "ports": [80], "networks": {"addons-server_default": ["nginx"]}}
SICK = [
    {"service": "mine", "state": "running", "health": "unhealthy", "image_replaced": False},
    *(
        {"service": name, "state": "running", "health": "healthy", "image_replaced": False}
        for name in started()
        if name != "web"
    ),
]
SILENT = {"containers": [NGINX], "site_error": "timed out"}
RULE = "-A DOCKER ! -i br-0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.18.0.2:80"
WITH_VOLUME = {"facts": {"volume_created": "yesterday"}, "seen": {"refusal": ["MySQL 8.4 would", "Keep to it."]}}
SNAP = {"client_error": "open x: permission denied", "client_path": "/snap/bin/docker"}
VOLUME = {"volume_created": "yesterday"}


def test_all_is_well_on_a_good_host() -> None:
    judged = verdicts.examine(instance_checks.CHECKS, findings())
    assert [(one["name"], one["state"]) for one in judged if one["state"] != verdicts.OK] == []
    assert len(judged) == len(instance_checks.CHECKS)


@pytest.mark.parametrize(
    ("name", "state", "evidence", "found"),
    [
        ("settings", "failed", "is not a setting", {"wrong": [{"what": "x is not a setting", "fix": "See"}]}),
        ("engine", "failed", "20.10.24, of 25.0 needed", {"facts": {"engine": engine({"server": "20.10.24"})}}),
        ("engine", "failed", "no docker", {"facts": {"engine": engine({"client": None, "server_error": "no docker"})}}),
        ("engine", "ok", "26.1", {"facts": {"engine": engine(DOWN | {"installed": "26.1.5"})}}),
        ("engine", "unknown", "no access", {"facts": {"engine": engine({"server": None, "server_error": "permission denied"})}}),
        ("buildx", "failed", "none, of 0.13 needed", {"facts": {"engine": engine(buildx=None)}}),
        ("compose", "failed", "2.20.0, of 2.24 needed", {"facts": {"engine": engine(compose="2.20.0")}}),
        ("engine-setup", "ok", "will: install buildx", {"facts": {"engine": engine(needs=["install buildx"])}}),
        ("engine-setup", "failed", "cannot see the base image", {"olympia_docker_builder_driver": "remote"}),
        ("daemon", "failed", "Cannot connect", {"facts": {"engine": engine(DOWN)}}),
        ("engine-tcp", "warning", "on 0.0.0.0:2375, and", {"facts": {"engine": engine({"tcp": ["0.0.0.0:2375"]})}}),
        ("engine-tcp", "ok", "no address", {}),
        ("engine-tcp", "unknown", "does not answer", {"facts": {"engine": engine(DOWN)}}),
        ("docker-group", "ok", "root", {"facts": {"engine": engine(users={"uid": 0})}}),
        ("docker-group", "ok", "me is in it, which gives root access", {}),
        ("docker-group", "warning", "joined", {"facts": {"engine": engine(DOWN, {"session_in_docker_group": False})}}),
        (
            "docker-group",
            "failed",
            "me is not in it",
            {"facts": {"engine": engine(DOWN, {"session_in_docker_group": False, "docker_group": []})}},
        ),
        ("docker-group", "ok", "without it", {"facts": {"engine": engine(users={"session_in_docker_group": False})}}),
        ("http-port", "failed", "port 80 is taken", {"facts": {"listening_ports": [80]}}),
        ("http-port", "failed", "port 80 is privileged", {"facts": {"engine": engine({"rootless": True})}}),
        ("http-port", "unknown", "perhaps", {"facts": {"listening_ports": [80], "engine": engine(DOWN)}}),
        (
            "http-port",
            "ok",
            "own",
            {"facts": {"listening_ports": [80], "containers": [{"state": "running", "ports": [80]}]}},
        ),
        ("mysql-port", "ok", "no port is asked for", {}),
        ("mysql-port", "failed", "3306", {"facts": {"listening_ports": [3306]}, "mysql_port": 3306}),
        ("hosts-entry", "ok", "site.example", {"host_name": "site.example"}),
        ("hosts-entry", "warning", "no address", {"host_name": "site.example", "seen": {"addresses": []}}),
        ("hosts-entry", "ok", "https://a.b", {"site_url": "https://a.b", "seen": {"addresses": []}}),
        ("hosts-entry", "ok", "olympia url", {"facts": {"over_ssh": True}, "seen": {"addresses": []}}),
        ("hosts-entry", "warning", "10.0.0.1", {"host_name": "site.example", "seen": {"addresses": ["10.0.0.1"]}}),
        ("memory", "failed", "16000 MiB, of 99999 MiB", {"min_memory_mb": 99999}),
        ("disk-images", "failed", "50000 MiB free", {"min_disk_mb": 99999}),
        ("disk-project", "failed", "addons-server", {"min_disk_mb": 99999}),
        ("map-count", "ok", "it is packages", {}),
        ("map-count", "warning", "65530, of 262144 recommended", {"facts": REGISTRY}),
        ("services", "ok", "none is running", {}),
        ("services", "failed", "mine is unhealthy; web has no container", {"facts": {"containers": SICK}}),
        ("services", "unknown", "does not answer", {"facts": {"engine": engine(DOWN)}}),
        ("site-answer", "ok", "is not running", {}),
        ("site-answer", "ok", "127.0.0.1:80 answers", {"facts": {"containers": [NGINX]}}),
        ("site-answer", "failed", "nothing answers at 127.0.0.1:80: timed out", {"facts": SILENT}),
        ("site-answer", "unknown", "does not answer", {"facts": {"engine": engine(DOWN)}}),
        ("firewall-rules", "ok", "no container has", {}),
        ("firewall-rules", "warning", "lets builds reach", {"seen": {"builds_reach_out": False}}),
        ("firewall-rules", "ok", "only root", {"facts": {"containers": [NGINX]}}),
        ("firewall-rules", "unknown", "only root", {"facts": SILENT}),
        ("firewall-rules", "failed", "no rule for port 80", {"facts": SILENT, "seen": {"firewall_rules": ""}}),
        ("firewall-rules", "ok", "is forwarded to", {"facts": SILENT, "seen": {"firewall_rules": RULE}}),
        ("search-server", "ok", "osmem-server in place of Elasticsearch 7.17.24", {}),
        ("search-server", "ok", "elasticsearch:7.17.24", {"facts": REGISTRY}),
        ("mysql-volume", "failed", "addons-server_data_mysqld: MySQL 8.4 would", WITH_VOLUME),
        ("map-count", "ok", "262144", {"facts": REGISTRY | {"max_map_count": 262144}}),
        ("source-tree", "failed", "manage.py", {"facts": {"source_missing": ["manage.py"]}}),
        ("ownership", "failed", "such as /deps/x", {"seen": {"foreign_deps": ["/deps/x"]}}),
        ("ownership", "warning", "UID 1234", {"seen": {"source_uid": 1234}}),
        ("ownership", "ok", "", {"seen": {"source_uid": None}}),
        (
            "ownership",
            "ok",
            "closed system",
            {"compose_file": f"{stack.BASE_FILE}:{stack.CI_FILE}", "seen": {"foreign_deps": ["/deps/x"]}},
        ),
        ("env-file", "failed", "line 3", {"facts": {"env_error": "line 3 is not NAME=value"}}),
        (
            "rendered-files",
            "failed",
            "Dockerfile was not written",
            {"facts": {"rendered": {"Dockerfile": {"managed": False, "error": ""}}}},
        ),
        (
            "rendered-files",
            "failed",
            "Dockerfile (Is a directory)",
            {"facts": {"rendered": {"Dockerfile": {"managed": True, "error": "Is a directory"}}}},
        ),
        (
            "rendered-files",
            "warning",
            "Dockerfile",
            {"facts": {"rendered": {"Dockerfile": {"managed": True, "error": ""}}}, "differing": ["Dockerfile"]},
        ),
        ("rendered-files", "unknown", ".env", {"facts": {"env_error": "line 3"}}),
        # A host where nothing was rendered differs in every file.
        ("rendered-files", "ok", "do not exist yet", {"differing": [".env"]}),
        ("compose-files", "failed", "more.yml", {"compose_file": f"{stack.BASE_FILE}:more.yml"}),
        ("override-file", "warning", "is ignored", {"seen": {"overrides": [OVERRIDES[0]]}}),
        (
            "override-file",
            "ok",
            "in use",
            {
                "compose_file": f"{stack.BASE_FILE}:{OVERRIDES[0]}",
                "seen": {"overrides": [OVERRIDES[0]]},
            },
        ),
        ("mysql-volume", "unknown", NO_ENGINE, {"facts": {"engine": engine(DOWN)}}),
        ("mysql-volume", "failed", "interrupted", {"facts": VOLUME, "seen": {"volume_files": ["ibdata1"]}}),
        ("mysql-volume", "warning", "not initialized", {"facts": VOLUME, "seen": {"volume_files": ["mysql"]}}),
        ("mysql-volume", "ok", "INITIALIZE=false", {"facts": VOLUME, "initialize": False}),
        ("mysql-volume", "ok", "yesterday", {"facts": VOLUME | {"initialized": {"volume": "yesterday"}}}),
        ("registry", "ok", "not needed", {"seen": {"registry": None}}),
        (
            "registry",
            "failed",
            "memcached:1.6: the registry has had too many requests (toomanyrequests: slow down)",
            {"facts": REGISTRY, "seen": {"registry": {"kind": "limited", "words": "toomanyrequests: slow down"}}},
        ),
        ("registry", "ok", "memcached", {"facts": REGISTRY}),
        ("registry", "unknown", NO_ENGINE, {"facts": REGISTRY | {"engine": engine(DOWN)}}),
        (
            "registry",
            "failed",
            "no such image",
            {"facts": {"application": {"id": "", "registry": "missing", "evidence": "not found"}}, "version": "1"},
        ),
        ("mirrors", "unknown", "configures none", {"seen": {"mirrors": []}}),
        ("mirrors", "failed", "refused", {"seen": {"mirrors": [mirror(status=0, error="refused")]}}),
        ("mirrors", "failed", "Not Found", {"seen": {"mirrors": [mirror(status=404, error="Not Found")]}}),
        # It wants the credentials that are none of the doctor's business.
        ("mirrors", "ok", "mirror.example", {"seen": {"mirrors": [mirror(status=401, error="Unauthorized")]}}),
        ("proxy", "warning", "http://p:1", {"seen": {"environment": {"http_proxy": "http://p:1"}}}),
        ("proxy", "warning", "http://p:1", {"http_proxy": "http://p:1"}),
        ("proxy", "ok", "none", {"no_proxy": "a,b", "seen": {"environment": {"no_proxy": "b,a"}}}),
        ("ca-bundle", "ok", "certificates of their images", {"ca_bundle": ""}),
        ("ca-bundle", "failed", "/ca.pem: gone", {"ca_bundle": "/ca.pem", "seen": {"ca_bundle_error": "gone"}}),
        (
            "ca-bundle",
            "warning",
            "PIP_CERT=/other.pem",
            {"ca_bundle": "/ca.pem", "seen": {"environment": {"PIP_CERT": "/other.pem"}}},
        ),
        ("source-tree", "warning", "not UTF-8, which", {"seen": {"source_not_utf8": ["'caf\\xe9'"]}}),
        ("ownership", "failed", "userns-remap is on", {"facts": {"engine": engine({"remaps_users": True})}}),
        (
            "ownership",
            "ok",
            "neither is mounted",
            {"facts": {"engine": engine({"remaps_users": True})}, "compose_file": "docker-compose.yml:docker-compose.ci.yml"},
        ),
        ("project-dir", "failed", "cannot read the project directory /home/me/.local", {"facts": {"client_error": "open x"}}),
        ("project-dir", "failed", "/snap/bin/docker is a snap", {"facts": SNAP}),
        ("networks", "ok", "room for 29 more", {"facts": {"containers": [NGINX]}}),
        ("networks", "unknown", NO_ENGINE, {"facts": {"engine": engine(DOWN)}, "seen": {"networks": None}}),
        ("networks", "warning", "room for 2 more: it has 2 networks, 1 of them", {"seen": {"networks": NETWORKS | {"free": 2}}}),
        ("networks", "failed", "used up: it has 2 networks", {"seen": {"networks": NETWORKS | {"free": 0}}}),
        ("networks", "warning", "room for 0 more", {"seen": {"networks": NETWORKS | FULL}}),
        (
            "networks",
            "warning",
            "room for 0 more",
            {
                "seen": {"networks": NETWORKS | {"free": 0}},
                "facts": {"engine": engine(needs=["change daemon.json"])},
                "olympia_docker_daemon_options": {"default-address-pools": []},
            },
        ),
        ("networks", "failed", "nginx is attached to no network", {"facts": {"containers": [NGINX | {"networks": {}}]}}),
        ("networks", "failed", "cannot resolve nginx in n", {"facts": {"containers": [NGINX | {"networks": {"n": ["x"]}}]}}),
        ("networks", "ok", "room", {"facts": {"containers": [NGINX | {"networks": {"host": []}}]}}),
        ("networks", "ok", "room", {"facts": {"containers": [NGINX | {"networks": {}, "state": "exited"}]}}),
        ("networks", "failed", "bridge", {"seen": {"networks": NETWORKS | {"without_bridge": ["addons-server_default"]}}}),
        ("networks", "failed", "web cannot reach redis: timed out", {"seen": {"unreached": {"redis": "timed out"}}}),
        ("leftovers", "unknown", NO_ENGINE, {"facts": {"engine": engine(DOWN)}}),
        ("leftovers", "warning", "a (exited)", {"seen": {"one_off": [{"name": "a", "state": "exited"}]}}),
    ],
)  # fmt: skip
def test_a_verdict_follows_from_what_was_found(name: str, state: str, evidence: str, found: dict[str, Any]) -> None:
    answer = verdict(name, findings(**found))
    assert (answer["state"], evidence in answer["evidence"]) == (state, True), answer
    # There is always a way out; of a mirror that nobody names, there is nothing to do.
    assert answer["fix"] or state == "ok" or (name, state) == ("mirrors", "unknown")


@pytest.mark.parametrize(
    ("ahead", "age", "state"),
    [(5, "", "ok"), (-100, "", "warning"), (100, "100", "warning"), (3600, "", "failed"), (-3600, "", "failed")],
)
def test_the_clock_is_compared_with_a_mirrors(ahead: float, age: str, state: str) -> None:
    """The clock of the machine that runs the tests is not changed; a mirror with another one is an end-to-end test."""
    answer = mirror(date=formatdate(NOW - ahead - int(age or 0) * 2, usegmt=True), age=age)
    assert verdict("clock", findings(seen={"mirrors": [answer]}))["state"] == state


def test_a_cache_that_tells_an_old_time_is_not_believed_against_a_mirror() -> None:
    old = mirror(date=formatdate(NOW - 86400, usegmt=True))
    assert verdict("clock", findings(seen={"mirrors": [old, mirror()]}))["state"] == "ok"
    assert verdict("clock", findings(seen={"mirrors": [mirror(date=""), mirror(date="noon")]}))["state"] == "unknown"


def test_only_what_is_safe_is_mended() -> None:
    cases: dict[str, dict[str, Any]] = {
        "hosts-entry": {"host_name": "site.example", "seen": {"addresses": []}},
        "map-count": {"facts": REGISTRY},
        "ownership": {"seen": {"foreign_deps": ["/deps/x"]}},
        "leftovers": {"seen": {"one_off": [{"name": "a", "state": "exited"}, {"name": "b", "state": "running"}]}},
    }
    assert all(verdict(name, findings(**found))["safe"] for name, found in cases.items())
    # What runs may be somebody's work, a name elsewhere somebody's site, and what is no name may be anything.
    running = {"one_off": [{"name": "b", "state": "running"}]}
    assert not verdict("leftovers", findings(seen=running))["safe"]
    assert not verdict("hosts-entry", findings(host_name="a.example", seen={"addresses": ["10.0.0.1"]}))["safe"]
    assert not verdict("hosts-entry", findings(host_name="a\n::1 b", seen={"addresses": []}))["safe"]
    known = fixes.fixes({"host_name": "", "project_dir": "", "host_uid": 0}, values(), {"one_off": []})
    assert set(known) == set(cases)


def test_names_choose_checks_and_a_mistyped_one_is_answered_with_the_nearest() -> None:
    assert [check.name for check in verdicts.choose(["memory", "engine"], instance_checks.CHECKS)] == [
        "engine",
        "memory",
    ]
    with pytest.raises(ValueError, match=r"There is no check hosts-entyr\. Did you mean hosts-entry\?"):
        verdicts.choose(["hosts-entyr"], instance_checks.CHECKS)


def test_mirrors_are_those_that_the_host_names_and_carry_no_password() -> None:
    sources = ["deb http://me:secret@mirror.example/debian/ bookworm main"]
    pip = "[global]\nindex-url = https://me:secret@pip.example/simple\nextra-index-url = https://more.example/a\n"
    npm = "registry=https://npm.example/\n//npm.example/:_authToken=secret\n"
    assert mirror_urls("packages", sources, pip, npm) == [
        "http://mirror.example/debian/dists/bookworm/InRelease",
        "https://pip.example/simple",
        "https://more.example/a",
        "https://npm.example/",
    ]
    assert mirror_urls("registry", sources, "", "") == []


def test_a_line_is_added_to_the_hosts_file_and_the_others_stay(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n# the end")
    fixes.add_hosts_line("127.0.0.1 site.example", hosts)
    assert hosts.read_text() == "127.0.0.1 localhost\n# the end\n127.0.0.1 site.example\n"


def test_the_number_of_memory_maps_is_set_now_and_for_later(tmp_path: Path) -> None:
    """On files of its own: the kernel's setting is the whole machine's."""
    now, kept = tmp_path / "now", tmp_path / "kept.conf"
    fixes.raise_map_count(262144, now, kept)
    assert now.read_text() == "262144\n"
    assert "managed by" in kept.read_text()
    assert kept.read_text().endswith("\nvm.max_map_count = 262144\n")


def test_dependencies_are_given_to_their_user_and_nothing_that_they_link_to(tmp_path: Path) -> None:
    deps, outside = tmp_path / "deps", tmp_path / "outside"
    (deps / "bin").mkdir(parents=True)
    outside.write_text("")
    (deps / "bin/link").symlink_to(outside)
    (deps / ".image").write_text("")
    # Only root gives files away; others keep theirs.
    us = os.geteuid()
    uid = us or 1234
    fixes.give_files(deps, uid)
    assert fixes.foreign_deps(deps, uid) == []
    assert (deps / "bin/link").lstat().st_uid == uid
    assert (outside.stat().st_uid, (deps / ".image").stat().st_uid) == (us, us)


def test_a_fix_that_needs_root_and_has_none_says_so() -> None:
    applied: list[str] = []
    fix = fixes.Fix("set it", lambda: applied.append("it"))
    assert fixes.apply(fix, root=False, check_mode=False) == (
        False, "not done: only root can set it",
    )  # fmt: skip
    assert fixes.apply(fix, root=True, check_mode=True) == (True, "would set it")
    assert applied == []
    assert fixes.apply(fix, root=True, check_mode=False) == (True, "done: set it")
    assert applied == ["it"]


def test_a_fix_that_fails_says_why() -> None:
    def refuse() -> None:
        raise OSError("read-only file system")

    assert fixes.apply(fixes.Fix("set it", refuse), root=True, check_mode=False) == (
        False, "not done: could not set it: read-only file system",
    )  # fmt: skip


def test_people_read_a_line_for_what_is_well_and_more_of_what_is_not() -> None:
    broken = findings(facts={"listening_ports": [80], "memory_mb": 1}, host_name="a.example", seen={"addresses": []})
    judged = [one | {"done": ""} for one in verdicts.examine(instance_checks.CHECKS, broken)]
    judged[0]["done"] = "done: mended it"
    found = document({"localhost": judged})
    assert found["schema"] == 1
    assert found["summary"] == {"ok": len(judged) - 3, "warning": 1, "failed": 2, "unknown": 0}
    lines = text(found).splitlines()
    assert max(len(line) for line in lines) <= WIDTH
    assert lines[:2] == ["ok        settings        valid settings", "          --fix: done: mended it"]
    assert "failed    http-port       port of the site" in lines
    assert lines[-1] == f"{len(judged)} checks: {len(judged) - 3} ok, 1 warning, 2 failed"


def test_the_page_has_every_check() -> None:
    page = (ROLES.parent / "docs/doctor.md").read_text()
    assert [check.name for check in instance_checks.CHECKS if f"`{check.name}`" not in page] == []


def test_titles_fit_into_their_column() -> None:
    for check in instance_checks.CHECKS:
        assert len(check.name) < 16, check.name
        assert len(check.title) <= WIDTH - 26, check.title
