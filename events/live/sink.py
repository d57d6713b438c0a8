"""From the collector to every web process that has watchers of the tenant, over Channels."""

from __future__ import annotations

from collections.abc import Sequence

from channels.layers import get_channel_layer

from events.live.groups import EVERYTHING_GROUP, group_of

EVENTS_PER_MESSAGE = 500
"""Bounds a message to well under a megabyte at usual event sizes."""


class ChannelsSink:
    """An :class:`contracts.ports.EventSink` that sends each batch to its tenant's watchers and those of everything."""

    async def publish(self, tenant_id: str, events: Sequence[bytes]) -> None:
        """Send; what nobody watches is dropped by Redis.

        Raises:
            redis.RedisError: the layer's Redis cannot be reached.
        """
        layer = get_channel_layer()
        if layer is None:
            return
        for start in range(0, len(events), EVENTS_PER_MESSAGE):
            lines = list(events[start : start + EVENTS_PER_MESSAGE])
            for group in (group_of(tenant_id), EVERYTHING_GROUP):
                await layer.group_send(group, {"type": "live.events", "events": lines})
