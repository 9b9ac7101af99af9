# SPDX-License-Identifier: BSD-3-Clause
"""What is derived from settings and host, and what stands in a run's way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.addons.olympia.plugins.module_utils.checks import preflight_checks as checks
from ansible_collections.addons.olympia.plugins.module_utils.host import engine_objects, trees
from ansible_collections.addons.olympia.plugins.module_utils.stack import application, services
from ansible_collections.addons.olympia.plugins.module_utils.stack import caches as cache
from ansible_collections.addons.olympia.plugins.module_utils.stack import derived as stack

ROLES = Path(__file__).parents[2] / "roles"
PACKAGE_IMAGES = {
    name: f"olympia/{name}:1" for name in ("base", "mysqld", "redis", "rabbitmq", "memcached", "nginx", "elasticsearch")
}


def values(**changed: Any) -> dict[str, Any]:
    """Return the roles' defaults, some changed; names of the stack role without their prefix."""
    defaults: dict[str, Any] = {}
    for role in ("olympia_docker", "olympia_images", "olympia_stack"):
        defaults |= yaml.safe_load((ROLES / role / "defaults/main.yml").read_text())
    return defaults | {name if name in defaults else f"olympia_stack_{name}": value for name, value in changed.items()}


def facts(**changed: Any) -> dict[str, Any]:
    """Return what a probe finds on a host where nothing is wrong, some of it changed."""
    return {
        "project_dir": "/home/me/.local/state/olympia/addons-server",
        "source_dir": "/src",
        "source_git": {"url": "https://git.example.org/addons-server", "revision": "c0ffee"},
        "source_missing": [],
        "source_tight": [],
        "source_windows": [],
        "compose_files_present": {},
        "env_error": "",
        "rendered": {},
        "containers": [],
        "listening_ports": [22],
        "machine": "",
        "port_owners": {},
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
        "memory_mb": 16000,
        "disk_free_mb": {"/": 50000},
        "max_map_count": 65530,
        "image_origin": "packages",
        "image_origin_why": "no registry answers",
        "database": {"chosen": "mariadb", "kept": "", "why": "the setting says so", "source": ""},
        "volume_created": "",
        "engine": {
            "problems": [],
            "builder": {"driver": "docker"},
            "docker": {"containerd_store": True, "rootless": False, "remaps_users": False},
        },
        "application": {"id": "", "registry": "", "evidence": ""},
        "local_images": {},
        "autograph": "",
        "uid": 1000,
        "ca_bundle": "",
        "compose_d": {},
        "pip_config": "",
        "npm_config": "",
        "local_names": ["localhost"],
    } | changed


def derived(**changed: Any) -> dict[str, Any]:
    """Return the derived settings of a host where nothing is wrong."""
    return stack.derive(values(**changed), facts(), PACKAGE_IMAGES)


def test_local_by_default() -> None:
    settings = derived()
    assert (settings["target"], settings["host_uid"], settings["closed"], settings["reload"]) == (
        "development",
        1000,
        False,
        True,
    )
    assert settings["site_url"] == "http://olympia.test"


def test_the_ci_file_closes_the_system() -> None:
    settings = derived(compose_file=f"{stack.BASE_FILE}:{stack.CI_FILE}")
    assert (settings["target"], settings["host_uid"], settings["closed"], settings["reload"]) == (
        "production",
        9500,
        True,
        False,
    )


def test_two_instances_share_no_name() -> None:
    names = ("image", "volume", "host_name", "site_url")
    one, other = derived(instance="one"), derived(instance="other")
    assert not {one[name] for name in names} & {other[name] for name in names}


