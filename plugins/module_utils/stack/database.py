# SPDX-License-Identifier: BSD-3-Clause
"""Which database server an instance has, and whether a server may open what a volume holds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

Run = Callable[[list[str]], tuple[int, str, str]]

AUTO, MARIADB, MYSQL = "auto", "mariadb", "mysql"
NAMES = {MARIADB: "MariaDB", MYSQL: "MySQL"}
# What `olympia_images_database` takes: MySQL is in few of Debian's releases, so one can be named.
WANTED = re.compile(rf"{AUTO}|{MARIADB}|{MYSQL}(/[a-z]+)?")
PACKAGE = "mysql-server-core"
# The release that has it where the host's package index names none.
OTHERWISE = "sid"
# What a volume's own files say of the server that opened it last, then the server's version. MariaDB leaves its version in a file.
# MySQL has it as a number in its system tablespace: bytes 8 to 11 of the first page (FIL_PAGE_SRV_VERSION, 90704 for 9.7.4).
LOOK = r"""
cd /var/lib/mysql
if [ -e mysql.ibd ]; then echo "mysql 0x$(od -An -tx1 -j8 -N4 mysql.ibd | tr -d ' ')"
elif [ -e aria_log_control ]; then echo "mariadb $(cat mariadb_upgrade_info mysql_upgrade_info 2> /dev/null | head -n 1)"
else echo none; fi
"$(command -v mariadbd || command -v mysqld)" --version
"""


def packaged_release(run: Run, mirror: str) -> str:
    """Return the Debian release whose packages have MySQL, by the host's own package index; empty where none has.

    Args:
        run: Runs a command.
        mirror: The Debian mirror that the images are made from. Other archives' packages are no use to them.
    """
    _code, output, _errors = run(["apt-cache", "madison", PACKAGE])
    for line in output.splitlines():
        _package, _version, source = line.split("|")
        address, suite, *_rest = source.split()
        if mirror and address.rstrip("/") == mirror.rstrip("/"):
            return suite.partition("/")[0]
    return ""


def choose(run: Run, wanted: str, mirror: str) -> tuple[str, str]:
    """Return the server that the images are to have, `mariadb` or `mysql/RELEASE`, and why, in a sentence.

    Args:
        run: Runs a command.
        wanted: The setting `olympia_images_database`.
        mirror: The Debian mirror that the images are made from.
    """
    if wanted == MARIADB or "/" in wanted:
        return wanted, "the setting says so"
    release = packaged_release(run, mirror)
    if wanted == MYSQL:
        return f"{MYSQL}/{release or OTHERWISE}", "the setting says so"
    if release:
        return f"{MYSQL}/{release}", f"this host's package index has {PACKAGE}, in {release}"
    return MARIADB, f"this host's package index has no {PACKAGE}"


def product(chosen: str) -> str:
    """Return which server it is, whatever release it is from.

    Args:
        chosen: As `choose` gives it.
    """
    return chosen.partition("/")[0]


def release_of(chosen: str) -> str:
    """Return the release that MySQL's packages are from; empty where the server is another.

    Args:
        chosen: As `choose` gives it.
    """
    return chosen.partition("/")[2]


def series(version: str) -> str:
    """Return what has to be the same for one database server to read another one's files: its kind, and its release series.

    Args:
        version: As the server says it, such as `10.11.6-MariaDB-0+deb12u1` or `8.0.36`; without a number it is of no series.
    """
    number = re.match(r"\d+\.\d+", version)
    return " ".join(["MariaDB" if "mariadb" in version.lower() else "MySQL", *([number[0]] if number else [])])


@dataclass(frozen=True)
class Opening:
    """A database server and a volume that it is to open.

    Attributes:
        server: The server's version.
        volume: The version of the server that opened the volume last; without a number where the volume does not tell, empty
            where it holds no database.
    """

    server: str
    volume: str

    @property
    def fits(self) -> bool:
        """Whether the server can open the volume without changing its format."""
        return not self.volume or f"{series(self.server)} ".startswith(f"{series(self.volume)} ")

    @property
    def upgrades(self) -> bool:
        """Whether the server would bring the volume to a newer format, which cannot be taken back."""
        server, volume = series(self.server).split(), series(self.volume).split()
        return not self.fits and server[0] == volume[0] and _numbers(self.volume) < _numbers(self.server)

    @property
    def refusal(self) -> tuple[str, str]:
        """Why the server must not open the volume, and what to do, as sentences; empty where it may."""
        if self.fits:
            return "", ""
        server, volume = series(self.server), series(self.volume)
        if self.upgrades:
            return (
                f"{server} would bring the database of {volume} to its own format, from which there is no way back",
                f"Keep to {volume}, or agree: make up UPGRADE_DATABASE={server.split()[1]}; a snapshot is saved first.",
            )
        if server.split()[0] == volume.split()[0]:
            return (
                f"the database was opened by {volume} last, and {server} is older and cannot read it",
                f"Go back to {volume}, or restore a snapshot from before: olympia snapshot list.",
            )
        return (
            f"the database is of {volume}, whose files {server} cannot read",
            "Go back to that server, or begin with an empty database: olympia destroy, then up. It saves a snapshot first.",
        )


def read_opening(output: str) -> Opening:
    """Return what LOOK has found.

    Args:
        output: What it has written.

    Raises:
        ValueError: That is not what it writes.
    """
    held, _newline, version = output.partition("\n")
    server = re.search(r"Ver (\S+)", version)
    if not server:
        raise ValueError(output)
    kind, _space, number = held.partition(" ")
    if kind == MYSQL:
        code = int(number, 16)
        number = f"{code // 10000}.{code // 100 % 100}.{code % 100}"
    return Opening(server[1], number or NAMES.get(kind, ""))


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:2]]
