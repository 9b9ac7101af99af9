"""Settings of a running site: the base, as the environment fills it."""

from olympia.lib.settings_base import *  # noqa: F403
