# SPDX-License-Identifier: BSD-3-Clause
"""The doctor, on things that are broken for real.

Not broken here: the kernel's limit on memory maps and the clock, which are the whole machine's (the clock is compared with a
mirror of the test's own that tells another time), and the group of a user who is not root. The unit tests have those.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from .conftest import Run, Stack, free_port

HOSTS = Path("/etc/hosts")
OLD_DOCKER = """#!/bin/sh
[ "$1" = info ] || exec {docker} "$@"
echo '{{"ServerVersion": "20.10.24", "ClientInfo": {{"Version": "20.10.24", "Context": "default", "Plugins":
[{{"Name": "buildx", "Version": "v0.10.2"}}, {{"Name": "compose", "Version": "2.17.2"}}]}}}}'
"""


def document(run: Run) -> dict[str, Any]:
    """Return the JSON document that a run has printed; what follows it went to standard error."""
    found: dict[str, Any] = json.JSONDecoder().raw_decode(run.output)[0]
    return found


def ask(stack: Stack, *arguments: str, **environment: str) -> dict[str, dict[str, Any]]:
    """Return the doctor's verdicts by name."""
    run = stack.olympia("doctor", "--json", *arguments, **environment)
    found = document(run)
    assert run.code == (3 if found["summary"]["failed"] else 0), run.output
    return {verdict["name"]: verdict for verdict in found["hosts"]["localhost"]["checks"]}


def state(stack: Stack, name: str, *arguments: str, **environment: str) -> tuple[str, str]:
    """Return state and evidence of one check."""
    (verdict,) = ask(stack, name, *arguments, **environment).values()
    return verdict["state"], verdict["evidence"]


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., Stack]) -> Stack:
    """Return a stack that is up."""
    stack = make_stack()
    stack.up()
    return stack


@pytest.fixture(scope="module")
def bare(make_stack: Callable[..., Stack]) -> Stack:
    """Return a stack that nobody has brought up."""
    return make_stack()


@pytest.fixture
def mirror() -> Iterator[Callable[[float], str]]:
    """Return a function that serves an apt mirror whose clock is some seconds behind, and returns its settings."""
    servers: list[http.server.HTTPServer] = []

    def serve(behind: float) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()

            def date_time_string(self, timestamp: float | None = None) -> str:
                return formatdate(time.time() - behind, usegmt=True)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/debian"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def mirror_settings(url: str) -> list[str]:
    """Return the settings that make an address the only apt mirror of the images."""
    return [f"olympia_images_mirror={url}", f"olympia_images_security_mirror={url}-security", "IMAGE_ORIGIN=packages"]


# --- a stack that is up -----------------------------------------------------------------------------


def test_nothing_is_wrong_with_a_stack_that_is_up(stack: Stack) -> None:
    verdicts = ask(stack)
    unwell = {name: verdict["evidence"] for name, verdict in verdicts.items() if verdict["state"] != "ok"}
    # Nobody has told the host the site's name.
    assert unwell.keys() == {"hosts-entry"}, unwell
    assert len(verdicts) > 20
    assert "stack's own" in verdicts["http-port"]["evidence"]


def test_people_get_a_line_a_check_and_programs_one_document(stack: Stack) -> None:
    run = stack.olympia("doctor", "memory", "disk-project", "hosts-entry", "MIN_MEMORY_MB=99999999")
    assert run.code == 3
    lines = run.output.splitlines()
    assert [line.split()[:2] for line in lines if not line.startswith(" ")][:3] == [
        ["warning", "hosts-entry"],
        ["failed", "memory"],
        ["ok", "disk-project"],
    ]
    assert "3 checks: 1 ok, 1 warning, 1 failed" in lines
    assert "  seen: this host has too little memory" in run.output
    assert max(len(line) for line in lines if "olympia.test" not in line) <= 80
    # A CI service's marks would break the document.
    run = stack.olympia("doctor", "--json", "memory", "MIN_MEMORY_MB=99999999", GITHUB_ACTIONS="true")
    assert document(run)["summary"]["failed"] == 1
    assert "::" not in run.output


def test_a_mistyped_name_is_answered_with_the_nearest(stack: Stack) -> None:
    run = stack.olympia("doctor", "hosts-entyr")
    assert run.code == 2
    assert "There is no check hosts-entyr. Did you mean hosts-entry?" in run.output


