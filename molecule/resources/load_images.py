# SPDX-License-Identifier: BSD-3-Clause
"""Give the engine of a test host the service images of this machine, which are made where they are missing."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "collections")]

from tests.hosts import load_images, make_service_images  # noqa: E402

if __name__ == "__main__":
    load_images(sys.argv[1], make_service_images().values())
