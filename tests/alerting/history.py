"""Days of traffic by the minute in one statement, for what learns from them."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from events.traffic.grains import Grain
from events.traffic.measures import Kind
from tenants.models import Tenant


def history(tenant: Tenant | None, until: datetime, minutes: int, *, requests: int = 100, spread: int = 3) -> None:
    """Calls in each minute before ``until``, of which none to a few fail, in a pattern that repeats by no season."""
    scope = "*" if tenant is None else str(tenant.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_traffic (scope, grain, kind, part, start, requests, errors, cached_answers, fallbacks,"
            " retries, input_tokens, output_tokens, cost_nanousd, price_unknown, duration_us)"
            " SELECT %s, %s, %s, '', %s - make_interval(mins => n), %s, (n * 7919) %% %s, 0, 0, 0, %s, %s,"
            " %s * (90 + (n * 104729) %% 21), 0, %s FROM generate_series(1, %s) n",
            [
                *(scope, Grain.MINUTE.value, Kind.ALL.value, until, requests, spread),
                *(requests * 100, requests * 50, requests * 1_000, requests * 800_000, minutes),
            ],
        )
