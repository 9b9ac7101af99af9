# SPDX-License-Identifier: BSD-3-Clause
"""From a bare machine to a healthy stack: the provisioner against a shell script that does the same steps one after the other."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.addons.olympia.plugins.module_utils.host.client_config import pip_config
from ansible_collections.addons.olympia.plugins.module_utils.stack.service_images import (
    bake_project,
    base_options,
    image_files,
    image_tags,
    package_sources,
)

from .measuring import ROOT, Found, Row, run, seconds

PROJECT = "/root/.local/state/olympia/addons-server"
SCRIPT = Path(__file__).with_name("straight.sh")
RELEASE = "bookworm"
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
PHASES = re.compile(r"^Seconds by phase: (.*?)\s+\(all: ([\d.]+)\)", re.MULTILINE)


@contextlib.contextmanager
def host(name: str, kind: str, *options: str) -> Iterator[Path]:
    """Run a test host with systemd meanwhile, and yield an inventory for it.

    Args:
        name: Its name.
        kind: What its image has, as molecule/resources/test_image.py names it.
        options: Further options of `docker run`.
    """
    image = run([sys.executable, "molecule/resources/test_image.py", "trixie", kind]).split()[-1]
    create = ["docker", "run", "--detach", f"--name={name}", f"--hostname={name}", "--privileged", "--cgroupns=private"]
    create += ["--tmpfs=/run", "--tmpfs=/tmp", "--volume=/var/lib/docker", "--volume=/var/lib/containerd", *options]
    run([*create, image, "/lib/systemd/systemd"])
    try:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            wait_for_boot(name)
            variables = {
                "ansible_connection": "community.docker.docker",
                "ansible_python_interpreter": "/usr/bin/python3",
                "olympia_stack_min_map_count": 0,
            }
            (folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": {name: variables}}}))
            (folder / "group_vars").symlink_to(ROOT / "inventories/ci/group_vars")
            yield folder / "hosts.yml"
    finally:
        run(["docker", "rm", "--force", "--volumes", name])


def wait_for_boot(name: str) -> None:
    """Wait until a host has started its services.

    Args:
        name: The host.
    """
    ask = ["docker", "exec", name, "systemctl", "is-system-running", "--wait"]
    # Degraded: there is no kernel module to be loaded in a container.
    while subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip() not in (
        "running",
        "degraded",
    ):
        time.sleep(0.1)


def inside(name: str, *command: str, stdin: str | None = None) -> str:
    """Run a command on a host as root, and return its output.

    Args:
        name: The host.
        command: The command.
        stdin: Its input.
    """
    return run(["docker", "exec", "--interactive", name, *command], stdin=stdin)


def straight(name: str, given: Path) -> None:
    """Put the script on a host, with what it builds from: the files that the provisioner made on another one.

    Args:
        name: The host.
        given: The project directory and the engine's configuration of that one.
    """
    files = image_files(ROOT / "roles/olympia_images/files")
    sources = package_sources(RELEASE)
    tags = image_tags(files, RELEASE, sources)
    folder = given / "straight"
    for path, text in bake_project(files, tags, ca_bundle=CA_BUNDLE, with_pip_config=True).items():
        (folder / "images" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "images" / path).write_text(text, encoding="utf-8")
    base = ["mmdebstrap", *base_options(files), RELEASE, "-", *sources]
    (folder / "base.sh").write_text(f"{shlex.join(base)} | docker import - {tags['base']}\n", encoding="utf-8")
    (folder / "pip.conf").write_text(pip_config(), encoding="utf-8")
    run(["docker", "cp", f"{folder}", f"{name}:/straight"])
    inside(name, "mkdir", "--parents", PROJECT, "/etc/docker")
    run(["docker", "cp", f"{given}/project/.", f"{name}:{PROJECT}"])
    run(["docker", "cp", f"{given}/daemon.json", f"{name}:/etc/docker/daemon.json"])


def measure(rounds: int) -> Found:
    """Return row 4, and how long each phase took.

    Args:
        rounds: How often.
    """
    ours, script, phases = [], [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as temporary:
            given = Path(temporary)
            with host("olympia-bench-ours", "systemd") as inventory:
                output: list[str] = []
                up = [
                    "ansible-playbook",
                    "playbooks/up.yml",
                    "-i",
                    inventory,
                    "-e",
                    "olympia_stack_image_origin=packages",
                ]
                ours.append(seconds(lambda up=up, output=output: output.append(run(up))))  # type: ignore[misc]
                found = PHASES.search(output[0])
                phases.append(found[1] if found else "")
                run(["docker", "cp", f"olympia-bench-ours:{PROJECT}", given / "project"])
                run(["docker", "cp", "olympia-bench-ours:/etc/docker/daemon.json", given])
            for made in (".initialized.json", "build-metadata.json", "deps"):
                run(["rm", "-rf", given / "project" / made])
            with host("olympia-bench-straight", "systemd"):
                straight("olympia-bench-straight", given)
                body = SCRIPT.read_text(encoding="utf-8")
                script.append(seconds(lambda body=body: inside("olympia-bench-straight", "sh", stdin=body)))  # type: ignore[misc]
    what = "a bare machine until the stack is healthy"
    row = Row(4, what, "a straight shell script", 0.8, ours, script)
    return Found([row], {"bare_machine_phases": phases})
