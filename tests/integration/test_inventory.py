# SPDX-License-Identifier: BSD-3-Clause
"""The inventory plugin, found and read by the real ansible-inventory. No engine is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from .conftest import ROOT

ANA = {"name": "ana", "uid": 2001}


def listed(folder: Path, tenants: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    """Return what ansible-inventory says of a machine that tenants share."""
    machine = {"vm1": {"ansible_host": "192.0.2.1"}}
    machines = {"olympia_machines": {"hosts": machine, "vars": {"olympia_tenants": tenants}}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(machines))
    (folder / "instances.yml").write_text("plugin: addons.olympia.tenants\n")
    command = [str(Path(sys.executable).parent / "ansible-inventory"), "-i", str(folder), "--list"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


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
