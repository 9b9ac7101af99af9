# SPDX-License-Identifier: BSD-3-Clause
"""How a host is looked at while a module runs there."""

from __future__ import annotations

from threading import Event

import pytest
from ansible_collections.addons.olympia.plugins.plugin_utils.actions import live


def test_a_host_is_looked_at_again_and_again_and_a_last_time_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "INTERVAL", 0.001)
    looks: list[int] = []
    often = Event()

    def look(seen: int | None) -> int:
        looks.append((seen or 0) + 1)
        if len(looks) == 3:
            often.set()
        return looks[-1]

    with live.meanwhile(look):
        assert often.wait(10)
        before = len(looks)
    assert looks == list(range(1, len(looks) + 1))
    assert len(looks) > before


@pytest.mark.parametrize(("took", "pause"), [(0.0, 0.5), (0.01, 0.5), (0.3, 3.0)])
def test_slow_looks_leave_the_host_most_of_its_time(took: float, pause: float) -> None:
    assert live.pause_after(took) == pause
