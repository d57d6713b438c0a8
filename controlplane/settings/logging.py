"""Logs: one JSON object a line, or coloured columns when a person watches; always with the correlation id."""

import sys

from controlplane.log_format import logging_config
from controlplane.settings.env import env

LOG_AS_JSON = env.log_format == "json" or (env.log_format == "auto" and not sys.stderr.isatty())
LOGGING_CONFIG = "controlplane.log_format.configure"
LOGGING = logging_config(level=env.log_level, as_json=LOG_AS_JSON)
