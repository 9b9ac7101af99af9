# SPDX-License-Identifier: BSD-3-Clause
"""CI runners: hosts with an engine and no images, a registry in reach."""