def test_images_follow_the_origin_and_the_users_word() -> None:
    packages = derived(service_images={"redis": "mirror/redis:6"})
    assert packages["images"]["mysqld"] == "olympia/mysqld:1"
    assert packages["images"]["redis"] == "mirror/redis:6"
    assert packages["base_image"] == "olympia/base:1"
    mirrored = derived(image_origin="registry", registry="r.test/mirror", service_images={"redis": "redis:7"})
    assert {name: mirrored["images"][name] for name in ("base", "autograph", "redis")} == {
        "base": "r.test/mirror/python:3.11-slim-bookworm",
        "autograph": "r.test/mirror/mozilla/autograph:7.2.0",
        "redis": "redis:7",
    }
    registry = derived(image_origin="registry")
    assert registry["images"]["mysqld"] == services.registry_references()["mysqld"]
    assert registry["base_packages"] == []


def test_an_ipv6_address_has_brackets_in_the_sites() -> None:
    assert "http://[::1]:8080 " in derived(bind_address="::1", http_port=8080)["url_hint"]


def test_addons_servers_companions_come_with_its_own_tree_and_from_a_registry_only() -> None:
    tree = facts(autograph="signers: []")
    companions = {"addons-frontend", "autograph"}
    assert companions <= set(stack.derive(values(image_origin="registry"), tree, {})["services"])
    for settings in (stack.derive(values(), tree, PACKAGE_IMAGES), derived(image_origin="registry")):
        assert not companions & set(settings["services"])


DIGEST = "sha256:" + "0" * 64
REFUSED = facts(application={"id": "", "registry": "refused", "evidence": "no basic auth credentials"})


@pytest.mark.parametrize(
    ("given", "reference", "pulled"),
    [
        ({}, "olympia/addons-server:local", False),
        ({"version": "local"}, "olympia/addons-server:local", False),
        ({"image": "me/site"}, "me/site:local", False),
        ({"version": "1.2"}, "olympia/addons-server:1.2", True),
        ({"version": "1.2", "digest": DIGEST}, f"olympia/addons-server@{DIGEST}", True),
        ({"tag": "registry.test:5000/me/site:3"}, "registry.test:5000/me/site:3", True),
        ({"tag": "registry.test:5000/me/site"}, "registry.test:5000/me/site:local", False),
        ({"tag": f"me/site@{DIGEST}"}, f"me/site@{DIGEST}", True),
        ({"tag": f"me/site@{DIGEST}", "version": "4"}, "me/site:4", True),
        ({"tag": "me/site:3", "version": "4", "image": "you/site"}, "you/site:4", True),
        ({"tag": "me/site:3", "version": "local"}, "me/site:local", False),
    ],
)
def test_the_application_image_that_is_meant(given: dict[str, str], reference: str, pulled: bool) -> None:
    settings = derived(**given)
    assert (settings["image"], settings["pulled"]) == (reference, pulled)
    assert settings["target"] == ("production" if pulled else "development")
    assert [*checks.check_values(values(**given))] == []


def test_an_image_that_the_registry_refuses_is_built_here_and_that_is_said() -> None:
    for given, reference in (({"version": "1.2"}, "x/site:1.2"), ({"digest": DIGEST}, "x/site:local")):
        settings = stack.derive(values(image="x/site", **given), REFUSED, PACKAGE_IMAGES)
        assert (settings["image"], settings["pulled"], settings["target"]) == (reference, False, "production")
        (note,) = settings["build_notes"]
        assert "refuses" in note and reference in note
    assert derived()["build_notes"] == []


WRITTEN = "type=registry,ref=x/site:cache,mode=max,ignore-error=true"


def test_a_cache_is_written_only_by_a_builder_that_can() -> None:
    classic = {
        "problems": [],
        "builder": {"driver": "docker"},
        "docker": {"containerd_store": False, "rootless": False},
    }
    container = classic | {"builder": {"driver": "docker-container"}}
    for engine, cache_to, notes in ((classic, [], 1), (container, [cache.parse(WRITTEN)], 0)):
        settings = stack.derive(values(cache_to=["x/site:cache"]), facts(engine=engine), PACKAGE_IMAGES)
        assert [cache.parse(one) for one in settings["cache_to"]] == cache_to
        assert len(settings["build_notes"]) == notes
    assert derived(cache_from=["x/site:cache"])["cache_from"] == ["type=registry,ref=x/site:cache"]


