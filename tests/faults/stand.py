# SPDX-License-Identifier: BSD-3-Clause
"""A test host with a running stack, small disks that can be filled, and what has to survive."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from tests.hosts import Host, Outcome, docker, load_images

INSTANCE = "addons-server"
STATE = "/root/.local/state/olympia"
PROJECT = f"{STATE}/{INSTANCE}"
# Large enough for the stack, small enough to be filled in a moment.
ENGINE_DISK, PROJECT_DISK = "10G", "64m"
# An engine's files on a file system of their own, so that filling it fills nothing else.
PREPARE = f"""
set -e
apt-get -qq update
apt-get -qq install --yes faketime >/dev/null
systemctl stop docker.service docker.socket containerd.service
truncate --size={ENGINE_DISK} /engine.img
mkfs.ext4 -q -m 0 /engine.img
mount -o loop /engine.img /var/lib/docker
mkdir -p {STATE}
mount -t tmpfs -o size={PROJECT_DISK},mode=0700 tmpfs {STATE}
systemctl start docker.service
"""


@dataclass
class Stand(Host):
    """The host, and what was written before each fault.

    Attributes:
        kept: What has to be there still: rows, and the files that belong to them.
        count: Makes each change a new one.
    """

    kept: list[str] = field(default_factory=list)
    count: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def prepare(self, images: Iterable[str]) -> None:
        """Give the engine and the project directory small disks, and the engine images.

        Args:
            images: Their tags.
        """
        docker("exec", "--interactive", self.name, "bash", "-s", stdin=PREPARE)
        self.wait_for_engine()
        load_images(self.name, images)

    def shell(self, script: str) -> str:
        """Run a script on the host as root; it must succeed."""
        return self.inside("bash", "-c", script)

    def service(self, service: str, script: str) -> str:
        """Run a script in a service's container as root."""
        return self.inside("docker", "exec", "--user=root", f"{INSTANCE}-{service}-1", "sh", "-c", script)

    def sql(self, statement: str) -> str:
        """Run a statement in the site's database, and return what it gives."""
        client = 'MYSQL_PWD="$MYSQL_ROOT_PASSWORD" exec mariadb --user=root --skip-column-names olympia --execute='
        return self.service("mysqld", f'{client}"{statement}"')

    def recover(self) -> None:
        """Bring the stack up where a test that has failed has left it down, so that it fails no other one."""
        if not self.inside("docker", "ps", "--quiet", f"--filter=name=^{INSTANCE}-mysqld-", "--filter=health=healthy"):
            self.up()

    def keep(self, what: str) -> None:
        """Write a row and a file."""
        self.sql("CREATE TABLE IF NOT EXISTS kept (what VARCHAR(200) PRIMARY KEY)")
        self.sql(f"INSERT INTO kept VALUES ('{what}')")
        self.service("web", f"echo '{what}' >> /data/olympia/storage/kept")
        self.kept.append(what)

    def lost(self) -> list[str]:
        """Return what of that is not there any more."""
        rows = self.sql("SELECT what FROM kept").splitlines()
        lines = self.service("web", "cat /data/olympia/storage/kept").splitlines()
        return [what for what in self.kept if what not in rows or what not in lines]

    def work_for(self, phase: str) -> list[str]:
        """Let a phase of the next 'up' have something to do, and return the settings for that."""
        number = next(self.count)
        if phase == "engine":
            return [f"olympia_docker_daemon_options={json.dumps({'max-concurrent-uploads': number})}"]
        if phase == "images":
            self.shell(
                "docker image rm --force $(docker image ls --format '{{.Repository}}:{{.Tag}}' olympia/memcached)"
            )
            return []
        return [f"DOCKER_BUILD={number}"]

    def unplug(self) -> None:
        """Cut it from every network."""
        docker("network", "disconnect", "bridge", self.name)

    def plug_in(self) -> None:
        """Give it its network back."""
        docker("network", "connect", "bridge", self.name)

    def up(self, *settings: str) -> Outcome:
        """Bring the stack up, whatever comes of it."""
        return self.olympia("up", *settings)

    def up_until(
        self, phase: str, strike: Callable[[subprocess.Popen[str]], object], *settings: str, event: str = "phase"
    ) -> Outcome:
        """Bring the stack up, and let something happen at the first event of a kind in a phase.

        Args:
            phase: The phase.
            strike: What happens; it is given the process of the command.
            settings: Settings of the run.
            event: The event, as docs/events.md calls it: by default, that the phase begins.
        """
        process = subprocess.Popen(
            self.command("up", "--json", *settings), cwd=self.folder, env=self.environment,
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert process.stdout
        lines = []
        struck = False
        for line in process.stdout:
            lines.append(line)
            told = json.loads(line) if line.startswith("{") else {}
            if not struck and (told.get("event"), told.get("phase")) == (event, phase):
                struck = True
                strike(process)
        code = process.wait()
        assert struck, "".join(lines)
        return Outcome(code, "".join(lines))
