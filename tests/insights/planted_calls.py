"""Calls with what they asked, in the ledger and in events."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from contracts.events import AttemptCancelled, EventPayload
from insights.figures import Period
from tenants.models import Tenant
from tests.events.builders import batch, completed, context, failed, line, started
from tests.events.ledger.ledger_tables import opened_store

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
DAY = Period(NOON.replace(hour=0), NOON.replace(hour=0) + timedelta(days=1))


class Planted:
    """Collects calls; :meth:`write` puts them where the collector would."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self._lines: list[bytes] = []

    def call(
        self,
        cost: int | None,
        *,
        minute: float = 0,
        asks: str = "",
        most: int | None = None,
        fails: str = "",
        lost_hedge: bool = False,
        **fields: Any,
    ) -> None:
        """One, so many minutes after noon of the day before."""
        at = NOON + timedelta(minutes=minute)
        of = context(tenant_id=str(self.tenant.pk))
        told: list[tuple[EventPayload, datetime]] = [
            (started(request_digest=asks, max_output_tokens=most), at - timedelta(seconds=2))
        ]
        if lost_hedge:
            target: dict[str, Any] = {
                "attempt": 2,
                "target_id": "t2",
                "provider": "openai",
                "model": "gpt",
            }
            told.append((AttemptCancelled(**target, duration_ms=5.0, reason="hedge_lost"), at - timedelta(seconds=1)))
        given = {"route": "chat", "provider": "openai", "model": "gpt", "cost_nanousd": cost, **fields}
        told.append((failed(error_code=fails, **given) if fails else completed(**given), at))
        self._lines += [line(payload, of, moment) + b"\n" for payload, moment in told]

    def write(self) -> None:
        """All of them."""

        async def store_them() -> None:
            async with opened_store() as store:
                await store.write([batch(b"".join(self._lines), spool_id=f"spool-{timezone.now().timestamp()}")])

        asyncio.run(store_them())
        self._lines = []
