# SPDX-License-Identifier: BSD-3-Clause
"""Tests against a real engine."""
