# SPDX-License-Identifier: BSD-3-Clause
"""Whatever the validation accepts becomes files that Compose and Bake read as it was meant; the rest it refuses in a sentence."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.checks import preflight_checks as checks
from ansible_collections.addons.olympia.plugins.module_utils.core import dotenv
from ansible_collections.addons.olympia.plugins.module_utils.core.files import write
from ansible_collections.addons.olympia.plugins.module_utils.core.problem import report
from ansible_collections.addons.olympia.plugins.module_utils.host import system
from ansible_collections.addons.olympia.plugins.module_utils.settings import sources as settings
from ansible_collections.addons.olympia.plugins.module_utils.stack import application
from ansible_collections.addons.olympia.plugins.module_utils.stack import derived as stack
from ansible_collections.addons.olympia.plugins.modules.host_probe import persisted_layer, source_tree
from ansible_collections.addons.olympia.plugins.plugin_utils.rendering import project
from hypothesis import example, given
from hypothesis import strategies as st

from .project import PACKAGE_IMAGES, SECRETS, SPECS, Project, rendered
from .project import host as found_host
from .strategies import BASE, anything, few, likely, names, package_names, packages, references, texts

STACK = {name: spec for name, spec in SPECS.items() if name.startswith(settings.STACK_PREFIX)}
LAYERS = st.sampled_from(["command line", "inventory"])
LIKELY = likely()
ONE_SETTING = st.sampled_from(sorted(STACK)).flatmap(
    lambda name: st.tuples(st.just(name), LIKELY.get(name, st.nothing()) | anything(STACK[name]))
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory for the directories of all examples."""
    return tmp_path_factory.mktemp("settings")


NUMBERS = itertools.count()


def resolved(layers: Mapping[str, Mapping[str, Any]]) -> settings.Resolution:
    """Return the settings of a run, with all problems of theirs."""
    resolution = settings.resolve(layers, SPECS)
    resolution.problems.extend(checks.check_values(resolution.values))
    return resolution


def probed(values: dict[str, Any], base: Path) -> dict[str, Any]:
    """Return what a probe finds with these settings on a host where nothing is wrong."""
    directory = system.project_directory(values["olympia_stack_project_dir"] or str(base / "project"), "")
    source = source_tree(values, directory, str(base / "app"))
    return found_host(directory, source_dir=str(source), ca_bundle=str(base / "bundle.crt"), pip_config="[global]")


def judge(chosen: Mapping[str, Any], layer: str, base: Path) -> bool:
    """Assert that settings are refused in sentences, or rendered so that everything reads them as they were meant.

    Return whether they were accepted.
    """
    base = base / str(next(NUMBERS))
    chosen = {name: place(value, base) for name, value in chosen.items()}
    layers = {layer: {name: written(value) if layer == "command line" else value for name, value in chosen.items()}}
    resolution = resolved(layers)
    facts = probed(resolution.values, base)
    # A run that only looks, or takes a stack away, goes on with settings that are refused.
    stack.derive(resolution.values, facts, PACKAGE_IMAGES)
    for problem in resolution.problems:
        assert problem.setting in STACK
        assert problem.what and problem.fix
    if resolution.problems:
        assert all(line.isprintable() for line in report(resolution.problems, resolution.sources).splitlines())
        return False
    for name, value in chosen.items():
        if STACK[name]["type"] == "str" and isinstance(value, str) and value:
            assert resolution.values[name] == value
    bundle = stack.derive(resolution.values, facts, PACKAGE_IMAGES)["ca_bundle"] or str(base)
    if not all(Path(os.path.normpath(path)).is_relative_to(base) for path in (facts["project_dir"], bundle)):
        # It is nothing of the test's.
        return True
    if bundle != str(base):
        write(Path(bundle), "", 0o644)
    made = rendered(resolution, facts)
    read_as_meant(made)
    # A second run, with nothing given, changes nothing.
    sections = dotenv.parse(made.files[".env"])
    located = {name: resolution.values[name] for name in settings.LOCATING}
    kept = persisted_layer(sections["choices"], SPECS)
    again = resolved(layers | {"command line": located, "persisted choice": kept})
    assert rendered(again, facts).files == made.files
    return True


def place(value: Any, base: Path) -> Any:
    """Return a value with a directory of the test where it says so."""
    return value.replace(BASE, str(base)) if isinstance(value, str) else value


def written(value: Any) -> Any:
    """Return a value as it stands on a command line."""
    return "" if value is None else settings.encode(value)


