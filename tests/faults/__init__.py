# SPDX-License-Identifier: BSD-3-Clause
"""Faults: what befalls a run and a running stack, and that both come through it."""
