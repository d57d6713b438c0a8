"""Rules, incidents and traffic at chosen minutes, for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from django.utils import timezone

from alerting import services
from alerting.checking import Checked, check_all
from alerting.incident_rows import Incident
from alerting.rules import AlertRule
from contracts.tenant_scope import across_tenants
from tenants.models import Tenant
from tests.controlplane.pages import traffic


def make_rule(tenant: Tenant | None = None, **fields: Any) -> AlertRule:
    """More than a tenth of the calls fail, over two minutes."""
    values: dict[str, Any] = {
        "name": "Errors",
        "signal": "error_rate",
        "threshold": 0.1,
        "window_minutes": 2,
        "for_minutes": 2,
        "clear_minutes": 2,
        "min_requests": 10,
        "severity": "critical",
    }
    return services.create_rule(tenant=tenant, **{**values, **fields})


class Minutes:
    """Minutes that end now: calls in each of them, and checks as of any."""

    def __init__(self, tenant: Tenant, *, length: int = 30) -> None:
        self.tenant = tenant
        now = int(timezone.now().timestamp()) // 60 * 60
        self.start = datetime.fromtimestamp(now, UTC) - timedelta(minutes=length)

    def at(self, minute: int) -> datetime:
        """When it begins."""
        return self.start + timedelta(minutes=minute)

    def calls(self, minute: int, requests: int = 50, **measures: Any) -> None:
        """Calls of this minute."""
        traffic.calls(self.tenant, requests, ago=timezone.now() - self.at(minute), **measures)

    def many(self, first: int, last: int, **measures: Any) -> None:
        """The same of each minute up to, not including, the last."""
        for minute in range(first, last):
            self.calls(minute, **measures)

    def check(self, minute: int) -> Checked:
        """As of ten seconds after this minute began."""
        return check_all(now=self.at(minute) + timedelta(seconds=10))


def incidents_of(tenant: Tenant | None) -> list[Incident]:
    """The owner's, the newest first."""
    with across_tenants("a test looks"):
        return list(Incident.objects.filter(tenant=tenant))


def quiet() -> Any:
    """Nothing is handed to Celery."""
    return patch("alerting.tasks.deliver.apply_async")