def read_as_meant(made: Project) -> None:
    """Assert that Compose and Bake find in a project directory what it was rendered from."""
    meant, model, target = made.settings, made.model, made.target("web")
    services = model["services"]
    web, nginx, build = services["web"], services["nginx"], services["web"]["build"]
    assert model["name"] == meant["instance"]
    assert model["volumes"]["data_mysqld"] == {"name": meant["volume"], "external": True}
    assert {name: services[name]["image"] for name in meant["services"]} == {
        name: meant["image"] if name in meant["application_services"] else meant["images"][name]
        for name in meant["services"]
    }
    environment = web["environment"]
    assert environment["OLYMPIA_SITE_URL"] == meant["site_url"]
    assert environment["HOST_UID"] == str(9500 if meant["closed"] else meant["host_uid"])
    assert environment["DEBUG"] == settings.encode(meant["debug"])
    assert environment["DATA_BACKUP_SKIP"] == settings.encode(meant["data_backup_skip"])
    mounted = {mount["target"]: mount["source"] for mount in web["volumes"] if mount["type"] == "bind"}
    sources = {"/data/olympia": meant["source_dir"], "/deps": f"{made.directory}/deps"}
    assert mounted == ({} if meant["closed"] else sources)
    assert web["extra_hosts"] == [f"{meant['host_name']}=127.0.0.1"]
    assert nginx["networks"]["default"]["aliases"] == [meant["host_name"]]
    published = [
        (port["host_ip"], port["published"])
        for name in ("nginx", "mysqld", "addons-frontend")
        if name in services
        for port in services[name].get("ports", [])
    ]
    frontend = [meant["frontend_port"]] if "addons-frontend" in services else []
    ports = [meant["http_port"], *filter(None, [meant["mysql_port"]]), *frontend]
    assert published == [(meant["bind_address"], str(port)) for port in ports]
    if "autograph" in services:
        assert model["configs"]["autograph"]["content"] == meant["autograph"]
    if meant["ca_bundle"]:
        assert model["secrets"]["ca_bundle"]["file"] == meant["ca_bundle"]
    arguments = {f"DOCKER_{name.upper()}": meant[name] for name in ("build", "commit", "target", "version")}
    arguments |= {name.upper(): meant[name] for name in ("http_proxy", "https_proxy", "no_proxy") if meant[name]}
    assert build["args"] == target["args"] == arguments
    assert build["context"] == target["context"] == meant["source_dir"]
    assert build["dockerfile"] == target["dockerfile"] == f"{made.directory}/Dockerfile"
    assert build["additional_contexts"] == target["contexts"] == {"provisioner": f"{made.directory}/image"}
    assert build["labels"] == target["labels"] == meant["labels"]
    assert target["tags"] == [meant["image"]]
    for name in ("cache_from", "cache_to"):
        assert build.get(name, []) == meant[name]
        # Bake names once what is given twice.
        assert [cache.split(",") for cache in target.get(name.replace("_", "-"), [])] == [
            one.split(",") for one in dict.fromkeys(meant[name])
        ]
    secrets = [f"id=ca_bundle,src={meant['ca_bundle']}"] if meant["ca_bundle"] else []
    assert target["secret"] == [*secrets, "id=pip_conf,src=secrets/pip.conf"]


@few(80)
@given(setting=ONE_SETTING, layer=LAYERS)
@example(setting=("olympia_stack_source_dir", "~/source"), layer="command line")
@example(setting=("olympia_stack_source_dir", "../addons-server"), layer="command line")
@example(setting=("olympia_stack_source_dir", "~nobody-at-all/source"), layer="command line")
@example(setting=("olympia_stack_source_dir", f"{BASE}/a: b"), layer="inventory")
@example(setting=("olympia_stack_project_dir", f"{BASE}/a: $b #c"), layer="inventory")
@example(setting=("olympia_stack_project_dir", f"{BASE}/$b #c 'd'"), layer="inventory")
@example(setting=("olympia_stack_instance", "1e3"), layer="command line")
@example(setting=("olympia_stack_instance", "null"), layer="command line")
@example(setting=("olympia_stack_bind_address", "::1"), layer="command line")
@example(setting=("olympia_stack_http_proxy", "http://me:pa$$word@proxy.test:3128"), layer="command line")
@example(setting=("olympia_stack_commit", "back\\slash"), layer="command line")
@example(setting=("olympia_stack_commit", "two\nlines"), layer="command line")
@example(setting=("olympia_stack_commit", None), layer="inventory")
@example(setting=("olympia_stack_commit", "line\u2028separator"), layer="command line")
@example(setting=("olympia_stack_host_uid", "٣"), layer="command line")
@example(setting=("olympia_stack_host_uid", "0100"), layer="command line")
@example(setting=("olympia_stack_service_images", {"redis": 5}), layer="inventory")
@example(setting=("olympia_stack_service_images", {"redis": ""}), layer="inventory")
@example(setting=("olympia_stack_compose_file", "docker-compose.ci.yml:docker-compose.yml"), layer="command line")
@example(setting=("olympia_stack_compose_file", "docker-compose.yml:"), layer="command line")
@example(setting=("olympia_stack_compose_file", "\x1b[2J"), layer="command line")
@example(setting=("olympia_stack_ca_bundle", f"{BASE}/ca,bundle.crt"), layer="command line")
def test_any_value_of_any_setting_is_refused_in_a_sentence_or_read_as_it_was_meant(
    base: Path, setting: tuple[str, Any], layer: str
) -> None:
    judge(dict([setting]), layer, base)


