# SPDX-License-Identifier: BSD-3-Clause
"""`python -m olympia_provisioner` is the same as the command `olympia`."""

import sys

from .cli.main import main

sys.exit(main())