def test_a_broken_env_file(stack: Stack) -> None:
    env = stack.project / ".env"
    sound = env.read_text()
    try:
        env.write_text("this is no assignment\n" + sound)
        verdicts = ask(stack, f"HTTP_PORT={stack.port}")
        assert (verdicts["env-file"]["state"], verdicts["rendered-files"]["state"]) == ("failed", "unknown")
        assert "line 1 is not NAME=value" in verdicts["env-file"]["evidence"]
        assert verdicts["daemon"]["state"] == "ok"
    finally:
        env.write_text(sound)


def test_rendered_files_that_were_touched(stack: Stack) -> None:
    compose, dockerfile = stack.project / "docker-compose.yml", stack.project / "Dockerfile"
    sound = compose.read_text()
    try:
        compose.write_text(sound + "# mine\n")
        dockerfile.chmod(0o600)
        found, evidence = state(stack, "rendered-files")
        assert (found, "docker-compose.yml" in evidence, "Dockerfile" in evidence) == ("warning", True, True)
        compose.write_text("services: {}\n")
        found, evidence = state(stack, "rendered-files")
        assert (found, "docker-compose.yml was not written" in evidence) == ("failed", True)
    finally:
        compose.write_text(sound)
        dockerfile.chmod(0o644)


def test_an_override_file_is_ignored_until_it_is_named(stack: Stack) -> None:
    override = stack.project / "docker-compose.override.yml"
    try:
        override.write_text("services: {}\n")
        found, evidence = state(stack, "override-file")
        assert (found, "is ignored" in evidence) == ("warning", True)
        named = f"COMPOSE_FILE=docker-compose.yml:{override.name}"
        assert state(stack, "override-file", named) == ("ok", f"takes effect: {override.name}")
    finally:
        override.unlink()
    found, evidence = state(stack, "compose-files", named)
    assert (found, override.name in evidence) == ("failed", True)


def test_containers_of_an_interrupted_run_are_removed_and_one_that_runs_is_not(stack: Stack) -> None:
    ended, running = f"{stack.instance}-tests-run", f"{stack.instance}-at-work"
    run = ["compose", "run", "--detach", "--no-deps", "--entrypoint"]
    stack.docker(*run, "true", "--name", ended, "memcached")
    stack.docker("wait", ended)
    stack.docker(*run, "sleep", "--name", running, "memcached", "600")
    try:
        (plan,) = ask(stack, "leftovers", "--fix", "--check").values()
        assert (plan["state"], plan["done"]) == ("warning", f"would remove {ended}")
        assert f"{ended} (exited)" in plan["evidence"]
        assert f"{running} (running)" in plan["evidence"]
        (verdict,) = ask(stack, "leftovers", "--fix").values()
        assert (verdict["done"], verdict["evidence"]) == (f"done: remove {ended}", f"{running} (running)")
        # The second time there is nothing left to mend.
        assert ask(stack, "leftovers", "--fix")["leftovers"]["done"] == ""
    finally:
        stack.docker("rm", "--force", running)
    assert len(stack.healthy()) == 8


def test_dependencies_get_their_owner_back(stack: Stack) -> None:
    touched = next((stack.project / "deps/lib").rglob("*.py"))
    os.chown(touched, 1234, -1)
    found, evidence = state(stack, "ownership")
    assert (found, str(touched) in evidence) == ("failed", True)
    (verdict,) = ask(stack, "ownership", "--fix").values()
    assert (verdict["state"], verdict["done"].startswith("done: give")) == ("ok", True)
    assert touched.stat().st_uid != 1234


