"""Reads what models cost in the past: the data plane's specs know only the present and what is to come."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from contracts.specs import PriceTimeline
from contracts.tenant_scope import across_tenants
from events.ledger.reading import LedgerThreads
from routing.models import Model
from routing.prices import PriceHistory

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DjangoPriceReader:
    """Reads through Django in a thread of its own."""

    def __init__(self, *, threads: int = 1) -> None:
        self._threads = LedgerThreads(threads, "prices")

    async def read(self, model_id: str, tenant_id: str, start_ms: int, end_ms: int) -> PriceTimeline:
        """The price at ``start_ms``, and its changes before ``end_ms``; unknown for a model that there is not.

        Raises:
            ServiceUnavailable: PostgreSQL cannot be asked.
        """
        return await self._threads.run(past_prices, uuid.UUID(model_id), uuid.UUID(tenant_id), start_ms, end_ms)

    def close(self) -> None:
        """End the thread."""
        self._threads.close()


def past_prices(model_id: uuid.UUID, tenant_id: uuid.UUID, start_ms: int, end_ms: int) -> PriceTimeline:
    """See :meth:`DjangoPriceReader.read`."""
    with across_tenants("a model's prices are the tenant's or everybody's, and others' are not looked at"):
        model = Model.objects.select_related("provider").prefetch_related("prices").filter(pk=model_id).first()
        if model is None:
            return PriceTimeline()
        start, end = (_EPOCH + timedelta(milliseconds=instant) for instant in (start_ms, end_ms))
        return PriceHistory(model, tenant_id).between(start, end)
