# SPDX-License-Identifier: BSD-3-Clause
"""What addons-server's own Compose files promise, and this collection besides, in every combination of what can be chosen."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.addons.olympia.plugins.module_utils.stack.derived import PRIVATE_FILE

from .project import Project, host, inventory, rendered, resolve

Combination = Mapping[str, Any]
Table = dict[str, dict[str, str]]

HERE = Path(__file__).parent
UPSTREAM = yaml.safe_load((HERE / "upstream.yml").read_text(encoding="utf-8"))
DEVIATIONS = yaml.safe_load((HERE / "deviations.yml").read_text(encoding="utf-8"))
PROMISES = yaml.safe_load((HERE / "promises.yml").read_text(encoding="utf-8"))
ABSENT = "absent"
CHOICES: dict[str, tuple[Any, ...]] = {
    "environment": ("local", "ci"),
    "origin": ("registry", "packages"),
    "private": (False, True),
    "target": ("development", "production"),
}
EVERY = [dict(zip(CHOICES, chosen, strict=True)) for chosen in itertools.product(*CHOICES.values())]
# A development image holds no source tree, so that it cannot be all there is.
REFUSED = [one for one in EVERY if (one["environment"], one["target"]) == ("ci", "development")]
COMBINATIONS = [one for one in EVERY if one not in REFUSED]


def name(combination: Combination) -> str:
    """Return what a test of a combination is called."""
    return "-".join("private" if value is True else str(value) for value in combination.values() if value is not False)


def choices(combination: Combination) -> dict[str, Any]:
    """Return the settings that make a combination, on top of the environment's inventory."""
    files = inventory(combination["environment"])["olympia_stack_compose_file"]
    return {
        "olympia_stack_compose_file": f"{files}:{PRIVATE_FILE}" if combination["private"] else files,
        "olympia_stack_image_origin": combination["origin"],
        "olympia_stack_tag": "mozilla/addons-server:local",
        "olympia_stack_target": combination["target"],
    }


@pytest.fixture(scope="module", params=COMBINATIONS, ids=name)
def combination(request: pytest.FixtureRequest) -> Combination:
    """Return each combination in turn."""
    chosen: Combination = request.param
    return chosen


