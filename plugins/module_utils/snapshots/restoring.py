# SPDX-License-Identifier: BSD-3-Clause
"""Replace an instance's data, as a whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..core.problem import Problem
from ..host import engine_objects
from ..host.process import run
from ..stack import database, remembered
from . import store, volumes
from .saving import DATABASE, Instance

# All that the code knows, whatever the database has; asked of Django, as only it knows about the packages' own.
KNOWN_MIGRATIONS = """\
import django, json
django.setup()
from django.db.migrations.loader import MigrationLoader
migrations = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
names = {key for one in migrations.values() for key in one.replaces} | set(migrations)
print(json.dumps(sorted(".".join(name) for name in names)))
"""


def quoted(text: str) -> str:
    """Return a text as SQL writes it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


class Replaceable(Instance):
    """An instance whose data can be replaced."""

    def check_admitted(self, upgrade: str = "") -> bool:
        """Refuse a database server that must not open the volume; return whether it would upgrade it.

        Args:
            upgrade: The series that may upgrade it.

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
        """Refuse a snapshot that the instance cannot use, and return a warning if it is forced.

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
                self.services["site"], "python3", "-c", KNOWN_MIGRATIONS,
            ],
            cwd=self.project,
        )  # fmt: skip
        newer = store.newer_migrations(manifest, json.loads(known.splitlines()[-1]))
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
        """Replace the content of volumes, all of them or none.

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
        # This is the point of no return.
        self._write_journal("replace", source, staged)
        self.settle()

    def stop(self) -> None:
        """Stop the services that use the volumes, or cache their data."""
        remembering = [
            str(one["id"])
            for one in engine_objects.containers(run, self.name)
            # The cache has old data, and no volume that would tell that it uses them.
            if one["service"] == self.services["cache"] and one["state"] == "running"
        ]
        # A paused server that is resumed later would continue with the old data.
        running = [*self.volumes.users(self.parts.values(), "paused"), *remembering]
        try:
            volumes.execute(["stop", *running]) if running else ""
        except Problem:
            # A container may have stopped by itself.
            if self.volumes.users(self.parts.values(), "paused"):
                raise

    def settle(self) -> str:
        """Finish an interrupted restore, or roll it back if it cannot be finished; return what was done, as a sentence."""
        journal = json.loads(self.journal.read_text(encoding="utf-8"))
        self.volumes.sweep()
        if journal["step"] == "replace":
            self.stop()
            # Migrations and search index have to be checked again.
            (self.project / remembered.INITIALIZED).unlink(missing_ok=True)
            for volume, staged in journal["volumes"].items():
                self.volumes.replace(volume, staged)
        # In this order: with a journal and without the staged volumes, the next run would replace the data by nothing.
        self.journal.unlink()
        self.volumes.unstage()
        done = "was finished" if journal["step"] == "replace" else "was rolled back: the data are unchanged"
        return f"The interrupted restore from {journal['source']} {done}."

    def _write_journal(self, step: str, source: str, staged: dict[str, str]) -> None:
        self.project.mkdir(mode=0o700, parents=True, exist_ok=True)
        store.write_whole(
            self.journal, json.dumps({"step": step, "source": source, "volumes": staged}, indent=2) + "\n"
        )

    def restore(self, folder: Path, manifest: dict[str, Any]) -> None:
        """Replace the instance's data with a snapshot's.

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
                    # It is started here first, so that data that do not start replace nothing.
                    self.volumes.ask(staged, self.password_sql())

            return fill

        self.replace(str(folder), {part["name"]: unpack(part) for part in manifest["parts"]})

    def load(self, file: Path) -> None:
        """Replace the instance's database with a file of SQL.

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
        """Return the SQL that sets the root password to the instance's: a snapshot may have another one."""
        users = "'root'@'%'", "'root'@'localhost'"
        return "\n".join(f"ALTER USER IF EXISTS {user} IDENTIFIED BY {quoted(self.password)};" for user in users)
