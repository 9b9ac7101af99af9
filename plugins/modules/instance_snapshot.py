#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Ansible module: save and restore what an instance of the stack holds."""

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_snapshot
short_description: Save and restore what an instance of the stack holds
description:
  - A snapshot is the database, the storage and, where the server keeps it on the disk, the search index of an instance, as they
    were at one moment, with a manifest that says what they belong to.
  - A restore fills volumes of its own beside the instance's, and replaces their content only when all of it is there. What is
    left of an interrupted one is finished, or taken back, by O(state=settled).
  - It is the module half of the action M(addons.olympia.instance_snapshot), which can be given the result of M(addons.olympia.preflight)
    as C(preflight) in place of all that is about the instance.
author: The Olympia provisioner authors (!UNKNOWN)
extends_documentation_fragment:
  - addons.olympia.secrets
options:
  state:
    description:
      - V(present) saves a snapshot, V(absent) removes it.
      - V(restored) gives the instance what the snapshot holds. It ends with the services that use that stopped.
      - V(settled) finishes or takes back a restore that was interrupted.
      - V(exported) writes the database as plain SQL to O(file), and V(loaded) gives the instance the database in O(file); what was
        said of V(restored) holds for it, too.
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
      - What the snapshot is made before. It gets a name of its own, is read again when it is written, and the oldest such ones go.
      - V(nightly) stands for no such thing, and has a count of its own. An instance that holds no data is left out then.
    type: str
    default: ""
  kept:
    description: How many automatic snapshots are kept, of nightly ones or of all others; with V(0) none is made.
    type: int
    default: 3
  holds_data:
    description: Whether the instance has been initialized, so that there is something to save before it is replaced.
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
    description: Checks what can be told beforehand, and says what would be done.
  diff_mode:
    support: none
    description: Volumes are replaced as a whole.
"""

EXAMPLES = r"""
- name: Find the instance
  addons.olympia.preflight:
    purpose: look
  register: found

- name: Save what it holds
  addons.olympia.instance_snapshot:
    preflight: "{{ found }}"
    name: before-the-migration

- name: Save what another one holds
  addons.olympia.instance_snapshot:
    instance: two
    directory: /srv/olympia/snapshots
    project_src: /srv/olympia/two
    images: {application: "olympia/two:local", database: "mysql:8.0"}
    volumes: {database: two_data_mysqld, storage: two_storage}
    password: "{{ database_password }}"
"""

RETURN = r"""
path:
  description: The snapshot, or the file of SQL; empty where none was made.
  returned: always
  type: str
  sample: /srv/olympia/snapshots/two/before-the-migration
told:
  description: What was done (in check mode, would be), or why nothing was, in a sentence.
  returned: always
  type: str
bytes:
  description: What the snapshot takes on the disk.
  returned: when one was saved
  type: int
automatic:
  description: The automatic snapshot that was saved before; empty where none was.
  returned: always
  type: str
rc:
  description: The return code of the command that failed.
  returned: failure, where it was a command
  type: int
cmd:
  description: That command.
  returned: failure, where it was a command
  type: list
  elements: str
stderr:
  description: What it said.
  returned: failure, where it was a command
  type: str
"""

import fcntl
import json
import os
import shutil
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
from ansible_collections.addons.olympia.plugins.module_utils.snapshots import volumes
from ansible_collections.addons.olympia.plugins.module_utils.stack import database, remembered

DATABASE = "olympia"
# All that the code knows, whatever the database has; asked of Django, as only it knows about the packages' own.
KNOWN_MIGRATIONS = """\
import django, json
django.setup()
from django.db.migrations.loader import MigrationLoader
migrations = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
names = {key for one in migrations.values() for key in one.replaces} | set(migrations)
print(json.dumps(sorted(".".join(name) for name in names)))
"""
APPLIED = f"SELECT CONCAT(app, '.', name) FROM {DATABASE}.django_migrations ORDER BY id"
# The cache knows what was; the services that have a volume are told by it.
FORGETFUL = ("memcached",)


def quoted(text: str) -> str:
    """Return a text as SQL writes it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


