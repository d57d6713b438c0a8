"""Makes the demo's rows through the services, each at its time and by the person who would have done it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.hashers import make_password

from contracts.specs import PriceSpec
from controlplane.demo.cast import KeyPlan, RoutePlan, TenantPlan
from controlplane.demo.past import Past
from controlplane.demo.upstreams import UPSTREAMS, ModelFacts, ProviderFacts
from routing.catalogue import SANDBOX, register
from routing.models import PUBLIC_ADDRESSES, Model, Provider, Route
from routing.prices import PriceHistory
from routing.published_prices import context_window_of, price_of
from routing.services import TargetChoice, create_model, create_provider, create_route
from tenants.models import ApiKey, RateLimit, StoredSecret, Team, Tenant, User
from tenants.people import save_user
from tenants.secret_services import create_secret, replace_secret
from tenants.services import (
    create_key,
    create_team,
    create_tenant,
    revoke_key,
    rotate_key,
    set_membership,
    set_rate_limit,
    update_tenant,
)

OPERATOR = "robin.keller"
OFFICE = "203.0.113.{}"
"""Addresses of RFC 5737, which belong to nobody."""


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key with its plan and, for the ones that work, its clear text."""

    plan: KeyPlan
    row: ApiKey
    clear: str
    since: datetime | None = None
    """When it took over from the key before it; None: from the start."""
    before: MadeKey | None = None


@dataclass(frozen=True, slots=True)
class MadeTarget:
    """A target of a route with everything that a call needs of it."""

    id: str
    provider: str
    model: str
    facts: ModelFacts
    price: PriceSpec | None
    weight: int

    @property
    def label(self) -> str:
        """``provider/model``."""
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class MadeRoute:
    """A route with its targets in the order of their priority."""

    plan: RoutePlan
    row: Route
    targets: tuple[MadeTarget, ...]


@dataclass(slots=True)
class MadeTenant:
    """A tenant and its rows."""

    plan: TenantPlan
    row: Tenant
    teams: dict[str, Team] = field(default_factory=dict)
    people: dict[str, list[User]] = field(default_factory=dict)
    """By role."""
    keys: list[MadeKey] = field(default_factory=list)
    routes: list[MadeRoute] = field(default_factory=list)
    limits: list[RateLimit] = field(default_factory=list)
    """Those that calls of the story ran into."""


@dataclass(slots=True)
class Made:
    """Everything that the demo made, so that it can be found and taken away again."""

    password: str
    tenants: list[MadeTenant] = field(default_factory=list)
    providers: list[Provider] = field(default_factory=list)
    secrets: list[StoredSecret] = field(default_factory=list)
    users: list[User] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)
    """Ids of the platform's; those of tenants go with them."""

    def ids(self) -> dict[str, list[str]]:
        """Ids by kind of row."""
        return {
            "tenants": [str(tenant.row.pk) for tenant in self.tenants],
            "providers": [str(row.pk) for row in self.providers],
            "secrets": [str(row.pk) for row in self.secrets],
            "users": [str(row.pk) for row in self.users],
            "policies": self.policies,
        }


