"""How many events of which kind: all that a page needs to know that it is out of date. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from events.live.subscriptions import Head

MOST_KINDS: Final = 200
"""A message names so many kinds; further ones are counted together as of any tenant and route, :data:`ANY`."""
ANY: Final = "*"


class Summary:
    """Counts by type, tenant and route, until they are taken."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str], int] = {}

    def add(self, head: Head) -> None:
        """Count one event."""
        kind = (head.event_type, head.tenant_id, head.route())
        if kind not in self._counts and len(self._counts) >= MOST_KINDS:
            kind = (head.event_type, ANY, ANY)
        self._counts[kind] = self._counts.get(kind, 0) + 1

    def take(self) -> str | None:
        """The message that tells of all that was counted since the last one; None when nothing was."""
        if not self._counts:
            return None
        rows = [
            {"event_type": event_type, "tenant_id": tenant_id, "route": route, "count": count}
            for (event_type, tenant_id, route), count in self._counts.items()
        ]
        self._counts = {}
        return msgspec.json.encode({"type": "summary", "events": rows}).decode()