class Instance:
    """An instance, and what it holds."""

    def __init__(self, params: dict[str, Any]) -> None:
        """Name it.

        Args:
            params: The module's parameters.
        """
        self.name: str = params["instance"]
        self.root = Path(params["directory"])
        self.project = Path(params["project_src"])
        self.parts: dict[str, str] = params["volumes"]
        self.images: dict[str, str] = params["images"]
        self.password: str = params["password"]
        self.kept: int = params["kept"]
        self.holds_data: bool = params["holds_data"]
        self.volumes = volumes.Volumes(self.name, self.images.get("application", ""), self.images.get("database", ""))
        self.journal = self.project / remembered.RESTORE

    def check_present(self) -> None:
        """Refuse an instance that has nothing to save, or nothing to save it with.

        Raises:
            Problem: A volume or an image is not there.
        """
        up = f"Bring it up first: olympia up INSTANCE={self.name}"
        for part, volume in self.parts.items():
            if not self.volumes.exists(volume):
                raise Problem(f"The instance {self.name} has no {part}: there is no volume {volume}. {up}")
        for image in self.images.values():
            if not engine_objects.image_id(run, image):
                raise Problem(
                    f"The image {image} is not here, without which the data of {self.name} cannot be read. {up}. To destroy "
                    "without an automatic snapshot: SNAPSHOTS_KEPT=0"
                )

    def server(self) -> str:
        """Return the ID of the running container of the database server; the empty string where it does not run."""
        running = [one for one in engine_objects.containers(run, self.name) if one["state"] == "running"]
        return next((str(one["id"]) for one in running if one["service"] == "mysqld"), "")

    def inside(self, server: str, command: str, text: str = "") -> list[str]:
        """Return the arguments that run a command in the database server's container, as its root."""
        return ["exec", "--interactive", "--env=MYSQL_PWD", server, "sh", "-c", command]

    def database_state(self) -> tuple[str, list[str]]:
        """Return the version of the database server, and the migrations that the database has had.

        Raises:
            Problem: The server does not answer.
        """
        there = f"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='{DATABASE}' AND table_name='django_migrations'"
        if server := self.server():

            def ask(sql: str) -> list[str]:
                command = self.inside(server, volumes.ASK)
                return volumes.execute(command, {"MYSQL_PWD": self.password}, sql).splitlines()

            version, count = ask(f"SELECT VERSION(); {there}")
            return version, ask(APPLIED) if count != "0" else []
        volume = self.parts["database"]
        opening = self.volumes.opening(volume)
        if not opening.fits:
            # Only the server of before could tell more, and a copy of the files is as good without.
            return opening.volume, []
        answer = self.volumes.ask(volume, f"SELECT VERSION() UNION ALL {there} INTO OUTFILE '{volumes.OUTPUT}';")
        version, count = answer.splitlines()
        if count == "0":
            return version, []
        return version, self.volumes.ask(volume, f"{APPLIED} INTO OUTFILE '{volumes.OUTPUT}';").splitlines()

    def save(self, folder: Path) -> int:
        """Save a snapshot, and return what it takes, in bytes.

        Args:
            folder: The snapshot, which must not exist.

        Raises:
            Problem: It cannot be saved. Nothing of it is left then.
        """
        snapshots.sweep(self.root, self.name)
        self.volumes.sweep()
        with snapshots.making(folder) as unfinished:
            self.check_present()
            version, migrations = self.database_state()
            created = datetime.now(timezone.utc)
            sizes = {}
            with self.volumes.held(self.parts.values()):
                for part, volume in self.parts.items():
                    sizes[part] = self.volumes.pack(volume, unfinished / f"{part}.tar.zst")
            parts = [
                {
                    "name": part,
                    "file": f"{part}.tar.zst",
                    "bytes": (path := unfinished / f"{part}.tar.zst").stat().st_size,
                    "unpacked_bytes": size,
                    "sha256": snapshots.checksum(path),
                }
                for part, size in sizes.items()
            ]
            manifest = {
                "format": snapshots.FORMAT,
                "instance": self.name,
                "created": created.isoformat(timespec="seconds"),
                "images": {
                    kind: {"name": image, "id": engine_objects.image_id(run, image)}
                    for kind, image in self.images.items()
                },
                "database_version": version,
                "migrations": migrations,
                "parts": parts,
            }
            snapshots.write_whole(unfinished / snapshots.MANIFEST, json.dumps(manifest, indent=2) + "\n")
        return sum(path.stat().st_size for path in folder.iterdir())

    def save_before(self, what: str) -> str:
        """Save an automatic snapshot, remove the oldest ones, and return its folder; the empty string where none is wanted.

        Args:
            what: What it is made before.

        Raises:
            Problem: It cannot be saved.
        """
        return self.save_automatic(what) if self.kept > 0 and self.holds_data else ""

    def save_automatic(self, what: str) -> str:
        """Save an automatic snapshot, remove the oldest ones of its kind, and return its folder.

        Args:
            what: What it is made before, or NIGHTLY.

        Raises:
            Problem: It cannot be saved, or not be read again. The older ones are all there then.
        """
        folder = self.root / self.name / snapshots.automatic_name(what, datetime.now(timezone.utc))
        self.save(folder)
        snapshots.verify(folder)
        names = [path.name for path in folder.parent.iterdir()]
        for name in snapshots.superfluous(names, self.kept, nightly=what == snapshots.NIGHTLY):
            snapshots.remove(folder.parent / name)
        return str(folder)

    def left_out(self) -> str:
        """Return why a night leaves nothing of the instance; the empty string where it does.

        Its volume tells, not what is remembered of its initialization: a restore forgets that until the next 'up'.

        Raises:
            Problem: The engine does not tell.
        """
        if self.kept < 1:
            return "NIGHTLY_KEPT says that none is kept"
        if not shutil.which("docker"):
            return "it was never up, for there is no docker here"
        volume = self.parts["database"]
        return "" if self.volumes.exists(volume) else f"it holds no data, for there is no volume {volume}"

    def check_admitted(self, upgrade: str = "") -> bool:
        """Refuse a database server that must not open the volume; return whether it would bring it to its own format.

        Args:
            upgrade: The series that may do that.

        Raises:
            Problem: It must not.
        """
        opening = self.volumes.opening(self.parts["database"])
        what, fix = opening.refusal
        agreed = opening.upgrades and database.series(opening.server).split()[1] == upgrade
        if what and not agreed:
            raise Problem(f"{self.parts['database']}: {what}; nothing was changed. {fix}")
        return agreed

    def check_fits(self, manifest: dict[str, Any], force: bool) -> str:
        """Refuse a snapshot that the instance cannot use, and return a warning where it is used all the same.

        Args:
            manifest: The snapshot's manifest.
            force: Use one with a newer schema.

        Raises:
            Problem: It does not fit.
        """
        opening = self.volumes.opening(self.parts["database"])
        theirs, ours = database.series(manifest["database_version"]), database.series(opening.server)
        if theirs != ours:
            raise Problem(
                f"The snapshot is of a {theirs} server, whose files the instance's {ours} does not read; nothing was changed. "
                "Plain SQL goes from one series to the next: olympia data_export there, olympia data_restore here. Between "
                "products it does as far as both know its types."
            )
        known = volumes.execute(
            [
                "compose", "--project-directory", str(self.project), "run", "--rm", "--no-deps", "--no-TTY", "--quiet-pull",
                "web", "python3", "-c", KNOWN_MIGRATIONS,
            ],
            cwd=self.project,
        )  # fmt: skip
        newer = snapshots.newer_migrations(manifest, json.loads(known.splitlines()[-1]))
        if not newer:
            return ""
        names = ", ".join(newer[:5]) + (f" and {len(newer) - 5} more" if len(newer) > 5 else "")
        said = f"The snapshot's schema is newer than the code of the instance {self.name}, which does not know {names}"
        if not force:
            raise Problem(
                f"{said}; nothing was changed. Bring up the code that the snapshot was made with, or restore it all the same, at "
                "your own risk: --force"
            )
        return f"{said}. It is restored all the same, as --force says: what reads those tables may fail."

    def replace(self, source: str, fill: dict[str, Any]) -> None:
        """Replace what volumes hold, all of them or none.

        Args:
            source: What they are filled from, for messages.
            fill: By part, what fills a volume that is given to it.

        Raises:
            Problem: One could not be filled: nothing has changed. Or one could not be replaced: `settle` goes on from there.
        """
        staged: dict[str, str] = {}
        self.volumes.unstage()
        self._write_journal("fill", source, staged)
        try:
            for part, work in fill.items():
                staged[self.parts[part]] = self.volumes.stage(self.parts[part])
                work(staged[self.parts[part]])
        except BaseException:
            self.volumes.unstage()
            self.journal.unlink(missing_ok=True)
            raise
        self.stop()
        # From here on there is no way back.
        self._write_journal("replace", source, staged)
        self.settle()

    def stop(self) -> None:
        """Stop what uses the volumes, or remembers what they held."""
        remembering = [
            str(one["id"])
            for one in engine_objects.containers(run, self.name)
            if one["service"] in FORGETFUL and one["state"] == "running"
        ]
        # A paused server that were woken later would go on with what is not there any more.
        running = [*self.volumes.users(self.parts.values(), "paused"), *remembering]
        try:
            volumes.execute(["stop", *running]) if running else ""
        except Problem:
            # One that has ended by itself meanwhile is as good.
            if self.volumes.users(self.parts.values(), "paused"):
                raise

    def settle(self) -> str:
        """Finish a restore from where all is there to finish it, or take it back; return what was done, in a sentence."""
        journal = json.loads(self.journal.read_text(encoding="utf-8"))
        self.volumes.sweep()
        if journal["step"] == "replace":
            self.stop()
            # Migrations and search index are to be looked after again.
            (self.project / remembered.INITIALIZED).unlink(missing_ok=True)
            for volume, staged in journal["volumes"].items():
                self.volumes.replace(volume, staged)
        # In this order: without the volumes beside them, the journal would have the data replaced by nothing.
        self.journal.unlink()
        self.volumes.unstage()
        done = "was finished" if journal["step"] == "replace" else "was taken back: the data are as they were before"
        return f"The interrupted restore from {journal['source']} {done}."

    def _write_journal(self, step: str, source: str, staged: dict[str, str]) -> None:
        self.project.mkdir(mode=0o700, parents=True, exist_ok=True)
        snapshots.write_whole(
            self.journal, json.dumps({"step": step, "source": source, "volumes": staged}, indent=2) + "\n"
        )

    def restore(self, folder: Path, manifest: dict[str, Any]) -> None:
        """Give the instance what a snapshot holds.

        Args:
            folder: The snapshot.
            manifest: Its manifest.

        Raises:
            Problem: It cannot be restored.
        """

        def unpack(part: dict[str, Any]) -> Any:
            def fill(staged: str) -> None:
                self.volumes.unpack(folder / part["file"], staged, self.parts[part["name"]])
                if part["name"] == "database":
                    # It starts here first: what does not start replaces nothing.
                    self.volumes.ask(staged, self.password_sql())

            return fill

        self.replace(str(folder), {part["name"]: unpack(part) for part in manifest["parts"]})

    def load(self, file: Path) -> None:
        """Give the instance the database in a file of SQL.

        Args:
            file: The file.

        Raises:
            Problem: The server does not take it: nothing has changed.
        """

        self.check_admitted()

        def fill(staged: str) -> None:
            with self.volumes.held([self.parts["database"]]):
                self.volumes.copy(self.parts["database"], staged)
            empty = f"DROP DATABASE IF EXISTS {DATABASE};\nCREATE DATABASE {DATABASE} CHARACTER SET utf8mb4;"
            self.volumes.load(staged, f"{self.password_sql()}\n{empty}", self.password, DATABASE, file)

        self.replace(str(file), {"database": fill})

    def password_sql(self) -> str:
        """Return the SQL that gives the server's root the instance's password: a snapshot may bring another one's."""
        users = "'root'@'%'", "'root'@'localhost'"
        return "\n".join(f"ALTER USER IF EXISTS {user} IDENTIFIED BY {quoted(self.password)};" for user in users)

    def export(self, file: Path) -> None:
        """Write the database as plain SQL.

        Args:
            file: The file, which is there as a whole or not at all.

        Raises:
            Problem: The server does not run, or the file cannot be written.
        """
        server = self.server()
        if not server:
            raise Problem(
                f"The database server of {self.name} does not run. Bring the stack up first.", kind="unhealthy"
            )
        unfinished = file.with_name(f"{file.name}.{os.getpid()}.part")
        stages = [self.inside(server, volumes.DUMP + DATABASE)]
        if file.suffix == ".zst":
            stages.append(self.volumes.filter("-1", "--threads=0"))
        try:
            with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
                volumes.pipe(stages, None, target, {"MYSQL_PWD": self.password})
                target.flush()
                os.fsync(target.fileno())
            unfinished.replace(file)
        except OSError as error:
            raise Problem(f"{file} cannot be written: {error.strerror}.") from error
        finally:
            unfinished.unlink(missing_ok=True)


