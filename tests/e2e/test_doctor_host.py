# SPDX-License-Identifier: BSD-3-Clause
"""The doctor, on a host that is broken for real, and where nobody has brought a stack up.

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

from .doctor import ask, document, state
from .stack import Stack, free_port

pytestmark = pytest.mark.full
OLD_DOCKER = """#!/bin/sh
[ "$1" = info ] || exec {docker} "$@"
echo '{{"ServerVersion": "20.10.24", "ClientInfo": {{"Version": "20.10.24", "Context": "default", "Plugins":
[{{"Name": "buildx", "Version": "v0.10.2"}}, {{"Name": "compose", "Version": "2.17.2"}}]}}}}'
"""


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


def test_a_source_tree_of_another_user(bare: Stack, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(bare.source, source)
    os.chown(source, 1234, -1)
    found, evidence = state(bare, "ownership", f"SOURCE_DIR={source}")
    assert (found, "UID 1234" in evidence) == ("warning", True)
    assert state(bare, "ownership", f"SOURCE_DIR={source}", "HOST_UID=1234")[0] == "ok"


def test_a_volume_whose_first_start_was_interrupted(bare: Stack) -> None:
    volume = f"{bare.instance}_data_mysqld"
    assert state(bare, "mysql-volume") == ("ok", "it does not exist yet: 'make up' creates it")
    bare.docker("volume", "create", volume)
    Path(bare.docker("volume", "inspect", "--format", "{{.Mountpoint}}", volume), "ibdata1").touch()
    found, evidence = state(bare, "mysql-volume")
    assert (found, "first start was interrupted" in evidence) == ("failed", True)


# --- the host ---------------------------------------------------------------------------------------


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
    assert (found, "no usable answer" in evidence) == ("failed", True)
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
