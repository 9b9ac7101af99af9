# SPDX-License-Identifier: BSD-3-Clause
"""Runs with nothing changed on several hosts: containers with SSH and engines of their own, idle."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .bare_machine import host, inside, wait_for_boot
from .measuring import ROOT, CommandError, Found, Row, Work, in_turn, run

SIZES = (1, 4, 8)
NAME = "olympia-bench-host"
VOLUMES = ("/var/lib/docker", "/var/lib/containerd")


def copy_data(source: str, target: str) -> None:
    """Give a stopped host what another stopped one has: engine data and project directory.

    Args:
        source: The host that has it.
        target: The one that gets it.
    """
    volumes = "{{range .Mounts}}{{.Destination}}={{.Source}} {{end}}"
    where = [
        dict(pair.split("=") for pair in run(["docker", "inspect", "--format", volumes, name]).split())
        for name in (source, target)
    ]
    for path in VOLUMES:
        run(["sh", "-ec", f"rm -rf {where[1][path]}/*; cp -a {where[0][path]}/. {where[1][path]}"])
    with tempfile.TemporaryDirectory() as state:
        run(["docker", "cp", f"{source}:/root/.local", state])
        run(["docker", "cp", f"{state}/.local", f"{target}:/root"])


@contextlib.contextmanager
def fleet() -> Iterator[Path]:
    """Run as many hosts as the largest size, with a healthy stack each, and yield an inventory that reaches them over SSH."""
    with contextlib.ExitStack() as stack, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        names = [f"{NAME}-{number}" for number in range(1, max(SIZES) + 1)]
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"])
        first, *others = [(name, stack.enter_context(host(name, "ssh"))) for name in names]
        # Built once: the engines' data is copied.
        run(["ansible-playbook", "playbooks/up.yml", "-i", first[1]])
        run(["docker", "stop", *names])
        for name, _inventory in others:
            copy_data(names[0], name)
        run(["docker", "start", *names])
        hosts = {}
        for name in names:
            wait_for_boot(name)
            inside(
                name,
                "install",
                "-D",
                "--mode=0600",
                "/dev/stdin",
                "/root/.ssh/authorized_keys",
                stdin=(folder / "key.pub").read_text(),
            )
            address = run(["docker", "inspect", "--format={{.NetworkSettings.IPAddress}}", name]).strip()
            hosts[name] = {"ansible_host": address}
        variables = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(folder / "key"),
            "ansible_ssh_common_args": f"-o StrictHostKeyChecking=accept-new -o UserKnownHostsFile={folder}/known_hosts",
            "ansible_python_interpreter": "/usr/bin/python3",
            "olympia_stack_min_map_count": 0,
        }
        (folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": hosts, "vars": variables}}))
        (folder / "group_vars").symlink_to(ROOT / "inventories/ci/group_vars")
        yield folder / "hosts.yml"


def measure(rounds: int) -> Found:
    """Return row 10, and the seconds for each number of hosts.

    Args:
        rounds: How often.
    """
    with fleet() as inventory:

        def unchanged(size: int) -> None:
            limit = ",".join(f"{NAME}-{number}" for number in range(1, size + 1))
            output = run(["ansible-playbook", "playbooks/up.yml", "-i", inventory, "--limit", limit])
            if output.count("changed=0 ") != size:
                raise CommandError(f"a run with nothing changed reported a change:\n{output[-2000:]}")

        run(["ansible-playbook", "playbooks/up.yml", "-i", inventory])
        took = in_turn(rounds, {str(size): Work(lambda size=size: unchanged(size)) for size in SIZES})  # type: ignore[misc]
    row = Row(10, "nothing changed on 8 hosts", "1 host", 3, took["8"], took["1"])
    return Found([row], {"hosts": took})