def perform(module: AnsibleModule, instance: Instance) -> dict[str, Any]:
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


def save(module: AnsibleModule, instance: Instance) -> dict[str, Any]:
    """Save a snapshot."""
    before = module.params["automatic"]
    if before == snapshots.NIGHTLY:
        return save_nightly(module, instance)
    if before:
        if module.check_mode:
            wanted = instance.kept > 0 and instance.holds_data
            told = f"A snapshot would be saved in {instance.root / instance.name}" if wanted else ""
            return {"changed": wanted, "path": "", "told": told, "automatic": ""}
        path = instance.save_before(before)
        return {
            "changed": bool(path),
            "path": path,
            "automatic": path,
            "told": path and f"What it held is saved in {path}",
        }
    name = module.params["name"] or snapshots.time_name(datetime.now(timezone.utc))
    folder = snapshots.locate(instance.root, instance.name, name)
    if folder.parent.name != instance.name:
        raise Problem(f"A snapshot of {instance.name} is saved under its own name, and not as {name}.", kind="settings")
    result = {"changed": True, "path": str(folder), "automatic": ""}
    if module.check_mode:
        instance.check_present()
        return result | {"told": f"The snapshot {name} would be saved in {folder}"}
    size = instance.save(folder)
    return result | {"bytes": size, "told": f"The snapshot {name} is saved in {folder}, {size} bytes"}


