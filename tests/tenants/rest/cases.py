"""One row a resource: how to make one of it and change it. What all resources promise is tested over these rows.

Lives above all apps, since the table spans them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from rest_framework.test import APIClient

from routing import services as routing_services
from tenants.models import Tenant
from tests.tenants.factories import make_key, make_team, make_tenant, make_user
from tests.tenants.rest.callers import READ, caller

Body = dict[str, Any]


class World:
    """Two tenants, and callers of every kind."""

    def __init__(self) -> None:
        self.tenant: Tenant = make_tenant()
        self.other: Tenant = make_tenant()
        self.anonymous = APIClient()
        self._numbers = iter(range(1, 1000))

    @cached_property
    def owner(self) -> APIClient:
        """May change everything of the tenant."""
        return caller(self.tenant)

    @cached_property
    def reader(self) -> APIClient:
        """May look at everything of the tenant."""
        return caller(self.tenant, READ)

    @cached_property
    def stranger(self) -> APIClient:
        """May change everything of the other tenant."""
        return caller(self.other)

    @cached_property
    def operator(self) -> APIClient:
        """May change everything."""
        return caller()

    @cached_property
    def provider(self) -> Any:
        """The tenant's own."""
        return routing_services.create_provider(name="own", kind="sandbox", tenant=self.tenant)

    @cached_property
    def model(self) -> Any:
        """At the tenant's own provider."""
        return routing_services.create_model(provider=self.provider, name="small")

    def number(self) -> int:
        """A new one each time."""
        return next(self._numbers)


@dataclass(frozen=True)
class Case:
    """A resource. ``body`` makes a different row each time; ``change`` is a field and a new value for it."""

    path: str
    object_type: str
    body: Callable[[World], Body]
    change: tuple[str, Any]
    by_platform: bool = False
    """Whether only the platform may write it."""
    deletable: bool = True
    wrong: Body = field(default_factory=dict)
    """A value that is not valid."""

    @property
    def url(self) -> str:
        """Of the list."""
        return f"/api/v1/{self.path}"

    def writer(self, world: World) -> APIClient:
        """Somebody who may write it."""
        return world.operator if self.by_platform else world.owner

    def make(self, world: World, **more: Any) -> Body:
        """A new row of the tenant, as the API shows it."""
        response = self.writer(world).post(self.url, {**self.body(world), **more})
        assert response.status_code == 201, response.json()
        made: Body = response.json()
        return made

    def one(self, row: Body) -> str:
        """The address of a row."""
        return f"{self.url}/{row['id']}"


def _tenant_id(world: World) -> Body:
    return {"tenant_id": str(world.tenant.pk)}


CASES = (
    Case(
        "teams",
        "team",
        lambda world: {**_tenant_id(world), "name": f"Team {world.number()}"},
        ("name", "Renamed"),
        wrong={"name": ""},
    ),
    Case(
        "memberships",
        "membership",
        lambda world: {**_tenant_id(world), "user": make_user().username, "role": "viewer"},
        ("role", "developer"),
        wrong={"role": "emperor"},
    ),
    Case(
        "keys",
        "apikey",
        lambda world: {
            **_tenant_id(world),
            "name": f"Key {world.number()}",
            "team_id": str(make_team(world.tenant).pk),
        },
        ("allowed_models", ["small"]),
        deletable=False,
        wrong={"ip_allow": ["everywhere"]},
    ),
    Case(
        "service-keys",
        "servicekey",
        lambda world: {**_tenant_id(world), "name": f"Key {world.number()}", "scopes": ["manage:read"]},
        ("ip_allow", ["127.0.0.1/32"]),
        deletable=False,
        wrong={"scopes": ["everything"]},
    ),
    Case(
        "rate-limits",
        "ratelimit",
        lambda world: {
            **_tenant_id(world),
            "level": "key",
            "key_id": str(make_key(world.tenant).pk),
            "metric": "requests",
            "value": 100,
            "window_s": 60,
        },
        ("value", 50),
        wrong={"window_s": 0},
    ),
    Case(
        "budgets",
        "budget",
        lambda world: {**_tenant_id(world), "level": "tenant", "name": f"b{world.number()}", "limit_usd": "12.50"},
        ("enabled", False),
        wrong={"limit_usd": "-1"},
    ),
    Case(
        "secrets",
        "storedsecret",
        lambda world: {**_tenant_id(world), "name": f"s{world.number()}", "value": "sk-0123456789"},
        ("description", "of the EU project"),
        wrong={"value": "two\nlines"},
    ),
    Case(
        "providers",
        "provider",
        lambda world: {**_tenant_id(world), "name": f"p{world.number()}", "kind": "sandbox"},
        ("max_in_flight", 5),
        by_platform=True,
        wrong={"kind": "carrier-pigeon"},
    ),
    Case(
        "models",
        "model",
        lambda world: {"provider_id": str(world.provider.pk), "name": f"m{world.number()}"},
        ("context_window", 8192),
        wrong={"capabilities": []},
    ),
    Case(
        "prices",
        "modelprice",
        lambda world: {
            **_tenant_id(world),
            "model_id": str(routing_services.create_model(provider=world.provider, name=f"m{world.number()}").pk),
            "input_usd": "0.15",
            "output_nanousd": 600_000_000,
        },
        ("output_usd", "0.700000000"),
        by_platform=True,
        wrong={"input_usd": "0.0000000001"},
    ),
    Case(
        "routes",
        "route",
        lambda world: {
            **_tenant_id(world),
            "name": f"r{world.number()}",
            "targets": [{"model": str(world.model), "weight": 3, "breaker_open_s": 5.0}],
        },
        ("hedge", True),
        wrong={"targets": [{"model": "nobody/nothing"}]},
    ),
    Case(
        "tenants",
        "tenant",
        lambda world: {"slug": f"customer-{world.number()}", "name": "Customer"},
        ("name", "Renamed"),
        by_platform=True,
        wrong={"time_zone": "Mars/Olympus"},
    ),
)
OF_TENANTS = tuple(case for case in CASES if case.path != "tenants")
DELETABLE = tuple(case for case in CASES if case.deletable)

__all__ = ["CASES", "DELETABLE", "OF_TENANTS", "Case", "World"]
