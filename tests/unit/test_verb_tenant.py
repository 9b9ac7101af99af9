# SPDX-License-Identifier: BSD-3-Clause
"""What `tenant` says of people and machines."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.filter.tenancy import listed
from ansible_collections.addons.olympia.plugins.module_utils.shared import homes
from tests.playback import Driver

from olympia_provisioner.cli.verbs import backup, tenant
from olympia_provisioner.errors import ExitCode

NOW = datetime(2027, 1, 2, 12, 0, tzinfo=UTC)
GIB = 1 << 30


def person(name: str, **changed: Any) -> dict[str, Any]:
    """Return somebody as a machine tells of them."""
    return {"name": name, "instance": name, "memory_mb": 4096, "disk_gb": 10, "expires": ""} | changed


def home(name: str, taken: int) -> dict[str, Any]:
    """Return a home directory of 10 GiB as a machine finds it."""
    return {"name": name, "account": True, "size": 10 * GIB, "taken": taken * GIB}


ANSWERS = {
    "vm1": {
        "tenants": [person("ana", expires="2027-01-01")],
        "homes": [home("ana", 4), home("ben", 1), home("eve", 2)],
        "kept": ["/disks/moved/cay-20261231-1000.img"],
        "free": 50 * GIB,
        "memory_mb": 8192,
    },
    "vm2": {"tenants": [person("ben", memory_mb=9000)], "homes": [], "kept": [], "free": 5 * GIB, "memory_mb": 8192},
}


def test_a_program_is_told_the_room_left_and_whose_data_is_elsewhere() -> None:
    found = tenant.document(ANSWERS)
    # Of 10 GiB each, they take 4, 1 and 2 now.
    assert found["machines"]["vm1"] == {
        "tenants": 1,
        "memory": 8 * GIB,
        "memory_left": 4 * GIB,
        "disk_free": 50 * GIB,
        "disk_left": 27 * GIB,
        "kept": ["/disks/moved/cay-20261231-1000.img"],
    }
    assert {one["name"]: (one["machine"], one["disk_used"], one["elsewhere"]) for one in found["tenants"]} == {
        "ana": ("vm1", 4 * GIB, []),
        "ben": ("vm2", 0, ["vm1"]),
    }
    assert found["left"] == {"vm1": ["eve"]}


def test_people_are_shown_two_tables_and_what_to_look_at() -> None:
    assert tenant.as_text(tenant.document(ANSWERS), NOW).splitlines() == [
        "MACHINE  TENANTS  MEMORY LEFT          DISK LEFT  DISK FREE",
        "vm1      1        4.3 GB of 8.6 GB     29.0 GB    53.7 GB",
        "vm2      1        -847.2 MB of 8.6 GB  5.4 GB     5.4 GB",
        "",
        "TENANT  MACHINE  MEMORY  DISK               EXPIRES",
        "ana     vm1      4.3 GB  4.3 GB of 10.7 GB  2027-01-01 expired",
        "ben     vm2      9.4 GB  0 of 10.7 GB",
        "",
        "ben is to live on vm2, and has data on vm1: olympia tenant move ben vm2",
        "vm1 keeps the data of eve, who does not live here.",
        "vm1 keeps /disks/moved/cay-20261231-1000.img.",
    ]


def test_a_home_directorys_file_says_whose_it_is_and_what_it_takes(tmp_path: Path) -> None:
    with (tmp_path / "ana.img").open("wb") as file:
        file.write(b"x" * 8192)
        file.truncate(1 << 20)
    (found,) = homes.found(tmp_path)
    assert (found["name"], found["size"]) == ("ana", 1 << 20)
    assert 8192 <= found["taken"] < 1 << 19


def test_what_a_list_says_of_somebody_has_no_settings_in_it() -> None:
    ana = {"name": "ana", "uid": 2001, "settings": {"olympia_stack_source_repo": "https://token@git.example.org/fork"}}
    assert "token" not in str(listed([ana], ["ana"]))


@pytest.mark.parametrize("words", [[], ["move"], ["move", "ana"], ["list", "ana"], ["add", "ana"]])
def test_words_that_say_nothing_are_answered_with_those_that_do(words: list[str], driver: Driver) -> None:
    assert driver.run("tenant", *words)[0] == ExitCode.USAGE


def test_a_move_names_tenant_and_machine_to_its_playbook(driver: Driver) -> None:
    driver.plays("done")
    assert driver.run("tenant", "move", "ana", "vm2", "--check")[0] == ExitCode.DONE
    (call,) = driver.calls
    assert call.settings == {"tenant": "ana", "__olympia_tenant_move_to": "vm2"}
    assert "--check" in call.arguments


@pytest.mark.parametrize("words", [[], ["list", "one"], ["fetch", "one", "two"], ["save"]])
def test_a_backup_is_listed_or_fetched(words: list[str], driver: Driver) -> None:
    assert driver.run("backup", *words)[0] == ExitCode.USAGE


def test_what_has_left_the_machine_is_a_table() -> None:
    found = [{"name": "auto-1-nightly", "machine": "vm1", "created": "2027-01-01T11:00:00+00:00", "bytes": 3 * 10**6}]
    assert backup.as_text(found, NOW).splitlines() == [
        "NAME            AGE  SIZE    SAVED ON",
        "auto-1-nightly  1 d  3.0 MB  vm1",
    ]
