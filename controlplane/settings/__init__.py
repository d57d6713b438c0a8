"""Django settings, split by concern; every value comes from the environment through :mod:`controlplane.settings.env`."""

from controlplane.settings.base import *  # noqa: F403