def save_nightly(module: AnsibleModule, instance: Instance) -> dict[str, Any]:
    """Save the automatic snapshot of a night, or say why there is none."""
    nothing = {"changed": False, "path": "", "automatic": ""}
    if reason := instance.left_out():
        return nothing | {"told": f"No snapshot of {instance.name} is saved: {reason}"}
    if instance.journal.exists():
        # A mixture would in time push out all that is not.
        raise Problem(f"No snapshot of {instance.name} is saved: a restore is in progress, or was interrupted.")
    if module.check_mode:
        instance.check_present()
        told = f"A snapshot would be saved in {instance.root / instance.name}"
        return nothing | {"changed": True, "told": told}
    path = instance.save_automatic(snapshots.NIGHTLY)
    return {"changed": True, "path": path, "automatic": path, "told": f"What {instance.name} holds is saved in {path}"}


def remove(module: AnsibleModule, instance: Instance) -> dict[str, Any]:
    """Remove a snapshot."""
    folder = snapshots.locate(instance.root, instance.name, module.params["name"])
    result = {"path": str(folder), "automatic": ""}
    if not folder.is_dir():
        return result | {"changed": False, "told": f"There is no snapshot {module.params['name']} in {folder.parent}"}
    if not module.check_mode:
        snapshots.remove(folder)
    done = "would be" if module.check_mode else "is"
    return result | {"changed": True, "told": f"The snapshot {folder.parent.name}/{folder.name} {done} removed"}


