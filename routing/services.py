"""What changes providers, models, prices, routes and targets. Each function is one audited transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from django.db import transaction

from contracts.specs import Capability, Strategy
from routing.model_prices import KINDS
from routing.models import Model, ModelPrice, Provider, Route, Target
from tenants.changes import delete_row, save_row, with_fields
from tenants.models import Tenant
from tenants.rows import ConfigRow

Row = TypeVar("Row", bound=ConfigRow)

CHAT_CAPABILITIES = (Capability.CHAT.value, Capability.STREAMING.value)


class TargetChoice(msgspec.Struct, frozen=True, kw_only=True):
    """A target as a route should have it; ``breaker`` holds the fields of ``BreakerSpec`` that differ from its own."""

    model: Model
    priority: int = 0
    weight: int = 1
    drop_params: tuple[str, ...] = ()
    enabled: bool = True
    breaker: dict[str, float | int] = msgspec.field(default_factory=dict)


def create_provider(*, name: str, kind: str, tenant: Tenant | None = None, **fields: Any) -> Provider:
    """A new provider, the platform's unless ``tenant`` is given; ``fields`` are any others of the model.

    Raises:
        ValidationError: a field is not valid, or the owner has a provider of this name.
    """
    return save_row(with_fields(Provider(name=name, kind=kind, tenant=tenant), fields))


def update_provider(*, provider: Provider, **fields: Any) -> Provider:
    """Change these fields.

    Raises:
        ValidationError: a field is not valid.
    """
    return save_row(with_fields(provider, fields))


def delete_provider(*, provider: Provider) -> None:
    """Delete the provider and its models.

    Raises:
        ValidationError: a route still uses one of its models.
    """
    delete_row(provider)


@transaction.atomic
def create_model(
    *,
    provider: Provider,
    name: str,
    capabilities: Iterable[str] = CHAT_CAPABILITIES,
    prices: Mapping[str, int] | None = None,
    **fields: Any,
) -> Model:
    """A new model at the provider; ``fields`` are any others of the model.

    ``prices``, by kind in nano-USD per million tokens, hold for everybody from ever.

    Raises:
        ValidationError: a field is not valid, or the provider has a model of this name.
    """
    model = save_row(with_fields(Model(provider=provider, name=name, capabilities=list(capabilities)), fields))
    if prices:
        set_price(model=model, prices=prices)
    return model


def update_model(*, model: Model, **fields: Any) -> Model:
    """Change these fields.

    Raises:
        ValidationError: a field is not valid.
    """
    return save_row(with_fields(model, fields))


def delete_model(*, model: Model) -> None:
    """Delete the model.

    Raises:
        ValidationError: a route still uses it.
    """
    delete_row(model)


@transaction.atomic
def set_price(
    *,
    model: Model,
    prices: Mapping[str, int],
    tenant: Tenant | None = None,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
) -> ModelPrice:
    """What the model costs from ``valid_from`` (None: ever) on, for everybody or for this tenant.

    ``prices`` are by kind, in nano-USD per million tokens. The price that held until then ends there; without a
    ``valid_until``, this one ends where the next one begins. A price that begins at the same instant is replaced.

    Raises:
        ValidationError: a kind is missing or not valid, the model is another tenant's, or a later price begins before
            ``valid_until``.
    """
    rows = list(ModelPrice.objects.filter(model=model, tenant=tenant).select_for_update(of=("self",)))
    found = next((row for row in rows if row.valid_from == valid_from), None)
    price = found or ModelPrice(model=model, tenant=tenant, valid_from=valid_from)
    if valid_from is not None:
        for row in rows:
            earlier = row.valid_from is None or row.valid_from < valid_from
            if earlier and (row.valid_until is None or row.valid_until > valid_from):
                save_row(with_fields(row, {"valid_until": valid_from}))
    later = [row.valid_from for row in rows if row.valid_from and (valid_from is None or row.valid_from > valid_from)]
    values: dict[str, Any] = {kind: None for kind in KINDS} | {"request": 0} | dict(prices)
    return save_row(with_fields(price, {**values, "valid_until": valid_until or min(later, default=None)}))


def delete_price(*, price: ModelPrice) -> None:
    """Delete the price: what it was for is priced by what else is known, back to when it began."""
    delete_row(price)


@transaction.atomic
def create_route(
    *,
    name: str,
    tenant: Tenant | None = None,
    strategy: str = Strategy.PRIORITY.value,
    targets: Sequence[TargetChoice] = (),
    **fields: Any,
) -> Route:
    """A new route with its targets, the platform's unless ``tenant`` is given.

    Raises:
        ValidationError: a field is not valid, the name is taken, or a target is at another tenant's provider.
    """
    route = save_row(with_fields(Route(name=name, tenant=tenant, strategy=strategy), fields))
    set_targets(route=route, targets=targets)
    return route


def update_route(*, route: Route, **fields: Any) -> Route:
    """Change these fields.

    Raises:
        ValidationError: a field is not valid.
    """
    return save_row(with_fields(route, fields))


def clear_cache(*, route: Route) -> Route:
    """Have all workers forget the answers that are kept of the route, whoever's calls they served."""
    route.cache_generation += 1
    return save_row(route)


def delete_route(*, route: Route) -> None:
    """Delete the route and its targets."""
    delete_row(route)


@transaction.atomic
def set_targets(*, route: Route, targets: Sequence[TargetChoice]) -> bool:
    """Give the route exactly these targets; whether that changed anything.

    A target whose model stays keeps its id, and with it its breaker and its statistics.

    Raises:
        ValidationError: a field is not valid, a model is named twice or is at another tenant's provider.
    """
    present = {target.model_id: target for target in route.targets.select_related("model__provider")}
    wanted = {choice.model.pk for choice in targets}
    changed = False
    for model_id, target in present.items():
        if model_id not in wanted:
            delete_row(target)
            changed = True
    for choice in targets:
        target = present.get(choice.model.pk) or Target(route=route, model=choice.model)
        changed |= fill_target(target, choice)
        save_row(target)
    return changed


def set_enabled(*, rows: Iterable[Row], enabled: bool) -> int:
    """Enable or disable these rows; returns how many were not so already."""
    changed = 0
    for row in rows:
        if row.enabled is not enabled:  # type: ignore[attr-defined]
            save_row(with_fields(row, {"enabled": enabled}))
            changed += 1
    return changed


def fill_target(target: Target, choice: TargetChoice) -> bool:
    """Put the choice into the row without saving it; whether the row is new or now differs from what it was."""
    values: dict[str, Any] = {
        "priority": choice.priority,
        "weight": choice.weight,
        "drop_params": list(choice.drop_params),
        "enabled": choice.enabled,
    }
    for field in target._meta.concrete_fields:
        if field.name.startswith("breaker_"):
            values[field.name] = choice.breaker.get(field.name.removeprefix("breaker_"))
    changed = target._state.adding or any(getattr(target, name) != value for name, value in values.items())
    with_fields(target, values)
    return changed
