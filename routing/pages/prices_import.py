"""Published prices beside the ones that were set: what differs, and taking over what is chosen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.generic import TemplateView

from console.forms.views import go_to
from contracts.specs import PriceSpec
from routing.models import Model
from routing.pages.price_words import KIND_LABELS, amount
from routing.prices import PriceHistory
from routing.published_prices import PublishedPrices
from routing.services import set_price
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of token whose price differs."""

    label: str
    now: str
    published: str
    change: float | None
    """As a share of what it is now; None where it is not set now, or free."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A model whose set price is not the published one."""

    model: Model
    published: PriceSpec
    lines: tuple[Line, ...]


def differences(at: datetime) -> tuple[list[Difference], int, int]:
    """What differs; how many prices were set as published; how many models follow the published price by themselves."""
    rows = Model.objects.filter(enabled=True).select_related("provider").prefetch_related("prices")
    found: list[Difference] = []
    same = following = 0
    for model in rows.order_by("provider__name", "name"):
        published = published_price(model, at)
        history = PriceHistory(model)
        if published is None:
            continue
        if history.source_at(at) != "model":
            following += 1
            continue
        now = history.at(at)
        assert now is not None
        lines = tuple(_lines(now, published))
        if lines:
            found.append(Difference(model, published, lines))
        else:
            same += 1
    return found, same, following


def published_price(model: Model, at: datetime) -> PriceSpec | None:
    """What the price data says of the model."""
    provider = model.provider
    data = PublishedPrices(kind=provider.kind, base_url=provider.base_url, wire_name=model.wire_name or model.name)
    return data.at(at)


def _lines(now: PriceSpec, published: PriceSpec) -> Iterable[Line]:
    for kind, label in KIND_LABELS.items():
        old, new = getattr(now, kind), getattr(published, kind)
        if old != new:
            change = (new - old) / old if old and new is not None else None
            yield Line(label, amount(old), amount(new), change)


class PriceImport(WorkspacePage, TemplateView):
    """The differences, each with a box to take it over."""

    permission = TenantPermission.VIEW_COSTS
    write_permission = TenantPermission.MANAGE_PRICES
    template_name = "console/prices/import.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Nothing is applied by looking."""
        found, same, following = differences(timezone.now())
        return super().get_context_data(differences=found, same=same, following=following, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Each chosen model gets the published price from now on, all or none of them."""
        now, chosen = timezone.now(), set(request.POST.getlist("model"))
        found = [one for one in differences(now)[0] if str(one.model.pk) in chosen]
        if not found:
            messages.warning(request, "Nothing was chosen, so nothing changed.")
            return go_to(request, self.workspace.url("prices-import"))
        with transaction.atomic():
            for one in found:
                prices = {kind: value for kind in KIND_LABELS if (value := getattr(one.published, kind)) is not None}
                set_price(model=one.model, prices=prices, valid_from=now)
        plural = "price" if len(found) == 1 else "prices"
        messages.success(request, f"{len(found)} {plural} taken over; calls from now on cost as published.")
        return go_to(request, self.workspace.url("prices"))
