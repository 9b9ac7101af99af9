# SPDX-License-Identifier: BSD-3-Clause
"""Which database server the images get, and which volume a server may open."""

from __future__ import annotations

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.stack import database
from ansible_collections.addons.olympia.plugins.module_utils.stack.database import Opening

MIRROR = "http://mirror.example.org/debian"
INDEX = """\
mysql-server-core | 9.7.4-2 | http://other.example.org/ubuntu noble/main amd64 Packages
mysql-server-core | 9.7.4-1 | http://mirror.example.org/debian sid/main amd64 Packages
"""


@pytest.mark.parametrize(
    ("wanted", "index", "mirror", "chosen"),
    [
        ("auto", INDEX, MIRROR, "mysql/sid"),
        ("auto", INDEX, f"{MIRROR}/", "mysql/sid"),
        ("auto", INDEX.splitlines()[0], MIRROR, "mariadb"),
        ("auto", "", MIRROR, "mariadb"),
        ("auto", INDEX, "", "mariadb"),
        ("mysql", "", MIRROR, "mysql/sid"),
        ("mysql", INDEX.replace("sid", "forky"), MIRROR, "mysql/forky"),
        ("mysql/forky", INDEX, MIRROR, "mysql/forky"),
        ("mariadb", INDEX, MIRROR, "mariadb"),
    ],
)
def test_the_server_is_the_one_that_the_package_index_has(wanted: str, index: str, mirror: str, chosen: str) -> None:
    assert database.choose(lambda command: (0, index, ""), wanted, mirror)[0] == chosen


@pytest.mark.parametrize(
    ("output", "opening"),
    [
        ("mysql 0x00016250\n/usr/sbin/mysqld  Ver 9.7.4-2 for Linux on x86_64 (Debian)", Opening("9.7.4-2", "9.7.4")),
        ("mysql 0x000138a4\nmysqld  Ver 8.4.3 for Linux on x86_64", Opening("8.4.3", "8.0.36")),
        ("mariadb 10.11.6-MariaDB\nmariadbd  Ver 11.8.1-MariaDB for", Opening("11.8.1-MariaDB", "10.11.6-MariaDB")),
        ("mariadb \nmariadbd  Ver 11.8.1-MariaDB for", Opening("11.8.1-MariaDB", "MariaDB")),
        ("none\nmysqld  Ver 8.0.36 for", Opening("8.0.36", "")),
    ],
)
def test_a_volume_says_who_opened_it_last(output: str, opening: Opening) -> None:
    assert database.read_opening(output) == opening


def test_what_no_look_has_written_is_refused() -> None:
    with pytest.raises(ValueError, match="command not found"):
        database.read_opening("none\nsh: command not found")


@pytest.mark.parametrize(
    ("opening", "says", "way_out"),
    [
        (Opening("8.0.40", "8.0.36"), "", ""),
        (Opening("8.0.40", ""), "", ""),
        (Opening("11.8.1-MariaDB", "MariaDB"), "", ""),
        (Opening("8.4.3", "8.0.36"), "MySQL 8.4 would bring the database of MySQL 8.0", "UPGRADE_DATABASE=8.4"),
        (Opening("10.11.6-MariaDB", "10.6.1-MariaDB"), "MariaDB 10.11 would bring", "UPGRADE_DATABASE=10.11"),
        (Opening("8.0.40", "8.4.3"), "by MySQL 8.4 last, and MySQL 8.0 is older", "snapshot from before"),
        (Opening("8.0.36", "MariaDB"), "of MariaDB, whose files MySQL 8.0 cannot read", "destroy"),
        (Opening("10.11.6-MariaDB", "9.7.4"), "of MySQL 9.7, whose files MariaDB 10.11 cannot", "destroy"),
    ],
)
def test_a_server_opens_only_what_it_does_not_have_to_change(opening: Opening, says: str, way_out: str) -> None:
    what, fix = opening.refusal
    assert says in what
    assert way_out in fix
    assert bool(what) == bool(fix) == bool(says)


@pytest.mark.parametrize(
    ("version", "series"),
    [("10.11.6-MariaDB-0+deb12u1", "MariaDB 10.11"), ("8.0.36", "MySQL 8.0"), ("11.4.2-MariaDB", "MariaDB 11.4")],
)
def test_files_are_of_one_series_of_one_server(version: str, series: str) -> None:
    assert database.series(version) == series
