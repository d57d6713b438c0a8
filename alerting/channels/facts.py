"""What there is to tell of an incident, the same for every channel."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Facts(msgspec.Struct, frozen=True):
    """One message, before it has the shape of a channel."""

    what: str
    """``opened`` | ``acknowledged`` | ``escalated`` | ``resolved`` | ``test``."""
    key: str
    """The same for all messages about one incident."""
    incident_id: str
    title: str
    severity: str
    state: str
    owner: str
    """The tenant's name, or the platform."""
    tenant_id: str
    summaries: tuple[str, ...]
    """Of its alerts, the newest first."""
    advice: str
    """What the rule's author wrote."""
    began_at: datetime
    time_zone: str
    link: str
    """Empty where nobody knows where the pages are."""
    by: str = ""
    """Who acknowledged or resolved it."""
    lasted: str = ""
    """Once it is over."""

    @property
    def headline(self) -> str:
        """In one line."""
        words = {
            "opened": self.severity.capitalize(),
            "escalated": f"Nobody acknowledged yet, {self.severity}",
            "acknowledged": "Acknowledged",
            "resolved": "Resolved",
            "test": "Test",
        }[self.what]
        return f"{words}: {self.title}"

    @property
    def follow_up(self) -> str:
        """What became of it; empty while it goes on."""
        if self.what == "acknowledged":
            return f"{self.by} looks at it."
        if self.what == "resolved":
            end = f"{self.by} resolved it" if self.by else "It is over by itself"
            return f"{end} after {self.lasted}." if self.lasted else f"{end}."
        return ""
