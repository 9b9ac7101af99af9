# SPDX-License-Identifier: BSD-3-Clause
"""What the attacks on one shared machine have in common."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.addons.olympia.plugins.module_utils.shared.people import source_key

from tests.fleet import Fleet

Serve = Callable[[str, str], None]
VM = "vm4.olympia.test"
ANA, BEN = f"ana.{VM}", f"ben.{VM}"
# Of the ten that each one's UID gives, the first.
ANAS, BENS = 20010, 20020
# ana and ben have the one source, cay and dan the other, which is nowhere.
FORK = "https://127.0.0.1:9/fork"
COMMON, PRIVATE = source_key("", "HEAD"), source_key(FORK, "HEAD")
BUILDS = "/var/lib/olympia/builds"
PATIENCE = 900  # seconds that no run takes in which nothing hangs
SERVE = f"""#!/usr/bin/python3
import http.server, json, socket, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps([self.path, self.headers.items()]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        if self.path == "/redirect":
            self.send_header("X-Accel-Redirect", "/builds/{COMMON}/index.json")
        self.send_header("Set-Cookie", "a=b; Domain={ANA}; Domain={VM}")
        self.end_headers()
        self.wfile.write(body)

class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET

Server((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"""


def fails(fleet: Fleet, name: str, command: str) -> str:
    """Return what a command says that has to fail, and not because the tenant cannot log in or there is no such command."""
    done = fleet.as_tenant(VM, name, command)
    assert done.returncode not in (0, 127, 255), (command, done.stdout, done.stderr)
    return done.stderr


def works(fleet: Fleet, name: str, command: str) -> str:
    """Return what a command prints that has to succeed."""
    done = fleet.as_tenant(VM, name, command)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout
