# SPDX-License-Identifier: BSD-3-Clause
"""Stacks on machines whose owners have other things on their minds: what they export, and what they have installed, stays."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.e2e.stack import Run, Stack


class Commanded(Stack):
    """A stack that is made with the command `olympia`."""

    def make(self, *arguments: str, **environment: str) -> Run:
        """Run the command `olympia` for this instance, with the settings that make it this one."""
        named = [f"HTTP_PORT={self.port}", f"SOURCE_DIR={self.source}", "IMAGE_ORIGIN=packages"]
        return self.olympia(*arguments, *named, **environment)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commanded]:
    """Return an instance that nobody has brought up yet."""
    stack = Commanded(f"olympia-test-{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("state"))
    yield stack
    stack.destroy()
