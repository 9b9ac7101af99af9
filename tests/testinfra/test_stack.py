# SPDX-License-Identifier: BSD-3-Clause
"""What every stack promises, whatever brought it up.

pytest tests/testinfra --instance NAME --hosts ssh://vm.example.org [--sudo]
"""

from __future__ import annotations

import json

import pytest

from .conftest import PROJECT_LABEL, SECRETS, Stack

APPLICATION = ("web", "worker")
SERVICES = (*APPLICATION, "nginx", "mysqld", "redis", "rabbitmq", "elasticsearch", "memcached")
PARTS_OF_THE_SITE = {"mysql", "memcached", "redis", "rabbitmq", "elasticsearch", "storage", "worker"}


@pytest.mark.parametrize("service", SERVICES)
def test_the_service_is_healthy(stack: Stack, service: str) -> None:
    health = stack.containers[service]["State"].get("Health", {})
    assert health.get("Status") == "healthy", stack.evidence(service)


@pytest.mark.parametrize("service", APPLICATION)
def test_the_healthcheck_asks_often_at_first_and_tells_the_truth_now(stack: Stack, service: str) -> None:
    check = stack.containers[service]["Config"]["Healthcheck"]
    assert check["StartInterval"] < check["Interval"], check
    kind, *command = check["Test"]
    assert kind == "CMD" and command, check
    stack.exec(service, *command)


@pytest.mark.parametrize("service", SERVICES)
def test_the_container_is_that_of_the_compose_files(stack: Stack, service: str) -> None:
    labels = stack.containers[service]["Config"]["Labels"]
    assert stack.compose("config", "--hash", service).split() == [service, labels["com.docker.compose.config-hash"]]


def test_every_service_of_the_compose_files_has_a_container(stack: Stack) -> None:
    assert set(stack.compose("config", "--services").split()) == set(stack.containers)


def test_the_site_answers_and_finds_all_its_services_well(stack: Stack) -> None:
    status, body = stack.get("/services/monitor.json")
    assert status == 200, body
    assert {name: part["state"] for name, part in json.loads(body).items()} == dict.fromkeys(PARTS_OF_THE_SITE, True)


def test_the_site_serves_pages_with_their_styles(stack: Stack) -> None:
    status, home = stack.get("/")
    assert status == 200, home
    stylesheet = home.partition('rel="stylesheet" href="')[2].partition('"')[0]
    assert stack.get(stylesheet)[0] == 200, stylesheet


def test_the_site_tells_what_it_was_built_from(stack: Stack) -> None:
    version = json.loads(stack.get("/__version__")[1])
    told = {name: version[name] for name in ("target", "commit", "version", "build")}
    assert told == {name: stack.env[f"DOCKER_{name.upper()}"] for name in told}


def test_a_page_that_does_not_exist_shows_settings_to_developers_only(stack: Stack) -> None:
    status, page = stack.get("/no-such-page/")
    assert status == 404
    assert ("DEBUG = True" in page) == (stack.env["DEBUG"] == "true")


@pytest.mark.parametrize("service", APPLICATION)
def test_the_application_has_the_chosen_uid_and_is_never_root(stack: Stack, service: str) -> None:
    # The application is never root: where that is asked for, it falls back.
    uid = "9500" if stack.closed or stack.env["HOST_UID"] == "0" else stack.env["HOST_UID"]
    assert stack.exec(service, "id", "-u", "olympia") == uid
    assert set(stack.owners(service).values()) == {uid}, stack.owners(service)


def test_the_uid_has_left_no_large_files(stack: Stack) -> None:
    # Logs of last logins are indexed by UID: with a large one they grow to gigabytes.
    assert stack.exec("web", "find", "/var/log", "-size", "+1M") == ""


