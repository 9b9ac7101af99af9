# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of the repository's own Python share."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The scripts import one another by name.
sys.path.insert(0, str(ROOT / "scripts"))
