"""The icon that browsers look for by themselves."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseRedirect
from django.templatetags.static import static

ICON = "brand/icon.svg"


def favicon(_request: HttpRequest) -> HttpResponseRedirect:
    """Where browsers look that were told of no icon."""
    return HttpResponseRedirect(static(ICON))
