"""Why nothing was started, or not everything."""

from __future__ import annotations


class CannotStart(Exception):
    """The message tells a person at a terminal what is wrong and what to do; it goes without a stack trace."""
