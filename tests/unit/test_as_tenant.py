# SPDX-License-Identifier: BSD-3-Clause
"""Commands whose end and output nobody can rely on."""

from __future__ import annotations

import tempfile

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.shared import as_tenant


def test_what_a_command_says_is_returned() -> None:
    assert as_tenant.bounded(["sh", "-c", "echo out; echo err >&2; exit 3"], 30) == (3, "out\n", "err\n")
    assert as_tenant.bounded(["printf", r"\377"], 30)[1] == "\ufffd"
    with tempfile.TemporaryFile() as file:
        file.write(b"in")
        file.seek(0)
        assert as_tenant.bounded(["cat"], 30, stdin=file) == (0, "in", "")
    assert as_tenant.bounded(["olympia-no-such-program"], 30)[0] == 127


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("exec sleep 20", id="does not end"),
        pytest.param("exec >&- 2>&-; exec sleep 20", id="has closed its output"),
        pytest.param("sleep 20 & echo $!", id="has left its output to another"),
    ],
)
def test_a_command_is_not_waited_for_for_ever(command: str) -> None:
    assert as_tenant.bounded(["sh", "-c", command], 0.5) == (
        as_tenant.TIMED_OUT, "", "no answer within 0.5 seconds"
    )  # fmt: skip


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    assert as_tenant.bounded(["yes"], 600, limit=1000) == (as_tenant.TOO_LONG, "", "an answer of more than 1000 bytes")