@pytest.mark.parametrize("service", APPLICATION)
def test_the_source_tree_is_mounted_unless_the_image_is_a_closed_system(stack: Stack, service: str) -> None:
    binds = {
        mount["Destination"]: mount["Source"]
        for mount in stack.containers[service]["Mounts"]
        if mount["Type"] == "bind"
    }
    open_system = {"/data/olympia": stack.env["SOURCE_DIR"], "/deps": f"{stack.project}/deps"}
    assert binds == ({} if stack.closed else open_system)


@pytest.mark.parametrize("service", SERVICES[len(APPLICATION) :])
def test_no_other_service_has_anything_of_the_host(stack: Stack, service: str) -> None:
    assert "bind" not in {mount["Type"] for mount in stack.containers[service]["Mounts"]}


def test_the_image_has_the_packages_of_its_target(stack: Stack) -> None:
    packages = stack.exec("web", "python3", "-m", "pip", "list", "--format=freeze")
    assert "Django==" in packages
    assert ("pytest==" in packages) == (stack.env["DOCKER_TARGET"] == "development")


def test_the_databases_volume_is_nothing_that_compose_removes(stack: Stack) -> None:
    name = f"{stack.instance}_data_mysqld"
    assert [(m["Name"], m["Destination"]) for m in stack.containers["mysqld"]["Mounts"]] == [(name, "/var/lib/mysql")]
    (volume,) = json.loads(stack.run("docker", "volume", "inspect", name))
    assert PROJECT_LABEL not in volume["Labels"]
    assert volume["Labels"]["addons.olympia.instance"] == stack.instance


def test_only_the_site_and_on_request_the_database_have_ports_of_the_host(stack: Stack) -> None:
    publishing = {name for name, one in stack.containers.items() if one["HostConfig"]["PortBindings"]}
    assert "nginx" in publishing and publishing <= {"nginx", "mysqld", "addons-frontend"}


def test_the_database_wants_a_password(stack: Stack) -> None:
    command = [
        "docker",
        "exec",
        stack.containers["web"]["Id"],
        "mariadb",
        "--host=mysqld",
        "--user=root",
        "--execute=SELECT 1",
    ]
    done = stack.host.run(" ".join(f"'{part}'" for part in command))
    assert done.rc != 0 and "Access denied" in done.stderr


@pytest.mark.parametrize("name", SECRETS)
def test_the_secret_is_random_and_its_owners_alone(stack: Stack, name: str) -> None:
    assert stack.host.file(f"{stack.project}/.env").mode == 0o600
    assert len(stack.env[name]) >= 16


def test_no_secret_is_in_what_the_image_says_of_itself(stack: Stack) -> None:
    image = stack.containers["web"]["Image"]
    known = stack.run("docker", "history", "--no-trunc", image) + stack.run("docker", "image", "inspect", image)
    assert [name for name in SECRETS if stack.env[name] in known] == []


@pytest.mark.parametrize("service", APPLICATION)
def test_what_the_image_was_built_from_is_in_no_environment(stack: Stack, service: str) -> None:
    names = {entry.partition("=")[0] for entry in stack.containers[service]["Config"]["Env"]}
    assert "DJANGO_SETTINGS_MODULE" in names
    assert not names & {"DOCKER_BUILD", "DOCKER_COMMIT", "DOCKER_VERSION"}


@pytest.mark.parametrize(
    "name", ["docker-compose.yml", "docker-compose.ci.yml", ".env", "Dockerfile", "image/entrypoint.sh"]
)
def test_the_file_says_who_wrote_it(stack: Stack, name: str) -> None:
    lines = stack.host.file(f"{stack.project}/{name}").content_string.splitlines()[:2]
    assert any("managed by addons.olympia" in line for line in lines), lines


@pytest.mark.parametrize("service", SERVICES)
def test_the_service_comes_back_when_it_dies(stack: Stack, service: str) -> None:
    policy = stack.containers[service]["HostConfig"]["RestartPolicy"]
    # The exit code of RabbitMQ's own script tells no failure.
    wanted = ("unless-stopped", 0) if service == "rabbitmq" else ("on-failure", 5)
    assert (policy["Name"], policy["MaximumRetryCount"]) == wanted
