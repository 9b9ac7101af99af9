#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Ansible module: save and restore the data of an instance of the stack."""

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_snapshot
short_description: Save and restore the data of an instance of the stack
description:
  - A snapshot consists of the database, the storage and, if the server keeps it on disk, the search index of an instance at one
    moment, with a manifest.
  - A restore fills temporary volumes first, and replaces the content of the instance's only when they are complete. An
    interrupted one is finished, or rolled back, by O(state=settled).
  - It is the module half of the action M(addons.olympia.instance_snapshot), which can be given the result of
    M(addons.olympia.preflight) as C(preflight) in place of all that is about the instance.
author: The Olympia provisioner authors (!UNKNOWN)
extends_documentation_fragment:
  - addons.olympia.secrets
options:
  state:
    description:
      - V(present) saves a snapshot, V(absent) removes it.
      - V(restored) replaces the instance's data with the snapshot's. The services that use them are stopped afterwards.
      - V(settled) finishes or rolls back an interrupted restore.
      - V(exported) writes the database as plain SQL to O(file), and V(loaded) replaces the instance's database
        with the one in O(file), like V(restored).
      - V(admitted) refuses a database server that is of another product than the volume's last one, or older. One of a newer series
        is admitted where O(upgrade) names that, and a snapshot is saved before.
    type: str
    choices: [present, absent, restored, settled, exported, loaded, admitted]
    default: present
  instance:
    description: The instance, whose name is that of its Compose project.
    type: str
    required: true
  directory:
    description: The folder of all snapshots of the host.
    type: path
    required: true
  name:
    description:
      - The snapshot, C(NAME) or another instance's C(INSTANCE/NAME). By default a new one is named after the time, and the newest
        one that somebody has saved is restored.
    type: str
    default: ""
  project_src:
    description: The project directory.
    type: path
    required: true
  services:
    description: The services that are the V(site), the V(database) and the V(cache).
    type: dict
    default: {}
  images:
    description: The images of V(application) and V(database).
    type: dict
    default: {}
  volumes:
    description: The volume of each part.
    type: dict
    default: {}
  password:
    description: The password of the database's root.
    type: str
    default: ""
  automatic:
    description:
      - The operation that the snapshot is saved before. It gets a generated name and is verified, and the oldest are removed.
      - V(nightly) is no such operation, and is counted separately. An instance without data is skipped then.
    type: str
    default: ""
  kept:
    description: How many automatic snapshots are kept, of nightly ones or of all others; with V(0) none is made.
    type: int
    default: 3
  holds_data:
    description: Whether the instance has been initialized, so that it has data to save.
    type: bool
    default: true
  force:
    description: Restore although the schema is newer than the instance's code.
    type: bool
    default: false
  upgrade:
    description: The series of the database server, such as C(8.4), that may bring the volume to its own format.
    type: str
    default: ""
  file:
    description: The file of SQL. It is compressed with zstd where its name ends in C(.zst).
    type: path
attributes:
  check_mode:
    support: full
    description: Checks what it can, and reports what would be done.
  diff_mode:
    support: none
    description: Volumes are replaced as a whole.
"""

EXAMPLES = r"""
- name: Gather facts about the instance
  addons.olympia.preflight:
    purpose: look
  register: found

- name: Save its data
  addons.olympia.instance_snapshot:
    preflight: "{{ found }}"
    name: before-the-migration

- name: Save the data of another instance
  addons.olympia.instance_snapshot:
    instance: two
    directory: /srv/olympia/snapshots
    project_src: /srv/olympia/two
    services: {site: web, database: mysqld, cache: memcached}
    images: {application: "olympia/two:local", database: "mysql:8.0"}
    volumes: {database: two_data_mysqld, storage: two_storage}
    password: "{{ database_password }}"
"""

RETURN = r"""
path:
  description: The snapshot, or the file of SQL; empty if none was made.
  returned: always
  type: str
  sample: /srv/olympia/snapshots/two/before-the-migration
told:
  description: What was done (in check mode, would be), or why nothing was, as a sentence.
  returned: always
  type: str
bytes:
  description: Disk space that the snapshot uses.
  returned: when one was saved
  type: int
automatic:
  description: The automatic snapshot that was saved before; empty if none was.
  returned: always
  type: str
rc:
  description: The return code of the command that failed.
  returned: failure, where it was a command
  type: int
