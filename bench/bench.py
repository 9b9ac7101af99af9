#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Benchmark: the provisioner against the bare commands, in one run, in turn, on instances and hosts of its own.

Run it with `make bench`. It needs root, for the hosts that it makes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "collections")]

from bench import bare_machine, builds, caches, fleet, local, registry, shared, snapshots, tenants, told  # noqa: E402
from bench.measuring import CommandError, Found  # noqa: E402

RESULTS = ROOT / "bench/results"
# Pages with a table of the results, and the rows that it has: the README those that users care about, the other page all.
PAGES = {"README.md": (1, 4, 5, 7, 8), "docs/performance.md": None}
TABLE = re.compile(r"(?<=<!-- bench -->\n)(.*?)(?=<!-- /bench -->)", re.DOTALL)
# The parts whose rows make the table; the others are measured only on request.
TABLED = ("local", "bare-machine", "builds", "fleet")


def publish(found: Found, machine: str) -> None:
    """Write the results down, for programs and for people.

    Args:
        found: What the run has found so far.
        machine: What it was found on.
    """
    rows = sorted(found.rows, key=lambda row: row.number)
    RESULTS.mkdir(exist_ok=True)
    record = {"machine": machine, "rows": [row.as_record() for row in rows], **found.facts}
    (RESULTS / "latest.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "latest.svg").write_text(told.picture(rows, machine), encoding="utf-8")
    for name, numbers in PAGES.items():
        table = told.table(row for row in rows if numbers is None or row.number in numbers) + "\n"
        page = ROOT / name
        before, _table, after = TABLE.split(page.read_text(encoding="utf-8"))
        page.write_text(before + table + after, encoding="utf-8")


def main() -> int:
    """Run the benchmark; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each thing is measured (default: 5)")
    parser.add_argument("--long-rounds", type=int, default=3, help="the same of what takes minutes (default: 3)")
    parser.add_argument("--port", type=int, default=8089, help="HTTP port of the benchmark's instance (default: 8089)")
    parts: dict[str, Callable[[argparse.Namespace], Found]] = {
        "local": lambda options: local.measure(options.rounds, options.port),
        "bare-machine": lambda options: bare_machine.measure(options.long_rounds),
        "builds": lambda options: builds.measure(options.long_rounds),
        "fleet": lambda options: fleet.measure(options.rounds),
        "registry": lambda options: registry.measure(options.long_rounds, options.port),
        "caches": lambda options: caches.measure(options.long_rounds),
        "shared": lambda options: shared.measure(options.long_rounds),
        "tenants": lambda options: tenants.measure(options.rounds, options.port),
        "snapshots": lambda options: snapshots.measure(options.port),
    }
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)}; without any, {', '.join(TABLED)}"
    )
    options = parser.parse_args()
    if wrong := {*options.parts} - {*parts}:
        parser.error(f"no such part: {', '.join(sorted(wrong))}")

    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    whole = Found()
    for name in options.parts or TABLED:
        print(f"bench: {name} ...", flush=True)
        found = parts[name](options)
        whole.rows += found.rows
        whole.facts |= found.facts
        print(told.table(found.rows) if found.rows else "", json.dumps(found.facts, indent=2), flush=True)
        # Only a whole run replaces what the pages show: their rows come from one run on one machine.
        if not options.parts:
            publish(whole, machine)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CommandError as error:
        sys.exit(f"bench: {error}")
