# SPDX-License-Identifier: BSD-3-Clause
"""Texts for people."""

from __future__ import annotations

from olympia_provisioner.words import by_host


def test_a_host_is_named_only_beside_others() -> None:
    assert by_host({"one": "It runs."}) == "It runs."
    assert by_host({"one": "It runs.", "two": "Nothing runs."}) == "one:\nIt runs.\ntwo:\nNothing runs."
