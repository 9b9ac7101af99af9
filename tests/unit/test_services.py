# SPDX-License-Identifier: BSD-3-Clause
"""Services as data: what is read from the file, and what becomes of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.stack import services
from ansible_collections.addons.olympia.plugins.plugin_utils.rendering.compose_services import compose_yaml

ROOT = Path(__file__).resolve().parents[2]
TEXT = """
__olympia_stack_services:
  one:
    role: site
    volumes:
      data: {target: /data, part: files}
    compose:
      command: &command [run, "--name={{ instance }}"]
      environment: {A: "1", B: "2"}
    when:
      reload: {command: [watch, *command], environment: {B: "3"}}
"""


def test_a_service_is_changed_by_the_conditions_that_hold() -> None:
    (one,) = services.read(TEXT).values()
    assert one.volumes["data"].part == "files"
    assert one.definition(["registry"])["command"] == ["run", "--name={{ instance }}"]
    changed = one.definition(["registry", "reload"])
    assert changed == {"command": ["watch", "run", "--name={{ instance }}"], "environment": {"A": "1", "B": "3"}}


def test_settings_are_filled_in() -> None:
    filled = services.fill({"a": ["{{ x }}-${X}"], "b": 1}, {"x": "a$b"}, lambda text: text.replace("$", "$$"))
    assert filled == {"a": ["a$$b-${X}"], "b": 1}
    with pytest.raises(KeyError, match="nothing"):
        services.fill("{{ nothing }}", {})


def test_a_key_that_no_service_has_is_named() -> None:
    with pytest.raises(TypeError, match="imagee"):
        services.read("__olympia_stack_services: {one: {imagee: x}}")


def test_a_dictionary_is_written_so_that_nothing_of_it_is_taken_for_another_type() -> None:
    assert compose_yaml({"a": {"b c": "no", "d": [1, "1e3"]}, "e": {}}, 2) == (
        '  a:\n    "b c": "no"\n    d: [1, "1e3"]\n  e: {}'
    )


def test_what_services_refer_to_is_there() -> None:
    known = services.known()
    assert {"site", "proxy", "database", "search", "cache", "tests"} == set(services.roles())
    for service in known.values():
        assert {*service.depends_on, *service.wanted_by} <= set(known)
        assert service.image or service.application
        for template in (service.build, *(config.template for config in service.configs.values())):
            assert (ROOT / "roles/olympia_stack/templates" / template).exists()


def test_no_code_and_no_template_knows_a_service_by_name() -> None:
    # The one has a setting of its name. The other is a program of shared machines, too.
    exceptions = {"autograph": "", "nginx": "plugins/modules/machine_info.py"}
    listed = subprocess.run(
        ["git", "ls-files", "plugins", "src", "roles/olympia_stack/tasks", "roles/olympia_stack/templates"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    found = []
    for path in listed:
        # Documentation shows examples.
        text = re.sub(r'(?s)(EXAMPLES|RETURN) = r""".*?"""', "", (ROOT / path).read_text(encoding="utf-8"))
        for name in services.started():
            if re.search(rf"""["']{name}["']|images\.{name}|^  {name}:$""", text, re.MULTILINE):
                found += [(path, name)] if exceptions.get(name) not in ("", path) else []
    assert found == []
