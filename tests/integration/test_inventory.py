# SPDX-License-Identifier: BSD-3-Clause
"""The inventory plugin, found and read by the real ansible-inventory. No engine is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import ROOT

ANA = {"name": "ana", "uid": 2001}


def write(folder: Path, tenants: list[dict[str, Any]], **variables: Any) -> None:
    """Write an inventory of a machine that tenants share."""
    machine = {"vm1": {"ansible_host": "192.0.2.1"}}
    machines = {"olympia_machines": {"hosts": machine, "vars": {"olympia_tenants": tenants, **variables}}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(machines))
    (folder / "instances.yml").write_text("plugin: addons.olympia.tenants\n")


def called(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the virtual environment for the inventory, with no configuration of this project's."""
    places = {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"), "XDG_STATE_HOME": str(folder.parent / "state")}
    return subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:], "-i", str(folder)], cwd=folder,
        env=os.environ | places, capture_output=True, text=True, check=False,
    )  # fmt: skip


def listed(folder: Path, tenants: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    """Return what ansible-inventory says of a machine that tenants share."""
    write(folder, tenants)
    return called(folder, "ansible-inventory", "--list")


def test_each_tenant_makes_a_host_that_is_reached_as_its_machine(tmp_path: Path) -> None:
    told = json.loads(listed(tmp_path, [ANA]).stdout)
    assert told["olympia_instances"]["hosts"] == told["tenant_ana"]["hosts"] == ["ana.vm1"]
    # No group without hosts is listed.
    assert "olympia_builds" not in told
    variables = told["_meta"]["hostvars"]["ana.vm1"]
    assert (variables["ansible_host"], variables["ansible_become_user"]) == ("192.0.2.1", "ana")
    # Ansible's listing marks what is nobody's template.
    assert "https://ana.vm1" in str(variables["olympia_stack_site_url"])


def test_a_wrong_list_is_told_in_a_sentence(tmp_path: Path) -> None:
    done = listed(tmp_path, [ANA, ANA])
    assert "olympia_tenants: Two tenants have the name ana." in " ".join(done.stderr.split())


ONE_TOO_MANY = "There is no room for cay: 6144 MiB are wanted, and vm1 has the most, 712 MiB. Give cay less memory_mb"
# Each has its own way to the hosts, or acts on nobody's instance.
PLAYBOOKS = sorted(
    path.stem for path in (ROOT / "playbooks").glob("*.yml") if "hosts:" in path.read_text() and path.stem != "nightly"
)


def one_too_many(folder: Path) -> None:
    """Write an inventory with one person more than there is room for."""
    people = [ANA, {"name": "ben", "uid": 2002}, {"name": "cay", "uid": 2003}]
    write(folder, people, olympia_machine_memory_mb=13000)


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_no_playbook_runs_with_one_person_too_many(tmp_path: Path, playbook: str) -> None:
    one_too_many(tmp_path)
    done = called(tmp_path, "ansible-playbook", str(ROOT / f"playbooks/{playbook}.yml"))
    said = " ".join(done.stderr.split())
    assert (done.returncode != 0, ONE_TOO_MANY in said.rpartition("[ERROR]")[2]) == (True, True), said
    assert "TASK" not in done.stdout


@pytest.mark.parametrize("verb", ["up", "bootstrap", "status", "nightly"])
def test_no_verb_runs_with_one_person_too_many(tmp_path: Path, verb: str) -> None:
    (folder := tmp_path / "inventory").mkdir()
    one_too_many(folder)
    done = called(folder, "olympia", verb)
    said = " ".join((done.stdout + done.stderr).split())
    assert (done.returncode != 0, ONE_TOO_MANY in said) == (True, True), said
    assert "another machine" not in said


def test_an_inventory_whose_machines_cannot_be_read_is_no_empty_one(tmp_path: Path) -> None:
    write(tmp_path, [ANA])
    (tmp_path / "hosts.yml").write_text("olympia_machines: [\n")
    done = called(tmp_path, "ansible-playbook", str(ROOT / "playbooks/status.yml"))
    assert (done.returncode != 0, "The group olympia_machines has no host" in done.stderr) == (True, True), done.stderr


def alert(folder: Path) -> Path:
    """Let a failed night write into a file, and return that."""
    told = folder.parent / f"{folder.name}.told"
    (folder / "group_vars").mkdir()
    (folder / "group_vars/all.yml").write_text(yaml.safe_dump({"olympia_nightly_alert": f"cat > {told}"}))
    return told


def test_a_night_for_nobody_fails_and_alerts(tmp_path: Path) -> None:
    one_too_many(tmp_path)
    told = alert(tmp_path)
    done = called(tmp_path, "ansible-playbook", str(ROOT / "playbooks/nightly.yml"))
    assert done.returncode, done.stdout
    assert ONE_TOO_MANY in told.read_text()
    write(tmp_path, [])
    done = called(tmp_path, "ansible-playbook", str(ROOT / "playbooks/nightly.yml"))
    assert done.returncode, done.stdout
    assert told.read_text().strip() == "The inventory has no instance. Nothing was saved."


@pytest.mark.parametrize("command", [["ansible-playbook", str(ROOT / "playbooks/nightly.yml")], ["olympia", "nightly"]])
def test_a_night_fails_and_alerts_for_whom_it_does_not_reach(tmp_path: Path, command: list[str]) -> None:
    (folder := tmp_path / "inventory").mkdir()
    told = alert(folder)
    # Nothing listens there.
    refuses = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_ssh_retries": 0}
    write(folder, [ANA, {"name": "ben", "uid": 2002}], **refuses)
    done = called(folder, *command)
    assert done.returncode == (6 if command[0] == "olympia" else 2), done.stdout + done.stderr
    lines = told.read_text().splitlines()
    assert [line.partition(" was not saved: ")[0] for line in lines] == ["ana.vm1", "ben.vm1"], lines
    assert "Connection refused" in lines[0]
