# SPDX-License-Identifier: BSD-3-Clause
"""What an instance's project directory keeps from one run to the next, besides rendered files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

INITIALIZED = ".initialized.json"  # below the project directory
RESTORE = ".restore.json"  # below the project directory: how far a restore has got that goes on, or was interrupted
TEST_RESULTS = "test-results"  # below the project directory: what the site's own tests report
DEPS_IMAGE = "deps/.image"  # the image that the mounted dependencies were taken from


def initialization_state(
    volume: str, found: Iterable[dict[str, Any]], service: str, volatile_services: Iterable[str]
) -> dict[str, str]:
    """Return what an initialization holds for: it has to be repeated when anything of this is another.

    Args:
        volume: When the database's volume was created.
        found: The project's containers.
        service: The service that initializes; its image counts.
        volatile_services: Services that forget with every start; the time of their start counts.
    """
    by_service = {entry["service"]: entry for entry in found}
    state = {"volume": volume, "image": by_service[service]["image"] if service in by_service else ""}
    return state | {name: by_service[name]["started_at"] for name in volatile_services if name in by_service}


def read_initialization(marker: Path) -> dict[str, str]:
    """Return the state that was initialized last; empty where there is none that can be read.

    Args:
        marker: The file that remembers it.
    """
    try:
        state = json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}
