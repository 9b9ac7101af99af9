# SPDX-License-Identifier: BSD-3-Clause
"""The collection as it is built, and installed elsewhere."""
