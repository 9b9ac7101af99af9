# SPDX-License-Identifier: BSD-3-Clause
"""Build caches outside of the builder: what the settings say, in BuildKit's words."""

from __future__ import annotations

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.stack import caches


def attributes(text: str) -> dict[str, str]:
    """Return the attributes of a cache in BuildKit's words, each of which is there once."""
    pairs = [part.partition("=")[::2] for part in text.split(",")]
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


CACHES = [
    ("registry.test:5000/me/cache:main", {"type": "registry", "ref": "registry.test:5000/me/cache:main"}),
    ("type=registry,ref=registry.test/cache", {"type": "registry", "ref": "registry.test/cache"}),
    ("type=gha", {"type": "gha"}),
    ("type=gha, scope = main", {"type": "gha", "scope": "main"}),
]


@pytest.mark.parametrize(("given", "meant"), [*CACHES, ("type=local,src=/var/c", {"type": "local", "src": "/var/c"})])
def test_a_cache_to_read_is_what_is_given(given: str, meant: dict[str, str]) -> None:
    assert attributes(caches.reading(given)) == meant


@pytest.mark.parametrize(("given", "meant"), [*CACHES, ("type=local,dest=/var/c", {"type": "local", "dest": "/var/c"})])
def test_a_cache_to_write_gets_all_stages_and_may_fail(given: str, meant: dict[str, str]) -> None:
    assert attributes(caches.writing(given)) == meant | {"mode": "max", "ignore-error": "true"}


@pytest.mark.parametrize(
    "given", [{"mode": "min"}, {"ignore-error": "false"}, {"mode": "min", "ignore-error": "false"}]
)
def test_how_a_cache_is_written_can_be_said(given: dict[str, str]) -> None:
    text = ",".join(["type=gha", *(f"{name}={value}" for name, value in given.items())])
    expected = {"type": "gha", "mode": "max", "ignore-error": "true"} | given
    assert attributes(caches.writing(text)) == expected


def test_a_value_may_have_an_equals_sign() -> None:
    given = "type=local,src=/var/cache/a=b"
    assert attributes(caches.reading(given))["src"] == "/var/cache/a=b"
    assert caches.check({"olympia_stack_cache_from": [given], "olympia_stack_cache_to": []}) == []


@pytest.mark.parametrize(
    ("direction", "given", "words"),
    [
        ("from", "type=s3,bucket=x", "its type is not one of registry, local, gha"),
        ("to", "type=inline", "its type is not one of registry, local, gha"),
        ("from", "ref=registry.test/cache", "its type is not one of"),
        ("from", "type=registry", "a cache of type registry needs ref=..."),
        ("to", "type=registry,ref=", "a cache of type registry needs ref=..."),
        ("from", "", "a cache of type registry needs ref=..."),
        ("from", "type=local,src=/a,b", "it is neither a reference nor NAME=VALUE"),
        ("to", "Registry/Cache", "Registry/Cache is not the reference of an image"),
        ("from", "type=local", "a cache of type local needs src=..."),
        ("from", "type=local,dest=/var/cache", "a cache of type local needs src=..."),
        ("to", "type=local,src=/var/cache", "a cache of type local needs dest=..."),
        ("from", "type=local,src=cache", "src is not an absolute path"),
        ("to", "type=local,dest=./cache", "dest is not an absolute path"),
    ],
)
def test_what_is_no_cache_is_a_problem(direction: str, given: str, words: str) -> None:
    values: dict[str, list[str]] = {"olympia_stack_cache_from": [], "olympia_stack_cache_to": []}
    (problem,) = caches.check(values | {f"olympia_stack_cache_{direction}": [given]})
    assert problem.setting == f"olympia_stack_cache_{direction}"
    assert f"'{given}'" in problem.what and words in problem.what
    assert f"CACHE_{direction.upper()} takes" in problem.fix


def test_all_problems_come_at_once() -> None:
    given = {"olympia_stack_cache_from": ["type=x", "type=gha", "type=local"], "olympia_stack_cache_to": ["type=y"]}
    assert [problem.setting.rpartition("_")[2] for problem in caches.check(given)] == ["from", "from", "to"]


def test_caches_that_can_be_used_are_no_problem() -> None:
    both = ["registry.test/me/cache", "type=registry,ref=registry.test/cache,mode=min", "type=gha,scope=x"]
    given = {
        "olympia_stack_cache_from": [*both, "type=local,src=/var/cache"],
        "olympia_stack_cache_to": [*both, "type=local,dest=/var/cache"],
    }
    assert caches.check(given) == []
    assert caches.check({"olympia_stack_cache_from": [], "olympia_stack_cache_to": []}) == []
