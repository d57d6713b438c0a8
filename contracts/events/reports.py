"""Reports: made and delivered."""

from __future__ import annotations

from contracts.events.envelope import EventPayload


class ReportMade(EventPayload, frozen=True, kw_only=True):
    """A report was put together, or could not be."""

    event_type = "report.content.made"
    layer = 4
    report_id: str
    title: str
    kind: str
    """``weekly`` | ``daily`` | ``evaluation``."""
    schedule_id: str = ""
    """Empty: somebody asked for it by hand."""
    todos: int = 0
    """Things that it says are to be done."""
    error: str = ""


class ReportDelivered(EventPayload, frozen=True, kw_only=True):
    """A report was taken by a channel or a member's mail server, or given up."""

    event_type = "report.delivery.completed"
    layer = 4
    delivery_id: str
    report_id: str
    kind: str
    """``email`` | ``slack``."""
    delivered: bool
    tries: int
    error: str = ""
