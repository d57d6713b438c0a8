"""Usage of all tenants side by side as a file."""

from __future__ import annotations

import csv
import io
import time
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.generic import View

from contracts.cells import safe_cell
from contracts.usage import UsageFigures
from events.ledger.of_tenants import usage_of_tenants
from gateway.formats.analytics_answers import cost_figures, usage_figures
from gateway.pages.usage_files import asks_for_costs, file_of, form_of
from gateway.pages.usage_scope import UsageScope
from tenants.audit import AuditEntry
from tenants.audit_log import note
from tenants.models import Tenant
from tenants.permissions import TenantPermission
from tenants.workspaces import WorkspacePage

MOST_TENANTS = 2_000


class TenantsExport(WorkspacePage, View):
    """One row for each tenant and bucket of the page's chart; ``?format=csv`` or ``json``."""

    permission = TenantPermission.VIEW_USAGE

    def get(self, request: HttpRequest, kind: str) -> HttpResponse:
        """``kind`` is ``usage`` or ``costs``.

        Raises:
            Http404: there is no such kind.
            PermissionDenied: costs are not shown to this person.
        """
        costs = asks_for_costs(self.workspace, kind)
        scope = UsageScope.of(request, timezone.get_current_timezone_name(), time.time_ns() // 1_000_000)
        rows = _rows(scope, costs=costs)
        form = form_of(request)
        name = f"tenants-{kind}-{scope.first_day}-{scope.last_day}.{form}"
        answer = file_of(
            name, form, as_json=lambda: {"object": f"tenants.{kind}", "data": rows}, as_csv=lambda: _csv(rows)
        )
        note(
            AuditEntry.Action.EXPORTED,
            object_type="usage",
            object_id=kind,
            object_name=name,
            details={"rows": len(rows)},
        )
        return answer


def _rows(scope: UsageScope, *, costs: bool) -> list[dict[str, Any]]:
    tenants = {str(row.pk): row for row in Tenant.objects.only("pk", "name", "slug")[:MOST_TENANTS]}
    return [
        {
            "start": datetime.fromtimestamp(start_ms / 1000, UTC).isoformat(),
            "tenant": tenants[tenant_id].slug,
            "tenant_name": tenants[tenant_id].name,
            **_flat(figures, costs=costs),
        }
        for tenant_id, start_ms, figures in usage_of_tenants(list(tenants), scope.cut)
    ]


def _flat(figures: UsageFigures, *, costs: bool) -> dict[str, Any]:
    if not costs:
        return usage_figures(figures)
    found = cost_figures(figures)
    found["cost_nanousd"] = found.pop("cost")["nanousd"]
    return found


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    header = list(rows[0]) if rows else ["start", "tenant", "tenant_name"]
    writer.writerow(header)
    writer.writerows(
        [safe_cell(row[name]) if isinstance(row[name], str) else row[name] for name in header] for row in rows
    )
    return text.getvalue()