def test_a_build_makes_the_version_that_it_is_given() -> None:
    settings = stack.derive(values(version="1.2"), facts(), PACKAGE_IMAGES, build=True)
    assert (settings["image"], settings["pulled"]) == ("olympia/addons-server:1.2", False)


@pytest.mark.parametrize(
    ("given", "purpose", "setting"),
    [
        ({"digest": DIGEST}, "build", "olympia_stack_digest"),
        ({"digest": DIGEST}, "push", "olympia_stack_digest"),
        ({}, "push", "olympia_stack_version"),
        ({}, "build", None),
        ({"digest": DIGEST}, "up", None),
        ({"version": "1"}, "push", None),
    ],
)
def test_what_does_not_fit_the_purpose(given: dict[str, str], purpose: str, setting: str | None) -> None:
    found = application.check_purpose(values(**given), purpose)
    assert [problem.setting for problem in found] == ([setting] if setting else [])


def test_only_what_is_not_here_is_pulled() -> None:
    given = values(image_origin="registry", version="1", service_images={"redis": "docker.io/library/redis:7"})
    here = facts(local_images={"redis:7": "sha256:1", "mysql:8.0": "sha256:2"})
    wanted = stack.images_to_pull(stack.derive(given, here, {}), here, ())
    assert set(wanted) == {
        "olympia/addons-server:1",
        *(services.registry_references()[name] for name in ("nginx", "rabbitmq", "memcached")),
        "elasticsearch:7.17.24",
    }
    assert stack.images_to_pull(derived(), facts(), PACKAGE_IMAGES.values()) == []


def test_nothing_wrong_is_no_problem() -> None:
    assert [*checks.check_values(values())] == []
    assert checks.check_host(values(), facts()) == []


@pytest.mark.parametrize(
    ("changed", "setting"),
    [
        ({"instance": "A"}, "olympia_stack_instance"),
        ({"instance": "a"}, "olympia_stack_instance"),
        ({"instance": "runs"}, "olympia_stack_instance"),
        ({"host_uid": "-1"}, "olympia_stack_host_uid"),
        ({"host_uid": "root"}, "olympia_stack_host_uid"),
        ({"host_uid": str(2**32)}, "olympia_stack_host_uid"),
        ({"http_port": 0}, "olympia_stack_http_port"),
        ({"mysql_port": 65536}, "olympia_stack_mysql_port"),
        ({"digest": "sha256:123"}, "olympia_stack_digest"),
        ({"tag": "site@123"}, "olympia_stack_tag"),
        ({"image": "Site"}, "olympia_stack_image"),
        ({"tag": "localhost:5000/:1"}, "olympia_stack_tag"),
        ({"version": "-1"}, "olympia_stack_version"),
        ({"version": "1", "target": "development"}, "olympia_stack_target"),
        ({"compose_file": stack.CI_FILE}, "olympia_stack_compose_file"),
        ({"compose_file": f"{stack.BASE_FILE}:{stack.CI_FILE}", "target": "development"}, "olympia_stack_target"),
    ],
)
def test_settings_that_make_no_sense(changed: dict[str, Any], setting: str) -> None:
    (problem,) = checks.check_values(values(**changed))
    assert problem.setting == setting
    assert problem.fix


