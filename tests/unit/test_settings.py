# SPDX-License-Identifier: BSD-3-Clause
"""Where a setting's value comes from, and which one holds."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.settings import sources as settings

SPECS: dict[str, dict[str, Any]] = {
    "olympia_stack_instance": {"type": "str", "default": "addons-server", "description": "Name."},
    "olympia_stack_http_port": {"type": "int", "default": 80, "description": "Port."},
    "olympia_stack_target": {"type": "str", "default": "", "choices": ["", "production"], "description": "Stage."},
    "olympia_stack_wait_timeouts": {"type": "dict", "default": {}, "description": "Seconds."},
    "olympia_docker_source": {"type": "str", "default": "auto", "description": "Engine source."},
}


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("olympia_stack_http_port", "olympia_stack_http_port"),
        ("OLYMPIA_STACK_HTTP_PORT", "olympia_stack_http_port"),
        ("HTTP_PORT", "olympia_stack_http_port"),
        ("DOCKER_TARGET", "olympia_stack_target"),
        ("olympia_docker_source", "olympia_docker_source"),
        ("http_port", None),
        ("HTTP_PROT", None),
    ],
)
def test_names_of_the_command_line(name: str, variable: str | None) -> None:
    assert settings.variable_for(name, SPECS) == variable


def test_short_names_lead_back_to_their_variable() -> None:
    stack = [name for name in SPECS if name.startswith(settings.STACK_PREFIX)]
    assert [settings.variable_for(settings.short_name(name), SPECS) for name in stack] == stack


def test_stronger_sources_win_and_are_named() -> None:
    layers: dict[str, dict[str, Any]] = {}
    for port, source in enumerate(("inventory", "persisted choice", "environment", "command line"), start=1000):
        layers[source] = {"olympia_stack_http_port": port}
        resolution = settings.resolve(layers, SPECS)
        assert resolution.values["olympia_stack_http_port"] == port
        assert resolution.sources["olympia_stack_http_port"] == source


def test_only_a_persons_choices_persist() -> None:
    layers = {
        "command line": {"olympia_stack_http_port": "8080", "olympia_stack_instance": "mine"},
        "environment": {"olympia_stack_target": "production"},
        "inventory": {"olympia_docker_source": "docker"},
    }
    assert settings.resolve(layers, SPECS).choices == {
        "olympia_stack_http_port": 8080,
        "olympia_stack_target": "production",
    }


def test_an_empty_value_takes_a_choice_back() -> None:
    layers: dict[str, dict[str, object]] = {
        "command line": {"olympia_stack_http_port": ""},
        "persisted choice": {"olympia_stack_http_port": "8080"},
        "inventory": {"olympia_stack_http_port": 81},
    }
    resolution = settings.resolve(layers, SPECS)
    assert resolution.values["olympia_stack_http_port"] == 81
    assert resolution.choices == {}


@pytest.mark.parametrize(
    ("source", "value", "refused"),
    [
        ("command line", "8080", True),
        ("environment", "8080", True),
        ("persisted choice", "8080", True),
        ("command line", "10010", False),
        ("inventory", 10010, False),
    ],
)
def test_what_only_the_inventory_may_give_is_changed_by_nobody_else(source: str, value: Any, refused: bool) -> None:
    layers = {"inventory": {"olympia_stack_http_port": 10010}} | {source: {"olympia_stack_http_port": value}}
    told = settings.changed_by_others(settings.resolve(layers, SPECS), ["olympia_stack_http_port"])
    assert [(one.what, one.cause) for one in told] == [
        ("HTTP_PORT is up to the operator of this machine", f"it is '10010', and the {source} has '8080'")
    ] * refused


def test_what_a_value_overrules_is_told_strongest_first() -> None:
    layers: dict[str, dict[str, object]] = {
        "command line": {"olympia_stack_http_port": "80"},
        "environment": {"olympia_stack_http_port": ""},
        "persisted choice": {"olympia_stack_wait_timeouts": '{"web": 3}'},
        "inventory": {"olympia_stack_http_port": 81},
    }
    overruled = settings.resolve(layers, SPECS).overruled
    assert overruled["olympia_stack_http_port"] == [
        {"source": "inventory", "value": 81},
        {"source": "role default", "value": SPECS["olympia_stack_http_port"]["default"]},
    ]
    assert overruled["olympia_stack_wait_timeouts"] == [
        {"source": "role default", "value": SPECS["olympia_stack_wait_timeouts"]["default"]}
    ]
    assert overruled["olympia_stack_target"] == []


def test_every_refused_value_is_a_problem_with_its_source() -> None:
    layers = {
        "command line": {"olympia_stack_http_port": "eighty"},
        "environment": {"olympia_stack_target": "nowhere", "olympia_stack_wait_timeouts": "{web"},
    }
    problems = settings.resolve(layers, SPECS).problems
    assert [problem.setting for problem in problems] == [
        "olympia_stack_http_port",
        "olympia_stack_target",
        "olympia_stack_wait_timeouts",
    ]
    assert "(from: command line)" in problems[0].cause
    assert "(from: environment)" in problems[1].cause


def test_structured_values_survive_as_text() -> None:
    value = {"web": 30, "worker": 60}
    text = settings.encode(value)
    resolution = settings.resolve({"persisted choice": {"olympia_stack_wait_timeouts": text}}, SPECS)
    assert resolution.values["olympia_stack_wait_timeouts"] == value


def test_keys_that_nobody_gave_stay_absent() -> None:
    suboptions = {"http": {"type": "str"}, "https": {"type": "str"}}
    specs = {"olympia_docker_proxy": {"type": "dict", "options": suboptions, "default": {}, "description": "Proxy."}}
    assert settings.resolve({}, specs).values["olympia_docker_proxy"] == {}
    given = settings.resolve({"inventory": {"olympia_docker_proxy": {"http": "proxy:1"}}}, specs)
    assert given.values["olympia_docker_proxy"] == {"http": "proxy:1"}


def test_a_mistyped_variable_is_answered_with_the_nearest() -> None:
    names = ["olympia_stack_http_prot", "olympia_stack_http_port", "ansible_connection", "__olympia_settings"]
    (problem,) = settings.unknown_settings(names, SPECS)
    assert problem.setting == "olympia_stack_http_prot"
    assert problem.fix == "Did you mean olympia_stack_http_port?"


def test_the_environment_gives_only_names_that_are_ours() -> None:
    environment = {"HTTP_PORT": "1", "DOCKER_TARGET": "production", "OLYMPIA_STACK_HTTP_PORT": "2", "HOME": "/root"}
    assert settings.environment_layer(environment, SPECS) == {
        "olympia_stack_target": "production",
        "olympia_stack_http_port": "2",
    }


def test_a_refused_choice_is_answered_with_those_there_are() -> None:
    spec = {"type": "str", "default": "", "choices": ["", "a", "b"], "description": "Say C(a) or C(b)."}
    (problem,) = settings.resolve({"command line": {"olympia_stack_x": "c"}}, {"olympia_stack_x": spec}).problems
    assert problem.cause == "'c' is not one of a, b (from: command line)"
    assert problem.fix == "X takes: Say a or b."
