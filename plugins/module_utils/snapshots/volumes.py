# SPDX-License-Identifier: BSD-3-Clause
"""Operations on an instance's volumes, in temporary containers: without root on the host, and without the services' privileges.

The application image has tar in either image origin, and the database image has zstd.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..core.command_environment import commands
from ..core.problem import Problem
from ..host.process import Completed, complete, tail
from ..stack.database import LOOK, Opening, read_opening

HELPER = "addons.olympia.helper"
PROJECT = "com.docker.compose.project"
RESTORE = "addons.olympia.restore"
LOG_LINES = 20
REMOVAL = 30  # seconds that the engine may take to remove a container
# Stops every process of the containers whose IDs match, those that are just being started too, until standard input ends: with
# the process that holds the other end, however that dies, all of them go on. Not 'docker pause': a container is unhealthy
# after it until the next regular healthcheck, 90 seconds later.
HOLD = r"""
pids() { grep --files-with-matches --no-messages --extended-regexp "$1" /proc/[0-9]*/cgroup | cut --delimiter=/ --fields=3; }
trap 'kill -CONT $(pids "$1") 2> /dev/null' EXIT
[ -n "$(pids "$1")" ] || { echo "no process of the containers is seen" >&2; exit 1; }
while running=; do
    for pid in $(pids "$1"); do
        state=$(sed 's/.*) \(.\).*/\1/' "/proc/$pid/stat" 2> /dev/null)
        case $state in [TXZ] | "") ;; *) kill -STOP "$pid" && running=1 ;; esac
    done
    [ -n "$running" ] || break
done
echo held
cat > /dev/null
"""
# The new content is copied to the volume before the old one is removed; then it only has to be renamed. Safe to repeat.
REPLACE = r"""
set -eu
cd /volume
rm -rf .restored
cp --archive /staged .restored
find . -mindepth 1 -maxdepth 1 ! -name .restored -exec rm -rf {} +
find .restored -mindepth 1 -maxdepth 1 -exec mv --target-directory=. {} +
rmdir .restored
sync --file-system .
"""
OUTPUT = "/tmp/olympia.out"
# A second server that nobody else can reach. If there is nothing to load, it stops by itself.
SERVE = r"""
set -eu
umask 077
server=$(command -v mariadbd || command -v mysqld) client=$(command -v mariadb || command -v mysql)
printf '%s\n' "$OLYMPIA_SQL" > /tmp/olympia.sql
"$server" --skip-networking --socket=/tmp/olympia.sock --secure-file-priv=/tmp --init-file=/tmp/olympia.sql >&2 &
if [ -n "${OLYMPIA_LOAD:-}" ]; then
    as_root() { "$client" --user=root --socket=/tmp/olympia.sock --default-character-set=utf8mb4 "$@"; }
    until as_root --execute='DO 1' 2> /dev/null; do kill -0 $!; sleep 0.1; done
    as_root "$OLYMPIA_LOAD"
    as_root --execute=SHUTDOWN
