# SPDX-License-Identifier: BSD-3-Clause
"""What one command gives to another arrives as a whole, or the other one does not see its end."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem
from ansible_collections.addons.olympia.plugins.module_utils.shared.flow import flow, said_when_whole

PLENTY = 1 << 30


def shell(text: str, *arguments: Path) -> list[str]:
    """Return a shell command."""
    return ["sh", "-c", text, "sh", *map(str, arguments)]


def keep(file: Path) -> list[str]:
    """Return a command that keeps what it reads once it has seen the end."""
    return shell('cat > "$1.part" && mv "$1.part" "$1"', file)


def test_all_of_it_arrives(tmp_path: Path) -> None:
    flow(shell("seq 2000000; echo said >&2"), keep(tmp_path / "kept"), PLENTY)
    assert (tmp_path / "kept").read_text().split() == [str(number) for number in range(1, 2000001)]


@pytest.mark.parametrize(
    ("source", "limit", "seconds", "said"),
    [
        pytest.param("echo some; echo broken >&2; exit 3", PLENTY, 600, "broken \\(code 3\\)", id="fails"),
        pytest.param("exec yes", 1000, 600, "more than 1000 bytes", id="has no end"),
        pytest.param("echo some; exec sleep 20", PLENTY, 0.5, "not ended within 0.5 seconds", id="stops"),
        pytest.param(
            "sleep 20 & echo some", PLENTY, 0.5, "not ended within 0.5 seconds", id="leaves its output to another"
        ),
        pytest.param(
            "exec >&-; exec sleep 20", PLENTY, 0.5, "not ended within 0.5 seconds", id="closes its output and stays"
        ),
    ],
)
def test_what_is_cut_off_is_not_taken(source: str, limit: int, seconds: float, said: str, tmp_path: Path) -> None:
    with pytest.raises(Problem, match=said):
        flow(shell(source), keep(tmp_path / "kept"), limit, seconds=seconds)
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    ("sink", "said"),
    [
        pytest.param("echo full >&2; exit 4", "full \\(code 4\\)", id="fails"),
        pytest.param("exec true", "not all of it was read", id="reads nothing"),
        pytest.param("exec sleep 20", "not ended within 0.5 seconds", id="never reads"),
    ],
)
def test_what_is_not_read_has_not_arrived(sink: str, said: str) -> None:
    with pytest.raises(Problem, match=said):
        flow(["yes"], shell(sink), PLENTY, seconds=0.5)


# As systemd-run ends where its command was ended by SIGTERM.
AS_SYSTEMD = ["sh", "-c", '"$@" || true', "sh"]


def test_what_says_that_it_is_whole_is_believed(tmp_path: Path) -> None:
    source = [*AS_SYSTEMD, *said_when_whole(shell("seq 100000"))]
    flow(source, [*AS_SYSTEMD, *said_when_whole(keep(tmp_path / "kept"))], PLENTY)
    assert len((tmp_path / "kept").read_text().split()) == 100000


def test_what_was_ended_by_a_signal_is_not_whole_whatever_systemd_says(tmp_path: Path) -> None:
    source = [*AS_SYSTEMD, *said_when_whole(shell("echo some; kill -TERM $$"))]
    with pytest.raises(Problem, match="ended before it was done"):
        flow(source, keep(tmp_path / "kept"), PLENTY)
    assert not (tmp_path / "kept").exists()
    sink = [*AS_SYSTEMD, *said_when_whole(shell("cat > /dev/null; kill -TERM $$"))]
    with pytest.raises(Problem, match="ended before it was done"):
        flow(["seq", "10"], sink, PLENTY)
