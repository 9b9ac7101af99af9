# SPDX-License-Identifier: BSD-3-Clause
"""Builds of the application image on a host of their own: cold, with nothing changed, a line, and a dependency."""

from __future__ import annotations

import json
import re
from typing import Any

from .bare_machine import PROJECT, host, inside
from .measuring import Found, Row, Work, in_turn, run

HOST = "olympia-bench-builds"
IMAGE = "olympia/addons-server:local"
TARGETS = {"production": ["docker-compose.yml", "docker-compose.ci.yml"], "development": ["docker-compose.yml"]}
LINE = "echo '# A line.' >> source/src/olympia/amo/views.py"
# A small one that needs nothing else.
DEPENDENCY = (
    "echo 'sortedcontainers==2.4.0 "
    "--hash=sha256:a163dcaede0f1c021485e957a39245190e74249897e2ae4b2aa38595db237ee0' >> source/requirements/prod.txt"
)
CONTEXT = re.compile(r"transferring context: ([\d.]+)([kMG]?B)")
UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}


def shell(script: str) -> str:
    """Run a script in the project directory on the host."""
    return inside(HOST, "sh", "-ec", f"cd {PROJECT}; {script}")


def build(target: str = "production") -> str:
    """Build the application image as the bake module does, and return what BuildKit tells."""
    files = " ".join(f"--file {name}" for name in TARGETS[target])
    options = f"--set web.output=type=docker,compression=uncompressed --set web.target={target} --progress=plain"
    return shell(f"BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker buildx bake {files} {options} web 2>&1")


def context_bytes(told: str) -> int:
    """Return how much of the source tree a build was sent, in bytes.

    Args:
        told: What BuildKit tells of it.
    """
    # The source tree and the provisioner's own files; each is told again as it grows.
    found = {}
    for line in told.splitlines():
        if match := CONTEXT.search(line):
            found[line.split()[0]] = float(match[1]) * UNITS[match[2]]
    return round(sum(found.values()))


def image_size() -> dict[str, Any]:
    """Return the size of the image that was built last, and its largest layers, in MB."""
    history = shell(f"docker history --no-trunc --human=false --format '{{{{json .}}}}' {IMAGE}")
    layers = [json.loads(line) for line in history.splitlines()]
    sizes = sorted(((int(layer["Size"]), layer["CreatedBy"]) for layer in layers), reverse=True)
    return {
        "mb": round(sum(size for size, _by in sizes) / 1e6, 1),
        "layers": [{"mb": round(size / 1e6, 1), "made_by": " ".join(by.split())[:100]} for size, by in sizes[:4]],
    }


def measure(rounds: int) -> Found:
    """Return rows 5, 6 and 7, the context that is sent, and the size of each target.

    Args:
        rounds: How often.
    """
    told: list[str] = []

    def cold() -> None:
        shell("rm -rf source; cp -a original source; docker buildx prune --all --force")

    with host(HOST, "docker") as inventory:
        run(["ansible-playbook", "playbooks/build.yml", "-i", inventory])
        shell("cp -a source original")
        works = {
            "cold": Work(lambda: told.append(build()), cold),
            "nothing": Work(build),
            "line": Work(build, lambda: shell(LINE)),
            "dependency": Work(build, lambda: shell(DEPENDENCY)),
        }
        took = in_turn(rounds, works, warm=False)
        sizes = {}
        for target in TARGETS:
            build(target)
            sizes[target] = image_size()
    against = "a cold build"
    return Found(
        [
            Row(5, "rebuild after one line in src/", against, 0.03, took["line"], took["cold"]),
            Row(6, "rebuild after one production dependency", against, 0.15, took["dependency"], took["cold"]),
            Row(7, "rebuild, nothing changed", against, 0.01, took["nothing"], took["cold"]),
        ],
        {"context_bytes": context_bytes(told[0]), "images": sizes},
    )