@pytest.fixture(scope="module")
def project(combination: Combination, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return the project directory of a combination."""
    resolution = resolve(choices(combination), combination["environment"])
    assert not resolution.problems
    return rendered(resolution, host(tmp_path_factory.mktemp("host") / "project"))


@pytest.fixture(scope="module")
def ours(project: Project) -> Table:
    """Return what Compose makes of it, as a table."""
    places = {str(project.settings["source_dir"]): "TREE", str(project.directory): "PROJECT"}
    model = project.model
    found = {service: dict(rows(definition, places)) for service, definition in model["services"].items()}
    networks = {f"networks.{key}": network["name"] for key, network in model["networks"].items()}
    volumes = {
        f"volumes.{key}": ("external " if volume.get("external") else "") + volume["name"]
        for key, volume in model["volumes"].items()
    }
    configs = {f"configs.{key}": config["content"] for key, config in model["configs"].items()}
    return found | {"(project)": networks | volumes | configs}


def rows(definition: Mapping[str, Any], places: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield key and value of what a service is defined as: a row for each variable, mount, port, dependency and option.

    Args:
        definition: The service as Compose resolves it.
        places: Names of the directories that are others with each test.
    """

    def text(value: Any) -> str:
        words = " ".join(map(str, value)) if isinstance(value, list) else str(value)
        for place, stands_for in places.items():
            words = words.replace(place, stands_for)
        return words.lower() if isinstance(value, bool) else words

    for key, value in definition.items():
        if key == "healthcheck":
            yield from ((f"{key}.{option}", text(item)) for option, item in value.items() if option != "test")
            yield f"{key}.test", text(value["test"][1:])
        elif key == "volumes":
            for mount in value:
                what = f"{mount['type']} {mount.get('source', 'without a name')}"
                yield f"{key}.{mount['target']}", text(what + (" read-only" if mount.get("read_only") else ""))
        elif key == "ports":
            for port in value:
                yield f"{key}.{port['target']}", f"{port.get('host_ip', 'all addresses')}:{port['published']}"
        elif key == "expose":
            yield from ((f"{key}.{port}", "open") for port in value)
        elif key == "configs":
            yield from ((f"{key}.{config['target']}", config["source"]) for config in value)
        elif key == "depends_on":
            yield from ((f"{key}.{service}", needed["condition"]) for service, needed in value.items())
        elif key == "networks":
            yield from ((f"{key}.{network}", text(options["aliases"])) for network, options in value.items() if options)
        elif key == "extra_hosts":
            yield from ((f"{key}.{host}", address) for host, _, address in (entry.partition("=") for entry in value))
        elif isinstance(value, dict):
            yield from ((f"{key}.{inner}", item) for inner, item in rows(value, places))
        elif value is not None:
            yield key, text(value)


def look_up(table: Table, service: str, key: str) -> str:
    """Return the value in a row of the table; `absent` where there is none.

    Three keys mean more than a row: `service` the whole service, `mounts` all that it mounts, and the name of an option
    with several rows all of them.
    """
    if service not in table or key == "service":
        return "present" if service in table else ABSENT
    if key == "mounts":
        return ", ".join(sorted(value for row, value in table[service].items() if row.startswith("volumes.")))
    if any(row.startswith(f"{key}.") for row in table[service]):
        return "present"
    return table[service].get(key, ABSENT)


def applies(row: Mapping[str, Any], combination: Combination) -> bool:
    """Return whether a row of a table is about a combination."""
    return all(combination[choice] == value for choice, value in row.get("when", {}).items())


def upstream(combination: Combination) -> Table:
    """Return what addons-server's own files promise when those are used that a combination names."""
    files = choices(combination)["olympia_stack_compose_file"].split(":")
    table: Table = {}
    for file in files:
        for service, promised in UPSTREAM[file].items():
            table[service] = table.get(service, {}) | promised
    return table


def deviations(combination: Combination, service: str, key: str) -> list[dict[str, Any]]:
    """Return the deviations that are about a row of addons-server's; one that is about the whole service is all there is."""
    found = [row for row in DEVIATIONS if service in row["services"] and applies(row, combination)]
    whole = [row for row in found if "service" in row["keys"]]
    return whole or [row for row in found if key in row["keys"]]


def test_every_promise_of_addons_server_is_kept_or_a_deviation_with_a_reason(
    combination: Combination, ours: Table
) -> None:
    wrong = []
    for service, promised in upstream(combination).items():
        for key, theirs in promised.items():
            found = look_up(ours, service, key)
            deviating = deviations(combination, service, key)
            if not deviating:
                kept = found != ABSENT if theirs == "given" else found == theirs
                expected = theirs
            else:
                (deviation,) = deviating
                expected = deviation["ours"].replace("SERVICE", service)
                kept = found == expected != theirs
            if not kept:
                wrong.append(f"{service}.{key}: {found!r} instead of {expected!r}")
    assert not wrong, "\n".join(wrong)


def test_every_promise_besides_holds(combination: Combination, ours: Table) -> None:
    wrong = []
    for promise in PROMISES:
        for service in promise["services"] if applies(promise, combination) else ():
            found = look_up(ours, service, promise["key"])
            expected = promise["value"].replace("SERVICE", service)
            if found != expected:
                wrong.append(f"{service}.{promise['key']}: {found!r} instead of {expected!r}")
    assert not wrong, "\n".join(wrong)


def test_bake_builds_what_compose_runs(combination: Combination, project: Project, ours: Table) -> None:
    target = project.target("web")
    assert target["tags"] == [ours["web"]["image"]] == [ours["worker"]["image"]]
    assert target["target"] == combination["target"]
    assert target["context"] == str(project.settings["source_dir"])
    assert target["contexts"] == {"provisioner": f"{project.directory}/image"}
    assert target["dockerfile"] == f"{project.directory}/Dockerfile"


@pytest.mark.parametrize("row", DEVIATIONS, ids=lambda row: f"{row['services'][0]}.{row['keys'][0]}")
def test_every_deviation_is_one_and_has_a_reason(row: Mapping[str, Any]) -> None:
    tables = [upstream(combination) for combination in COMBINATIONS if applies(row, combination)]
    for service, key in itertools.product(row["services"], row["keys"]):
        assert any(key == "service" or key in table[service] for table in tables if service in table), (service, key)
    assert row["reason"].endswith(".")


@pytest.mark.parametrize("combination", REFUSED, ids=name)
def test_a_development_image_in_ci_is_refused(combination: Combination) -> None:
    (problem,) = resolve(choices(combination), combination["environment"]).problems
    assert problem.setting == "olympia_stack_target"
