# SPDX-License-Identifier: BSD-3-Clause
"""How long it takes to save an instance, and to restore it, with some numbers of rows."""

from __future__ import annotations

from typing import Any

from .bare_machine import PHASES
from .local import INSTANCE, instance
from .measuring import STATE, Found, run, seconds

SIZES = (1000, 10_000, 100_000)
# MariaDB counts by itself.
ROWS = (
    "INSERT INTO addons_addon (guid, slug, name, summary, version, file, modified) "
    "SELECT CONCAT('row-', seq, '@olympia.test'), CONCAT('row-', seq), CONCAT('Row ', seq), "
    "CONCAT('Keeps ', seq MOD 977, ' tabs in order and puts ', seq MOD 89, ' forgotten ones to sleep.'), '1.0', '', NOW(6) "
    "FROM seq_1_to_{rows} WHERE seq > (SELECT COUNT(*) FROM addons_addon WHERE slug LIKE 'row-%')"
)


def measure(port: int) -> Found:
    """Return seconds, phases and bytes for each number of rows.

    Args:
        port: The instance's port.
    """
    found: list[dict[str, Any]] = []
    with instance(port):
        for rows in SIZES:
            client = 'MYSQL_PWD=$MYSQL_ROOT_PASSWORD mariadb --user=root olympia --execute="$0"'
            run(["docker", "exec", f"{INSTANCE}-mysqld-1", "sh", "-c", client, ROWS.format(rows=rows)])
            measured: dict[str, Any] = {"rows": rows}
            for action in ("save", "restore"):
                output: list[str] = []
                command = ["olympia", "snapshot", action, f"rows-{rows}", f"INSTANCE={INSTANCE}"]
                measured[f"{action}_s"] = seconds(lambda output=output, command=command: output.append(run(command)))  # type: ignore[misc]
                phases = PHASES.search(output[0])
                measured[f"{action}_phases"] = phases[1] if phases else ""
            folder = STATE / "olympia/snapshots" / INSTANCE / f"rows-{rows}"
            found.append(measured | {"bytes": sum(path.stat().st_size for path in folder.iterdir())})
    return Found(facts={"snapshots": found})
