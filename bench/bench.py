#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Benchmark: the provisioner against the bare commands, in one run, alternating, on one project directory.

Prints medians with their spread, and the ratio pair by pair. Run it with `make bench`; it uses an instance of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INSTANCE = "olympia-bench"
PHASES = re.compile(r"^Seconds by phase: (.*?)\s+\(all: ([\d.]+)\)", re.MULTILINE)


class CommandError(RuntimeError):
    """A command of the benchmark failed. The message has the command and the end of its output."""


def run(arguments: list[str], environment: Mapping[str, str], cwd: Path = ROOT) -> str:
    """Run a command and return its output.

    Args:
        arguments: The command and its arguments.
        environment: Process environment.
        cwd: Working directory.

    Raises:
        CommandError: It returned another code than 0.
    """
    done = subprocess.run(
        arguments, cwd=cwd, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        raise CommandError(f"{' '.join(arguments)} returned {done.returncode}:\n{done.stdout[-3000:]}")
    return done.stdout


def seconds(work: Callable[[], object]) -> float:
    """Return how long some work takes, in seconds."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def spread(values: list[float]) -> str:
    """Return median and range of some figures, as text."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def main() -> int:
    """Run the benchmark; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--runs", type=int, default=7, help="measured pairs, after one that is not counted (default: 7)"
    )
    parser.add_argument("--port", type=int, default=8089, help="HTTP port of the benchmark's instance (default: 8089)")
    parser.add_argument("--keep", action="store_true", help="leave the instance running")
    options = parser.parse_args()

    state = ROOT / ".bench"
    project = state / "olympia" / INSTANCE
    environment = dict(os.environ) | {"XDG_STATE_HOME": str(state), "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}"}
    playbook = ["ansible-playbook", "-i", "inventories/local"]
    settings = ["-e", f"olympia_stack_instance={INSTANCE}", "-e", f"olympia_stack_http_port={options.port}"]
    up = [*playbook, "playbooks/up.yml", *settings]
    engine_before = shutil.which("dockerd") is not None

    print(f"{platform.platform()}, {os.cpu_count()} cores")
    first_output = run(up, environment)
    found = PHASES.search(first_output)
    if not found:
        raise CommandError(f"the run does not print its phases:\n{first_output[-3000:]}")
    started_from = "an installed engine" if engine_before else "a machine without an engine"
    print(f"First run, from {started_from}: {found[2]} s ({found[1]})")

    def bare() -> None:
        bare_environment = environment | {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
        run(["docker", "buildx", "bake", "--file", "docker-compose.yml", "web"], bare_environment, project)
        run(["docker", "compose", "up", "--detach", "--wait"], bare_environment, project)

    def ours() -> None:
        if "changed=0 " not in run(up, environment):
            raise CommandError("a run with nothing changed reported a change")

    pairs: list[tuple[float, float]] = []
    for number in range(options.runs + 1):
        pair = (seconds(ours), seconds(bare))
        if number:
            pairs.append(pair)
    ours_seconds, bare_seconds = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    ratios = [pair[0] / pair[1] for pair in pairs]
    print(f"Nothing changed, {options.runs} pairs, median (range):")
    print(f"  ansible-playbook playbooks/up.yml   {spread(ours_seconds)} s")
    print(f"  buildx bake + compose up --wait     {spread(bare_seconds)} s")
    print(f"  ratio                               {spread(ratios)}")

    results = ROOT / "bench/results"
    results.mkdir(exist_ok=True)
    (results / "latest.json").write_text(
        json.dumps(
            {
                "machine": {"platform": platform.platform(), "cores": os.cpu_count()},
                "first_run": {"from": started_from, "seconds": float(found[2]), "phases": found[1]},
                "nothing_changed": {"provisioner_s": ours_seconds, "bare_s": bare_seconds, "ratios": ratios},
            },
            indent=2,
        )
        + "\n",
        encoding="utf-8",
    )
    if not options.keep:
        run([*playbook, "playbooks/down.yml", *settings], environment)
        # The instance is the benchmark's own, data included.
        volumes = run(["docker", "volume", "ls", "--quiet", "--filter", f"name=^{INSTANCE}_"], environment).split()
        run(["docker", "volume", "rm", *volumes], environment)
        shutil.rmtree(state)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CommandError as error:
        sys.exit(f"bench: {error}")
