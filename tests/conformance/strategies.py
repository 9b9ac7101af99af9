# SPDX-License-Identifier: BSD-3-Clause
"""What the property-based tests are fed with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

# What has a meaning to YAML, Compose, Bake, Docker, a shell, nginx or `.env`.
SPECIAL = " '\"\\$#:{}[]%@&*!|>?,=-~/.;()`<^+_éß漢😀abn01"
WORDS = (
    "no", "on", "null", "~", "true", "1e3", "0x10", "010", "1_000", "12:30", "2024-01-01", ".inf", "=", "<<", "--help",
    "- a", "a: b", "${HOME}", "$HOME", "$$", "%s", "{{ 7 }}", "{% raw %}", "#", " #", "'", '"', "\\", "\\n", "\\'",
    "a\nb", "a\rb", "\u2028", "\x85", "\x00", "\x1b[1m", "*a", "&a", "!!int 3", "|", ">", "@", "`id`", "$(id)", "EOF",
    "../x", "/", "~root", "docker-image://x", "a,b", "a=b",
)  # fmt: skip
# Stands for a directory of the test.
BASE = "/BASE"


def few(examples: int) -> Callable[[Any], Any]:
    """Return the decorator of a test with so many examples, the same in each run: a red one stays red until it is mended."""
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


def texts() -> st.SearchStrategy[str]:
    """Return one line of text, made of what is special to some program or of anything else that can be in a line."""
    in_a_line = st.characters(codec="utf-8", exclude_characters="\n\x00")
    return st.one_of(st.text(SPECIAL, max_size=12), st.text(in_a_line, max_size=8))


def names() -> st.SearchStrategy[str]:
    """Return names of files, as odd as the host allows; Docker's and COMPOSE_FILE's colon is left out."""
    odd = st.text(SPECIAL.replace("/", "").replace(":", ""), min_size=1, max_size=10).map(lambda text: f"a{text}b")
    return odd | st.sampled_from(["with space", "it's", "$HOME", "#1", "100%", "{{ x }}", "-v", "a\\b", "漢", "no"])


def package_names() -> st.SearchStrategy[str]:
    """Return names of Debian packages."""
    return st.from_regex(r"[a-z0-9][a-z0-9+.-]{1,8}", fullmatch=True)


def packages() -> st.SearchStrategy[str]:
    """Return packages as apt-get takes them."""
    return st.from_regex(r"[a-z0-9][a-z0-9+.-]{1,8}(:arm64)?(=1:2\.0-1\+b1~x|/bookworm)?", fullmatch=True)


def references() -> st.SearchStrategy[str]:
    """Return references of images."""
    name = r"([a-zA-Z0-9]+(-[a-z0-9]+)?\.[a-z0-9]+(:[0-9]{1,4})?/)?[a-z0-9]+([._]|__|-+)?[a-z0-9](/[a-z0-9]{1,4}){0,2}"
    return st.from_regex(rf"{name}(:[A-Za-z0-9_][A-Za-z0-9_.-]{{0,5}})?(@sha256:[0-9a-f]{{64}})?", fullmatch=True)


def likely() -> dict[str, st.SearchStrategy[Any]]:
    """Return, by setting, values that make sense, alone and together."""
    directories = names().map(lambda name: f"{BASE}/{name}")
    files = names().filter(lambda name: not set(name) & {",", '"'})
    caches = st.one_of(
        references(),
        references().map(lambda reference: f"type=registry,ref={reference}"),
        files.map(lambda name: f"type=local,src=/{name},dest=/{name}"),
    )
    instances = st.from_regex(r"[a-z0-9]{2,5}(--?|__?)?[a-z0-9]", fullmatch=True)
    files_of_compose = [
        f"docker-compose.yml{more}" for more in ("", ":docker-compose.ci.yml", ":docker-compose.private.yml")
    ]
    found: dict[str, st.SearchStrategy[Any]] = {
        "instance": instances | st.sampled_from(["no", "1e3", "0x10", "null"]),
        "project_dir": directories,
        "source_dir": directories | st.just("~/source"),
        "image": references().filter(lambda text: "@" not in text and ":" not in text.rpartition("/")[2]),
        "tag": references(),
        "version": st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,9}", fullmatch=True),
        "digest": st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True),
        "cache_from": st.lists(caches, max_size=3),
        "cache_to": st.lists(caches, max_size=3),
        "service_images": st.dictionaries(
            st.sampled_from(["base", "nginx", "mysqld", "autograph", "customs"]), references()
        ),
        "base_image": references(),
        "base_packages": st.lists(packages(), max_size=3),
        "debian_package_replacements": st.dictionaries(package_names(), packages() | st.lists(packages(), max_size=2)),
        "host_uid": st.integers(0, 2**32 - 2).map(str),
        "host_name": st.from_regex(r"[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?(\.[a-z0-9]{1,4}){0,2}", fullmatch=True),
        "bind_address": st.ip_addresses().map(str),
        "http_port": st.integers(1, 65535),
        "frontend_port": st.integers(1, 65535),
        "mysql_port": st.integers(0, 65535),
        "ca_bundle": files.map(lambda name: f"{BASE}/certificates/{name}") | st.just("auto"),
        "wait_timeouts": st.dictionaries(st.sampled_from(["web", "mysqld"]), st.integers(0, 999)),
        "compose_file": st.sampled_from(files_of_compose),
    }
    return {f"olympia_stack_{name}": strategy for name, strategy in found.items()}


def anything(spec: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Return values for an option: of its type, or of another one that a person may write into an inventory.

    Args:
        spec: The option's specification.
    """
    text = st.sampled_from(WORDS) | st.text(max_size=8) | texts()
    scalar = st.one_of(text, st.integers(-1, 70000), st.booleans(), st.none())
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "bool": st.booleans(),
        "int": st.integers(-(2**31), 2**31),
        "str": text,
        "list": st.lists(scalar | st.lists(text, max_size=2), max_size=3),
        "dict": st.dictionaries(
            text | st.sampled_from(["web", "redis"]), scalar | st.lists(scalar, max_size=2), max_size=3
        ),
    }
    of_its_type = st.sampled_from(spec["choices"]) if "choices" in spec else kinds[spec["type"]]
    return st.one_of(of_its_type, of_its_type, scalar)
