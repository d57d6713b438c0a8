"""Statements: what a tenant used and what it cost, month by month of its own time zone."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.generic import TemplateView

from contracts.budgets import BudgetWindow
from contracts.usage import UsageFigures, UsageQuery
from events.ledger.analytics import usage
from events.ledger.grains import ceil_quarter
from events.ledger.reading import one_snapshot
from events.ledger.statement_formats import as_csv, as_json, as_text
from events.ledger.statements import Statement, StatementLine, statement
from gateway.pages.usage_names import NONE_OF, names
from tenants.models import Tenant
from tenants.permissions import TenantPermission
from tenants.workspaces import WorkspacePage

FORMATS: Final = {
    "csv": (as_csv, "text/csv; charset=utf-8"),
    "json": (as_json, "application/json"),
    "txt": (as_text, "text/plain; charset=utf-8"),
}
_FIRST_YEAR: Final = 2020


class StatementPage(WorkspacePage, TemplateView):
    """Of one tenant, for who may see costs."""

    permission = TenantPermission.VIEW_COSTS

    @property
    def tenant(self) -> Tenant:
        """Whose statements."""
        assert self.workspace.tenant is not None
        return self.workspace.tenant


class StatementList(StatementPage):
    """The months in which there were calls, the newest first."""

    template_name = "console/usage/statements.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """One query for all of them."""
        zone, now_ms = self.tenant.time_zone, time.time_ns() // 1_000_000
        first = round(datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp() * 1000)
        found = usage(
            UsageQuery(
                tenant_id=str(self.tenant.pk),
                time_zone=zone,
                start_ms=first,
                end_ms=ceil_quarter(now_ms),
                window=BudgetWindow.MONTH,
            )
        )
        months = []
        for row in reversed(found.rows):
            month = datetime.fromtimestamp(row.start_ms / 1000, UTC).astimezone(ZoneInfo(zone)).date()
            months.append((month, row.figures, row.end_ms <= now_ms and month != _this_month(zone, now_ms)))
        return super().get_context_data(months=months, zone=zone, **kwargs)


class StatementOfMonth(StatementPage):
    """One month: to be read, printed or downloaded."""

    template_name = "console/usage/statement.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The page, or with ``format`` a file.

        Raises:
            Http404: there is no such month, or it has not begun.
        """
        year, month = kwargs["year"], kwargs["month"]
        if not _FIRST_YEAR <= year < 9000 or not 1 <= month <= 12:
            raise Http404
        if date(year, month, 1) > _this_month(self.tenant.time_zone, time.time_ns() // 1_000_000):
            raise Http404("This month has not begun.")
        with one_snapshot():
            made = statement(str(self.tenant.pk), self.tenant.time_zone, year, month)
        form = request.GET.get("format", "")
        if form in FORMATS:
            return self._file(made, form)
        return self.render_to_response(self.get_context_data(**self._sections(made)))

    def _file(self, made: Statement, form: str) -> HttpResponse:
        write, kind = FORMATS[form]
        called = {
            str(self.tenant.pk): self.tenant.slug,
            **self._names("team", [line.group[0] for line in made.by_team]),
            **self._names("key", [line.group[1] for line in made.by_key]),
        }
        answer = HttpResponse(write(made, called), content_type=kind)
        name = f"statement-{self.tenant.slug}-{made.year}-{made.month:02}.{form}"
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer

    def _names(self, by: str, ids: list[str | None]) -> dict[str, str]:
        label = names(self.workspace, by, ids)
        return {one: label(one) for one in ids if one is not None}

    def _sections(self, made: Statement) -> dict[str, Any]:
        team = names(self.workspace, "team", [line.group[0] for line in made.by_team])
        key = names(self.workspace, "key", [line.group[1] for line in made.by_key])
        return {
            "statement": made,
            "tenant": self.tenant,
            "month": date(made.year, made.month, 1),
            "unpriced_title": f"{made.total.price_unknown:,} calls have no known price",
            "made_at": timezone.now(),
            "sections": [
                (
                    "By model",
                    "Model",
                    "Provider",
                    [_line(one, _model(one), one.group[0] or "") for one in made.by_model],
                ),
                ("By team", "Team", "", [_line(one, team(one.group[0]), "") for one in made.by_team]),
                ("By key", "Key", "Team", [_line(one, key(one.group[1]), team(one.group[0])) for one in made.by_key]),
            ],
        }


def _this_month(zone: str, now_ms: int) -> date:
    return datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(ZoneInfo(zone)).date().replace(day=1)


def _model(line: StatementLine) -> str:
    return line.group[1] or NONE_OF["model"]


def _line(line: StatementLine, name: str, of: str) -> tuple[str, str, UsageFigures]:
    return name, of, line.figures
