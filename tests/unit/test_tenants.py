# SPDX-License-Identifier: BSD-3-Clause
"""The people who share machines: their list, their places, their files, and the hosts that they make."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader
from ansible_collections.addons.olympia.plugins.filter.tenancy import examined, instances, machines, supported, tenants
from ansible_collections.addons.olympia.plugins.inventory.tenants import InventoryModule
from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem
from ansible_collections.addons.olympia.plugins.module_utils.shared.people import (
    BUILDER,
    BUILDER_UID,
    Tenant,
    builds,
    place,
    source_key,
)
from ansible_collections.addons.olympia.plugins.module_utils.shared.tenant_state import Found, assess, file_system_size
from ansible_collections.addons.olympia.plugins.modules.tenants_info import others, strangers
from ansible_collections.addons.olympia.plugins.plugin_utils.shared.tenant_files import render, tenants_of

ROOT = Path(__file__).parents[2]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleExampl ana"
ANA = {"name": "ana", "uid": 2001, "keys": [KEY]}
BEN = {"name": "ben-b", "uid": 2002, "engine": "shared"}
SETTINGS = {"disks_dir": "/disks", "build_cache_limit": "1GB", "log_max_size": "1m", "log_max_files": 2}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"uid": 2001}, "name"),
        ({"name": "Ana", "uid": 2001}, "'Ana' cannot name a tenant"),
        ({"name": "ana", "uid": 999}, "999, and has to be from 1000"),
        ({"name": "ana", "uid": 2001, "engine": "podman"}, "podman"),
        ({"name": "ana", "uid": 2001, "keys": ["from='x' " + KEY]}, "is not a public SSH key"),
        ({"name": "ana", "uid": 2001, "keys": ["ssh-x,no-pty " + KEY]}, "is not a public SSH key"),
        ({"name": "ana", "uid": 2001, "keys": [KEY + "\n" + KEY]}, "is not a public SSH key"),
        ({"name": "ana", "uid": 2001, "keys": [KEY + "\r" + KEY]}, "is not a public SSH key"),
        ({"name": "ana\n", "uid": 2001}, "cannot name a tenant"),
        ({"name": "ana;id", "uid": 2001}, "cannot name a tenant"),
        ({"name": "../ana", "uid": 2001}, "cannot name a tenant"),
        ({"name": "an\u00e4", "uid": 2001}, "cannot name a tenant"),
        ({"name": "an\u0430", "uid": 2001}, "cannot name a tenant"),
        ({"name": "ana", "uid": 2001, "instance": "ana; server {}"}, "cannot name an instance"),
        ({"name": "ana", "uid": 3200}, "3200, and has to be from 1000 to 3199"),
        ({"name": "olympia-build", "uid": 2001}, "is the builder's"),
        ({"name": "ana", "uid": 2001, "settings": {"ansible_become_user": "root"}}, "is not a setting of an instance"),
        ({"name": "ana", "uid": 2001, "disk": 3}, "disk"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused_in_a_sentence(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(Problem, match=said):
        tenants_of([entry])


@pytest.mark.parametrize("other", [{"name": "ana", "uid": 2002}, {"name": "ben", "uid": 2001}])
def test_no_two_tenants_have_a_name_or_a_uid(other: dict[str, Any]) -> None:
    with pytest.raises(Problem, match="Two tenants have the"):
        tenants_of([ANA, other])


def test_every_uid_has_ports_of_its_own_below_those_of_outgoing_connections() -> None:
    everybody = [Tenant("x", uid) for uid in range(1000, 3200)]
    ports = [port for one in everybody for port in range(one.http_port, one.last_port + 1)]
    assert all(one.http_port < one.frontend_port < one.last_port for one in everybody)
    assert len(set(ports)) == len(ports)
    assert min(ports) > 1023
    assert max(ports) < 32768


def test_who_names_no_machine_lives_where_the_most_memory_is_left_and_who_is_added_moves_nobody() -> None:
    room = {"vm1": 8000, "vm2": 10000}
    people = [Tenant(name, 2000 + number, memory_mb=3000) for number, name in enumerate(("a", "b", "c", "d"))]
    assert place(people, room) == {"a": "vm2", "b": "vm1", "c": "vm2", "d": "vm1"}
    assert place(people[:3], room) == {"a": "vm2", "b": "vm1", "c": "vm2"}
    with pytest.raises(Problem, match="no room for big: 9000 MiB are wanted, and vm1 has the most, 8000"):
        place([Tenant("big", 2009, memory_mb=9000, hosts=["vm1"])], room)
    with pytest.raises(Problem, match="vm3, which the inventory does not have"):
        place([Tenant("lost", 2009, hosts=["vm3"])], room)


def test_files_are_the_same_for_the_same_list_and_say_who_manages_them() -> None:
    files = render(tenants_of([ANA, BEN]), SETTINGS)
    assert files == render(tenants_of([ANA, BEN]), SETTINGS)
    assert all(
        "managed by addons.olympia" in file["content"]
        for path, file in files.items()
        if not path.endswith((".json", "/instances"))
    )
    assert "/etc/systemd/system/home-ben\\x2db.mount" in files
    # The machine's own engine has its own configuration.
    assert "/etc/olympia/tenants/ana/daemon.json" in files
    assert "/etc/olympia/tenants/ben-b/daemon.json" not in files
    assert json.loads(files["/etc/olympia/tenants/ana/daemon.json"]["content"])["log-opts"]["max-size"] == "1m"
    assert KEY in files["/etc/olympia/tenants/ana/authorized_keys"]["content"]


def found(**changes: Any) -> Found:
    """Return what there is of a tenant who lacks nothing, but for what a test changes."""
    good: dict[str, Any] = {
        "uid": 2001,
        "taken_by": "",
        "groups": ("ana", "olympia-tenants"),
        "has_subids": True,
        "disk": 30 << 30,
        "mounted": True,
        "lingers": True,
        "client": {"currentContext": "olympia"},
        "engine": True,
    }
    return Found(**good | changes)


def test_a_tenant_who_lacks_nothing_needs_nothing() -> None:
    (ana,) = tenants([ANA], ["ana"])
    assert assess(ana, found())[:2] == ([], [])


@pytest.mark.parametrize(
    ("changes", "need"),
    [
        ({"uid": None}, "create the account ana"),
        ({"groups": ("ana",)}, "create the account ana"),
        ({"has_subids": False}, "give ana UIDs for containers"),
        ({"disk": 0}, "make the home directory of ana, 30 GiB"),
        ({"disk": 1 << 30}, "grow the home directory of ana, 30 GiB"),
        ({"mounted": False}, "mount the home directory of ana"),
        ({"lingers": False}, "enable lingering for ana"),
        ({"engine": False}, "start the engine of ana"),
        ({"client": {}}, "configure the docker client of ana for that engine"),
    ],
)
def test_what_a_tenant_lacks_is_said(changes: dict[str, Any], need: str) -> None:
    (ana,) = tenants([ANA], ["ana"])
    assert assess(ana, found(**changes))[:2] == ([need], [])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"uid": 3000}, "the account ana has 3000"),
        ({"uid": None, "taken_by": "eve"}, "eve has it"),
        ({"disk": 40 << 30}, "it has 40 GiB, and disk_gb is 30"),
    ],
)
def test_what_would_harm_somebody_is_a_problem(changes: dict[str, Any], said: str) -> None:
    (ana,) = tenants([ANA], ["ana"])
    _needs, (problem,), _plan = assess(ana, found(**changes))
    assert problem.cause == said


def test_a_home_directory_has_the_size_of_its_file_system_also_when_its_file_has_grown_already(tmp_path: Path) -> None:
    image = tmp_path / "ana.img"
    assert file_system_size(image) == 0
    with image.open("wb") as file:
        file.truncate(32 << 20)
    subprocess.run(["/usr/sbin/mkfs.ext4", image], check=True, capture_output=True)
    with image.open("ab") as file:
        file.truncate(64 << 20)
    assert file_system_size(image) == 32 << 20
    subprocess.run(["/usr/sbin/resize2fs", image], check=True, capture_output=True)
    assert file_system_size(image) == 64 << 20


def test_a_home_directory_whose_file_system_is_damaged_is_not_made_anew(tmp_path: Path) -> None:
    image = tmp_path / "ana.img"
    with image.open("wb") as file:
        file.truncate(30 << 30)
    (ana,) = tenants([ANA], ["ana"])
    assert assess(ana, found(disk=file_system_size(image)))[2]["disk"] == ""


def test_a_tenant_of_the_shared_engine_needs_no_engine() -> None:
    (ben,) = tenants([BEN], ["ben-b"])
    needs, _problems, plan = assess(
        ben, found(uid=2002, groups=("olympia-tenants",), engine=False, lingers=False, client={}, has_subids=False)
    )
    assert needs == ["create the account ben-b"]
    assert plan["groups"] == ["olympia-tenants", "docker"]


def test_who_would_leave_data_behind_is_not_moved(tmp_path: Path) -> None:
    (tmp_path / "ana.img").touch()
    assert [problem.what for problem in strangers(["ana", "ben"], tmp_path)] == [
        "ana lives here, and is to live on another machine: nothing would come along"
    ]


def test_no_account_is_removed_that_only_has_the_name_of_a_tenant() -> None:
    gone = [{"name": "root", "uid": 2001}, {"name": "nobody-of-this-name", "uid": 2002}]
    (problem,) = others(gone)
    assert (problem.what, problem.cause) == (
        "root is to be removed, and is another account",
        "it has the UID 0, and the list says 2001",
    )
    assert others([{"name": "root", "uid": 0}]) == []


def test_playbooks_are_for_all_hosts_but_where_machines_are_shared_for_instances_or_machines() -> None:
    shared = {"all": [], "olympia_machines": ["vm1"], "olympia_instances": ["ana.vm1"], "tenant_ben_b": ["ben-b.vm1"]}
    assert instances({"all": ["localhost"]}) == machines({"all": ["localhost"]}) == ["all"]
    assert instances(shared) == ["olympia_instances"]
    assert instances(shared, "ben-b") == ["tenant_ben_b"]
    assert instances(shared | {"tenant_ana": ["ana.vm1"]}, "ana,ben-b") == ["tenant_ana", "tenant_ben_b"]
    assert machines(shared) == ["olympia_machines"]
    with pytest.raises(AnsibleFilterError, match="no tenant cay; the inventory has ben-b"):
        instances(shared, "ben-b,cay")


def test_no_playbook_has_hosts_where_machines_have_no_instances() -> None:
    shared = {"all": [], "olympia_machines": ["vm1"]}
    for hosts in (instances, machines, examined, partial(supported, ["olympia_machines"])):
        with pytest.raises(AnsibleFilterError, match=r"no instances, and nothing was run\. Put a file"):
            hosts(groups=shared)


@pytest.mark.parametrize(
    ("version", "is_supported"),
    [("2.18.19", False), ("2.19.0", True), ("2.21.5", True), ("2.22.0rc1", True), ("2.23.0.dev0", False)],
)
def test_no_playbook_has_hosts_with_an_ansible_that_is_not_supported(
    monkeypatch: pytest.MonkeyPatch, version: str, is_supported: bool
) -> None:
    monkeypatch.setattr("ansible_collections.addons.olympia.plugins.filter.tenancy.__version__", version)
    shared = {"all": [], "olympia_machines": ["vm1"], "olympia_instances": ["ana.vm1"], "tenant_ana": ["ana.vm1"]}
    for hosts in (
        partial(instances, {"all": []}),
        partial(instances, shared),
        partial(instances, shared, "ana"),
        partial(machines, shared),
        partial(examined, shared, checks="fence"),
    ):
        if is_supported:
            assert hosts()
        else:
            with pytest.raises(AnsibleFilterError, match=rf"and this is {version} .*pip install 'ansible-core>=2\.19"):
                hosts()


def test_the_doctor_looks_at_the_hosts_that_its_checks_are_about() -> None:
    shared = {"all": [], "olympia_machines": ["vm1"], "olympia_instances": ["ana.vm1"], "tenant_ana": ["ana.vm1"]}
    assert examined({"all": ["localhost"]}) == examined({"all": ["localhost"]}, checks="memory") == ["all"]
    assert examined(shared) == examined(shared, checks="fence,memory") == ["olympia_instances", "olympia_machines"]
    assert examined(shared, checks=["fence"]) == ["olympia_machines"]
    assert examined(shared, checks=["memory"]) == ["olympia_instances"]
    assert examined(shared, "ana") == ["tenant_ana"]
    with pytest.raises(AnsibleFilterError, match="door, fence: about machines that people share, and the inventory"):
        examined({"all": ["localhost"]}, checks="fence,door")
    with pytest.raises(AnsibleFilterError, match="fence: about machines that people share, and it is asked"):
        examined(shared, "ana", "fence")


Inventory = Callable[[dict[str, Any]], InventoryManager]


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inventory:
    """Return what reads an inventory with two machines and a list of tenants."""
    # By its name Ansible would look for the plugin where collections are installed.
    plugins = [inventory_loader.get("yaml"), InventoryModule()]
    monkeypatch.setattr(InventoryManager, "_fetch_inventory_plugins", lambda _self: plugins)

    def read(variables: dict[str, Any]) -> InventoryManager:
        hosts = {"vm1": {"ansible_host": "192.0.2.1", "ansible_port": 2222}, "vm2": {"olympia_machine_memory_mb": 7000}}
        (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"olympia_machines": {"hosts": hosts}}))
        (tmp_path / "instances.yml").write_text("plugin: addons.olympia.tenants\n")
        (tmp_path / "group_vars").mkdir(exist_ok=True)
        (tmp_path / "group_vars/all.yml").write_text(yaml.safe_dump(variables))
        return InventoryManager(DataLoader(), sources=[str(tmp_path)])

    return read


def test_each_tenant_makes_a_host_that_is_reached_as_its_machine(inventory: Inventory) -> None:
    told = inventory({"olympia_tenants": [ANA, BEN | {"hosts": ["vm2"], "settings": {"olympia_stack_debug": False}}]})
    assert told.get_groups_dict()["olympia_instances"] == ["ana.vm1", "ben-b.vm2"]
    assert told.get_groups_dict()["tenant_ben_b"] == ["ben-b.vm2"]
    ana, ben, machine = (told.get_host(name).get_vars() for name in ("ana.vm1", "ben-b.vm2", "vm1"))
    assert (ana["ansible_host"], ana["ansible_port"]) == ("192.0.2.1", 2222)
    assert (ana["ansible_become"], ana["ansible_become_user"]) == (True, "ana")
    # Who uses the machine's engine may have no such folder.
    assert (ana["ansible_remote_tmp"], "ansible_remote_tmp" in ben) == ("/run/user/2001/ansible", False)
    assert ana["olympia_stack_site_url"] == "https://ana.vm1"
    assert (ben["ansible_host"], ben["olympia_stack_debug"]) == ("vm2", False)
    assert machine["olympia_machine_tenants"] == ["ana"]


def test_what_several_tenants_run_is_built_once_and_the_others_read_its_cache(inventory: Inventory) -> None:
    fork = {"olympia_stack_source_repo": "https://example.org/fork", "olympia_stack_mysql_port": 20012}
    people = [
        ANA | {"hosts": ["vm1"], "settings": fork},
        BEN | {"hosts": ["vm2"], "memory_mb": 500},
        {"name": "cay", "uid": 2003, "hosts": ["vm2"], "settings": fork | {"olympia_stack_cache_from": ["mine"]}},
    ]
    told = inventory({"olympia_tenants": people})
    (name,) = told.get_groups_dict()["olympia_builds"]
    variables = {host.name: host.get_vars() for host in told.get_hosts()}
    build, key = variables[name], name.partition(".")[0].removeprefix("olympia-build-")
    assert (name, build["ansible_host"]) == (f"olympia-build-{key}.vm1", "192.0.2.1")
    assert build["ansible_become_user"] == BUILDER
    assert build["olympia_stack_source_repo"] == "https://example.org/fork"
    assert "olympia_stack_mysql_port" not in build
    folder = f"/var/lib/olympia/builds/{key}"
    assert build["olympia_stack_cache_to"] == [f"type=local,dest={folder},compression=uncompressed"]
    assert variables["ana.vm1"]["olympia_stack_cache_from"] == [f"type=local,src={folder}"]
    assert variables["cay.vm2"]["olympia_stack_cache_from"] == ["mine", f"type=local,src={folder}"]
    assert "olympia_stack_cache_from" not in variables["ben-b.vm2"]
    for machine, reader in (("vm1", "ana"), ("vm2", "cay")):
        (told_of,) = variables[machine]["olympia_machine_builds"]
        assert told_of == {"key": key, "machine": "vm1", "cache": folder, "readers": [reader]}
    told = inventory({"olympia_tenants": people, "olympia_builds_enabled": False})
    assert told.get_groups_dict()["olympia_builds"] == []
    assert told.get_host("vm1").get_vars()["olympia_machine_builds"] == []


def test_what_is_built_for_all_is_built_from_no_cache_that_one_of_them_names() -> None:
    foreign = {
        "olympia_stack_source_repo": "https://example.org/fork",
        "olympia_stack_cache_from": ["type=registry,ref=x"],
    }
    people = [Tenant(name, uid, settings=foreign) for name, uid in (("ana", 2001), ("ben", 2002))]
    (build,) = builds(people, {"ana": "vm1", "ben": "vm1"}, {})
    assert build.settings == {"olympia_stack_source_repo": "https://example.org/fork"}
    assert build.key == source_key("https://example.org/fork", "HEAD")


def test_each_source_has_cache_mounts_of_its_own() -> None:
    files = [ROOT / "roles/olympia_stack/templates" / name for name in ("Dockerfile.j2", "tests/Dockerfile.j2")]
    mounts = [mount for file in files for mount in re.findall(r"--mount=(type=cache\S*)", file.read_text())]
    assert len(mounts) == 7
    assert [mount for mount in mounts if not re.match(r"type=cache,id=[a-z-]+-\{\{$", mount)] == []
    assert len({source_key("", "HEAD"), source_key("x", "HEAD"), source_key("x", "y")}) == 3


def test_the_builder_has_an_account_like_a_tenants_that_no_tenant_can_have() -> None:
    role = yaml.safe_load((ROOT / "roles/olympia_tenant/vars/main.yml").read_text())
    builder = role["__olympia_tenant_builder"]
    assert (builder["name"], builder["uid"]) == (BUILDER, BUILDER_UID)
    (told,) = tenants([ANA, {"name": BUILDER, "uid": BUILDER_UID}], [BUILDER])
    assert told["subids"] != Tenant("ana", 3199).subids
    assert told["last_port"] < 32768


def test_without_a_proxy_the_site_is_on_its_port(inventory: Inventory) -> None:
    told = inventory({"olympia_tenants": [ANA], "olympia_proxy_enabled": False})
    assert "olympia_stack_site_url" not in told.get_host("ana.vm1").get_vars()


def test_settings_of_the_proxy_are_read_by_their_former_names(
    inventory: Inventory, capsys: pytest.CaptureFixture[str]
) -> None:
    former = {"olympia_door_enabled": False, "olympia_door_key": "/old.key", "olympia_proxy_key": "/new.key"}
    told = inventory({"olympia_tenants": [ANA], **former})
    machine = told.get_host("vm1").get_vars()
    assert machine["olympia_proxy_enabled"] is False
    assert "olympia_proxy_key" not in machine, "the new name counts, and is where it was given"
    assert "olympia_stack_site_url" not in told.get_host("ana.vm1").get_vars()
    assert "olympia_door_enabled is now called olympia_proxy_enabled" in " ".join(capsys.readouterr().err.split())


def test_former_names_count_on_the_command_line(inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
    # As `-e '{"olympia_door_enabled": false}'` arrives.
    given = {"olympia_door_enabled": False}
    monkeypatch.setattr(sys.modules[InventoryModule.__module__], "load_extra_vars", lambda _loader: given)
    told = inventory({"olympia_tenants": [ANA], "olympia_proxy_enabled": True})
    assert told.get_host("vm1").get_vars()["olympia_proxy_enabled"] is False
    assert "olympia_stack_site_url" not in told.get_host("ana.vm1").get_vars()


def test_an_instance_knows_when_its_tenants_time_is_over(inventory: Inventory) -> None:
    told = inventory({"olympia_tenants": [ANA | {"expires": "2027-01-31"}, BEN]})
    ana, ben = (told.get_host(f"{name}.vm1").get_vars() for name in ("ana", "ben-b"))
    assert ana["olympia_tenant_expires"] == "2027-01-31"
    assert "olympia_tenant_expires" not in ben
