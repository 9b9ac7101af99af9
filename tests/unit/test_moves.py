# SPDX-License-Identifier: BSD-3-Clause
"""From where to where somebody is moved, and how far that has got."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.action.tenant_home import held
from ansible_collections.addons.olympia.plugins.filter.tenancy import leaving, move_plan
from ansible_collections.addons.olympia.plugins.module_utils.shared import homes
from ansible_collections.addons.olympia.plugins.plugin_utils.shared.moves import old_host

OLD, OTHER = "8a6c1f0b", "00000000"


def machine(*people: str, account: bool = True, **moves: Any) -> dict[str, Any]:
    """Return what homes_info says of a machine with home directories of some people."""
    return {"homes": [{"name": name, "id": OLD, "account": account} for name in people], "moves": moves}


def reached(done: str, home: str = OLD) -> dict[str, str]:
    """Return how far a move has got."""
    return {"id": home, "done": done, "snapshot": "move-1"}


PLAN = {"old": "vm1", "new": "vm2", "id": OLD, "done": "", "snapshot": ""}
NOTHING = {"old": "", "new": "vm2", "id": "", "done": "", "snapshot": ""}


@pytest.mark.parametrize(
    ("vm1", "vm2", "plan"),
    [
        pytest.param(machine("ana", "ben"), machine(), PLAN, id="from the beginning"),
        pytest.param(machine("ana"), machine("ana"), PLAN, id="with an account at both"),
        pytest.param(machine("ben"), machine("ana"), NOTHING, id="lives there"),
        pytest.param(
            machine("ana"),
            machine("ana", ana=reached("unpacked")),
            PLAN | {"done": "unpacked", "snapshot": "move-1"},
            id="unpacked",
        ),
        pytest.param(
            machine("ana", account=False),
            machine("ana", ana=reached("restored")),
            PLAN | {"done": "restored", "snapshot": "move-1"},
            id="the old account is gone",
        ),
        pytest.param(
            machine("ana"), machine("ana", ana=reached("restored", OTHER)), PLAN, id="another move was interrupted once"
        ),
    ],
)
def test_a_move_goes_on_from_where_it_was_interrupted(vm1: Any, vm2: Any, plan: dict[str, str]) -> None:
    assert move_plan({"vm1": vm1, "vm2": vm2, "vm3": machine()}, "ana", "vm2") == plan


@pytest.mark.parametrize(
    ("vm1", "vm3", "asked", "said"),
    [
        pytest.param(
            machine("ana"), machine(), "vm3", r"lives on vm2, and not on vm3.*Set hosts: \[vm3\] of ana", id="the list"
        ),
        pytest.param(machine(), machine(), "vm2", "no data on any machine", id="no data"),
        pytest.param(machine("ana"), machine("ana"), "vm2", "data on vm1 and on vm3", id="two places"),
        pytest.param(machine("ana", account=False), machine(), "vm2", "no account that could read it", id="no account"),
    ],
)
def test_what_is_not_clear_is_not_moved(vm1: Any, vm3: Any, asked: str, said: str) -> None:
    problem = move_plan({"vm1": vm1, "vm2": machine(), "vm3": vm3}, "ana", "vm2", asked)["problem"]
    assert re.search(said, problem), problem


def test_the_instance_is_reached_where_it_has_been_as_that_machine_is() -> None:
    new = {
        "ansible_host": "10.0.0.2",
        "ansible_become": True,
        "ansible_become_user": "ana",
        "ansible_version": {},
        "olympia_machine": "vm2",
        "olympia_stack_instance": "ana",
        "inventory_hostname": "ana.vm2",
    }
    assert old_host(new, {"ansible_user": "op", "ansible_port": 2222, "olympia_tenants": []}, "vm1") == {
        "ansible_host": "vm1",
        "ansible_user": "op",
        "ansible_port": 2222,
        "ansible_become": True,
        "ansible_become_user": "ana",
        "olympia_machine": "vm1",
        "olympia_stack_instance": "ana",
    }


def test_who_leaves_a_machine_loses_no_data() -> None:
    ana = leaving([{"name": "ana", "uid": 2001}, {"name": "ben", "uid": 2002}], "ana")
    assert (ana["name"], ana["state"], ana["image"]) == ("ana", "absent", "ana.img")
    assert "/etc/olympia/tenants/ana/authorized_keys" in ana["paths"]


def test_how_far_a_move_has_got_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(homes, "MOVES", tmp_path)
    assert homes.progress("ana") == {}
    homes.write_progress("ana", reached("begun"))
    assert homes.progress("ana") == reached("begun")


def test_every_home_directory_is_told_from_the_next_one(tmp_path: Path) -> None:
    for name, uuid in (("ana", b"\1" * 16), ("ben", b"\2" * 16)):
        (tmp_path / f"{name}.img").write_bytes(b"\0" * (1024 + 0x68) + uuid + b"\0" * 64)
    assert [one["id"] for one in homes.found(tmp_path)] == ["01" * 16, "02" * 16]


def test_what_is_moved_is_held_where_nobody_else_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "olympia/moves").mkdir(parents=True, mode=0o755)
    file = held("ana")
    assert file == tmp_path / "olympia/moves/ana.tar"
    assert file.parent.stat().st_mode & 0o777 == 0o700
