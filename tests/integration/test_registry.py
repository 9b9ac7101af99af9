# SPDX-License-Identifier: BSD-3-Clause
"""Pulls and pushes with a real registry on loopback, and with servers that a registry can turn into."""

from __future__ import annotations

import http.server
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.registry import Gate, Registry, free_port, unpack_program

from .conftest import docker

RunModule = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the registry's program."""
    return unpack_program(tmp_path_factory.mktemp("docker-registry"))


@pytest.fixture
def registry(program: Path, tmp_path: Path) -> Iterator[str]:
    """Return the address of a registry that is open to everybody."""
    with Registry(program, tmp_path / "open") as running:
        yield running.address


@pytest.fixture
def closed_registry(program: Path, tmp_path: Path) -> Iterator[str]:
    """Return the address of a registry that wants a password."""
    with Registry(program, tmp_path / "closed", closed=True) as running:
        yield running.address


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


def test_an_image_for_another_platform_is_pulled_for_that_one(
    run_module: RunModule, registry: str, tmp_path: Path
) -> None:
    image = f"{registry}/me/site:1"
    (tmp_path / "Dockerfile").write_text("FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY Dockerfile /\n")
    try:
        docker("buildx", "build", "--platform=linux/riscv64,linux/s390x", f"--tag={image}", str(tmp_path))
        docker("push", image)
        docker("image", "rm", image)
        assert run_module("image_pull", {"images": [image], "attempts": 1})["failures"][0]["image"] == image
        emulated = {"images": [image], "platforms": {image: "linux/riscv64"}, "attempts": 1}
        assert run_module("image_pull", emulated)["pulled"] == [image]
        assert run_module("image_pull", emulated)["changed"] is False
        assert (
            docker("image", "inspect", "--format={{.Architecture}} {{.Config.Labels.arch}}", image) == "riscv64 riscv64"
        )
    finally:
        docker("image", "rm", "--force", image, check=False)


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


@pytest.fixture
def gate(program: Path, tmp_path: Path) -> Iterator[Gate]:
    """Return a gate before a registry."""
    with Registry(program, tmp_path / "open") as registry, Gate(registry).standing() as gate:
        yield gate
        # Else a request that the engine has not given up would start it again.
        gate.turned_away = 1000


@pytest.fixture
def large_image(gate: Gate, tmp_path: Path) -> Iterator[str]:
    """Return an image that only the registry has. What cannot be compressed is as large on its way."""
    image = f"127.0.0.1:{gate.port}/me/large:1"
    (tmp_path / "random").write_bytes(os.urandom(50_000_000))
    archive = subprocess.run(["tar", "--create", "random"], cwd=tmp_path, capture_output=True, check=True).stdout
    subprocess.run(["docker", "import", "-", image], input=archive, capture_output=True, check=True)
    docker("push", image)
    docker("image", "rm", image)
    yield image
    docker("image", "rm", "--force", image, check=False)


def test_a_registry_that_goes_away_in_the_middle_of_a_pull_and_comes_back_is_pulled_from(
    run_module: RunModule, gate: Gate, large_image: str
) -> None:
    gate.take_away(after=20_000_000, turn_away=3)
    pulled = run_module("image_pull", {"images": [large_image]})
    assert gate.allowance is None, "the registry was to be ended in the middle"
    assert pulled.get("pulled") == [large_image], pulled


def test_a_registry_that_goes_away_for_good_in_the_middle_of_a_pull_is_said_to(
    run_module: RunModule, gate: Gate, large_image: str
) -> None:
    gate.take_away(after=20_000_000, turn_away=1000)
    failed = run_module("image_pull", {"images": [large_image], "attempts": 2})
    assert failed["failures"][0]["kind"] == "unreachable", failed
    assert "tried 2 times" in failed["msg"]