@pytest.mark.parametrize(
    ("setting_changes", "fact_changes", "words"),
    [
        ({"compose_file": f"{stack.BASE_FILE}:mine.yml"}, {}, "names mine.yml, which does not exist"),
        ({}, {"env_error": "line 3 is not NAME=value"}, ".env cannot be read"),
        ({}, {"rendered": {"Dockerfile": {"managed": False}}}, "Dockerfile was not written by this collection"),
        ({}, {"source_missing": ["manage.py"]}, "/src is not an addons-server source tree"),
        ({}, {"listening_ports": [80]}, "port 80 is taken"),
        ({}, {"memory_mb": 1024}, "too little memory"),
        ({}, {"disk_free_mb": {"/var/lib/docker": 100}}, "too little disk space at /var/lib/docker"),
        (
            {"version": "1"},
            {"application": {"id": "", "registry": "missing", "evidence": "not found"}},
            "olympia/addons-server:1: the registry has no such image",
        ),
        ({"olympia_docker_builder_driver": "remote"}, {}, "the driver remote cannot see the base image"),
    ],
)
def test_hosts_on_which_a_run_cannot_succeed(
    setting_changes: dict[str, Any], fact_changes: dict[str, Any], words: str
) -> None:
    (problem,) = checks.check_host(values(**setting_changes), facts(**fact_changes))
    assert words in problem.what
    assert problem.fix


@pytest.mark.parametrize("given", ["", "root"])
def test_a_uid_that_is_none_stands_for_the_users(given: str) -> None:
    assert derived(host_uid=given)["host_uid"] == 1000


def project(**changed: Any) -> dict[str, Any]:
    """Return what a probe finds of a project of two running services, the first of them changed."""
    services = {"web": "hash-of-web", "redis": "hash-of-redis"}
    containers = [
        {"service": name, "config_hash": value, "image_replaced": False, "state": "running", "health": "healthy"}
        for name, value in services.items()
    ]
    return facts(service_hashes=services, containers=[containers[0] | changed, containers[1]])


def test_a_project_that_is_as_it_should_be_is_started() -> None:
    assert stack.started(project())


@pytest.mark.parametrize(
    "found",
    [
        project(config_hash="another"),
        project(image_replaced=True),
        project(state="exited"),
        project(service="orphan"),
        project() | {"service_hashes": {}},
        project() | {"containers": []},
        project() | {"containers": project()["containers"] * 2},
        project() | {"containers": project()["containers"][1:]},
        project() | {"restore": True},
    ],
)
def test_a_project_with_any_difference_is_not_started(found: dict[str, Any]) -> None:
    assert not stack.started(found)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, []),
        (
            {"state": "exited", "exit_code": 137, "oom_killed": True},
            ["web has ended with exit code 137: its memory had run out"],
        ),
        ({"state": "exited", "exit_code": 1, "oom_killed": False}, ["web has ended with exit code 1"]),
        ({"state": "paused"}, ["web is paused"]),
        ({"image_replaced": True}, ["web runs an image that is gone, or has been replaced"]),
        ({"config_hash": "another"}, ["web runs with another configuration"]),
        ({"health": "unhealthy"}, ["web is unhealthy"]),
        ({"service": "orphan"}, ["orphan runs with another configuration", "web has no container"]),
    ],
)
def test_what_is_amiss_is_said_of_each_service(changed: dict[str, Any], said: list[str]) -> None:
    assert stack.amiss(project(**changed)) == said


def test_nothing_is_amiss_with_a_project_that_is_down() -> None:
    assert stack.amiss(project() | {"containers": []}) == []


def test_the_instances_own_port_is_not_taken() -> None:
    own = {"service": "nginx", "state": "running", "health": "healthy", "ports": [80]}
    assert checks.check_host(values(), facts(listening_ports=[80], containers=[own])) == []


KEPT = {"volume_created": "2026-11-01T10:00:00Z", "database": {"chosen": "mysql/sid", "kept": "mariadb"}}