cmd:
  description: The command that failed.
  returned: failure, where it was a command
  type: list
  elements: str
stderr:
  description: What it said.
  returned: failure, where it was a command
  type: str
"""

import fcntl
import os
import signal
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem
from ansible_collections.addons.olympia.plugins.module_utils.host import engine_objects
from ansible_collections.addons.olympia.plugins.module_utils.host.process import run
from ansible_collections.addons.olympia.plugins.module_utils.snapshots import store as snapshots
from ansible_collections.addons.olympia.plugins.module_utils.snapshots.restoring import Replaceable


def done(told: str, path: Path | str = "", automatic: str = "", changed: bool = True, **more: Any) -> dict[str, Any]:
    """Return the result of the module.

    Args:
        told: What was done, or why nothing was.
        path: The snapshot, or the file of SQL.
        automatic: The automatic snapshot that was saved before.
        changed: Whether something was done.
        more: What else there is to return.
    """
    return {"changed": changed, "path": str(path), "automatic": automatic, "told": told, **more}


def held_before(automatic: str) -> str:
    """Return where the data are that were replaced, as the end of a sentence."""
    return f"; what it held before is in {automatic}" if automatic else ""


def perform(module: AnsibleModule, instance: Replaceable) -> dict[str, Any]:
    """Do what is asked, and return the module's result.

    Args:
        module: The running module.
        instance: The instance.

    Raises:
        Problem: It cannot be done.
    """
    params = module.params
    if Path(params["project_src"]).is_dir():
        # Until this process ends. Where a connection breaks, Ansible begins again while the first process may still go on.
        fcntl.flock(os.open(params["project_src"], os.O_RDONLY), fcntl.LOCK_EX)
    return {
        "present": save,
        "absent": remove,
        "restored": restore,
        "settled": settle,
        "exported": export,
        "loaded": load,
        "admitted": admit,
    }[params["state"]](module, instance)


def save(module: AnsibleModule, instance: Replaceable) -> dict[str, Any]:
    """Save a snapshot."""
    before = module.params["automatic"]
    if before == snapshots.NIGHTLY:
        return save_nightly(module, instance)
    if before:
        if module.check_mode:
            wanted = instance.kept > 0 and instance.holds_data
            return done(f"A snapshot would be saved in {instance.folder}" if wanted else "", changed=wanted)
        path = instance.save_before(before)
        return done(path and f"What it held is saved in {path}", path, path, bool(path))
    name = module.params["name"] or snapshots.time_name(datetime.now(timezone.utc))
    folder = snapshots.locate(instance.root, instance.name, name)
    if folder.parent.name != instance.name:
        raise Problem(f"A snapshot of {instance.name} is saved under its own name, and not as {name}.", kind="settings")
    if module.check_mode:
        instance.check_present()
        return done(f"The snapshot {name} would be saved in {folder}", folder)
    size = instance.save(folder)
    return done(f"The snapshot {name} is saved in {folder}, {size} bytes", folder, bytes=size)


def save_nightly(module: AnsibleModule, instance: Replaceable) -> dict[str, Any]:
    """Save the automatic snapshot of a night, or say why there is none."""
    if reason := instance.left_out():
        return done(f"No snapshot of {instance.name} is saved: {reason}", changed=False)
    if instance.journal.exists():
        # A mixture would in time push out all that is not.
        raise Problem(f"No snapshot of {instance.name} is saved: a restore is in progress, or was interrupted.")
    if module.check_mode:
        instance.check_present()
        return done(f"A snapshot would be saved in {instance.folder}")
    path = instance.save_automatic(snapshots.NIGHTLY)
    return done(f"What {instance.name} holds is saved in {path}", path, path)


def remove(module: AnsibleModule, instance: Replaceable) -> dict[str, Any]:
    """Remove a snapshot."""
    folder = snapshots.locate(instance.root, instance.name, module.params["name"])
    if not folder.is_dir():
        return done(f"There is no snapshot {module.params['name']} in {folder.parent}", folder, changed=False)
    if not module.check_mode:
        snapshots.remove(folder)
    verb = "would be" if module.check_mode else "is"
    return done(f"The snapshot {folder.parent.name}/{folder.name} {verb} removed", folder)


def restore(module: AnsibleModule, instance: Replaceable) -> dict[str, Any]:
    """Restore a snapshot."""
    name = module.params["name"] or snapshots.newest(instance.root, instance.name)
    folder = snapshots.locate(instance.root, instance.name, name)
    manifest = snapshots.read_manifest(folder)
    if unknown := {part["name"] for part in manifest["parts"]} - set(instance.parts):
        raise Problem(f"{folder} has a part that {instance.name} has no place for: {', '.join(unknown)}.")
    snapshots.check_whole(folder, manifest)
    instance.check_present()
    if module.check_mode:
        return done(f"{instance.name} would get what {folder} holds, made {manifest['created']}", folder)
    if warning := instance.check_fits(manifest, module.params["force"]):
        module.warn(warning)
    automatic = instance.save_before("restore")
    instance.restore(folder, manifest)
    return done(f"{instance.name} holds what {folder} does{held_before(automatic)}", folder, automatic)


def settle(module: AnsibleModule, instance: Replaceable) -> dict[str, Any]:
    """Finish or take back an interrupted restore."""
    if not instance.journal.exists():
        return done("No restore was interrupted", changed=False)
    return done("An interrupted restore would be finished, or taken back" if module.check_mode else instance.settle())


def export(module: AnsibleModule, instance: Replaceable) -> dict[str, Any]:
    """Write the database as plain SQL."""
    file = Path(module.params["file"])
    if module.check_mode:
        return done(f"The database would be written to {file}", file)
    instance.export(file)
    return done(f"The database is in {file}, {file.stat().st_size} bytes of SQL", file)


def load(module: AnsibleModule, instance: Replaceable) -> dict[str, Any]:
    """Load a file of SQL."""
    file = Path(module.params["file"])
    if not os.access(file, os.R_OK):
        raise Problem(f"{file} cannot be read on this host.", kind="settings")
    instance.check_present()
    if module.check_mode:
        return done(f"{instance.name} would get the database in {file}", file)
    automatic = instance.save_before("data_restore")
    instance.load(file)
    return done(f"{instance.name} has the database in {file}{held_before(automatic)}", file, automatic)


def admit(module: AnsibleModule, instance: Replaceable) -> dict[str, Any]:
    """Check that the database server may open the volume, and save a snapshot before it changes its format."""
    # A plan pulls no image to look with.
    unknown = module.check_mode and not engine_objects.image_id(run, instance.images["database"])
    if unknown or not instance.check_admitted(module.params["upgrade"]):
        return done("", changed=False)
    if module.check_mode:
        return done("A snapshot would be saved, and the database be upgraded then")
    # Whatever the settings say of automatic ones: this one was promised.
    folder = instance.folder / snapshots.automatic_name("upgrade", datetime.now(timezone.utc))
    instance.save(folder)
    snapshots.verify(folder)
    return done(f"What it held before the database server's upgrade is saved in {folder}", folder, str(folder))


def _terminate(_number: int, _frame: FrameType | None) -> None:
    """Leave by an exception, so that what was begun is taken back."""
    raise SystemExit(1)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {
                "type": "str",
                "choices": ["present", "absent", "restored", "settled", "exported", "loaded", "admitted"],
                "default": "present",
            },
            "instance": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "name": {"type": "str", "default": ""},
            "project_src": {"type": "path", "required": True},
            "services": {"type": "dict", "default": {}},
            "images": {"type": "dict", "default": {}},
            "volumes": {"type": "dict", "default": {}},
            "password": {"type": "str", "default": "", "no_log": True},
            "automatic": {"type": "str", "default": ""},
            "kept": {"type": "int", "default": 3},
            "holds_data": {"type": "bool", "default": True},
            "force": {"type": "bool", "default": False},
            "upgrade": {"type": "str", "default": ""},
            "file": {"type": "path"},
            "secrets": {"type": "list", "elements": "str", "default": [], "no_log": True},
        },
        required_if=[("state", "absent", ["name"]), ("state", "exported", ["file"]), ("state", "loaded", ["file"])],
        supports_check_mode=True,
    )
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminate)
    instance = Replaceable(module.params)
    try:
        result = perform(module, instance)
    except Problem as error:
        left = (
            f" {instance.journal} remembers how far the restore has got: olympia up finishes it."
            if instance.journal.exists()
            else ""
        )
        module.fail_json(msg=f"{error}{left}", olympia={"phase": "snapshot", "kind": error.kind}, **error.evidence)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
