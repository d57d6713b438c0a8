"""Refusals inside the shell."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

TITLES = {403: "You may not do this", 404: "There is nothing here"}


def refused(request: HttpRequest, status: int, reason: str = "") -> HttpResponse:
    """The shell's 403 or 404. To htmx a sentence is enough: it becomes a message on the page that asked."""
    if not reason or reason.startswith("No "):
        # Django's own reasons name models and queries.
        reason = "The address is wrong, what was here is gone, or you may not see it."
    if getattr(request, "htmx", False) and not request.htmx.history_restore_request:  # type: ignore[attr-defined]
        return HttpResponse(reason, status=status, content_type="text/plain; charset=utf-8")
    context = {"title": TITLES[status], "reason": reason, "status": status}
    return render(request, "console/errors/refused.html", context, status=status)
