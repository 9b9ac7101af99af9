# SPDX-License-Identifier: BSD-3-Clause
"""Shared machines for tests: containers with systemd and sshd, reached over SSH by an operator who may use sudo."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.addons.olympia.plugins.module_utils.shared.people import BUILDER_UID

from .hosts import BIN, BUILD_CACHE, Outcome, docker, load_images, mount_build_cache
from .parts import ROOT

OPERATOR = "vm-operator"
RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


def make_image(bare: bool) -> str:
    """Return the image of a machine that has an SSH server, which is made where it is missing.

    Args:
        bare: Whether it has no engine.
    """
    script = ROOT / "molecule/resources/test_image.py"
    command = [sys.executable, str(script), "trixie", "bare-ssh" if bare else "docker"]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, check=True)
    return done.stdout.strip()


def changes(output: str) -> dict[str, int]:
    """Return how many tasks changed something, by host.

    Args:
        output: What a run has printed.
    """
    return {name: int(changed) for name, changed, _unreachable, _failed in RECAP.findall(output)}


def outcomes(output: str) -> dict[str, str]:
    """Return how each host has ended: `ok`, `unreachable` or `failed`.

    Args:
        output: What a run has printed.
    """
    return {
        name: "unreachable" if int(unreachable) else "failed" if int(failed) else "ok"
        for name, _changed, unreachable, failed in RECAP.findall(output)
    }


@dataclass
class Fleet:
    """Machines, and the inventory that names them.

    Attributes:
        folder: Where the inventory, keys and what runs leave here are.
        machines: Names of the machines.
        tenants: The variable `olympia_tenants`.
        settings: Further variables of all hosts.
        addresses: The machines' addresses.
    """

    folder: Path
    machines: Sequence[str]
    tenants: list[dict[str, Any]]
    settings: Mapping[str, Any] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)

    @property
    def network(self) -> str:
        """The name of the network that the machines are in."""
        return f"olympia-test-{self.machines[0].partition('.')[0]}"

    @property
    def inventory(self) -> Path:
        """The folder of the inventory."""
        return self.folder / "inventory"

    def start(self, images: Sequence[str]) -> None:
        """Make the machines, and give their engines images.

        Args:
            images: References of images that this machine's engine has; without any, the machines have no engine either.
        """
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f"]
        for who in (OPERATOR, *(tenant["name"] for tenant in self.tenants)):
            subprocess.run([*keygen, self.folder / who], check=True)
        for tenant in self.tenants:
            tenant["keys"] = [(self.folder / f"{tenant['name']}.pub").read_text().strip()]
        docker("network", "create", "--label=addons.olympia.test=true", self.network)
        image = make_image(bare=not images)
        for machine in self.machines:
            docker(
                "run", "--detach", "--name", machine, "--hostname", machine, f"--network={self.network}",
                "--privileged", "--cgroupns=private", "--tmpfs=/run", "--tmpfs=/tmp", "--volume=/var/lib/docker",
                "--volume=/var/lib/containerd", "--volume=/var/lib/olympia", "--label=addons.olympia.test=true",
                mount_build_cache(), image, "/lib/systemd/systemd",
            )  # fmt: skip
        for machine in self.machines:
            self._prepare(machine, images)
            # Readers lock this file, and the tenants' builder cannot create it. Without it BuildKit warns and uses no cache.
            self.inside(machine, "chgrp", str(BUILDER_UID), BUILD_CACHE)
            self.inside(
                machine, "find", BUILD_CACHE, "-name", "oci-layout", "-execdir", "touch", "index.json.lock", ";"
            )
        self.write()

    def restart(self, machine: str) -> None:
        """Boot a machine again."""
        docker("restart", machine)
        self._wait(machine)
        self.write()

    def _wait(self, machine: str) -> None:
        deadline = time.monotonic() + 120
        ask = [
            "docker",
            "exec",
            machine,
            "sh",
            "-c",
            "systemctl is-active ssh && { ! command -v docker || docker version; }",
        ]
        while (done := subprocess.run(ask, capture_output=True, text=True, check=False)).returncode:
            assert time.monotonic() < deadline, f"{machine} does not boot: {done.stdout}{done.stderr}"
            time.sleep(0.2)
        # Loop devices belong to the kernel, so to all test hosts at once; a container has those that there were when it started.
        nodes = "for n in $(seq 0 63); do [ -e /dev/loop$n ] || mknod --mode=0660 /dev/loop$n b 7 $n; done"
        self.inside(machine, "sh", "-c", nodes)
        self.addresses[machine] = docker(
            "inspect", "--format", f'{{{{(index .NetworkSettings.Networks "{self.network}").IPAddress}}}}', machine
        )

    def _prepare(self, machine: str, images: Sequence[str]) -> None:
        self._wait(machine)
        self.inside(machine, "useradd", "--create-home", "--shell=/bin/bash", OPERATOR)
        docker(
            "exec", "--interactive", machine, "install", "-D", f"--owner={OPERATOR}", "--mode=0600", "/dev/stdin",
            f"/home/{OPERATOR}/.ssh/authorized_keys", stdin=(self.folder / f"{OPERATOR}.pub").read_text(),
        )  # fmt: skip
        rule = f"{OPERATOR} ALL=(ALL) NOPASSWD: ALL\n"
        docker("exec", "--interactive", machine, "install", "/dev/stdin", f"/etc/sudoers.d/{OPERATOR}", stdin=rule)
        if images:
            # As the role makes an engine: its builder can write caches.
            store = json.dumps({"features": {"containerd-snapshotter": True}})
            docker("exec", "--interactive", machine, "install", "/dev/stdin", "/etc/docker/daemon.json", stdin=store)
            self.inside(machine, "systemctl", "restart", "docker")
            load_images(machine, images)

    def write(self) -> None:
        """Write the inventory of now."""
        hosts = {machine: {"ansible_host": self.addresses[machine]} for machine in self.machines}
        known = f"-o UserKnownHostsFile={self.folder}/known_hosts -o StrictHostKeyChecking=accept-new"
        variables = {
            "ansible_user": OPERATOR,
            "ansible_ssh_private_key_file": str(self.folder / OPERATOR),
            "ansible_ssh_common_args": known,
            "ansible_python_interpreter": "/usr/bin/python3",
            "olympia_stack_image_origin": "packages",
            **self.settings,
        }
        (self.inventory / "group_vars").mkdir(parents=True, exist_ok=True)
        (self.inventory / "hosts.yml").write_text(json.dumps({"olympia_machines": {"hosts": hosts}}))
        (self.inventory / "instances.yml").write_text("plugin: addons.olympia.tenants\n")
        told = variables | {"olympia_tenants": self.tenants}
        (self.inventory / "group_vars/all.yml").write_text(json.dumps(told))

    def run(self, *command: str, within: int | None = None) -> Outcome:
        """Run a command of the virtual environment for the fleet.

        Args:
            command: The command, without its inventory.
            within: Seconds after which it is a failure that it still runs; None where nothing can keep it from ending.
        """
        with self.started(*command) as run:
            try:
                output, _errors = run.communicate(timeout=within)
            except subprocess.TimeoutExpired:
                run.kill()
                raise
        return Outcome(run.returncode, output)

    def started(self, *command: str) -> subprocess.Popen[str]:
        """Start a command of the virtual environment for the fleet.

        Args:
            command: The command, without its inventory.
        """
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("OLYMPIA_", "COMPOSE_", "DOCKER_"))}
        return subprocess.Popen(
            [str(BIN / command[0]), *command[1:], "-i", str(self.inventory)], cwd=ROOT,
            env=kept | {"XDG_STATE_HOME": str(self.folder / "state")},
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def inside(self, machine: str, *command: str) -> str:
        """Run a command on a machine as root; it must succeed."""
        return docker("exec", machine, *command)

    def as_tenant(
        self, machine: str, name: str, command: str, key: str = "", within: int = 120, options: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command over SSH as a tenant.

        Args:
            machine: Where.
            name: The tenant.
            command: The command.
            key: Whose key is used; the tenant's own where it is empty.
            within: Seconds after which it is a failure that it still runs.
            options: Further options of the SSH client.
        """
        own = ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=accept-new", "-o", "IdentitiesOnly=yes"]
        own += ["-o", f"UserKnownHostsFile={self.folder}/known_hosts", "-i", str(self.folder / (key or name))]
        return subprocess.run(
            ["ssh", *own, *options, f"{name}@{self.addresses[machine]}", command],
            capture_output=True, text=True, check=False, timeout=within,
        )  # fmt: skip

    def page(self, machine: str, host: str, authority: str = "", user: str = "") -> tuple[int, str]:
        """Return the status and text of the page that tells the version, as `ask` gets it."""
        answer = self.ask(machine, host, authority, user)
        return answer.status, answer.read().decode()

    def ask(self, machine: str, host: str, authority: str = "", user: str = "") -> http.client.HTTPResponse:
        """Return the answer of the page that tells the version, through the reverse proxy and with its certificate verified.

        Args:
            machine: The machine.
            host: Name of the site.
            authority: Certificate that the reverse proxy's is signed by; the machine's own authority's where it is empty.
            user: Name and password, with a colon between them; those of the instance's tenant where it is empty.
        """
        user = user or self._login(machine, host.partition(".")[0])
        if not authority:
            plain = http.client.HTTPConnection(self.addresses[machine], timeout=30)
            plain.request("GET", "/ca.crt", headers={"Host": machine})
            authority = plain.getresponse().read().decode()
        context = ssl.create_default_context(cadata=authority)
        # As Python does from 3.13 on.
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        connection = http.client.HTTPSConnection(host, timeout=60, context=context)
        # The name is in no name server, so that it is said where it leads.
        connection.sock = context.wrap_socket(
            socket.create_connection((self.addresses[machine], 443), timeout=60), server_hostname=host
        )
        word = base64.b64encode(user.encode()).decode()
        connection.request("GET", "/__version__", headers={"Authorization": f"Basic {word}"})
        return connection.getresponse()

    def _login(self, machine: str, tenant: str) -> str:
        """Return a tenant's name and generated password, or with an empty password where there is none."""
        there = subprocess.run(
            ["docker", "exec", machine, "cat", f"/etc/olympia/proxy/passwords/{tenant}"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return f"{tenant}:{there.stdout.strip()}"

    def remove(self) -> None:
        """Throw the machines away."""
        for machine in self.machines:
            # Else their loop devices would hold files that are gone.
            subprocess.run(
                ["docker", "exec", machine, "sh", "-c", "systemctl stop 'user@*' 'home-*.mount'"],
                capture_output=True, check=False,
            )  # fmt: skip
            subprocess.run(["docker", "rm", "--force", "--volumes", machine], capture_output=True, check=False)
        subprocess.run(["docker", "network", "rm", self.network], capture_output=True, check=False)


def two_people(folder: Path, machine: str, settings: Mapping[str, Any] | None = None) -> Fleet:
    """Return a machine, not yet made, that ana and ben share.

    Args:
        folder: Where the inventory, keys and what runs leave are.
        machine: Its name.
        settings: Settings of ana's instance.
    """
    people = [
        {"name": "ana", "uid": 2001, "disk_gb": 12, "settings": dict(settings or {})},
        {"name": "ben", "uid": 2002, "disk_gb": 8},
    ]
    return Fleet(folder, [machine], people)