def test_a_source_tree_of_another_user(bare: Stack, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(bare.source, source)
    os.chown(source, 1234, -1)
    found, evidence = state(bare, "ownership", f"SOURCE_DIR={source}")
    assert (found, "UID 1234" in evidence) == ("warning", True)
    assert state(bare, "ownership", f"SOURCE_DIR={source}", "HOST_UID=1234")[0] == "ok"


def test_a_database_that_was_not_initialized_to_the_end(stack: Stack) -> None:
    marker = stack.project / ".initialized.json"
    kept = marker.read_text()
    marker.unlink()
    found, evidence = state(stack, "mysql-volume")
    assert (found, "not initialized to the end" in evidence) == ("warning", True)
    marker.write_text(kept)


def test_a_volume_whose_first_start_was_interrupted(bare: Stack) -> None:
    volume = f"{bare.instance}_data_mysqld"
    assert state(bare, "mysql-volume") == ("ok", "there is none yet: 'make up' makes it")
    bare.docker("volume", "create", volume)
    Path(bare.docker("volume", "inspect", "--format", "{{.Mountpoint}}", volume), "ibdata1").touch()
    found, evidence = state(bare, "mysql-volume")
    assert (found, "first start was interrupted" in evidence) == ("failed", True)


# --- the host ---------------------------------------------------------------------------------------


def test_an_engine_that_does_not_answer(stack: Stack) -> None:
    verdicts = ask(stack, DOCKER_HOST=f"unix://{stack.state}/no.sock")
    assert verdicts["daemon"]["state"] == "failed"
    assert "no.sock" in verdicts["daemon"]["evidence"]
    unknown = {name for name, verdict in verdicts.items() if verdict["state"] == "unknown"}
    assert unknown == {"engine-tcp", "http-port", "mysql-volume", "leftovers"}


def test_no_docker_at_all(bare: Stack, tmp_path: Path) -> None:
    # The programs of this machine, those of Docker left out.
    for folder in reversed(os.environ["PATH"].split(os.pathsep)):
        for program in Path(folder).glob("*") if Path(folder).is_dir() else ():
            if not program.name.startswith("docker"):
                with contextlib.suppress(FileExistsError):
                    (tmp_path / program.name).symlink_to(program)
    verdicts = ask(bare, PATH=str(tmp_path))
    for name in ("engine", "buildx", "compose", "daemon"):
        assert (name, verdicts[name]["state"]) == (name, "failed")
        assert "there is no docker command on PATH" in verdicts[name]["evidence"]
    assert verdicts["memory"]["state"] == "ok"


def test_versions_that_are_too_old(bare: Stack, tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text(OLD_DOCKER.format(docker=shutil.which("docker")))
    docker.chmod(0o755)
    verdicts = ask(bare, "engine", "buildx", "compose", PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert [(verdict["state"], verdict["evidence"]) for verdict in verdicts.values()] == [
        ("failed", "20.10.24, of 25.0 needed"),
        ("failed", "v0.10.2, of 0.13 needed"),
        ("failed", "2.17.2, of 2.24 needed"),
    ]


def test_ports_that_others_have(bare: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        verdicts = ask(bare, "http-port", "mysql-port", f"HTTP_PORT={port}", f"MYSQL_PORT={port}")
    assert [verdict["state"] for verdict in verdicts.values()] == ["failed", "failed"]
    assert f"port {port} is taken" in verdicts["mysql-port"]["evidence"]


def test_the_sites_name_is_added_to_the_hosts_file_once(bare: Stack) -> None:
    line, before = f"127.0.0.1 {bare.instance}.olympia.test\n", HOSTS.read_text()
    try:
        (plan,) = ask(bare, "hosts-entry", "--fix", "--check").values()
        assert (plan["state"], plan["done"].startswith("would add")) == ("warning", True)
        assert HOSTS.read_text() == before
        for said in (f"done: add the line '{line.strip()}' to {HOSTS}", ""):
            (verdict,) = ask(bare, "hosts-entry", "--fix").values()
            assert (verdict["state"], verdict["done"]) == ("ok", said)
        assert HOSTS.read_text() == before + line
    finally:
        # In place: in a container it is a mount of its own. Others may have added lines of theirs meanwhile.
        HOSTS.write_text(HOSTS.read_text().replace(line, ""))


def test_too_little_memory_and_disk(bare: Stack) -> None:
    verdicts = ask(bare, "memory", "disk-images", "disk-project", "MIN_MEMORY_MB=99999999", "MIN_DISK_MB=999999999")
    assert [verdict["state"] for verdict in verdicts.values()] == ["failed", "failed", "failed"]


def test_memory_maps_matter_only_to_a_registrys_elasticsearch(bare: Stack) -> None:
    enough = f"MIN_MAP_COUNT={2**31 - 1}"
    assert state(bare, "map-count", "IMAGE_ORIGIN=packages", enough)[0] == "ok"
    (plan,) = ask(bare, "map-count", "--fix", "--check", "IMAGE_ORIGIN=registry", enough).values()
    would = f"would set vm.max_map_count to {2**31 - 1}, now and in /etc/sysctl.d/90-olympia.conf"
    assert (plan["state"], plan["done"]) == ("failed", would)


def test_no_source_tree(bare: Stack, tmp_path: Path) -> None:
    found, evidence = state(bare, "source-tree", f"SOURCE_DIR={tmp_path}")
    assert (found, "manage.py" in evidence) == ("failed", True)


def test_settings_that_make_no_sense(bare: Stack) -> None:
    found, evidence = state(bare, "settings", "HTTP_PORT=70000")
    assert (found, "70000 is not a port" in evidence) == ("failed", True)


def test_a_project_directory_that_is_a_file(bare: Stack, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    verdicts = ask(bare, f"PROJECT_DIR={path}")
    assert (verdicts["env-file"]["state"], verdicts["rendered-files"]["state"]) == ("failed", "failed")
    assert "Not a directory" in verdicts["rendered-files"]["evidence"]


def test_a_builder_that_cannot_see_the_base_image(bare: Stack) -> None:
    found, evidence = state(
        bare, "engine-setup", "IMAGE_ORIGIN=packages", "olympia_docker_builder_driver=docker-container"
    )
    assert (found, "cannot see the base image" in evidence) == ("failed", True)


# --- the network ------------------------------------------------------------------------------------


def test_a_registry_that_refuses(bare: Stack) -> None:
    images = json.dumps({"memcached": f"127.0.0.1:{free_port()}/memcached:1"})
    found, evidence = state(bare, "registry", "IMAGE_ORIGIN=registry", f"SERVICE_IMAGES={images}")
    assert (found, "no answer of use" in evidence) == ("failed", True)
    assert state(bare, "registry", "IMAGE_ORIGIN=packages")[0] == "ok"


def test_a_mirror_that_refuses(bare: Stack) -> None:
    refusing = f"http://127.0.0.1:{free_port()}/debian"
    verdicts = ask(bare, "mirrors", "clock", *mirror_settings(refusing))
    assert (verdicts["mirrors"]["state"], verdicts["clock"]["state"]) == ("failed", "unknown")
    assert refusing in verdicts["mirrors"]["evidence"]
    assert "refused" in verdicts["mirrors"]["evidence"]


@pytest.mark.parametrize(("behind", "expected"), [(0, "ok"), (120, "warning"), (-7200, "failed")])
def test_a_mirror_that_answers_and_a_clock_that_disagrees_with_it(
    bare: Stack, mirror: Callable[[float], str], behind: float, expected: str
) -> None:
    verdicts = ask(bare, "mirrors", "clock", *mirror_settings(mirror(behind)))
    assert (verdicts["mirrors"]["state"], verdicts["clock"]["state"]) == ("ok", expected)


def test_a_proxy_that_only_the_environment_has(bare: Stack) -> None:
    proxy = "http://me:not-for-you@127.0.0.1:9"
    run = bare.olympia("doctor", "--json", "proxy", https_proxy=proxy)
    (verdict,) = document(run)["hosts"]["localhost"]["checks"]
    assert (verdict["state"], "@127.0.0.1:9" in verdict["evidence"]) == ("warning", True)
    assert "not-for-you" not in run.output
    assert state(bare, "proxy", f"HTTPS_PROXY={proxy}", https_proxy=proxy)[0] == "ok"


def test_certificates_that_are_not_there_or_are_others(bare: Stack, tmp_path: Path) -> None:
    bundle, other = tmp_path / "ca.pem", tmp_path / "other.pem"
    found, evidence = state(bare, "ca-bundle", f"CA_BUNDLE={bundle}")
    assert (found, "No such file" in evidence) == ("failed", True)
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", bundle)
    same = dict.fromkeys(("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), str(bundle))
    same["NODE_EXTRA_CA_CERTS"] = str(bundle)
    assert state(bare, "ca-bundle", f"CA_BUNDLE={bundle}", **same) == ("ok", str(bundle))
    found, evidence = state(bare, "ca-bundle", f"CA_BUNDLE={bundle}", **(same | {"PIP_CERT": str(other)}))
    assert (found, f"PIP_CERT={other}" in evidence) == ("warning", True)


def test_the_playbook_needs_no_driver(bare: Stack) -> None:
    run = bare.play("doctor")
    assert (run.code, run.changed) == (0, 0), run.output
    assert "http-port" in run.output
