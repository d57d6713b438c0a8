"""Messages that appear without a new page."""

from __future__ import annotations

from django.http import HttpResponseBase
from django_htmx.http import trigger_client_event

LEVELS = ("success", "info", "warning", "error")


def toast(response: HttpResponseBase, text: str, level: str = "success") -> HttpResponseBase:
    """Let the page that htmx updates show a message.

    Raises:
        ValueError: there is no such level.
    """
    if level not in LEVELS:
        raise ValueError(f"A message is one of {', '.join(LEVELS)}.")
    trigger_client_event(response, "toast", {"text": text, "level": level})
    return response
