# SPDX-License-Identifier: BSD-3-Clause
"""The workflows in docs/ci, run as their service runs them."""
