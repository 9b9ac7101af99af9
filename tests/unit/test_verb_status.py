# SPDX-License-Identifier: BSD-3-Clause
"""What `status` and `render` say of a stack."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from olympia_provisioner.cli.verbs import render, status

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


def container(service: str, **changed: Any) -> dict[str, Any]:
    """Return a container as the probe finds it."""
    return {
        "service": service,
        "state": "running",
        "health": "healthy",
        "started_at": "2026-01-02T11:18:00.123456789Z",
        "image_name": f"olympia/{service}:bookworm-0123456789ab",
        "ports": [],
    } | changed


def answer(**changed: Any) -> dict[str, Any]:
    """Return what a host answers where all is well, some of it changed."""
    return {
        "instance": "addons-server",
        "project_dir": "/s/addons-server",
        "site": "The site is at http://olympia.test",
        "address": "http://olympia.test",
        "ssh": "",
        "site_error": "",
        "engine": True,
        "expires": "",
        "services": ["web", "nginx"],
        "containers": [container("web"), container("nginx", ports=[80, 80])],
        "image": True,
        "render": [],
        "started": True,
        "initialized": True,
    } | changed


def test_a_healthy_stack_is_a_table_and_two_sentences() -> None:
    found = status.read(answer())
    assert found.healthy
    assert status.as_text(found, NOW).splitlines() == [
        "SERVICE  STATE    HEALTH   SINCE   PORTS  IMAGE",
        "web      running  healthy  42 min         web:bookworm-0123456789ab",
        "nginx    running  healthy  42 min  80     nginx:bookworm-0123456789ab",
        "",
        "The site is at http://olympia.test",
        "up would change nothing.",
    ]


def test_what_is_not_healthy_is_named() -> None:
    web = container("web", state="exited", health="unhealthy")
    found = status.read(answer(containers=[web, container("customs"), container("x")], started=False, render=[".env"]))
    assert not found.healthy
    text = status.as_text(found, NOW)
    assert "Not healthy: web, nginx. olympia logs web says more." in text
    assert "nginx    missing" in text
    assert "No setting has customs, x." in text
    assert "would: render .env, and replace what that changes; start or replace" in text
    # What a container's healthcheck said before it ended says nothing of now.
    assert "unhealthy" not in text


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"containers": []}, "Nothing of the instance addons-server runs. olympia up starts it."),
        (
            {"containers": [], "instance": "two"},
            "Nothing of the instance two runs. olympia up INSTANCE=two starts it.",
        ),
        (
            {"containers": [], "engine": False},
            "Nothing runs: no engine answers on this host. olympia up installs one and starts the stack.",
        ),
    ],
)
def test_where_nothing_runs_a_sentence_says_so(changed: dict[str, Any], sentence: str) -> None:
    found = status.read(answer(**changed))
    assert not found.healthy
    assert status.as_text(found, NOW) == sentence


def test_every_line_fits_a_terminal() -> None:
    long = container("elasticsearch", image_name="registry.test/some/elasticsearch:" + "7" * 60, ports=[9200, 9300])
    found = status.read(
        answer(services=["elasticsearch"], containers=[long], site="The site is at " + " ".join(["http://x.test"] * 9))
    )
    assert max(map(len, status.as_text(found, NOW).splitlines())) <= 80


@pytest.mark.parametrize(
    ("since", "text"),
    [
        ("", ""),
        ("2026-01-02T11:59:30Z", "30 s"),
        ("2026-01-02T09:01:00.5Z", "2 h"),
        ("2025-12-01T12:00:00Z", "32 d"),
        # The host's clock is ahead.
        ("2026-01-02T12:00:03Z", "0 s"),
    ],
)
def test_since_when(since: str, text: str) -> None:
    assert status.ago(since, NOW) == text


def test_a_diff_masks_credentials_and_says_that_nothing_was_written() -> None:
    pieces = [{"before_header": ".env", "after_header": ".env", "before": "A=1\n", "after": "A=http://me:pw@x\n"}]
    text = render.as_text(render.Difference("/s/two", (".env", "deps/"), render.unified(pieces)))
    assert text.splitlines() == [
        "--- .env",
        "+++ .env",
        "@@ -1 +1 @@",
        "-A=1",
        "+A=http://********@x",
        "Nothing was written. In /s/two, up would write: .env, deps/",
    ]


def test_no_difference_is_a_sentence() -> None:
    text = render.as_text(render.Difference("/s/two", (), ""))
    assert text == "Nothing would be written: the files in /s/two are as the settings say."


def test_several_hosts_are_a_table() -> None:
    sick = answer(containers=[container("web", health="starting"), container("nginx")], started=False)
    found = {"ana.vm1": answer(), "ben.vm1": sick, "cay.vm2": answer(containers=[]), "vm3": answer(engine=False)}
    assert status.as_table({host: status.read(one) for host, one in found.items()}, NOW).splitlines() == [
        "HOST     STATE           SINCE   UP WOULD",
        "ana.vm1  healthy         42 min  change nothing",
        "ben.vm1  1 of 2 healthy  42 min  change something",
        "cay.vm2  down                    change nothing",
        "vm3      no engine       42 min  change something",
    ]


def test_a_table_says_whose_time_ends_where_any_does() -> None:
    found = {"ana.vm1": answer(expires="2026-01-02"), "ben.vm1": answer(expires="2026-01-03"), "cay.vm2": answer()}
    assert status.as_table({host: status.read(one) for host, one in found.items()}, NOW).splitlines() == [
        "HOST     STATE    SINCE   EXPIRES             UP WOULD",
        "ana.vm1  healthy  42 min  2026-01-02 expired  change nothing",
        "ben.vm1  healthy  42 min  2026-01-03          change nothing",
        "cay.vm2  healthy  42 min                      change nothing",
    ]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, "http://olympia.test"),
        (
            {"address": "http://127.0.0.1:12002", "ssh": "me@vm1"},
            "ssh -N -L 12002:127.0.0.1:12002 me@vm1\nhttp://127.0.0.1:12002",
        ),
        ({"address": "http://127.0.0.1", "ssh": "vm1"}, "ssh -N -L 8080:127.0.0.1:80 vm1\nhttp://127.0.0.1:8080"),
    ],
)
def test_where_a_site_is_comes_with_the_way_there(changed: dict[str, str], told: str) -> None:
    assert status.where(status.read(answer(**changed))) == told