fi
wait $!
if [ -e @OUTPUT@ ]; then cat @OUTPUT@; fi
""".replace("@OUTPUT@", OUTPUT)
ASK = 'exec "$(command -v mariadb || command -v mysql)" --user=root --batch --skip-column-names'
# A dump with MySQL's transaction identifiers can be loaded only into a server that has none.
DUMP = (
    'dump=$(command -v mariadb-dump || echo "mysqldump --set-gtid-purged=OFF"); exec $dump --user=root --single-transaction '
    "--quick --routines --triggers --hex-blob --default-character-set=utf8mb4 "
)


def execute(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, text: str = "", cwd: Path | None = None
) -> str:
    """Run a docker command and return its output.

    Args:
        arguments: What follows `docker`.
        environment: What it needs of the environment besides.
        text: What it reads.
        cwd: Where it runs.

    Raises:
        Problem: It returned another code than 0.
    """
    done = complete(["docker", *arguments], cwd, environment, text)
    if done.rc:
        raise failed(done)
    return done.stdout


def failed(completed: Completed) -> Problem:
    """Return the problem of a failed command."""
    said = completed.silence or tail(completed.stderr.strip() or completed.stdout.strip(), LOG_LINES)
    return Problem(
        f"docker {completed.cmd[1]} failed with return code {completed.rc}: {said}",
        kind="",
        evidence=completed.evidence(),
    )


def pipe(
    stages: Sequence[Sequence[str]],
    source: IO[bytes] | None,
    target: IO[bytes] | None,
    environment: Mapping[str, str] | None = None,
) -> list[str]:
    """Run a pipeline of docker commands, and return the standard error of each.

    Args:
        stages: What follows `docker` in each.
        source: Standard input of the first one; empty if None.
        target: Where the last one writes; nowhere where it is None.
        environment: What they need of the environment besides.

    Raises:
        Problem: One of them returned another code than 0.
    """
    with contextlib.ExitStack() as stack:
        processes: list[tuple[subprocess.Popen[bytes], list[str], IO[str]]] = []
        reads: Any = source or subprocess.DEVNULL
        for number, arguments in enumerate(stages, start=1):
            command = ["docker", *arguments]
            errors: IO[str] = stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace"))
            writes = subprocess.PIPE if number < len(stages) else target or subprocess.DEVNULL
            process = subprocess.Popen(
                command,
                stdin=reads,
                stdout=writes,
                stderr=errors,
                env=commands(environment),
            )
            stack.callback(_end, process)
            if reads not in (source, subprocess.DEVNULL):
                # Only the next command reads it: if that dies, this one has to notice.
                reads.close()
            reads = process.stdout
            processes.append((process, command, errors))
        said = []
        for process, command, errors in processes:
            rc = process.wait()
            errors.seek(0)
            said.append(errors.read())
            if rc:
                raise failed(Completed(command, rc, "", said[-1]))
        return said


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


@dataclass(frozen=True)
class Volumes:
    """The volumes of an instance.

    Attributes:
        instance: The instance.
        application: Its application image.
        database: Its database server's image.
    """

    instance: str
    application: str
    database: str

    def _run(self, image: str, mounts: Iterable[str], command: Sequence[str], *options: str) -> list[str]:
        volumes = [f"--volume={mount}" for mount in mounts]
        given = [
            "--rm",
            "--pull=never",
            "--network=none",
            "--log-driver=none",
            f"--label={HELPER}={self.instance}",
            *volumes,
            *options,
        ]
        return ["run", *given, f"--entrypoint={command[0]}", image, *command[1:]]

    def _work(self, mounts: Iterable[str], command: Sequence[str], *options: str) -> list[str]:
        return self._run(self.application, mounts, command, "--user=0:0", *options)

    def filter(self, *options: str) -> list[str]:
        """Return the docker arguments of a zstd from standard input to standard output.

        Args:
            options: Its options.
        """
        return self._run(self.database, [], ["zstd", "--quiet", *options], "--interactive")

    def exists(self, volume: str) -> bool:
        """Return whether there is such a volume."""
        return bool(execute(["volume", "ls", "--quiet", "--filter", f"name=^{re.escape(volume)}$"]).strip())

    def users(self, volumes: Iterable[str], *more: str) -> list[str]:
        """Return the IDs of the running containers that have one of some volumes.

        Args:
            volumes: The volumes.
            more: Further states in which one counts.
        """
        mounted = [f"--filter=volume={volume}" for volume in volumes]
        states = [f"--filter=status={state}" for state in ("running", *more)]
        return execute(["ps", "--quiet", "--no-trunc", *states, *mounted]).split()

    @contextlib.contextmanager
    def held(self, volumes: Iterable[str]) -> Iterator[None]:
        """Freeze all processes that use some volumes.

        A copy is then like the disk after a power failure, which databases can recover from.

        Raises:
            Problem: They could not be frozen until the end.
        """
        containers = self.users(volumes)
        if not containers:
            yield
            return
        command = self._work(
            [], ["bash", "-c", HOLD, "hold", "|".join(containers)], "--interactive", "--pid=host", "--userns=host"
        )
        with subprocess.Popen(
            ["docker", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=commands(),
        ) as holder:  # fmt: skip
            said = holder.stdout.readline() if holder.stdout else ""
            try:
                if held := said.strip() == "held":
                    yield
            finally:
                ended_early = holder.poll() is not None
                # Its standard input ends with that, and so does the hold.
                _rest, errors = holder.communicate()
            if not held or ended_early or holder.returncode:
                raise failed(Completed(["docker", *command], holder.returncode, "", errors))

    def pack(self, volume: str, target: Path) -> int:
        """Write what a volume holds to a compressed archive, and return its size before that, in bytes.

        Raises:
            Problem: It cannot be read or written.
        """
        tar = ["tar", "--create", "--numeric-owner", "--totals", "--directory=/volume", "."]
        with target.open("wb") as file:
            said = pipe(
                [
                    self._work([f"{volume}:/volume:ro"], tar),
                    self.filter("-1", "--threads=0"),
                ],
                None,
                file,
            )
        total = re.search(r"Total bytes written: (\d+)", said[0])
        return int(total[1]) if total else 0

    def unpack(self, source: Path, staged: str, volume: str) -> None:
        """Fill a volume from a compressed archive; all of it gets the owner of another volume, whose content it replaces.

        Raises:
            Problem: It cannot be read or written.
        """
        script = (
            "set -eu; tar --extract --numeric-owner --directory=/staged; "
            "chown --recursive --reference=/volume /staged; chmod --reference=/volume /staged"
        )
        with source.open("rb") as file:
            pipe(
                [
                    self.filter("--decompress"),
                    self._work([f"{volume}:/volume:ro", f"{staged}:/staged"], ["sh", "-c", script], "--interactive"),
                ],
                file,
                None,
            )

    def copy(self, volume: str, staged: str) -> None:
        """Copy what a volume holds to another one."""
        mounts = [f"{volume}:/volume:ro", f"{staged}:/staged"]
        execute(self._work(mounts, ["cp", "--archive", "/volume/.", "/staged/"]))

    def replace(self, volume: str, staged: str) -> None:
        """Replace the content of a volume by that of another one. Nothing may use it meanwhile. Safe to repeat.

        Raises:
            Problem: One of them does not exist (the engine would create an empty one), or the disk is full.
        """
        if not (self.exists(volume) and self.exists(staged)):
            raise Problem(f"One of the volumes {volume} and {staged} is gone; nothing was changed.", kind="")
        execute(self._work([f"{volume}:/volume", f"{staged}:/staged:ro"], ["bash", "-c", REPLACE]))

    def ask(self, volume: str, sql: str) -> str:
        """Run a database server on a volume, execute some SQL, shut it down cleanly, and return the output.

        Args:
            volume: The volume. Nothing else may use it.
            sql: Statements, each on a line of its own, that write to OUTPUT, if at all.

        Raises:
            Problem: The server did not start, or refused something.
        """
        # By name only: the SQL may contain secrets.
        command = self._serve(volume, "OLYMPIA_SQL")
        return execute(command, {"OLYMPIA_SQL": f"{sql}\nSHUTDOWN;"})

    def load(self, volume: str, sql: str, password: str, database: str, source: Path) -> None:
        """Run a database server on a volume, load a file of SQL, and shut it down cleanly.

        Args:
            volume: The volume. Nothing else may use it.
            sql: What is to be run before, each statement on a line of its own.
            password: The password of the server's root after that.
            database: The database that the file is for.
            source: The file; compressed with zstd where its name ends in `.zst`.

        Raises:
            Problem: The server did not start, or refused something.
        """
        environment = {"OLYMPIA_SQL": sql, "OLYMPIA_LOAD": database, "MYSQL_PWD": password}
        stages = [self._serve(volume, *environment)]
        if source.suffix == ".zst":
            stages.insert(0, self.filter("--decompress"))
        with source.open("rb") as file:
            pipe(stages, file, None, environment)

    def opening(self, volume: str) -> Opening:
        """Return which server opened a volume last, and which one would open it now, without opening it.

        Raises:
            Problem: The volume cannot be read with the database's image.
        """
        mount, command = f"{volume}:/var/lib/mysql:ro", ["sh", "-c", LOOK]
        said = execute(self._run(self.database, [mount], command, "--user=mysql"))
        try:
            return read_opening(said)
        except ValueError as error:
            raise Problem(f"The image {self.database} names no database server: {tail(said, LOG_LINES)}") from error

    def _serve(self, volume: str, *names: str) -> list[str]:
        # The official image starts as root. What root writes with this umask, the server's own user could not read.
        options = ["--interactive", "--user=mysql", *(f"--env={name}" for name in names)]
        return self._run(self.database, [f"{volume}:/var/lib/mysql"], ["sh", "-c", SERVE], *options)

    def stage(self, volume: str) -> str:
        """Create an empty volume whose content will replace another one's, and return its name."""
        staged = f"{volume}_restored"
        labels = [f"--label={PROJECT}={self.instance}", f"--label={RESTORE}={self.instance}"]
        return execute(["volume", "create", *labels, staged]).strip()

    def unstage(self) -> None:
        """Remove every volume that was created to replace another one's content."""
        left = execute(["volume", "ls", "--quiet", f"--filter=label={RESTORE}={self.instance}"]).split()
        if left:
            self.sweep()
            execute(["volume", "rm", *left])

    def sweep(self) -> None:
        """Remove the containers of an interrupted run, which may still be running, or were never started."""
        deadline = time.monotonic() + REMOVAL
        while begun := execute(["ps", "--all", "--quiet", f"--filter=label={HELPER}={self.instance}"]).split():
            try:
                execute(["rm", "--force", *begun])
            except Problem:
                # The engine may be removing a container that ended by itself.
                if time.monotonic() > deadline:
                    raise
