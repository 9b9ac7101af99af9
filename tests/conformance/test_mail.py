# SPDX-License-Identifier: BSD-3-Clause
"""The mail catcher, as Compose reads it; and that a stack that does not want it has nothing of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.stack import derived as stack
from ansible_collections.addons.olympia.plugins.module_utils.stack.service_images import (
    bake_project,
    image_files,
    image_tags,
)

from .project import PACKAGE_IMAGES, ROLES, host, rendered, resolve

EMAIL = {"EMAIL_HOST": "mail", "EMAIL_PORT": "1025", "EMAIL_URL": "smtp://mail:1025"}


@pytest.mark.parametrize("origin", ["registry", "packages"])
def test_a_stack_has_a_mail_catcher_on_request(tmp_path: Path, origin: str) -> None:
    given = {"olympia_stack_mail": True, "olympia_stack_image_origin": origin, "olympia_stack_http_port": 8110}
    made = rendered(resolve(given), host(tmp_path / "project", image_origin=origin))
    mail, *application = (made.model["services"][name] for name in ("mail", "web", "worker", "tests"))
    for service in application:
        assert {name: service["environment"][name] for name in EMAIL} == EMAIL
    assert "mail" in made.settings["services"]
    assert mail["image"] == {"registry": "axllent/mailpit:v1.20", "packages": PACKAGE_IMAGES["mail"]}[origin]
    (port,) = mail["ports"]
    assert (port["host_ip"], port["published"], port["target"]) == ("127.0.0.1", "8112", 8025)
    assert ("healthcheck" in mail) == (origin == "registry")
    assert (PACKAGE_IMAGES["mail"] in stack.images_to_make(made.settings, PACKAGE_IMAGES)) == (origin == "packages")


def test_a_stack_that_does_not_want_it_has_nothing_of_it(tmp_path: Path) -> None:
    made = rendered(resolve({"olympia_stack_image_origin": "packages"}), host(tmp_path / "project"))
    assert "mail" not in made.settings["services"]
    assert not [name for name, text in made.files.items() if "EMAIL" in text or "mail:" in text]
    assert PACKAGE_IMAGES["mail"] not in stack.images_to_make(made.settings, PACKAGE_IMAGES)
    files = image_files(ROLES / "olympia_images/files")
    tags = image_tags(files, "bookworm", [])
    assert {*image_tags(files, "bookworm", [], on_request=["mail"])} - {*tags} == {"mail"}
    assert "mail" not in json.loads(bake_project(files, tags)["docker-bake.json"])["target"]
