# SPDX-License-Identifier: BSD-3-Clause
"""What docs/security.md promises, where a running stack alone cannot tell: runs, images, an engine on TCP."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from .conftest import UID, Watched
from .stack import ROOT, Stack, free_port, wait_until

GZIP = b"\x1f\x8b"
CHUNK = 1 << 20
LABELS = "org.opencontainers.image"


def files_with(folder: Path, found: dict[str, str]) -> list[tuple[str, str]]:
    """Return file and name of each secret that is in a file below a folder."""
    files = [Path(base, name) for base, _folders, names in os.walk(folder) for name in names]
    contents = {str(file.relative_to(folder)): file.read_bytes() for file in files if file.is_file()}
    return sorted(
        (file, name)
        for file, content in contents.items()
        for name, secret in found.items()
        if secret.encode() in content
    )


def test_no_secret_is_in_a_command_line_of_any_process_of_a_run(watched: Watched) -> None:
    seen = b"\n".join(watched.command_lines)
    for known in (b"ansible-playbook", b"buildx", b"celery", b"redis-server"):
        assert known in seen, "the watch has missed the run"
    assert [name for name, secret in watched.secrets.items() if secret.encode() in seen] == []


def test_no_secret_is_in_a_runs_output_artifacts_and_records(watched: Watched) -> None:
    found = watched.secrets
    assert "MYSQL_ROOT_PASSWORD" in watched.run.output
    assert [name for name, secret in found.items() if secret in watched.run.output] == []
    assert list(watched.artifacts.rglob("*.json")), "the run has left artifacts"
    assert files_with(watched.artifacts, found) == []
    # The state directory has the records of all runs, and the project directories.
    state, own = watched.stack.state / "olympia", f"{watched.stack.instance}/.env"
    assert files_with(state, watched.stack.secrets) == [(own, name) for name in sorted(found)]
    assert {file for file, _name in files_with(state, found)} <= {own}


def blobs(archive: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """Yield the files of a saved image: its layers, unpacked, and what describes them."""
    with tarfile.open(archive) as saved:
        for member in saved:
            if not member.isfile():
                continue
            file = saved.extractfile(member)
            assert file
            packed = file.read(2) == GZIP
            file.seek(0)
            # A layer is an archive itself; its files are in it as they are.
            yield gzip.GzipFile(fileobj=file) if packed else file


def contains(archive: Path, words: list[bytes]) -> set[bytes]:
    """Return which of some words are anywhere in a saved image, files that a later layer hides included."""
    found: set[bytes] = set()
    for blob in blobs(archive):
        before = b""
        while chunk := blob.read(CHUNK):
            found |= {word for word in words if word in before + chunk}
            # A word may begin in one chunk and end in the next.
            before = chunk[-max(map(len, words)) :]
    return found


@pytest.mark.full
def test_no_secret_is_in_any_layer_of_the_image(stack: Stack, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    stack.docker("save", "--output", str(archive), stack.container("web")["Config"]["Image"])
    known = b"olympia-entrypoint: HOST_UID is"
    words = [secret.encode() for secret in stack.secrets.values()]
    assert contains(archive, [known, *words]) == {known}


@pytest.mark.full
def test_a_stack_of_before_gets_the_secret_that_it_lacks(stack: Stack) -> None:
    env = stack.project / ".env"
    before = stack.secrets
    env.write_text("".join(line for line in env.read_text().splitlines(True) if "REDIS_PASSWORD" not in line))
    stack.up()
    after = stack.secrets
    assert after.pop("REDIS_PASSWORD") != before.pop("REDIS_PASSWORD")
    assert after == before
    assert stack.get("/services/monitor.json")[0] == 200
    assert stack.up().changed == 0


def answers(address: str, port: int) -> bool:
    """Return whether something listens on a TCP address."""
    with socket.socket() as client:
        client.settimeout(10)
        return client.connect_ex((address, port)) == 0


def test_the_site_is_reached_by_the_loopback_address_and_by_no_other(stack: Stack) -> None:
    (network,) = json.loads(stack.docker("network", "inspect", f"{stack.instance}_default"))
    # An address of this host that is not the loopback one.
    bridge = network["IPAM"]["Config"][0]["Gateway"]
    assert answers("127.0.0.1", stack.port)
    assert not answers(bridge, stack.port)


@pytest.mark.parametrize(("service", "says"), [("web", "goodbye to uWSGI"), ("worker", "Warm shutdown")])
def test_a_stop_reaches_the_application_with_its_few_capabilities(stack: Stack, service: str, says: str) -> None:
    container = stack.container(service)["Id"]
    stack.docker("stop", container)
    code = stack.container(service)["State"]["ExitCode"]
    log = subprocess.run(["docker", "logs", container], capture_output=True, text=True, check=True)
    stack.docker("start", container)
    wait_until(lambda: service in stack.healthy(), f"{service} is healthy again")
    # An entrypoint that may not pass the signal on ends with 1; what does not listen is killed after ten seconds, with 137.
    assert code == 0
    assert says in log.stdout + log.stderr


@pytest.mark.full
def test_the_mounted_dependencies_are_filled_for_another_user_with_few_capabilities(stack: Stack) -> None:
    deps = stack.project / "deps"
    # Then back to the contributor.
    for uid in (12345, UID):
        (deps / ".image").unlink()
        stack.up(host_uid=str(uid))
        assert {path.lstat().st_uid for path in (deps, deps / ".image", *(deps / "bin").iterdir())} == {uid}


def labels(stack: Stack) -> dict[str, str]:
    """Return the labels of the application image."""
    (image,) = json.loads(stack.docker("image", "inspect", f"olympia/{stack.instance}:local"))
    found: dict[str, str] = image["Config"]["Labels"]
    return found


@pytest.mark.full
def test_a_new_commit_is_a_label_that_costs_no_step_of_the_build(
    make_stack: Callable[..., Stack], tmp_path: Path
) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(source), "-c", "user.name=Me", "-c", "user.email=me@example.org", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    source = tmp_path / "source"
    subprocess.run(["cp", "--recursive", str(ROOT / "app"), str(source)], check=True)
    git("init", "--quiet")
    git("remote", "add", "origin", "https://me:swordfish@git.example.org/addons-server.git")
    git("add", ".")
    git("commit", "--quiet", "--message=first")
    stack = make_stack(source=source, settings={"target": "production"})

    def build() -> tuple[int, set[str]]:
        run = stack.play("build")
        assert run.code == 0, run.output
        (image,) = json.loads(stack.docker("image", "inspect", f"olympia/{stack.instance}:local"))
        return run.changed, set(image["RootFS"]["Layers"])

    _changed, layers = build()
    wanted = {
        "addons.olympia.created-by": "addons.olympia",
        "addons.olympia.instance": stack.instance,
        f"{LABELS}.revision": git("rev-parse", "HEAD"),
        f"{LABELS}.source": "https://git.example.org/addons-server.git",
        f"{LABELS}.version": "local",
    }
    # The base image has labels, too.
    found = labels(stack)
    assert {name: found.get(name) for name in wanted} == wanted
    assert build() == (0, layers)
    git("commit", "--quiet", "--allow-empty", "--message=second")
    changed, layers_of_the_second = build()
    assert changed > 0
    assert labels(stack)[f"{LABELS}.revision"] == git("rev-parse", "HEAD")
    assert layers_of_the_second == layers


def test_the_bill_of_materials_has_what_is_in_the_image(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "image.spdx.json"
    run = stack.olympia("sbom", "--output", str(file))
    assert run.code == 0, run.output
    document = json.loads(file.read_text())
    addresses = {one["referenceLocator"] for package in document["packages"] for one in package.get("externalRefs", [])}
    django = stack.inside("web", "python3", "-c", "import django; print(django.__version__)")
    libc, architecture = stack.inside("web", "dpkg-query", "-Wf", "${Version} ${Architecture}", "libc6").split()
    assert f"pkg:pypi/django@{django}" in addresses
    assert f"pkg:deb/debian/libc6@{libc.replace('+', '%2B')}?arch={architecture}&distro=debian-12" in addresses
    assert [one for one in addresses if one.startswith("pkg:npm/npm@")]
    assert f"{len(document['packages']) - 1} packages: {file}" in run.output
    assert json.loads(stack.olympia("sbom").output)["packages"] == document["packages"]


@pytest.mark.full
def test_the_bill_of_materials_of_no_image_is_a_sentence(make_stack: Callable[..., Stack]) -> None:
    run = make_stack().olympia("sbom")
    assert run.code != 0
    assert "'make build' builds it" in run.output


@pytest.fixture
def engine_on_tcp() -> Iterator[tuple[str, int]]:
    """Return socket and port of a second engine, which listens on TCP, too, and has no network and no containers.

    It is in a network namespace of its own: an engine without a bridge removes the one that it finds, which is the first engine's.
    """
    port = free_port()
    # A socket's path has no room for pytest's own folders.
    with tempfile.TemporaryDirectory(prefix="olympia-") as folder:
        address = f"unix://{folder}/docker.sock"
        settings = Path(folder, "daemon.json")
        settings.write_text("{}")
        log = Path(folder, "log")
        with log.open("w") as output:
            process = subprocess.Popen(
                [
                    "unshare", "--net", "dockerd", f"--config-file={settings}",
                    f"--data-root={folder}/data", f"--exec-root={folder}/exec",
                    f"--pidfile={folder}/pid", "--bridge=none", "--iptables=false", "--ip6tables=false",
                    "--ip-forward=false", f"--host={address}", f"--host=tcp://127.0.0.1:{port}", "--tls=false",
                ],
                stdout=output, stderr=output,
            )  # fmt: skip
        try:

            def started() -> bool:
                assert process.poll() is None, log.read_text()
                ask = ["docker", f"--host={address}", "version"]
                return not subprocess.run(ask, capture_output=True, check=False).returncode

            wait_until(started, "the second engine answers")
            yield address, port
        finally:
            process.terminate()
            process.wait()


@pytest.mark.full
def test_the_doctor_warns_of_an_engine_that_listens_on_tcp(
    make_stack: Callable[..., Stack], engine_on_tcp: tuple[str, int]
) -> None:
    address, port = engine_on_tcp
    bare = make_stack()
    good = bare.olympia("doctor", "engine-tcp", "--json")
    warned = bare.olympia("doctor", "engine-tcp", "--json", DOCKER_HOST=address)
    (before,), (after,) = (
        json.JSONDecoder().raw_decode(run.output)[0]["hosts"]["localhost"]["checks"] for run in (good, warned)
    )
    assert before["state"] == "ok", before
    assert after["state"] == "warning" and f"127.0.0.1:{port}" in after["evidence"], after
