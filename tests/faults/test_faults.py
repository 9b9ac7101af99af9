# SPDX-License-Identifier: BSD-3-Clause
"""After each fault: the cause is said, the next 'up' needs no help, the one after it changes nothing, and nothing is lost."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest
import yaml

from tests.faults import table
from tests.faults.faults import Fault, all_faults
from tests.faults.stand import Stand
from tests.hosts import BUILD_CACHE, make_image, make_service_images
from tests.parts import ROOT

FAULTS = all_faults()
# For the disks of the stand, which are made to be filled.
SMALL_DISKS = {"olympia_stack_min_disk_mb": 16}


@pytest.fixture(scope="module")
def stand(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """A host with a running stack."""
    if scenario := request.config.getoption("--scenario"):
        (settings,) = (ROOT / "molecule" / scenario / "host_vars").glob("*.yml")
        there = Stand(settings.stem, tmp_path_factory.mktemp("faults"), yaml.safe_load(settings.read_text()))
        there.write_inventory()
        yield there
        # The builds have set it, and settings persist.
        there.up("DOCKER_BUILD=")
        return
    images = make_service_images()
    made = Stand(f"olympia-faults-{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("faults"), SMALL_DISKS)
    try:
        made.start(make_image())
        made.prepare(images.values())
        # What is built later is built by its own engine.
        for cache in (f"type=local,src={BUILD_CACHE}/production", ""):
            first = made.up(f"CACHE_FROM={cache}")
            assert first.code == 0, first.output
        yield made
    finally:
        made.remove()


@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, id=fault.identity, marks=[] if fault.everyday else [pytest.mark.full]) for fault in FAULTS],
)
def test_it_comes_through(request: pytest.FixtureRequest, stand: Stand, fault: Fault) -> None:
    stand.recover()
    stand.keep(fault.identity)
    befallen = fault.strike(stand)
    said = re.search(fault.says, befallen.output)
    assert said, befallen.output
    second = stand.up()
    assert second.code == 0, second.output
    assert "commit" in stand.site("/__version__")
    assert stand.lost() == []
    third = stand.up()
    assert third.code == 0, third.output
    assert re.search(r"changed=0 ", third.output), third.output
    if page := request.config.getoption("--table"):
        table.write(page, table.Row(fault, befallen.code, said[0], len(stand.kept)), FAULTS)
