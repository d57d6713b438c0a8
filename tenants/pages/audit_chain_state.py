"""Whether the audit log's chain held when it was last checked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from contracts.events import AuditChainBroken
from contracts.tenant_scope import across_tenants
from events.models import EventRecord
from tenants.audit import AuditChain, AuditCheckpoint

CHECKED_EVERY: Final = timedelta(hours=26)
"""The nightly check, and two hours for it to run late."""


@dataclass(frozen=True, slots=True)
class ChainState:
    """What is known without checking anew."""

    entries: int
    """In the chain now."""
    checked_at: datetime | None
    """When it last held; None: never checked."""
    checked: int
    """Entries that the check covered."""
    problem: str
    """What a check since then found; empty for nothing."""

    @property
    def tone(self) -> str:
        """``good``, ``warn`` (not checked for long) or ``bad``."""
        if self.problem:
            return "bad"
        late = self.checked_at is None or timezone.now() - self.checked_at > CHECKED_EVERY
        return "warn" if late else "good"

    @property
    def since(self) -> int:
        """Entries that came after the check."""
        return max(0, self.entries - self.checked)


@across_tenants("the audit log is one chain over all tenants")
def chain_state() -> ChainState:
    """As the newest checkpoint, and what has been told since, say."""
    head = AuditChain.objects.filter(pk=1).values_list("sequence", flat=True).first() or 0
    newest = AuditCheckpoint.objects.order_by("-id").first()
    problem = _told_since(newest.at if newest is not None else None)
    return ChainState(
        entries=head,
        checked_at=newest.at if newest is not None else None,
        checked=newest.sequence if newest is not None else 0,
        problem=problem,
    )


def _told_since(instant: datetime | None) -> str:
    """What the first of the breaks is that a check since then has found."""
    since = max(instant or timezone.now() - CHECKED_EVERY, timezone.now() - CHECKED_EVERY)
    payload: dict[str, Any] | None = (
        EventRecord.objects.filter(tenant_id="", event_type=AuditChainBroken.event_type, occurred_at__gt=since)
        .order_by("-occurred_at")
        .values_list("payload", flat=True)
        .first()
    )
    return "" if payload is None else f"At entry {payload['sequence']:,}: {payload['problem']}"
