# SPDX-License-Identifier: BSD-3-Clause
"""The doctor's verdicts about a machine that several people share, from what was seen there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.checks import instance_checks, verdicts
from ansible_collections.addons.olympia.plugins.module_utils.checks import machine_checks as machine
from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem
from ansible_collections.addons.olympia.plugins.module_utils.shared import homes
from ansible_collections.addons.olympia.plugins.module_utils.shared.homes import GIB, Room
from ansible_collections.addons.olympia.plugins.modules import machine_info

from olympia_provisioner import errors
from olympia_provisioner.cli.verbs.doctor import check_names, document, text
from olympia_provisioner.words import WIDTH

ROOT = Path(__file__).parents[2]
FENCE = """table inet olympia_tenants {
	chain output {
		type filter hook output priority filter; policy accept;
		oifname "lo" meta l4proto { tcp, udp } th dport 12002-12011 meta skuid != { 0, 2001 } reject
		oifname "lo" meta l4proto { tcp, udp } th dport 12012-12021 meta skuid != { 0, 2002 } reject
	}
	chain answer {
		meta l4proto { tcp, udp } th sport 12002-12011 meta skuid { 0, 2001 } accept
		meta l4proto { tcp, udp } th sport 12002-12011 drop
		meta l4proto { tcp, udp } th sport 12012-12021 meta skuid { 0, 2002 } accept
		meta l4proto { tcp, udp } th sport 12012-12021 drop
	}
}"""
GOOD = machine.Machine(
    tenants=[
        {"name": "ana", "uid": 2001, "http_port": 12002, "memory_mb": 6144},
        {"name": "ben", "uid": 2002, "http_port": 12012, "memory_mb": 6144},
    ],
    needs=[],
    problems=[],
    expired=[],
    fence=FENCE,
    squatters={},
    proc=["rw", "relatime", "hidepid=invisible"],
    installed="26.1.5+dfsg1",
    engines={"ana": "26.1.5+dfsg1", "ben": "26.1.5+dfsg1"},
    room=Room(used=30 * GIB, free=70 * GIB),
    disks_dir="/disks",
    growth=50 * GIB,
    homes={"ana": Room(used=10 * GIB, free=20 * GIB), "ben": Room(used=90 * GIB, free=10 * GIB)},
    memory_mb=16000,
    reverse_proxy=True,
    web_server=True,
    certificate="/etc/olympia/proxy/proxy.crt",
    own_certificate=True,
    certificate_end="Dec 28 07:35:02 2027 GMT",
    now=1_800_000_000.0,
    failed_units=[],
)
# From 2027-01-15 on.
SOON, ENDED = "Jan 28 08:00:00 2027 GMT", "Jan 15 07:59:59 2027 GMT"
MINE = {"certificate": "/my.crt", "own_certificate": False, "certificate_end": SOON}
SQUATTED = {"squatters": {"port 12012 of ben": "nc, process 7 of user ana"}}
OF_ANA = {"failed_units": ["olympia-wake@2001.service"]}
NO_WAY = Problem("ana cannot have the UID 2001", "/etc/passwd", "eve has it", "Give the tenant another UID.").as_dict()


def verdict(name: str, changed: dict[str, Any]) -> dict[str, Any]:
    """Return the verdict of one check, on a good machine of which some is changed."""
    (answer,) = verdicts.examine(verdicts.choose([name], machine.CHECKS), replace(GOOD, **changed))
    return answer


def test_all_is_well_on_a_good_machine() -> None:
    judged = verdicts.examine(machine.CHECKS, GOOD)
    assert [one for one in judged if (one["state"], one["fix"]) != ("ok", "")] == []


@pytest.mark.parametrize(
    ("name", "state", "evidence", "fix", "changed"),
    [
        ("tenants", "warning", "would: mount x; start y", "bootstrap", {"needs": ["mount x", "start y"]}),
        ("tenants", "failed", "/etc/passwd: eve has it", "Give the tenant another UID.", {"problems": [NO_WAY], "needs": ["x"]}),
        ("fence", "failed", "no table inet olympia_tenants", "restart olympia-tenants", {"fence": None}),
        ("fence", "failed", "everybody reaches the ports of ben", "restart", {"fence": FENCE.replace("dport 12012", "dport 9")}),
        ("fence", "failed", "may answer from the ports of ben", "restart", {"fence": FENCE.replace("sport 12012", "sport 9")}),
        ("tenant-ports", "failed", "port 12012 of ben: nc, process 7 of user ana", "kill", SQUATTED),
        ("fence", "failed", "hidepid=invisible", "restart olympia-tenants", {"proc": ["rw", "hidepid=noaccess"]}),
        ("fence", "failed", "hidepid", "See the check tenants first; then", {"proc": [], "needs": ["start y"]}),
        ("fence", "ok", "", "", {"proc": ["rw", "hidepid=2"]}),
        ("engines", "failed", "no answer: ben", "_UID=2002", {"engines": {"ana": "26.1.5+dfsg1", "ben": ""}}),
        ("engines", "warning", "ana runs 25.0.1", "ana@.host", {"engines": {"ana": "25.0.1", "ben": "26.1.5+dfsg1"}}),
        ("engines", "ok", "version unknown", "", {"installed": ""}),
        ("engines", "ok", "0 answer", "", {"engines": {}}),
        ("disk-machine", "warning", "70.0 GiB are free at /disks, and", "larger", {"growth": 71 * GIB}),
        ("disk-machine", "failed", "4.9 GiB", "larger", {"room": Room(95 * GIB + GIB // 10, 5 * GIB - GIB // 10), "growth": 0}),
        ("disk-machine", "ok", "5.0 GiB", "", {"room": Room(95 * GIB, 5 * GIB), "growth": 0}),
        ("disk-tenants", "warning", "ben has used 91%", "tenant=ben", {"homes": {"ana": Room(1, 9), "ben": Room(91, 9)}}),
        ("disk-tenants", "failed", "ana has used 98%", "disk_gb", {"homes": {"ana": Room(98, 2)}}),
        ("disk-tenants", "ok", "none of 0", "", {"homes": {}}),
        ("memory-machine", "warning", "12288 MiB, and the machine has 12287 MiB", "memory_mb", {"memory_mb": 12287}),
        ("memory-machine", "ok", "", "", {"memory_mb": 12288}),
        ("door", "failed", "nginx does not run", "status nginx", {"web_server": False}),
        ("door", "ok", "has none", "", {"reverse_proxy": False, "web_server": False, "certificate_end": ""}),
        ("door", "warning", "expires in 13 days", "bootstrap", {"certificate_end": SOON}),
        ("door", "failed", "expired: ", "bootstrap", {"certificate_end": ENDED}),
        ("door", "failed", "no readable certificate", "bootstrap", {"certificate_end": ""}),
        ("door", "warning", "/my.crt", "one at /my.crt", MINE),
        ("expired", "warning", "ana, ben", "absent", {"expired": ["ana", "ben"]}),
        ("units", "failed", "a, b", "status a b", {"failed_units": ["a", "b"]}),
        ("units", "failed", "olympia-wake@2001.service (ana)", "restart olympia-wake@2001.service", OF_ANA),
        ("units", "unknown", "systemd does not answer", "tenants", {"failed_units": None}),
    ],
)  # fmt: skip
def test_a_verdict_follows_from_what_was_seen(
    name: str, state: str, evidence: str, fix: str, changed: dict[str, Any]
) -> None:
    found = verdict(name, changed)
    assert found["state"] == state
    assert evidence in found["evidence"]
    assert fix in found["fix"]
    assert bool(found["fix"]) == (state != "ok")
    assert found["safe"] is False


def test_checks_of_both_kinds_of_hosts_are_known_and_each_has_its_own() -> None:
    names = ["fence", "memory"]
    assert [check.name for check in verdicts.choose(names, machine.CHECKS, others=instance_checks.CHECKS)] == ["fence"]
    assert [check.name for check in verdicts.choose(names, instance_checks.CHECKS, others=machine.CHECKS)] == ["memory"]
    with pytest.raises(ValueError, match=r"There is no check fense\. Did you mean fence\?"):
        verdicts.choose(["fense"], instance_checks.CHECKS, others=machine.CHECKS)
    every = [check.name for check in (*instance_checks.CHECKS, *machine.CHECKS)]
    assert len(every) == len(set(every))


def test_the_driver_takes_the_names_of_both_kinds() -> None:
    check_names(["fence", "memory"])
    with pytest.raises(errors.Problem, match="There is no check fense"):
        check_names(["fense", "memory"])


def test_a_machine_is_named_where_others_have_not_answered() -> None:
    found = document({"vm1": [verdict("fence", {}) | {"done": ""}]})
    assert text(found, named=True).splitlines()[0] == "vm1:"
    assert text(found).splitlines()[0].startswith("ok        fence")


def test_the_page_has_every_check_and_titles_fit_into_their_column() -> None:
    page = (ROOT / "docs/doctor.md").read_text()
    assert [check.name for check in machine.CHECKS if f"`{check.name}`" not in page] == []
    for check in machine.CHECKS:
        assert len(check.name) < 16, check.name
        assert len(check.title) <= WIDTH - 26, check.title


def test_what_is_promised_to_tenants_counts_whether_it_is_made_or_not(tmp_path: Path) -> None:
    with (tmp_path / "ana.img").open("wb") as file:
        file.write(b"x" * 4096)
        file.truncate(GIB)
    # Of somebody who was removed: it is not mounted, and does not grow.
    (tmp_path / "old.img").touch()
    ana, ben = ({"image": f"{name}.img", "disk_gb": 2} for name in ("ana", "ben"))
    assert homes.growth([ana], tmp_path) == 2 * GIB - 4096
    assert homes.growth([ana, ben], tmp_path) == 4 * GIB - 4096


def test_more_promised_than_there_is_is_said_with_numbers() -> None:
    assert homes.overcommitted(Room(0, 10 * GIB), 10 * GIB, "/disks") == ""
    said = homes.overcommitted(Room(0, 10 * GIB), 11 * GIB, "/disks")
    assert said == "10.0 GiB are free at /disks, and the home directories may take 11.0 GiB more"


def test_what_is_mounted_last_counts() -> None:
    mounts = "proc /proc proc rw 0 0\n/dev/a / ext4 rw 0 0\nproc /proc proc rw,hidepid=invisible 0 0\n"
    assert machine_info.proc_options(mounts) == ["rw", "hidepid=invisible"]
    assert machine_info.proc_options("") == []


def test_room_is_that_of_the_nearest_folder_that_exists(tmp_path: Path) -> None:
    assert homes.room(tmp_path / "not/yet").share == pytest.approx(homes.room(tmp_path).share, abs=0.01)
