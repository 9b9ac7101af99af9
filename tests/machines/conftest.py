# SPDX-License-Identifier: BSD-3-Clause
"""Stacks on machines whose owners have other things on their minds: what they export, and what they have installed, stays."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.stack import Run, Stack, wait_until
from tests.fleet import make_image
from tests.hosts import BIN, docker
from tests.parts import ROOT

USER = "ana"
PORT = 2222
# One login at a time, and a log of those that it does not let in.
SSHD = f"/usr/sbin/sshd -D -e -p {PORT} -o MaxStartups=1:100:1 -o LogLevel=DEBUG1"


class Commanded(Stack):
    """A stack that is made with the command `olympia`."""

    def make(self, *arguments: str, **environment: str) -> Run:
        """Run the command `olympia` for this instance, with the settings that make it this one."""
        named = [f"HTTP_PORT={self.port}", f"SOURCE_DIR={self.source}", "IMAGE_ORIGIN=packages"]
        return self.olympia(*arguments, *named, **environment)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commanded]:
    """Return an instance that nobody has brought up yet."""
    stack = Commanded(f"olympia-test-{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("state"))
    yield stack
    stack.destroy()


@dataclass(frozen=True)
class Machine:
    """A machine that is reached over SSH.

    Attributes:
        name: Its container.
        address: Its address.
        inventory: The file that names it; what ssh gets to know lands beside it.
    """

    name: str
    address: str
    inventory: Path

    def start(self, *command: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command of the virtual environment for this machine."""
        # A connection that is kept would need no login.
        ours = {"XDG_STATE_HOME": str(self.inventory.parent / "state"), "ANSIBLE_SSH_ARGS": "-o ControlMaster=no"}
        return subprocess.Popen(
            [str(BIN / command[0]), *command[1:], "-i", str(self.inventory)], cwd=ROOT, env=os.environ | ours | environment,
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def refusals(self) -> int:
        """Return how many logins sshd has refused."""
        logged = subprocess.run(["docker", "logs", self.name], text=True, capture_output=True, check=True)
        return logged.stderr.count("drop connection")

    def crowd(self) -> socket.socket | None:
        """Return a connection of somebody who gets no further with the login; None where there is no room for it."""
        try:
            connection = socket.create_connection((self.address, PORT))
        except ConnectionRefusedError:
            return None
        if connection.recv(4) == b"SSH-":
            return connection
        connection.close()
        return None


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """Return a machine that has just been made."""
    name = f"olympia-test-{uuid.uuid4().hex[:8]}"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    make = f"mkdir -p /run/sshd && ssh-keygen -A && useradd --create-home --shell=/bin/bash {USER} && exec {SSHD}"
    docker(
        "run", "--detach", "--name", name, "--label=addons.olympia.test=true", make_image(bare=True), "sh", "-c", make
    )
    try:
        address = docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", name)
        ask = ["docker", "exec", name, "id", USER]
        wait_until(lambda: not subprocess.run(ask, capture_output=True, check=False).returncode, "there is the user")
        docker(
            "exec", "--interactive", name, "install", "-D", f"--owner={USER}", "--mode=0600", "/dev/stdin",
            f"/home/{USER}/.ssh/authorized_keys", stdin=(tmp_path / "key.pub").read_text(),
        )  # fmt: skip
        variables = {
            "ansible_host": address,
            "ansible_port": PORT,
            "ansible_user": USER,
            "ansible_ssh_private_key_file": str(tmp_path / "key"),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={tmp_path}/known_hosts",
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        (tmp_path / "hosts.yml").write_text(json.dumps({"all": {"hosts": {"far": variables}}}))
        yield Machine(name, address, tmp_path / "hosts.yml")
    finally:
        docker("rm", "--force", name)


@pytest.fixture
def known(machine: Machine) -> Machine:
    """Return that machine, with its key known here."""
    key = docker("exec", machine.name, "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
    (machine.inventory.parent / "known_hosts").write_text(f"[{machine.address}]:{PORT} {key}\n")
    return machine
