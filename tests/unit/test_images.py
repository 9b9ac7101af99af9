# SPDX-License-Identifier: BSD-3-Clause
"""Fingerprints and the bake project of the service images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.stack import service_images as images
from ansible_collections.addons.olympia.plugins.modules.images_info import proxies

FILES = images.image_files(Path(__file__).resolve().parents[2] / "roles/olympia_images/files")
SOURCES = ["deb http://mirror.example.org/debian bookworm main"]
TAGS = images.image_tags(FILES, "bookworm", SOURCES, on_request=["mail"])


def changed(files: dict[str, str]) -> set[str]:
    """Return the names of the images that other files give another tag."""
    tags = images.image_tags(files, "bookworm", SOURCES, on_request=["mail"])
    return {name for name in tags if tags[name] != TAGS[name]}


def test_every_image_has_a_tag_of_its_own() -> None:
    assert set(TAGS) == {"base", *images.made_here(FILES, ["mail"])}
    assert len(set(TAGS.values())) == len(TAGS)
    for name, tag in TAGS.items():
        assert tag.startswith(f"olympia/{name}:bookworm-")


@pytest.mark.parametrize("path", sorted(FILES))
def test_every_file_is_an_input(path: str) -> None:
    folder = path.split("/")[0]
    affected = changed({**FILES, path: FILES[path] + "#"})
    if folder == "base":
        assert affected == set(TAGS)
    elif folder == "lists":
        assert affected == set(images.made_here(FILES, ["mail"]))
    else:
        assert affected == {folder}


def test_a_new_a_lost_and_a_renamed_file_are_changes() -> None:
    assert changed({**FILES, "redis/new": ""}) == {"redis"}
    assert changed({path: text for path, text in FILES.items() if path != "nginx/nginx.conf"}) == {"nginx"}
    renamed = {path.replace("nginx/nginx.conf", "nginx/other.conf"): text for path, text in FILES.items()}
    assert changed(renamed) == {"nginx"}


def test_text_does_not_slip_from_one_file_into_the_next() -> None:
    joined = images.image_tags({**FILES, "redis/a": "xy", "redis/b": ""}, "bookworm", SOURCES, on_request=["mail"])
    split = images.image_tags({**FILES, "redis/a": "x", "redis/b": "y"}, "bookworm", SOURCES, on_request=["mail"])
    assert joined["redis"] != split["redis"]


def test_release_and_mirror_are_inputs_of_every_image() -> None:
    security = "deb http://mirror.example.org/debian-security bookworm-security main"
    others = [
        images.image_tags(FILES, "trixie", SOURCES),
        images.image_tags(FILES, "bookworm", ["deb http://other.example.org/debian bookworm main"]),
        images.image_tags(FILES, "bookworm", [*SOURCES, security]),
    ]
    for tags in others:
        assert not set(tags.values()) & set(TAGS.values())


def test_the_options_of_the_base_image_are_an_input(monkeypatch: pytest.MonkeyPatch) -> None:
    options = images.base_options(FILES)
    monkeypatch.setattr(images, "base_options", lambda files: [*options, "--include=curl"])
    assert changed(FILES) == set(TAGS)


def test_the_order_of_files_does_not_matter() -> None:
    assert changed(dict(reversed(FILES.items()))) == set()


def test_the_project_builds_every_service_on_the_base_image() -> None:
    project = images.bake_project(FILES, TAGS)
    definition = json.loads(project["docker-bake.json"])
    assert set(definition["group"]["default"]["targets"]) == set(images.made_here(FILES, ["mail"]))
    for service in images.made_here(FILES, ["mail"]):
        target = definition["target"][service]
        assert target["tags"] == [TAGS[service]]
        assert target["args"]["BASE"] == target["labels"]["org.opencontainers.image.base.name"] == TAGS["base"]
        assert target["labels"][images.LABEL] == service
        assert f"{target['context']}/Dockerfile" in project
        assert target["secret"] == []
    # The lists are nobody's image.
    assert "tags" not in definition["target"]["lists"]


def test_mysql_has_a_base_of_its_own() -> None:
    mysql = "deb [check-valid-until=no] http://mirror.example.org/debian sid main"
    tags = images.image_tags(FILES, "bookworm", SOURCES, mysql)
    assert {name for name, tag in tags.items() if TAGS.get(name) != tag} == {"mysqld", "mysql-base"}
    assert tags["mysqld"].startswith("olympia/mysqld:sid-")
    assert tags["mysql-base"].startswith("olympia/base:sid-")
    targets = json.loads(images.bake_project(FILES, tags)["docker-bake.json"])["target"]
    assert {name for name, target in targets.items() if target["args"]["BASE"] == tags["mysql-base"]} == {
        "mysqld",
        "mysql-lists",
    }
    assert targets["mysqld"]["contexts"] == {"lists": "target:mysql-lists"}
    assert targets["mysqld"]["args"]["PACKAGES"].startswith("mysql-server-core ")


@pytest.mark.parametrize(
    ("chosen", "mirror", "apt", "source"),
    [
        ("mysql/sid", "http://m/debian", "", "deb http://m/debian sid main"),
        ("mysql/sid", "http://m/debian", 'Acquire::Check-Valid-Until "true";', "deb http://m/debian sid main"),
        (
            "mysql/sid",
            "http://m/debian",
            'Acquire::Check-Valid-Until "false";',
            "deb [check-valid-until=no] http://m/debian sid main",
        ),
        ("mysql/sid", "file:///srv/debian", "", ""),
        ("mariadb", "http://m/debian", "", ""),
    ],
)
def test_mysqls_lists_may_be_late_where_the_hosts_own_may(chosen: str, mirror: str, apt: str, source: str) -> None:
    assert images.mysql_source(lambda command: (0, apt, ""), chosen, mirror) == source


def test_the_project_builds_only_what_is_missing() -> None:
    project = images.bake_project(FILES, TAGS, present=[TAGS["base"], TAGS["redis"], "olympia/mysqld:other"])
    built = json.loads(project["docker-bake.json"])["group"]["default"]["targets"]
    assert set(built) == set(images.made_here(FILES, ["mail"])) - {"redis"}


def test_builds_get_the_hosts_certificates_settings_and_proxies_as_secrets_and_arguments() -> None:
    given = {"http_proxy": "http://proxy.example.org:3128", "no_proxy": ""}
    project = images.bake_project(FILES, TAGS, ca_bundle="/etc/bundle.pem", with_pip_config=True, proxies=given)
    for target in json.loads(project["docker-bake.json"])["target"].values():
        assert target["secret"] == ["type=file,id=ca_bundle,src=/etc/bundle.pem", "type=env,id=pip_conf,env=PIP_CONF"]
        assert target["args"]["http_proxy"] == "http://proxy.example.org:3128"
        assert "no_proxy" not in target["args"]


@pytest.mark.parametrize(
    ("mirror", "security", "lines"),
    [
        ("http://m/debian", "", ["deb http://m/debian bookworm main", "deb http://m/debian bookworm-updates main"]),
        (
            "https://m/debian",
            "https://m/security",
            [
                "deb https://m/debian bookworm main",
                "deb https://m/debian bookworm-updates main",
                "deb https://m/security bookworm-security main",
            ],
        ),
        # Inside of a build there is no such folder.
        ("file:///srv/debian", "", []),
    ],
)
def test_sources_name_the_mirrors(
    monkeypatch: pytest.MonkeyPatch, mirror: str, security: str, lines: list[str]
) -> None:
    monkeypatch.setattr(images, "read_host_sources", list)
    assert images.package_sources("bookworm", mirror, security) == lines


def test_without_a_mirror_there_are_no_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "read_host_sources", list)
    assert images.package_sources("bookworm") == []


def test_proxies_come_from_the_environment_or_else_from_apt() -> None:
    apt = "\n".join(
        [
            'Acquire::http::Proxy "http://apt.example.org:3142";',
            'Acquire::http::Proxy::local.example.org "DIRECT";',
            'Acquire::https::Proxy "DIRECT";',
        ]
    )
    assert proxies({}, apt) == {"http_proxy": "http://apt.example.org:3142"}
    environment = {"http_proxy": "http://env.example.org:1", "HTTPS_PROXY": "http://env.example.org:2", "no_proxy": "a"}
    assert proxies(environment, apt) == {
        "http_proxy": "http://env.example.org:1",
        "https_proxy": "http://env.example.org:2",
        "no_proxy": "a",
    }


def test_a_proxy_on_the_host_itself_is_not_for_builds() -> None:
    assert proxies({}, 'Acquire::http::Proxy "http://127.0.0.1:3142";') == {}
    assert proxies({}, 'Acquire::http::Proxy "http://localhost:3142/";') == {}
