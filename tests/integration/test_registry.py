# SPDX-License-Identifier: BSD-3-Clause
"""Pulls and pushes with a real registry on loopback, and with servers that a registry can turn into."""

from __future__ import annotations

import http.server
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .conftest import docker

RunModule = Callable[..., dict[str, Any]]
# The user "ci", whose password nobody here says.
HTPASSWD = "ci:$2y$05$JgjnbUTzj1mScV.1lWmcCOnpnsoHiowBxw2T4sXac.Cez4E1ORXwC\n"


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return Debian's docker-registry, unpacked from its package: installed, it would want to be a service."""
    folder = tmp_path_factory.mktemp("docker-registry")
    fetch = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", "docker-registry"]
    subprocess.run(fetch, cwd=folder, check=True)
    (package,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", package, folder / "root"], check=True)
    return folder / "root/usr/bin/docker-registry"


@contextmanager
def serving(program: Path, folder: Path, authentication: str = "") -> Iterator[str]:
    """Run a registry meanwhile, and return its address."""
    address = f"127.0.0.1:{free_port()}"
    configuration = folder / "config.yml"
    configuration.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {folder / 'data'}}}}}\n"
        f"http: {{addr: {address}}}\n{authentication}"
    )
    process = subprocess.Popen([program, "serve", configuration], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while not answers(address):
            assert process.poll() is None and time.monotonic() < deadline, "the registry does not start"
            time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait()


def answers(address: str) -> bool:
    """Return whether a registry answers, in whatever way."""
    try:
        urllib.request.urlopen(f"http://{address}/v2/", timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


@pytest.fixture
def registry(program: Path, tmp_path: Path) -> Iterator[str]:
    """Return the address of a registry that is open to everybody."""
    with serving(program, tmp_path) as address:
        yield address


@pytest.fixture
def closed_registry(program: Path, tmp_path: Path) -> Iterator[str]:
    """Return the address of a registry that wants a password."""
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    authentication = f"auth: {{htpasswd: {{realm: test, path: {tmp_path / 'htpasswd'}}}}}\n"
    with serving(program, tmp_path, authentication) as address:
        yield address


@pytest.fixture
def make_image() -> Iterator[Callable[[str, str], str]]:
    """Return a function that makes an image without content; all are removed in the end, as is what was pulled."""
    made: list[str] = []

    def make(name: str, comment: str) -> str:
        empty = subprocess.run(["tar", "--create", "--files-from=/dev/null"], capture_output=True, check=True).stdout
        subprocess.run(
            ["docker", "import", "--message", comment, "-", name], input=empty, check=True, capture_output=True
        )
        made.append(name)
        return name

    yield make
    for name in made:
        docker("image", "rm", "--force", name, check=False)


def test_what_was_pushed_is_pulled_by_version_and_by_digest(
    run_module: RunModule, registry: str, make_image: Callable[[str, str], str]
) -> None:
    image = make_image(f"{registry}/me/site:1", "one")
    plan = run_module("image_push", {"image": image}, check_mode=True)
    assert (plan["changed"], plan["pushed"]) == (True, False)
    pushed = run_module("image_push", {"image": image})
    assert (pushed["changed"], pushed["pushed"]) == (True, True)
    assert run_module("image_push", {"image": image})["changed"] is False
    exact = f"{registry}/me/site@{pushed['digest']}"
    docker("image", "rm", "--force", image)
    for reference in (image, exact):
        assert run_module("image_pull", {"images": [reference]}, check_mode=True)["pulled"] == [reference]
        assert run_module("image_pull", {"images": [reference]})["pulled"] == [reference]
        assert run_module("image_pull", {"images": [reference]})["changed"] is False
        docker("image", "rm", "--force", reference)


def test_refused_credentials_fail_a_pull_and_not_a_push(
    run_module: RunModule, closed_registry: str, make_image: Callable[[str, str], str]
) -> None:
    image = make_image(f"{closed_registry}/me/site:1", "one")
    pushed = run_module("image_push", {"image": image})
    assert (pushed["changed"], pushed["pushed"], pushed["digest"]) == (False, False, "")
    assert "refuses it without other credentials" in str(pushed["warnings"])
    pulled = run_module("image_pull", {"images": [f"{closed_registry}/me/site:2"]})
    assert pulled["failures"][0]["kind"] == "refused"
    assert "docker login" in pulled["msg"]


def test_a_version_that_does_not_exist_is_asked_for_once(run_module: RunModule, registry: str) -> None:
    failed = run_module("image_pull", {"images": [f"{registry}/me/site:none"]})
    assert "the registry has no such image (tried once)" in failed["msg"]


def test_a_registry_that_is_away_is_asked_again(run_module: RunModule) -> None:
    failed = run_module("image_pull", {"images": [f"127.0.0.1:{free_port()}/me/site:1"], "attempts": 2})
    assert failed["failures"][0]["kind"] == "unreachable"
    assert "the registry does not answer (tried 2 times in" in failed["msg"]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [(429, b'{"errors": [{"code": "TOOMANYREQUESTS"}]}', "limited"), (200, b"<html>Log in, please</html>", "garbled")],
)
def test_what_else_can_answer_is_told_apart(run_module: RunModule, status: int, body: bytes, kind: str) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        image = f"127.0.0.1:{server.server_port}/me/site:1"
        failed = run_module("image_pull", {"images": [image], "attempts": 1})
        server.shutdown()
    assert failed["failures"][0]["kind"] == kind
