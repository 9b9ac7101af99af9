# SPDX-License-Identifier: BSD-3-Clause
"""What modules tell while they run, on its way to the driver."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..words import harmless


class Progress:
    """What modules tell while they run, in a file that grows."""

    def __init__(self, path: Path) -> None:
        """Make an empty file.

        Args:
            path: Where.
        """
        self.path = path
        path.touch(mode=0o600)
        self._offset = 0

    def new(self) -> list[dict[str, Any]]:
        """Return what has been told since the last time."""
        with self.path.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        # The last line may be one that is still being written.
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [harmless(json.loads(line)) for line in whole.splitlines()]
