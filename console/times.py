"""Times: relative in the text, exact in the title, in the viewer's zone."""

from __future__ import annotations

from datetime import date, datetime

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console.formats import NOTHING

_STEPS = ((60, 1, "s"), (3_600, 60, "min"), (86_400, 3_600, "h"), (14 * 86_400, 86_400, "d"))


def relative(moment: datetime, now: datetime | None = None) -> str:
    """``just now``, ``5 min ago``, ``in 3 h``; beyond two weeks the date."""
    seconds = ((now or timezone.now()) - moment).total_seconds()
    size = abs(seconds)
    if size < 5:
        return "just now"
    for limit, unit, name in _STEPS:
        if size < limit:
            text = f"{int(size // unit)} {name}"
            return f"{text} ago" if seconds > 0 else f"in {text}"
    return f"{timezone.localtime(moment):%-d %b %Y}"


def absolute(moment: datetime) -> str:
    """``12 Mar 2026, 14:05:09 CET``."""
    return f"{timezone.localtime(moment):%-d %b %Y, %H:%M:%S %Z}"


def time_tag(moment: datetime | date | None, style: str = "relative") -> SafeString | str:
    """A ``<time>``; ``style`` is ``relative``, ``absolute`` or ``both``. The browser keeps relative times current."""
    if moment is None:
        return NOTHING
    if not isinstance(moment, datetime):
        return format_html('<time datetime="{}">{:%-d %b %Y}</time>', moment.isoformat(), moment)
    exact, near, stamp = absolute(moment), relative(moment), moment.isoformat()
    if style == "absolute":
        return format_html('<time datetime="{}" title="{}">{}</time>', stamp, near, exact)
    if style == "both":
        return format_html(
            '<time datetime="{}" title="{}">{}</time> <span class="soft">{}</span>', stamp, near, exact, near
        )
    return format_html('<time datetime="{}" title="{}" data-relative>{}</time>', stamp, exact, near)