@pytest.mark.parametrize(
    ("changed", "found", "says"),
    [
        ({}, KEPT, "the instance's database belongs to MariaDB, and MySQL cannot read it"),
        ({"image_origin": "registry"}, KEPT, "belongs to MariaDB, and MySQL cannot"),
        ({}, KEPT | {"database": {"chosen": "mariadb", "kept": "mysql/sid"}}, "belongs to MySQL, and MariaDB cannot"),
        ({}, KEPT | {"database": {"chosen": "mysql/forky", "kept": "mysql/sid"}}, ""),
        ({}, KEPT | {"volume_created": ""}, ""),
        ({"service_images": {"mysqld": "mysql:8.4"}}, KEPT, ""),
    ],
)
def test_an_instance_keeps_to_the_server_that_reads_its_database(
    changed: dict[str, Any], found: dict[str, Any], says: str
) -> None:
    problems = checks.check_database(values(**changed), facts(**found))
    assert [says in problem.what for problem in problems] == ([True] if says else [])


def test_what_the_host_decides_is_explained() -> None:
    assert stack.decisions(derived(), facts()) == {
        "olympia_stack_image_origin": "packages, because no registry answers",
        "olympia_images_database": "mariadb, because the setting says so",
    }
    assert "olympia_images_database" not in stack.decisions(derived(image_origin="registry"), facts())


def test_all_problems_come_at_once() -> None:
    assert len(checks.check_host(values(), facts(memory_mb=1, listening_ports=[80], source_missing=["manage.py"]))) == 3


@pytest.mark.parametrize(
    ("codes", "healthy"),
    [([], None), ([1, 1], None), ([0], 0), ([1, 0, 0], 1), ([1, 1, 1, 1, 0], 4), ([0, 0, 0, 0, 0], None)],
)
def test_the_first_good_healthcheck_tells_since_when_a_container_is_healthy(
    codes: list[int], healthy: int | None
) -> None:
    # The engine remembers five: when all of them are good, the first one may be long forgotten.
    checks = [{"ExitCode": code, "End": f"2026-01-01T12:00:0{number}Z"} for number, code in enumerate(codes)]
    assert engine_objects.healthy_at(checks) == ("" if healthy is None else checks[healthy]["End"])


def test_the_port_that_is_suggested_is_a_free_one() -> None:
    found = facts(listening_ports=[8100, 8101])
    (problem,) = checks.check_port(values(http_port=8100), found, "olympia_stack_http_port")
    assert "make up HTTP_PORT=8102," in problem.fix


def test_who_has_the_port_is_said() -> None:
    found = facts(listening_ports=[80], port_owners={"80": "the container two-nginx-1"})
    (problem,) = checks.check_host(values(), found)
    assert problem.cause == "the container two-nginx-1 listens on it"


def test_a_tenant_is_not_told_to_choose_a_port_that_the_proxy_does_not_lead_to() -> None:
    found = facts(listening_ports=[20010], port_owners={"20010": "a program of user ben"}, machine="vm1")
    (problem,) = checks.check_port(values(http_port=20010), found, "olympia_stack_http_port")
    assert problem.cause == "a program of user ben listens on it"
    assert "'olympia doctor tenant-ports' names (vm1)" in problem.fix


def test_a_privileged_port_is_refused_for_a_rootless_engine() -> None:
    rootless = facts()["engine"] | {"docker": facts()["engine"]["docker"] | {"rootless": True}}
    (problem,) = checks.check_host(values(), facts(engine=rootless))
    assert problem.what == "port 80 is privileged, and the engine is rootless"
    assert "HTTP_PORT=8080" in problem.fix
    assert checks.check_host(values(http_port=8080), facts(engine=rootless)) == []
    assert checks.check_host(values(), facts(engine=rootless, unprivileged_port=80)) == []


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({"source_tight": ["Makefile-docker has mode 0600"]}, "chmod --recursive go+rX /src"),
        ({"source_windows": ["docker/debian_packages.txt"]}, "core.autocrlf=input"),
    ],
)
def test_a_tree_that_a_build_could_not_read_is_refused_before_it(found: dict[str, Any], says: str) -> None:
    (problem,) = checks.check_host(values(source_dir="/src"), facts(**found))
    assert says in problem.fix


