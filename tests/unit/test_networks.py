# SPDX-License-Identifier: BSD-3-Clause
"""Room in an engine's address pools, and bridges that are gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.engine import networks

# As an x86 or ARM kernel tells it: a default route, one over a gateway, and two networks that this host is in.
ROUTES = """Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
eth0 00000000 010011AC 0003 0 0 0 00000000 0 0 0
tun0 0000000A 010011AC 0003 0 0 0 000000FF 0 0 0
eth0 000011AC 00000000 0001 0 0 0 0000FFFF 0 0 0
eth1 0010A8C0 00000000 0001 0 0 0 00F0FFFF 0 0 0
"""


@pytest.mark.parametrize(
    ("pools", "taken", "free"),
    [
        ([], [], 31),
        ([], ["172.17.0.0/16", "172.18.0.0/16", "fd00::/64"], 29),
        # Parts of one take the whole of it, and a large network takes several.
        ([], ["172.17.0.0/24", "172.17.3.0/24", "192.168.1.0/24"], 29),
        ([], ["172.16.0.0/12"], 16),
        ([{"Base": "10.200.0.0/16", "Size": 24}], ["172.17.0.0/16", "10.200.3.0/24"], 255),
        ([{"Base": "10.200.0.0/24", "Size": 24}, {"Base": "fd00::/48", "Size": 64}], ["10.0.0.0/8"], 0),
    ],
)
def test_an_engine_has_room_where_nothing_overlaps(pools: list[dict[str, Any]], taken: list[str], free: int) -> None:
    assert networks.free_networks(pools, taken) == free


def test_networks_of_the_host_are_those_that_it_reaches_without_a_gateway() -> None:
    assert networks.on_link_routes(ROUTES) == ["172.17.0.0/255.255.0.0", "192.168.16.0/255.255.240.0"]


def test_a_bridge_is_missed_only_where_others_of_its_engine_are_seen(tmp_path: Path) -> None:
    found: list[dict[str, Any]] = [
        {"Name": "bridge", "Id": "0" * 64, "Driver": "bridge", "Options": {networks.BRIDGE_NAME: "docker0"}},
        {"Name": "own", "Id": "a" * 64, "Driver": "bridge", "Options": None},
        {"Name": "host", "Id": "b" * 64, "Driver": "host", "Options": {}},
    ]
    assert networks.without_bridge(found, tmp_path) is None
    (tmp_path / "docker0").mkdir()
    assert networks.without_bridge(found, tmp_path) == ["own"]
    (tmp_path / f"br-{'a' * 12}").mkdir()
    assert networks.without_bridge(found, tmp_path) == []


def test_a_bridge_of_another_engine_is_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "DEVICES", tmp_path)
    (tmp_path / "br-000000000000").mkdir()
    found = [
        {"Name": name, "Id": digit * 64, "Driver": "bridge", "Options": {}, "Containers": {}, "IPAM": {"Config": []}}
        for name, digit in (("bridge", "0"), ("own", "1"))
    ]

    def run(arguments: list[str]) -> tuple[int, str, str]:
        return 0, json.dumps(found) if "inspect" in arguments else "", ""

    seen = networks.look(run, [], rootless=True)
    assert seen and seen["without_bridge"] == []
