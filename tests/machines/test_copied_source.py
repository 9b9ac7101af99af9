# SPDX-License-Identifier: BSD-3-Clause
"""The embedded application on another machine: it is copied there, and what somebody edits in the copy is that one's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.e2e.stack import Run
from tests.hosts import docker
from tests.parts import ROOT

from .conftest import USER, Machine

HOME = f"/home/{USER}"
SOURCE = f"{HOME}/.local/state/olympia/addons-server/source"
ROLE = {"name": "addons.olympia.olympia_stack", "rolespec_validate": False}
# What an 'up' does before it builds. The machine has no engine, which would stop it there.
COPY = [
    {
        "hosts": "all",
        "gather_facts": False,
        "vars": {"__olympia_stack_purpose": "look"},
        "tasks": [
            {"ansible.builtin.include_role": ROLE | {"tasks_from": "preflight"}},
            {
                "ansible.builtin.include_role": ROLE | {"tasks_from": "source"},
                "when": "not __olympia_stack_preflight.source_current",
            },
        ],
    }
]


def copy(machine: Machine, folder: Path) -> Run:
    """Copy the embedded application of this checkout, or of a copy of the collection; it must succeed."""
    (folder / "copy.yml").write_text(json.dumps(COPY))
    run = machine.start(
        "ansible-playbook", str(folder / "copy.yml"), ANSIBLE_COLLECTIONS_PATH=str(folder / "collections")
    )
    output, _errors = run.communicate()
    assert run.returncode == 0, output
    return Run(run.returncode, output)


def there(machine: Machine, name: str) -> str:
    """Return the content of a file of the copy."""
    return docker("exec", machine.name, "cat", f"{SOURCE}/{name}")


def test_an_edit_of_the_copy_stays_and_the_run_says_so(known: Machine, tmp_path: Path) -> None:
    # The release that comes next is a copy of this one.
    collection = tmp_path / "collections/ansible_collections/addons/olympia"
    collection.mkdir(parents=True)
    for name in ("app", "playbooks", "plugins", "roles"):
        shutil.copytree(ROOT / name, collection / name, symlinks=True)
    for name in ("galaxy.yml", "meta"):
        (collection / name).symlink_to(ROOT / name)
    for name in ("ansible", "community"):
        (tmp_path / "collections/ansible_collections" / name).symlink_to(
            ROOT / "collections/ansible_collections" / name
        )

    assert copy(known, tmp_path).changed == 1
    assert there(known, "manage.py") == (ROOT / "app/manage.py").read_text().rstrip()
    again = copy(known, tmp_path)
    assert again.changed == 0
    assert "Copy the embedded application" not in again.output, "the probe has not found it current"

    docker("exec", "--user", USER, known.name, "sh", "-c", f"echo '# mine' >> {SOURCE}/manage.py")
    for name in ("manage.py", "settings.py"):
        (collection / "app" / name).write_text((collection / "app" / name).read_text() + "# news\n")
    upgrade = copy(known, tmp_path)
    assert upgrade.changed == 1
    said = " ".join(upgrade.output.split())
    assert f"In {SOURCE}, these files were changed and stay as they are: manage.py." in said
    assert there(known, "manage.py").endswith("# mine")
    assert there(known, "settings.py").endswith("# news")
    assert copy(known, tmp_path).changed == 0

    docker("exec", "--user", USER, known.name, "mv", f"{SOURCE}/manage.py", HOME)
    back = copy(known, tmp_path)
    assert (back.changed, "stay as they are" in back.output) == (1, False)
    assert there(known, "manage.py").endswith("# news")