@pytest.mark.parametrize("name", ["bind_address", "elasticsearch_version", "olympia_images_database"])
def test_an_empty_text_that_would_mean_something_else_is_refused(name: str) -> None:
    (problem,) = checks.check_values(values(**{name: ""}))
    assert "'' is not" in problem.what


def test_the_frontends_port_counts_where_the_frontend_runs() -> None:
    assert checks.check_host(values(), facts(listening_ports=[7011])) == []
    (problem,) = checks.check_host(values(), facts(listening_ports=[7011], autograph="signer: {}"))
    assert problem.setting == "olympia_stack_frontend_port"


REVISION, SOURCE = "org.opencontainers.image.revision", "org.opencontainers.image.source"


@pytest.mark.parametrize(
    ("given", "revision", "source"),
    [
        ({}, None, "https://git.example.org/addons-server"),
        ({"target": "production"}, "c0ffee", "https://git.example.org/addons-server"),
        ({"target": "production", "commit": "abc123"}, "abc123", "https://git.example.org/addons-server"),
        ({"commit": "abc123"}, "abc123", "https://git.example.org/addons-server"),
        (
            {"target": "production", "source_repo": "https://me:swordfish@git.test/fork"},
            None,
            "https://********@git.test/fork",
        ),
    ],
    ids=["development", "production", "commit", "commit in development", "repository"],
)
def test_the_image_is_labelled_with_what_it_holds(given: dict[str, str], revision: str | None, source: str) -> None:
    labels = derived(**given)["labels"]
    assert (labels.get(REVISION), labels[SOURCE]) == (revision, source)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://me:swordfish@git.test/a.git", "https://git.test/a.git"),
        ("git@git.test:a.git", "git@git.test:a.git"),
        ("ssh://git@git.test/a.git", "ssh://git.test/a.git"),
        ("/home/me/a", ""),
        ("file:///home/me/a", ""),
        ("../a", ""),
    ],
)
def test_a_source_tree_is_said_to_come_from_where_others_find_it_too(url: str, told: str) -> None:
    def run(arguments: list[str]) -> tuple[int, str, str]:
        return (0, f"{url}\n", "") if "remote" in arguments else (128, "", "fatal: not a git repository")

    assert trees.source_git(run, Path("/src")) == {"url": told, "revision": ""}


@pytest.mark.parametrize(
    ("content", "managed"),
    [("FROM scratch\n", False), ("# managed by addons.olympia\n", True), ("", True)],
    ids=["somebody's", "rendered", "without content"],
)
def test_a_file_with_content_is_somebodys_unless_it_says_otherwise(tmp_path: Path, content: str, managed: bool) -> None:
    (tmp_path / "Dockerfile").write_text(content)
    found = trees.rendered_files(tmp_path, ["Dockerfile", "missing"])
    assert {name: file["managed"] for name, file in found.items()} == {"Dockerfile": managed}


def test_an_engine_without_root_runs_the_application_as_the_user_who_is_root_in_its_containers() -> None:
    engine = {"problems": [], "builder": {"driver": "docker"}, "docker": {"containerd_store": True, "rootless": True}}
    assert stack.derive(values(), facts(engine=engine), PACKAGE_IMAGES)["host_uid"] == 0
    assert stack.derive(values(host_uid="1234"), facts(engine=engine), PACKAGE_IMAGES)["host_uid"] == 1234
    closed = values(compose_file="docker-compose.yml:docker-compose.ci.yml")
    assert stack.derive(closed, facts(engine=engine), PACKAGE_IMAGES)["host_uid"] == 9500


def test_a_proxys_address_is_the_sites_and_needs_no_name_on_this_host() -> None:
    settings = derived(site_url="https://ana.vm1.example.org", http_port=12002)
    assert settings["address"] == settings["site_url"] == "https://ana.vm1.example.org"
    assert settings["loopback_url"] == "http://127.0.0.1:12002"
    assert settings["url_hint"] == "The site is at https://ana.vm1.example.org"
    assert derived(http_port=12002)["address"] == "http://127.0.0.1:12002"
