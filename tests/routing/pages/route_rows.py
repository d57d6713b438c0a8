"""Rows and posted forms for tests of routes' pages."""

from __future__ import annotations

from typing import Any

from routing.models import Model, Route
from routing.services import TargetChoice, create_model, create_provider, create_route
from tenants import services
from tenants.models import Tenant, User
from tests.tenants.factories import make_user


def member(tenant: Tenant, role: str) -> User:
    user = make_user()
    services.set_membership(tenant=tenant, user=user, role=role)
    return user


def make_models(*names: str, tenant: Tenant | None = None, provider: str = "upstream") -> list[Model]:
    row = create_provider(name=provider, kind="sandbox", tenant=tenant)
    return [create_model(provider=row, name=name, prices={"input": 10**9, "output": 4 * 10**9}) for name in names]


def make_route(tenant: Tenant | None = None, name: str = "chat", models: list[Model] | None = None, **fields) -> Route:
    models = make_models("large", "small") if models is None else models
    targets = [TargetChoice(model=model, priority=place) for place, model in enumerate(models)]
    return create_route(name=name, tenant=tenant, targets=targets, **fields)


def posted(route: Route | None = None, *rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The editor's form as a browser sends it."""
    data: dict[str, Any] = {
        "name": route.name if route else "chat",
        "enabled": "on",
        "strategy": route.strategy if route else "priority",
        "order": 100,
        "match_modes": "",
        "match_tags": "",
        "match_headers": "",
        "retry_max_attempts": 3,
        "retry_per_target": 2,
        "retry_base_ms": 100,
        "retry_cap_ms": 2000,
        "total_timeout_ms": 120_000,
        "max_latency_ms": "",
        **changes,
    }
    for number, row in enumerate(rows):
        sent = {"priority": 0, "weight": 1, "enabled": "on", "drop_params": "", **row}
        data |= {f"targets-{number}-{name}": value for name, value in sent.items() if value is not None}
    return {name: value for name, value in data.items() if value is not None}
