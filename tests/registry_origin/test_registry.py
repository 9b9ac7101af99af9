# SPDX-License-Identifier: BSD-3-Clause
"""Registries that do not give what they have: at the first contact, and later."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.stack import Stack
from tests.registry import Registry

pytestmark = pytest.mark.full
LIMITED = (429, b'{"errors": [{"code": "TOOMANYREQUESTS", "message": "You have reached your pull rate limit."}]}')
CLOSED = (401, b'{"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}')


class Answer(http.server.BaseHTTPRequestHandler):
    """Answers every request in the same way."""

    status, body = LIMITED

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Www-Authenticate", 'Basic realm="test"')
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self.body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(params=[LIMITED, CLOSED], ids=["limited", "closed"])
def unwilling(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return a registry that gives nothing."""
    status, body = request.param
    handler = type("Unwilling", (Answer,), {"status": status, "body": body})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_registry_that_gives_nothing_just_now_decides_nothing(
    make_stack: Callable[..., Stack], unwilling: str, mirror: str
) -> None:
    stack = make_stack()
    run = stack.play("up", registry=unwilling, pull_attempts=1)
    assert run.code != 0
    assert "fix: " in run.output and unwilling in run.output, run.output
    assert not (stack.project / ".env").exists() or "IMAGE_ORIGIN=packages" not in (stack.project / ".env").read_text()
    stack.up(registry=mirror)
    assert "\nIMAGE_ORIGIN=registry\n" in (stack.project / ".env").read_text()


def test_a_registry_that_has_gone_is_not_missed(stack: Stack, registry: Registry) -> None:
    registry.stop()
    try:
        assert stack.up().changed == 0
        assert stack.play("down").code == 0
        stack.up()
    finally:
        registry.start()