def restore(module: AnsibleModule, instance: Instance) -> dict[str, Any]:
    """Restore a snapshot."""
    name = module.params["name"] or snapshots.newest(instance.root, instance.name)
    folder = snapshots.locate(instance.root, instance.name, name)
    manifest = snapshots.read_manifest(folder)
    parts = {part["name"] for part in manifest["parts"]}
    if parts - set(instance.parts):
        raise Problem(
            f"{folder} has a part that {instance.name} has no place for: {', '.join(parts - set(instance.parts))}."
        )
    snapshots.check_whole(folder, manifest)
    instance.check_present()
    if module.check_mode:
        told = f"{instance.name} would get what {folder} holds, made {manifest['created']}"
        return {"changed": True, "path": str(folder), "automatic": "", "told": told}
    if warning := instance.check_fits(manifest, module.params["force"]):
        module.warn(warning)
    automatic = instance.save_before("restore")
    instance.restore(folder, manifest)
    told = f"{instance.name} holds what {folder} does" + (
        f"; what it held before is in {automatic}" if automatic else ""
    )
    return {"changed": True, "path": str(folder), "automatic": automatic, "told": told}


def settle(module: AnsibleModule, instance: Instance) -> dict[str, Any]:
    """Finish or take back an interrupted restore."""
    if not instance.journal.exists():
        return {"changed": False, "path": "", "automatic": "", "told": "No restore was interrupted"}
    told = "An interrupted restore would be finished, or taken back" if module.check_mode else instance.settle()
    return {"changed": True, "path": "", "automatic": "", "told": told}


