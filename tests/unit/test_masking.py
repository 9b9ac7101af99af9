# SPDX-License-Identifier: BSD-3-Clause
"""Credentials that their form gives away leave no host; everything else stays as it is."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.core.masking import MASK, mask


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        # In addresses.
        ("https://me:s3cret@host.test/simple", f"https://{MASK}@host.test/simple"),
        ("https://t0ken@host.test", f"https://{MASK}@host.test"),
        ("index-url = http://me:p%40ss@host.test:8080/", f"index-url = http://{MASK}@host.test:8080/"),
        ("amqp://me:s3cret@rabbitmq:5672/v", f"amqp://{MASK}@rabbitmq:5672/v"),
        ("redis://:s3cret@redis:6379", f"redis://{MASK}@redis:6379"),
        ("git+ssh://me:s3cret@[::1]/x", f"git+ssh://{MASK}@[::1]/x"),
        ("'http://a:b@one','http://c:d@two'", f"'http://{MASK}@one','http://{MASK}@two'"),
        ("first\nhttp://a:b@one\nlast", f"first\nhttp://{MASK}@one\nlast"),
        # An @ that is not escaped: the last one ends the credentials, as for urllib.
        ("http://me:p@ss@host.test/", f"http://{MASK}@host.test/"),
        # Of npm.
        ("//host.test/:_authToken=npm_abc", f"//host.test/:_authToken={MASK}"),
        ("_auth = bWU6czNjcmV0==\nalways-auth=true", f"_auth = {MASK}\nalways-auth=true"),
        ('//host.test/:_password="czNjcmV0"', f'//host.test/:_password="{MASK}"'),
        ("_password: s3cret", f"_password: {MASK}"),
        # Of Docker.
        ('{"auths": {"host.test": {"auth": "bWU6cw=="}}}', f'{{"auths": {{"host.test": {{"auth": "{MASK}"}}}}}}'),
        ('"auth":"bWU6cw==","email":"x"', f'"auth":"{MASK}","email":"x"'),
        ('"identitytoken" : "abc.def"', f'"identitytoken" : "{MASK}"'),
    ],
)
def test_credentials_are_masked(text: str, masked: str) -> None:
    assert mask(text) == masked
    assert mask(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://host.test/@scope/package",
        "http://host.test:8080/a?b=c#d",
        "http://host.test, or write to me@host.test",
        "me@host.test",
        "'http://host.test','me@host.test'",
        '["http://host.test","me@host.test"]',
        "git@host.test:me/repository.git",
        "//host.test/@scope:registry",
        "author = x",
        "my_author = x",
        "_auth and _authToken are names",
        '"author": "x", "authors": ["y"], "auths": {}',
        "registry.test/site@sha256:0123",
        "Größe \N{ROCKET}\ttab\r\n",
    ],
)
def test_harmless_texts_stay(text: str) -> None:
    assert mask(text) == text


def test_texts_are_masked_wherever_they_are() -> None:
    secret, masked = "http://me:s3cret@host.test", f"http://{MASK}@host.test"
    value: dict[str, Any] = {"log": [secret, {"more": {"deep": [[secret]]}}], "one": secret, "number": 3}
    assert mask(value) == {"log": [masked, {"more": {"deep": [[masked]]}}], "one": masked, "number": 3}
    assert value["log"][0] == secret, "the value itself stays"


@pytest.mark.parametrize("value", [None, True, 0, 1.5, [], {}])
def test_what_is_no_text_stays(value: Any) -> None:
    found = mask(value)
    assert (found, type(found)) == (value, type(value))
