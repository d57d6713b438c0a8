"""Calls in the ledger and an incident over them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from alerting.incident_rows import Incident
from alerting.incidents import open_alert
from contracts.events import EventPayload
from tenants.models import Tenant
from tests.alerting.alert_rows import make_rule
from tests.events.builders import completed, failed
from tests.events.ledger.ledger_tables import bill, opened_store

MODELS = (("openai", "gpt-large"), ("openai", "gpt-small"), ("anthropic", "claude"))
Told = Callable[[random.Random, bool, dict[str, Any]], EventPayload]


def a_while_ago(minutes: int) -> datetime:
    """At a full minute."""
    return datetime.fromtimestamp(int(timezone.now().timestamp()) // 60 * 60, UTC) - timedelta(minutes=minutes)


def answered(chance: random.Random, _now: bool, whose: dict[str, Any]) -> EventPayload:
    """As always."""
    return completed(**whose, cost_nanousd=1_000, duration_ms=chance.uniform(80, 120))


def calls_around(
    tenant: Tenant, began: datetime, tell: Told, *, before: int = 900, now: int = 200, seed: int = 1
) -> None:
    """Calls of six hours before, and of ten minutes from ``began`` on."""
    chance = random.Random(seed)
    billed = []
    for number in range(before + now):
        is_now = number >= before
        provider, model = chance.choice(MODELS)
        whose = {
            "provider": provider,
            "model": model,
            "route": chance.choice(("chat", "search")),
            "key_id": chance.choice(("key-a", "key-b")),
            "tags": {"region": chance.choice(("eu", "us"))},
        }
        seconds = chance.uniform(0, 590) if is_now else -chance.uniform(700, 6 * 3600)
        billed.append((tell(chance, is_now, whose), began + timedelta(seconds=seconds)))

    async def write() -> None:
        async with opened_store() as store:
            await bill(store, *billed, tenant_id=str(tenant.pk))

    asyncio.run(write())


def fails_at_openai(chance: random.Random, now: bool, whose: dict[str, Any]) -> EventPayload:
    """Two in three of its calls, once it has begun."""
    if whose["provider"] == "openai" and now and chance.random() < 0.66:
        return failed(**whose, error_code="PROVIDER_UNAVAILABLE")
    return answered(chance, now, whose)


def incident_of(tenant: Tenant | None, began: datetime, **rule: Any) -> Incident:
    """One that fired for the rule; open."""
    found = make_rule(tenant, **rule)
    alert = open_alert(
        rule=found, severity=found.severity, began_at=began, fired_at=began, value=0.5, summary="It is bad."
    )
    return alert.incident
