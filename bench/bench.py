#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Benchmark: the provisioner against the bare commands, in one run, alternating, on one project directory.

Prints medians with their spread, and the ratio pair by pair. Run it with `make bench`; it uses an instance of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "collections"))

from ansible_collections.addons.olympia.plugins.module_utils.client_config import npm_config, pip_config  # noqa: E402

INSTANCE = "olympia-bench"
HOST_IMAGE = ["molecule/resources/test_image.py", "trixie", "docker"]
PHASES = re.compile(r"^Seconds by phase: (.*?)\s+\(all: ([\d.]+)\)", re.MULTILINE)


SIZES = (1000, 10_000, 100_000)
# MariaDB counts by itself.
ROWS = (
    "INSERT INTO addons_addon (guid, slug, name, summary, version, file, modified) "
    "SELECT CONCAT('row-', seq, '@olympia.test'), CONCAT('row-', seq), CONCAT('Row ', seq), "
    "CONCAT('Keeps ', seq MOD 977, ' tabs in order and puts ', seq MOD 89, ' forgotten ones to sleep.'), '1.0', '', NOW(6) "
    "FROM seq_1_to_{rows} WHERE seq > (SELECT COUNT(*) FROM addons_addon WHERE slug LIKE 'row-%')"
)


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


@contextlib.contextmanager
def fresh_host(name: str, folder: Path, cache: Path) -> Iterator[Path]:
    """Run a host with an engine of its own and no images meanwhile, and yield an inventory that names it.

    Args:
        name: The host's name.
        folder: Where to write the inventory.
        cache: A folder that the host sees as /cache.
    """
    environment = dict(os.environ)
    image = run([sys.executable, *HOST_IMAGE], environment).split()[-1]
    create = ["docker", "run", "--detach", f"--name={name}", "--privileged", "--cgroupns=private"]
    create += ["--tmpfs=/run", "--tmpfs=/tmp", "--volume=/var/lib/docker", "--volume=/var/lib/containerd"]
    run([*create, f"--volume={cache}:/cache", image, "/lib/systemd/systemd"], environment)
    try:
        while subprocess.run(
            ["docker", "exec", name, "docker", "version"], capture_output=True, check=False
        ).returncode:
            time.sleep(0.2)
        for path, text in {"/etc/pip.conf": pip_config(), "/root/.npmrc": npm_config()}.items():
            local = folder / Path(path).name
            local.write_text(text)
            run(["docker", "cp", str(local), f"{name}:{path}"], environment)
        host = {"ansible_connection": "community.docker.docker", "ansible_python_interpreter": "/usr/bin/python3"}
        (folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": {name: host}}}))
        shutil.copytree(ROOT / "inventories/ci/group_vars", folder / "group_vars", dirs_exist_ok=True)
        yield folder / "hosts.yml"
    finally:
        run(["docker", "rm", "--force", "--volumes", name], environment)


def cached_builds(environment: Mapping[str, str], pairs: int) -> list[tuple[float, float]]:
    """Return how long the phase `build` takes on two hosts without images: alone, and with the cache of the first, in seconds.

    Args:
        environment: Process environment.
        pairs: How often.
    """
    found = []
    for _ in range(pairs):
        pair = []
        with tempfile.TemporaryDirectory() as temporary:
            folder, cache = Path(temporary), Path(temporary, "cache")
            cache.mkdir()
            for name, setting, words in (("one", "cache_to", "dest"), ("two", "cache_from", "src")):
                with fresh_host(f"{INSTANCE}-{name}", folder, cache) as inventory:
                    caches = json.dumps(
                        {
                            f"olympia_stack_{setting}": [f"type=local,{words}=/cache"],
                            "olympia_docker_image_store": "containerd",
                        }
                    )
                    output = run(
                        ["ansible-playbook", "-i", str(inventory), "playbooks/build.yml", "-e", caches], environment
                    )
                    phases = PHASES.search(output)
                    seconds_of = (
                        dict(zip(phases[1].split()[::2], phases[1].split()[1::2], strict=True)) if phases else {}
                    )
                    pair.append(float(seconds_of["build"]))
        found.append((pair[0], pair[1]))
    return found


def snapshots(environment: Mapping[str, str], instance: str, sizes: Sequence[int]) -> list[dict[str, object]]:
    """Return how long it takes to save and to restore, with some numbers of rows.

    Args:
        environment: Process environment.
        instance: A running instance.
        sizes: Numbers of rows, the smallest first.
    """
    found: list[dict[str, object]] = []
    for rows in sizes:
        client = 'MYSQL_PWD=$MYSQL_ROOT_PASSWORD mariadb --user=root olympia --execute="$0"'
        run(["docker", "exec", f"{instance}-mysqld-1", "sh", "-c", client, ROWS.format(rows=rows)], environment)
        measured: dict[str, object] = {"rows": rows, "load": round(os.getloadavg()[0], 1)}
        for action in ("save", "restore"):
            started = time.monotonic()
            output = run(["olympia", "snapshot", action, f"rows-{rows}", f"INSTANCE={instance}"], environment)
            phases = PHASES.search(output)
            measured |= {
                f"{action}_s": round(time.monotonic() - started, 1),
                f"{action}_phases": phases[1] if phases else "",
            }
        folder = Path(environment["XDG_STATE_HOME"], "olympia/snapshots", instance, f"rows-{rows}")
        measured["bytes"] = sum(path.stat().st_size for path in folder.iterdir())
        found.append(measured)
        words = "{rows} rows, {bytes} bytes: saved in {save_s} s ({save_phases}), "
        words += "restored in {restore_s} s ({restore_phases}); load {load}"
        print(words.format(**measured))
    return found


def main() -> int:
    """Run the benchmark; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--runs", type=int, default=7, help="measured rounds, after one that is not counted (default: 7)"
    )
    parser.add_argument("--port", type=int, default=8089, help="HTTP port of the benchmark's instance (default: 8089)")
    parser.add_argument(
        "--cache-pairs", type=int, default=1, help="pairs of builds without and with another host's cache (default: 1)"
    )
    parser.add_argument("--keep", action="store_true", help="leave the instance running")
    parser.add_argument(
        "--snapshots",
        type=int,
        nargs="*",
        metavar="ROWS",
        help="measure only how long saving and restoring takes (default: 1000 10000 100000 rows)",
    )
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

    if options.snapshots is not None:
        snapshots(environment, INSTANCE, sorted(options.snapshots or SIZES))
        if not options.keep:
            run(["olympia", "destroy", "--yes", f"INSTANCE={INSTANCE}", "SNAPSHOTS_KEPT=0"], environment)
            shutil.rmtree(state)
        return 0

    def bare() -> None:
        bare_environment = environment | {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
        run(["docker", "buildx", "bake", "--file", "docker-compose.yml", "web"], bare_environment, project)
        run(["docker", "compose", "up", "--detach", "--wait"], bare_environment, project)

    def ours() -> None:
        if "changed=0 " not in run(up, environment):
            raise CommandError("a run with nothing changed reported a change")

    def driver() -> None:
        run(["olympia", "up", f"INSTANCE={INSTANCE}"], environment)

    rounds: list[tuple[float, float, float]] = []
    for number in range(options.runs + 1):
        measured = (seconds(ours), seconds(bare), seconds(driver))
        if number:
            rounds.append(measured)
    ours_seconds, bare_seconds, driver_seconds = ([one[place] for one in rounds] for place in range(3))
    ratios = [one[0] / one[1] for one in rounds]
    added = [one[2] - one[0] for one in rounds]
    print(f"Nothing changed, {options.runs} rounds, median (range):")
    print(f"  ansible-playbook playbooks/up.yml   {spread(ours_seconds)} s")
    print(f"  buildx bake + compose up --wait     {spread(bare_seconds)} s")
    print(f"  ratio                               {spread(ratios)}")
    print(f"  olympia up                          {spread(driver_seconds)} s, of which the driver {spread(added)} s")

    builds = cached_builds(environment, options.cache_pairs)
    if builds:
        print(f"The image's build on a host without images, {len(builds)} pairs, median (range):")
        print(f"  without a cache                     {spread([pair[0] for pair in builds])} s")
        print(f"  with another host's cache           {spread([pair[1] for pair in builds])} s")
        print(f"  ratio                               {spread([pair[1] / pair[0] for pair in builds])}")

    results = ROOT / "bench/results"
    results.mkdir(exist_ok=True)
    (results / "latest.json").write_text(
        json.dumps(
            {
                "machine": {"platform": platform.platform(), "cores": os.cpu_count()},
                "first_run": {"from": started_from, "seconds": float(found[2]), "phases": found[1]},
                "nothing_changed": {
                    "provisioner_s": ours_seconds,
                    "bare_s": bare_seconds,
                    "ratios": ratios,
                    "driver_s": driver_seconds,
                },
                "build": {"alone_s": [pair[0] for pair in builds], "cached_s": [pair[1] for pair in builds]},
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