class Configuration:
    """Builds :class:`Made`; ``until`` is when the story ends and ``days`` how long its traffic lasts."""

    def __init__(self, past: Past, *, until: datetime, days: float) -> None:
        self._past = past
        self._until = until
        self._days = days
        self._begin = until - timedelta(days=days + 45)
        self._models: dict[str, tuple[Model, ModelFacts, PriceSpec | None]] = {}
        self.made = Made(secrets.token_urlsafe(12))
        self._hash = make_password(self.made.password)

    def build(self, cast: Sequence[TenantPlan]) -> Made:
        """The rows of the platform, then of each tenant, then what people changed since."""
        with self._past.at(self._begin, OPERATOR, OFFICE.format(10)):
            for facts in UPSTREAMS:
                self._add_provider(facts)
        for number, plan in enumerate(cast):
            self._add_tenant(plan, self._begin + timedelta(days=1 + 2 * number, hours=2), OFFICE.format(20 + number))
        self._changes_since()
        return self.made

    # --- the platform

    def _add_provider(self, facts: ProviderFacts) -> None:
        platform = Provider.objects.of_platform()
        if facts.kind == SANDBOX.kind:
            found = platform.filter(name=facts.name, kind=facts.kind).first()
            provider = found or register(SANDBOX)
            if found is None:
                self.made.providers.append(provider)
            models = {model.name: model for model in provider.models.select_related("provider")}
        else:
            provider = self._new_provider(facts, taken=platform.filter(name=facts.name).exists())
            models = {model.name: self._add_model(provider, model) for model in facts.models}
        for known in facts.models:
            if (row := models.get(known.name)) is not None:
                self._models[f"{facts.name}/{known.name}"] = (row, known, PriceHistory(row).at(self._until))

    def _new_provider(self, facts: ProviderFacts, *, taken: bool) -> Provider:
        reference = ""
        if facts.has_credential and not StoredSecret.objects.of_platform().filter(name=facts.secret_name).exists():
            secret = create_secret(
                name=facts.secret_name, value=f"demo-{secrets.token_hex(12)}", description=f"{facts.name}, invented"
            )
            self.made.secrets.append(secret)
            reference = f"db:{facts.secret_name}"
        provider = create_provider(
            name=f"{facts.name}-demo" if taken else facts.name,
            kind=facts.kind,
            base_url=facts.base_url,
            secret_ref=reference,
        )
        self.made.providers.append(provider)
        return provider

    def _add_model(self, provider: Provider, facts: ModelFacts) -> Model:
        address = PUBLIC_ADDRESSES.get(provider.kind, "")
        published = price_of(kind=provider.kind, base_url=address, wire_name=facts.name, at=self._until)
        price = facts.price or published
        kinds = PriceSpec.__struct_fields__
        prices = {} if price is None else {kind: v for kind in kinds if (v := getattr(price, kind)) is not None}
        return create_model(
            provider=provider,
            name=facts.name,
            capabilities=[str(capability) for capability in facts.capabilities],
            context_window=context_window_of(kind=provider.kind, base_url=address, wire_name=facts.name),
            prices=prices,
        )

    # --- one tenant

    def _add_tenant(self, plan: TenantPlan, at: datetime, ip: str) -> None:
        with self._past.at(at, OPERATOR, OFFICE.format(10)):
            row = create_tenant(
                slug=plan.slug,
                name=plan.name,
                time_zone=plan.time_zone,
                payload_storage=plan.payload_storage,
                redis_outage=plan.redis_outage,
            )
            tenant = MadeTenant(plan, row)
            self.made.tenants.append(tenant)
            for name, role in plan.people:
                self._add_member(tenant, name, role)
            tenant.limits.append(
                set_rate_limit(tenant=row, level="tenant", metric="requests", value=plan.requests_per_minute)
            )
        with self._past.at(at + timedelta(hours=3), _login(plan, "owner"), ip):
            for team in plan.teams:
                tenant.teams[team] = create_team(tenant=row, name=team)
            tenant.limits.append(set_rate_limit(tenant=row, level="user", metric="requests", value=30))
            set_rate_limit(tenant=row, level="team", team=tenant.teams[plan.teams[0]], metric="tokens", value=2_000_000)
        with self._past.at(at + timedelta(days=1), _login(plan, "developer"), ip):
            for route in plan.routes:
                self._add_route(tenant, route)
            for key in plan.keys:
                self._add_key(tenant, key)
            busiest = max(tenant.keys, key=lambda key: key.plan.share)
            set_rate_limit(
                tenant=row, level="key", key=busiest.row, metric="concurrency", value=40, window_s=0, max_wait_ms=500
            )

    def _add_member(self, tenant: MadeTenant, name: str, role: str) -> None:
        first, last = name.split(" ", 1)
        login = _login_of(name)
        user = User(username=login, email=f"{login}@{tenant.plan.domain}", first_name=first, last_name=last)
        user.password = self._hash
        save_user(user=user)
        set_membership(user=user, tenant=tenant.row, role=role)
        self.made.users.append(user)
        tenant.people.setdefault(role, []).append(user)

    def _add_route(self, tenant: MadeTenant, plan: RoutePlan) -> None:
        chosen = [(target, *self._models[target.model]) for target in plan.targets if target.model in self._models]
        row = create_route(
            name=plan.name,
            tenant=tenant.row,
            strategy=plan.strategy,
            match_tags=plan.match_tags,
            is_default=not plan.match_tags and not any(route.row.is_default for route in tenant.routes),
            targets=[
                TargetChoice(model=model, priority=target.priority, weight=target.weight)
                for target, model, _, _ in chosen
            ],
            **({"cache_mode": "exact", "cache_ttl_s": 6 * 3_600} if plan.repeated else {}),
        )
        rows = {target.model_id: target for target in row.targets.all()}
        targets = tuple(
            MadeTarget(str(rows[model.pk].pk), model.provider.name, model.name, facts, price, target.weight)
            for target, model, facts, price in chosen
        )
        tenant.routes.append(MadeRoute(plan, row, targets))

    def _add_key(self, tenant: MadeTenant, plan: KeyPlan) -> None:
        expires = self._until - timedelta(days=20) if plan.fate == "expired" else None
        row, clear = create_key(tenant=tenant.row, name=plan.name, team=tenant.teams[plan.team], expires_at=expires)
        tenant.keys.append(MadeKey(plan, row, clear))

    # --- what people did since

    def _changes_since(self) -> None:
        """In the order of time, whosever they are, as the audit log would have it."""
        day = timedelta(days=min(1.0, self._days / 7))
        for number, tenant in enumerate(self.made.tenants):
            self._end_keys(tenant, self._until - 4 * day + number * timedelta(minutes=37))
        for number, secret in enumerate(self.made.secrets[:2]):
            with self._past.at(self._until - 3 * day + number * timedelta(hours=1), OPERATOR, OFFICE.format(10)):
                replace_secret(secret=secret, value=f"demo-{secrets.token_hex(12)}")
        for number, tenant in enumerate(self.made.tenants):
            at = self._until - 2 * day + number * timedelta(minutes=23)
            with self._past.at(at, _login(tenant.plan, "admin"), OFFICE.format(20 + number)):
                update_tenant(tenant=tenant.row, payload_retention_days=14 + number, event_retention_days=30)

    def _end_keys(self, tenant: MadeTenant, at: datetime) -> None:
        who = _login(tenant.plan, "admin")
        for place, key in enumerate(tenant.keys):
            with self._past.at(at, who, OFFICE.format(40)):
                if key.plan.fate == "revoked":
                    revoke_key(key=key.row)
                elif key.plan.fate == "rotated":
                    successor, clear = rotate_key(key=key.row)
                    tenant.keys[place] = MadeKey(key.plan, successor, clear, since=at, before=key)


def _login_of(name: str) -> str:
    return name.lower().replace(" ", ".").replace("'", "")


def _login(plan: TenantPlan, role: str) -> str:
    names: Iterable[str] = (name for name, of in plan.people if of == role)
    return _login_of(next(iter(names)))


def clear_keys(made: Made) -> list[dict[str, Any]]:
    """The keys that work, for the file that ``--live`` reads."""
    return [
        {
            "tenant": tenant.plan.slug,
            "name": key.plan.name,
            "feature": key.plan.feature,
            "key": key.clear,
            "share": key.plan.share * tenant.plan.daily_calls,
        }
        for tenant in made.tenants
        for key in tenant.keys
        if key.plan.fate in ("active", "rotated")
    ]
