# SPDX-License-Identifier: BSD-3-Clause
"""What `explain` says of settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from olympia_provisioner.cli.verbs import explain
from olympia_provisioner.errors import ExitCode, Problem
from olympia_provisioner.paths import make_importable

ROOT = Path(__file__).resolve().parents[2]
make_importable(ROOT)
PORT, TAG, ORIGIN = "olympia_stack_http_port", "olympia_stack_tag", "olympia_stack_image_origin"
ANSWER = {
    "choices_file": "/s/two/.env",
    "settings": {
        PORT: {
            "name": "HTTP_PORT",
            "value": 90,
            "source": "command line",
            "overruled": [{"source": "persisted choice", "value": "91"}, {"source": "role default", "value": 80}],
            "decided": "",
        },
        TAG: {"name": "DOCKER_TAG", "value": "", "source": "role default", "overruled": [], "decided": ""},
        ORIGIN: {
            "name": "IMAGE_ORIGIN",
            "value": "auto",
            "source": "role default",
            "overruled": [],
            "decided": "packages, because no registry answers",
        },
    },
    "problems": [{"what": "X is bad", "cause": "seen", "fix": "mend it", "setting": "", "where": ""}],
}


@pytest.mark.parametrize("name", ["HTTP_PORT", "olympia_stack_http_port", "OLYMPIA_STACK_HTTP_PORT"])
def test_a_setting_is_known_by_all_its_names(name: str) -> None:
    assert explain.variables([name, "DOCKER_TAG"], ROOT) == [PORT, TAG]


def test_a_mistyped_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(Problem, match=r"HTTP_PROT is not a setting. Did you mean HTTP_PORT\?") as caught:
        explain.variables(["HTTP_PROT"], ROOT)
    assert caught.value.code is ExitCode.USAGE


def test_a_value_is_told_with_its_source_and_what_it_overrules() -> None:
    text = explain.as_text(explain.read(ANSWER), [PORT], everything=False)
    assert text.splitlines()[:4] == [
        "HTTP_PORT=90",
        "  from: command line",
        "  instead of: 91 (persisted choice in /s/two/.env)",
        "  instead of: 80 (role default)",
    ]


def test_without_names_the_defaults_are_counted() -> None:
    text = explain.as_text(explain.read(ANSWER), [], everything=False)
    assert "DOCKER_TAG" not in text
    assert "IMAGE_ORIGIN=auto\n  from: role default\n  here: packages, because no registry answers\n" in text
    assert "1 more have role defaults; --all shows them, too." in text
    assert "Refused: X is bad. seen. mend it" in text
    everything = explain.as_text(explain.read(ANSWER), [], everything=True)
    assert "DOCKER_TAG=''" in everything
    assert "more are" not in everything