@few(25)
@given(chosen=st.fixed_dictionaries({}, optional=LIKELY), layer=LAYERS)
@example(chosen={"olympia_stack_host_name": "0"}, layer="inventory")
def test_settings_that_make_sense_are_accepted_together(base: Path, chosen: dict[str, Any], layer: str) -> None:
    assert judge(chosen, layer, base)


@few(12)
@given(name=names())
def test_a_compose_file_of_the_users_may_have_any_name(base: Path, name: str) -> None:
    directory = base / str(next(NUMBERS))
    directory.mkdir()
    (directory / name).write_text("services:\n  web:\n    labels:\n      mine: seen\n")
    resolution = resolved({"command line": {"olympia_stack_compose_file": f"docker-compose.yml:{name}"}})
    assert not resolution.problems
    assert rendered(resolution, found_host(directory)).model["services"]["web"]["labels"]["mine"] == "seen"


@few(20)
@given(candidates=st.lists(references() | st.text("aB0._-/:@", min_size=1, max_size=8), min_size=1, max_size=10))
@example(candidates=["a..b", "a___b", "a-", "a_b.c/d", "a.b:5000/c", "Foo/bar", "a--b/c", "a" * 256])
def test_what_is_taken_for_the_reference_of_an_image_is_one_for_the_engine(candidates: list[str]) -> None:
    accepted = [text for text in candidates if application.is_reference(text)]
    command = ["docker", "image", "inspect", "--format={{.Id}}", *accepted]
    errors = subprocess.run(command, capture_output=True, text=True, check=False).stderr if accepted else ""
    assert not [line for line in errors.splitlines() if "no such image" not in line.lower()]


@few(20)
@given(instance=st.from_regex(r"[a-z0-9_-]{2,8}", fullmatch=True))
@example(instance="ends-")
@example(instance="a___b")
def test_an_instance_that_is_accepted_can_name_its_image(instance: str) -> None:
    resolution = resolved({"command line": {"olympia_stack_instance": instance}})
    assert resolution.problems or application.is_reference(application.application_image(resolution.values).reference)


def from_dockerfile(chosen: Mapping[str, Any]) -> str:
    """Return the Dockerfile that settings give."""
    resolution = resolved({"inventory": chosen})
    assert not resolution.problems
    derived = stack.derive(resolution.values, found_host(Path("/project")), PACKAGE_IMAGES)
    secrets = dict.fromkeys(SECRETS, "")
    return project.render(Path(__file__).parents[2] / "roles/olympia_stack/templates", derived, {}, secrets)[
        "Dockerfile"
    ]


@few(15)
@given(
    replacements=st.dictionaries(package_names(), packages() | st.lists(packages(), max_size=2), min_size=1, max_size=3)
)
@example(replacements={"libstdc++6": ["other/stable", "more=1.0"], "a.b": "single"})
def test_packages_are_replaced_by_their_exact_names(replacements: dict[str, str | list[str]]) -> None:
    dockerfile = from_dockerfile({"olympia_stack_debian_package_replacements": replacements})
    command = re.search(r"^packages=\$\((.*)/run/debian_packages\.txt\)$", dockerfile, re.DOTALL | re.MULTILINE)
    assert command
    listed = [*replacements, *(f"{name}x" for name in replacements), "axb", "untouched"]
    script = ["bash", "-c", f"{command[1]}/dev/stdin"]
    done = subprocess.run(script, input="\n".join(listed), capture_output=True, text=True, check=True)
    given_lists = {name: [found] if isinstance(found, str) else found for name, found in replacements.items()}
    assert done.stdout.split() == [word for name in listed for word in given_lists.get(name, [name])]


@few(15)
@given(line=texts().filter(lambda text: text.strip() and text.isprintable()))
@example(line="it's $HOME `id` # {{ x }}")
def test_the_line_that_names_node_gets_to_pip_as_it_is(line: str) -> None:
    dockerfile = from_dockerfile({"olympia_stack_node_package": line})
    (command,) = [text for text in dockerfile.splitlines() if "--requirement=<(echo " in text]
    words = command.partition("--requirement=<(")[2].removesuffix(")")
    assert shlex.split(words) == ["echo", line]
