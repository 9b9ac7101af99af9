# SPDX-License-Identifier: BSD-3-Clause
"""The host's pip and npm settings, reduced to what a build can use."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.addons.olympia.plugins.module_utils.host.client_config import npm_config, pip_config


def test_indexes_reach_the_build_and_files_of_the_host_do_not(tmp_path: Path) -> None:
    weak, strong = tmp_path / "weak.conf", tmp_path / "strong.conf"
    weak.write_text("[global]\nindex-url = https://weak.example/simple\ncert = /etc/ssl/ca.pem\n")
    strong.write_text(
        "[global]\nindex-url = https://strong.example/simple\nextra-index-url = file:///srv https://more.example\n"
    )
    assert pip_config([weak, strong], {}) == (
        "[global]\nindex-url = https://strong.example/simple\nextra-index-url = https://more.example\n"
    )


def test_the_environment_is_stronger_than_the_files(tmp_path: Path) -> None:
    assert "index-url = https://env.example" in pip_config(
        [tmp_path / "none"], {"PIP_INDEX_URL": "https://env.example"}
    )


def test_without_an_index_of_its_own_the_host_gives_nothing(tmp_path: Path) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nextra-index-url = file:///srv/wheels\ntimeout = 5\n")
    assert pip_config([config], {}) == ""


def test_npm_registry_and_credentials_only(tmp_path: Path) -> None:
    config = tmp_path / ".npmrc"
    config.write_text("fund=false\nregistry=https://npm.example/\n//npm.example/:_authToken=abc\n")
    assert npm_config([config], {}) == "registry=https://npm.example/\n//npm.example/:_authToken=abc\n"
    assert npm_config([tmp_path / "none"], {}) == ""
