# SPDX-License-Identifier: BSD-3-Clause
"""The benchmark: `make bench`."""
