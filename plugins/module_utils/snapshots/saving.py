# SPDX-License-Identifier: BSD-3-Clause
"""Save snapshots of an instance's data."""

from __future__ import annotations

import json
import os
import shutil
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..core.problem import Problem
from ..host import engine_objects
from ..host.process import run
from ..stack import remembered
from . import store, volumes

DATABASE = "olympia"
APPLIED = f"SELECT CONCAT(app, '.', name) FROM {DATABASE}.django_migrations ORDER BY id"


class Instance:
    """An instance and its data."""

    def __init__(self, params: dict[str, Any]) -> None:
        """Name it.

        Args:
            params: The module's parameters.
        """
        self.name: str = params["instance"]
        self.root = Path(params["directory"])
        self.folder = self.root / self.name
        self.project = Path(params["project_src"])
        self.parts: dict[str, str] = params["volumes"]
        self.images: dict[str, str] = params["images"]
        self.services: dict[str, str] = params["services"]
        self.password: str = params["password"]
        self.kept: int = params["kept"]
        self.holds_data: bool = params["holds_data"]
        self.volumes = volumes.Volumes(self.name, self.images.get("application", ""), self.images.get("database", ""))
        self.journal = self.project / remembered.RESTORE

    def check_present(self) -> None:
        """Refuse an instance without the volumes and images that a snapshot needs.

        Raises:
            Problem: A volume or an image does not exist.
        """
        up = f"Bring it up first: olympia up INSTANCE={self.name}"
        for part, volume in self.parts.items():
            if not self.volumes.exists(volume):
                raise Problem(f"The instance {self.name} has no {part}: there is no volume {volume}. {up}")
        for image in self.images.values():
            if not engine_objects.image_id(run, image):
                raise Problem(
                    f"The image {image} does not exist here, and the data of {self.name} cannot be read without it. {up}. To "
                    "destroy without an automatic snapshot: SNAPSHOTS_KEPT=0"
                )

    def server(self) -> str:
        """Return the ID of the running container of the database server; the empty string if it does not run."""
        running = [one for one in engine_objects.containers(run, self.name) if one["state"] == "running"]
        return next((str(one["id"]) for one in running if one["service"] == self.services["database"]), "")

    def inside(self, server: str, command: str, text: str = "") -> list[str]:
        """Return the arguments that run a command in the database server's container, as its root."""
        return ["exec", "--interactive", "--env=MYSQL_PWD", server, "sh", "-c", command]

    def database_state(self) -> tuple[str, list[str]]:
        """Return the version of the database server, and the applied migrations.

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
            # Only the previous server could read more; a copy of the files does not need it.
            return opening.volume, []
        answer = self.volumes.ask(volume, f"SELECT VERSION() UNION ALL {there} INTO OUTFILE '{volumes.OUTPUT}';")
        version, count = answer.splitlines()
        if count == "0":
            return version, []
        return version, self.volumes.ask(volume, f"{APPLIED} INTO OUTFILE '{volumes.OUTPUT}';").splitlines()

    def save(self, folder: Path) -> int:
        """Save a snapshot, and return its size in bytes.

        Args:
            folder: The snapshot, which must not exist.

        Raises:
            Problem: It cannot be saved, and nothing of it is kept.
        """
        store.sweep(self.root, self.name)
        self.volumes.sweep()
        with store.making(folder) as unfinished:
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
                    "sha256": store.checksum(path),
                }
                for part, size in sizes.items()
            ]
            manifest = {
                "format": store.FORMAT,
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
            store.write_whole(unfinished / store.MANIFEST, json.dumps(manifest, indent=2) + "\n")
        return sum(path.stat().st_size for path in folder.iterdir())

    def save_before(self, what: str) -> str:
        """Save an automatic snapshot, remove the oldest ones, and return its folder; the empty string if none is wanted.

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
        folder = self.folder / store.automatic_name(what, datetime.now(timezone.utc))
        self.save(folder)
        store.verify(folder)
        names = [path.name for path in folder.parent.iterdir()]
        for name in store.superfluous(names, self.kept, nightly=what == store.NIGHTLY):
            store.remove(folder.parent / name)
        return str(folder)

    def left_out(self) -> str:
        """Return why an instance is skipped at night; the empty string if it is not.

        It depends on the volume, not on the recorded initialization, which a restore removes until the next 'up'.

        Raises:
            Problem: The engine does not answer.
        """
        if self.kept < 1:
            return "NIGHTLY_KEPT says that none is kept"
        if not shutil.which("docker"):
            return "it was never up, for there is no docker here"
        volume = self.parts["database"]
        return "" if self.volumes.exists(volume) else f"it holds no data, for there is no volume {volume}"

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
