"""Puts down who is to be told of what; :mod:`alerting.sending` sends it."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from alerting.channel_rows import Channel, Delivery
from alerting.incident_rows import Incident
from alerting.owned import RANKS


def tell(incident: Incident, what: str, channels: Iterable[Channel] | None = None) -> int:
    """Have the channels told, all that want incidents of this severity unless some are named; how many are.

    Of the same change a channel is told once, however often this is called.
    """
    if incident.silenced:
        return 0
    chosen = channels_for(incident) if channels is None else list(channels)
    rows = [Delivery(tenant_id=incident.tenant_id, channel=channel, incident=incident, what=what) for channel in chosen]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    if rows:
        transaction.on_commit(_send_soon, robust=True)
    return len(rows)


def channels_for(incident: Incident) -> list[Channel]:
    """The owner's that want to know of it at once."""
    rows = Channel.objects.filter(tenant=incident.tenant_id, enabled=True, on_escalation_only=False)
    return [row for row in rows if RANKS[row.from_severity] <= RANKS[incident.severity]]


def told_of(incident: Incident) -> list[Channel]:
    """Channels that were told that it began: they are told of all that follows."""
    keys = Delivery.objects.filter(tenant=incident.tenant_id, incident=incident).values("channel_id")
    return list(Channel.objects.filter(tenant=incident.tenant_id, enabled=True, pk__in=keys))


def _send_soon() -> None:
    from alerting.tasks import deliver

    deliver.apply_async(expires=60)
