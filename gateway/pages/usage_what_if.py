"""What if: what the calls of a time would have cost on another model."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Q
from django.views.generic import TemplateView

from console import formats
from contracts.errors import InvalidRequest
from contracts.specs import PriceSpec
from contracts.usage import UsageFigures, UsageQuery
from events.ledger.analytics import usage
from events.ledger.reading import one_snapshot
from events.ledger.what_if import WhatIf, grouped_by_model, what_if
from gateway.analytics import at_price, priced_parts
from gateway.pages.usage_scope import RANGES, UsageScope
from routing.models import Model
from routing.past_prices import past_prices
from tenants.models import Tenant
from tenants.permissions import TenantPermission
from tenants.workspaces import WorkspacePage

PRICES: Final = {"then": "as they were when the calls ended", "now": "as they are now"}
MOST_MODELS: Final = 500


@dataclass(frozen=True, slots=True)
class Row:
    """The calls that one model served."""

    model: str
    provider: str
    figures: UsageFigures
    would: int | None
    """Nano-dollars; None where the other model's price is unknown."""

    @property
    def difference(self) -> int | None:
        """To what was paid; None also where what was paid is not known in full."""
        return None if self.would is None or self.figures.price_unknown else self.would - self.figures.cost_nanousd


class WhatIfPage(WorkspacePage, TemplateView):
    """A form in the address, and the answer below it."""

    permission = TenantPermission.VIEW_COSTS
    template_name = "console/usage/what_if.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With an answer once a model is chosen."""
        tenant = self.workspace.tenant
        assert tenant is not None
        scope = UsageScope.of(self.request, tenant.time_zone, time.time_ns() // 1_000_000)
        models = list(
            Model.objects.select_related("provider")
            .filter(Q(provider__tenant=None) | Q(provider__tenant=tenant), enabled=True)
            .order_by("name", "provider__name")[:MOST_MODELS]
        )
        chosen = next((one for one in models if str(one.pk) == self.request.GET.get("instead")), None)
        prices = self.request.GET.get("prices", "then")
        prices = prices if prices in PRICES else "then"
        answer, refused = None, ""
        if chosen is not None:
            try:
                with one_snapshot():
                    answer = self._answer(scope, tenant, chosen, now=prices == "now")
            except InvalidRequest as error:
                refused = str(error)
        return super().get_context_data(
            scope=scope,
            ranges=RANGES.items(),
            models=models,
            chosen=chosen,
            prices=prices,
            price_choices=PRICES.items(),
            refused=refused,
            **(_shown(answer, chosen.name) if answer is not None and chosen is not None else {}),
            **kwargs,
        )

    def _answer(self, scope: UsageScope, tenant: Tenant, model: Model, *, now: bool) -> WhatIf:
        query = grouped_by_model(scope.query(str(tenant.pk)))
        if now:
            at = past_prices(model.pk, tenant.pk, scope.now_ms, scope.now_ms)
            parts: list[tuple[UsageQuery, PriceSpec | None]] = [(query, at.price)]
        else:
            prices = past_prices(model.pk, tenant.pk, query.start_ms, min(query.end_ms, scope.now_ms))
            parts = priced_parts(query, prices)
        return what_if([at_price(usage(part).rows, price) for part, price in parts])


def _shown(answer: WhatIf, name: str) -> dict[str, Any]:
    rows = [Row(row.model or "No model reached", row.provider or "", row.figures, row.nanousd) for row in answer.rows]
    total = Row("", "", answer.total, answer.nanousd)
    paid = answer.total.cost_nanousd
    cheaper = total.difference is not None and total.difference < 0
    share = None if total.difference is None or not paid else abs(total.difference) / paid
    return {
        "rows": sorted(rows, key=lambda row: -row.figures.cost_nanousd),
        "total": total,
        "would_label": f"On {name}",
        "would_hint": "the same tokens",
        "share_hint": "" if share is None else f"{formats.percent(share)} {'less' if cheaper else 'more'}",
        "difference_tone": "good" if cheaper else "",
    }
