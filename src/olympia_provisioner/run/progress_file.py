# SPDX-License-Identifier: BSD-3-Clause
"""The file through which running modules send progress events to the driver."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..words import harmless


class Progress:
    """The progress events of running modules, read from a growing file."""

    def __init__(self, path: Path) -> None:
        """Create the file.

        Args:
            path: Its path.
        """
        self.path = path
        path.touch(mode=0o600)
        self._offset = 0

    def new(self) -> list[dict[str, Any]]:
        """Return the events since the last call."""
        with self.path.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        # The last line may be incomplete.
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [harmless(json.loads(line)) for line in whole.splitlines()]
