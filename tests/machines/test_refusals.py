# SPDX-License-Identifier: BSD-3-Clause
"""What could not come to a good end on somebody's machine is refused before anything is built, with its cause."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stack import Run

from .conftest import Commanded


def refused(run: Run, *words: str, code: int = 3) -> None:
    """See that a run was refused, by the preflight unless `code` says otherwise, with words that may be wrapped."""
    assert run.code == code, run.output
    told = " ".join(run.output.split())
    assert [word for word in words if word not in told] == [], run.output


@pytest.fixture
def tree(stack: Commanded, tmp_path: Path) -> Path:
    """Return a copy of the source tree."""
    return Path(shutil.copytree(stack.source, tmp_path / "tree"))


def test_a_tree_that_was_cloned_with_a_closed_umask(stack: Commanded, tree: Path) -> None:
    for path in tree.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    run = stack.olympia("up", f"SOURCE_DIR={tree}", "IMAGE_ORIGIN=packages")
    refused(run, "has mode 0600", f"chmod --recursive go+rX {tree}")


def test_a_tree_with_the_line_ends_of_windows(stack: Commanded, tree: Path) -> None:
    packages = tree / "docker/debian_packages.txt"
    packages.write_bytes(packages.read_bytes().replace(b"\n", b"\r\n"))
    run = stack.olympia("up", f"SOURCE_DIR={tree}", "IMAGE_ORIGIN=packages")
    refused(run, "docker/debian_packages.txt", "Windows line endings", "core.autocrlf=input")


@pytest.fixture
def foreign(stack: Commanded) -> Iterator[str]:
    """Run a container of another program's Compose project of the instance's name, and return its name."""
    name = f"{stack.instance}-theirs"
    image = subprocess.run(
        ["docker", "image", "ls", "--quiet", "olympia/memcached"], capture_output=True, text=True, check=True
    )
    labels = {"project": stack.instance, "service": "selenium", "oneoff": "False", "project.working_dir": "/srv/shop"}
    command = ["docker", "run", "--detach", f"--name={name}", "--entrypoint=sleep"]
    command += [f"--label=com.docker.compose.{key}={value}" for key, value in labels.items()]
    subprocess.run([*command, image.stdout.split()[0], "600"], stdout=subprocess.DEVNULL, check=True)
    yield name
    subprocess.run(["docker", "rm", "--force", name], stdout=subprocess.DEVNULL, check=True)


@pytest.mark.parametrize("verb", [("up",), ("up", "--adopt"), ("down",)])
def test_containers_of_another_program_are_not_touched(stack: Commanded, foreign: str, verb: tuple[str, ...]) -> None:
    refused(stack.make(*verb), "selenium was made from /srv/shop")
    shown = subprocess.run(
        ["docker", "inspect", "--format={{ .State.Status }}", foreign], capture_output=True, text=True
    )
    assert shown.stdout.strip() == "running"


def test_a_volume_that_another_program_has_left(stack: Commanded) -> None:
    volume = f"{stack.instance}_data_mysqld"
    subprocess.run(["docker", "volume", "create", volume], stdout=subprocess.DEVNULL, check=True)
    try:
        refused(stack.make("up"), f"the volume {volume} was made", "make up ARGS=--adopt")
    finally:
        subprocess.run(["docker", "volume", "rm", volume], stdout=subprocess.DEVNULL, check=True)


class Registry(http.server.BaseHTTPRequestHandler):
    """A registry that wants a login."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Ask for one."""
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="tests"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET


@pytest.fixture
def registry() -> Iterator[str]:
    """Serve it, and return its address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_credential_helper_that_is_gone_is_no_missing_image(stack: Commanded, registry: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"credsStore": "desktop.exe"}))
    plugins = Path.home() / ".docker/cli-plugins"
    if plugins.exists():
        (tmp_path / "cli-plugins").symlink_to(plugins)
    run = stack.make("up", f"DOCKER_TAG={registry}/site:1", DOCKER_CONFIG=str(tmp_path))
    refused(run, "helper for credentials cannot be run", "credsStore or credHelpers out of config.json", code=4)
    assert "no such image" not in run.output


def test_a_program_that_is_missing_behind_a_closed_folder(stack: Commanded, tmp_path: Path) -> None:
    # What stands first in PATH may not be run: Python then says that permission is denied, whatever follows.
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "git").touch()
    programs = tmp_path / "programs"
    programs.mkdir()
    for folder in ("/usr/local/bin", "/usr/bin", "/bin"):
        for path in Path(folder).iterdir():
            if path.name != "git" and not (programs / path.name).exists():
                (programs / path.name).symlink_to(path)
    searched = os.pathsep.join(map(str, (closed, programs, "/usr/sbin", "/sbin")))
    run = stack.make("explain", "--json", "SOURCE_DIR", PATH=searched)
    assert (run.code, "MODULE FAILURE" in run.output) == (0, False), run.output
