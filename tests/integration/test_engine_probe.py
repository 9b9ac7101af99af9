# SPDX-License-Identifier: BSD-3-Clause
"""How long the probe of a package repository waits, by the real clock. No engine is needed."""

from __future__ import annotations

import socket
import threading

from ansible_collections.addons.olympia.plugins.module_utils.host.connectivity import ask_url


def test_the_probe_gives_up_on_a_server_that_never_gets_to_the_end() -> None:
    """Each byte comes in time, so that only the limit on the whole attempt can end it."""
    done = threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            while not done.wait(0.05):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        try:
            host, port = server.getsockname()
            assert ask_url(f"http://{host}:{port}/InRelease", seconds=0.3).error == "no answer within 0.3 s"
        finally:
            done.set()
            thread.join()