def export(module: AnsibleModule, instance: Instance) -> dict[str, Any]:
    """Write the database as plain SQL."""
    file = Path(module.params["file"])
    if module.check_mode:
        return {"changed": True, "path": str(file), "automatic": "", "told": f"The database would be written to {file}"}
    instance.export(file)
    told = f"The database is in {file}, {file.stat().st_size} bytes of SQL"
    return {"changed": True, "path": str(file), "automatic": "", "told": told}


def load(module: AnsibleModule, instance: Instance) -> dict[str, Any]:
    """Load a file of SQL."""
    file = Path(module.params["file"])
    if not os.access(file, os.R_OK):
        raise Problem(f"{file} cannot be read on this host.", kind="settings")
    instance.check_present()
    if module.check_mode:
        return {
            "changed": True,
            "path": str(file),
            "automatic": "",
            "told": f"{instance.name} would get the database in {file}",
        }
    automatic = instance.save_before("data_restore")
    instance.load(file)
    told = f"{instance.name} has the database in {file}" + (
        f"; what it held before is in {automatic}" if automatic else ""
    )
    return {"changed": True, "path": str(file), "automatic": automatic, "told": told}


def admit(module: AnsibleModule, instance: Instance) -> dict[str, Any]:
    """See that the database server may open the volume, and save a snapshot before it changes its format."""
    nothing = {"changed": False, "path": "", "automatic": "", "told": ""}
    if module.check_mode and not engine_objects.image_id(run, instance.images["database"]):
        # A plan pulls nothing.
        return nothing
    if not instance.check_admitted(module.params["upgrade"]):
        return nothing
    if module.check_mode:
        return nothing | {"changed": True, "told": "A snapshot would be saved, and the database be upgraded then"}
    # Whatever the settings say of automatic ones: this one was promised.
    folder = instance.root / instance.name / snapshots.automatic_name("upgrade", datetime.now(timezone.utc))
    instance.save(folder)
    snapshots.verify(folder)
    told = f"What it held before the database server's upgrade is saved in {folder}"
    return {"changed": True, "path": str(folder), "automatic": str(folder), "told": told}


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
    instance = Instance(module.params)
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
