"""Rows of this app → frozen specs."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from contracts.budgets import BudgetSpec
from contracts.ports import SecretResolver
from contracts.specs import (
    BreakerSpec,
    LimitSpec,
    ModelSpec,
    PayloadStorage,
    PlatformSpec,
    PriceTimeline,
    ProviderSpec,
    RetrySpec,
    RouteMatch,
    RouteSpec,
    Secret,
    Strategy,
    TargetSpec,
    TenantSpec,
)
from routing.kept_answers import cache_spec
from routing.models import Model, Provider, Route, Target
from routing.prices import PriceHistory
from tenants.kept_answers import tenant_cache_spec
from tenants.models import Tenant

logger = logging.getLogger(__name__)

_BREAKER_FIELDS = BreakerSpec.__struct_fields__

_reported_secrets: set[str] = set()


class Compiler:
    """Compiles the rows of one load; a provider or model that several targets use is compiled once and shared.

    ``tenant_id`` is whose prices the models have; None for what all tenants share.
    """

    def __init__(self, *, secrets: SecretResolver, now: datetime, tenant_id: uuid.UUID | None = None) -> None:
        self._secrets = secrets
        self._now = now
        self._tenant_id = tenant_id
        self._providers: dict[str, ProviderSpec] = {}
        self._models: dict[str, ModelSpec] = {}
        self._versions: dict[uuid.UUID | None, int] = {}
        """How far the configuration of the owner that is being compiled has come."""

    def tenant(
        self,
        tenant: Tenant,
        *,
        routes: Iterable[Route],
        models: Iterable[Model],
        limits: Sequence[LimitSpec],
        budgets: Sequence[BudgetSpec] = (),
        priced: Iterable[Model] = (),
        confidence: Mapping[str, float] | None = None,
    ) -> TenantSpec:
        """The tenant with its own routes and models; disabled rows are to be left out beforehand.

        ``priced`` are the models for which the tenant has prices of its own, ``confidence`` what feedback made of the
        routes' thresholds, by route id.
        """
        rows = list(routes)
        self._versions[tenant.id] = tenant.version
        return TenantSpec(
            id=str(tenant.id),
            slug=tenant.slug,
            plan=tenant.plan,
            active=tenant.active,
            time_zone=tenant.time_zone,
            version=tenant.version,
            default_route=tenant.default_route or _default_of(rows),
            routes=tuple(self.route(row) for row in rows),
            models=self.callable_models(models),
            limits=tuple(limits),
            budgets=tuple(budgets),
            prices={str(row.id): self.prices(row) for row in priced},
            payloads=PayloadStorage(tenant.payload_storage),
            fail_open=tenant.redis_outage == Tenant.RedisOutage.FAIL_OPEN,
            cache=tenant_cache_spec(tenant, dict(confidence or {})),
        )

    def platform(self, *, version: int, routes: Iterable[Route], models: Iterable[Model]) -> PlatformSpec:
        """What all tenants share."""
        rows = list(routes)
        self._versions[None] = version
        return PlatformSpec(
            version=version,
            default_route=_default_of(rows),
            routes=tuple(self.route(row) for row in rows),
            models=self.callable_models(models),
        )

    def route(self, row: Route) -> RouteSpec:
        """The route with its (prefetched) targets."""
        return RouteSpec(
            id=str(row.id),
            name=row.name,
            strategy=Strategy(row.strategy),
            match=RouteMatch(
                modes=frozenset(row.match_modes),
                tags=tuple(sorted(row.match_tags.items())),
                headers=tuple(sorted((name.lower(), value) for name, value in row.match_headers.items())),
            ),
            order=row.order,
            targets=tuple(self.target(target) for target in row.targets.all()),
            retry=RetrySpec(
                max_attempts=row.retry_max_attempts,
                per_target=row.retry_per_target,
                base_ms=row.retry_base_ms,
                cap_ms=row.retry_cap_ms,
            ),
            sticky_by_user=row.sticky_by_user,
            total_timeout_ms=row.total_timeout_ms,
            max_latency_ms=row.max_latency_ms,
            hedge=row.hedge,
            cache=cache_spec(row),
        )

    def target(self, row: Target) -> TargetSpec:
        """One target of a route."""
        return TargetSpec(
            id=str(row.id),
            provider=self.provider(row.model.provider),
            model=self.model(row.model),
            weight=row.weight,
            priority=row.priority,
            drop_params=frozenset(row.drop_params),
            breaker=_breaker(row),
        )

    def callable_models(self, rows: Iterable[Model]) -> dict[str, TargetSpec]:
        """Each model by ``provider/model``, and by its bare name where no older provider has one of that name.

        The rows come ordered by provider id, which is the order in which the providers were created.
        """
        by_name: dict[str, TargetSpec] = {}
        bare: dict[str, TargetSpec] = {}
        for row in rows:
            # A model called directly has a circuit of its own, named after the model.
            target = TargetSpec(id=str(row.id), provider=self.provider(row.provider), model=self.model(row))
            by_name[target.label] = target
            bare.setdefault(row.name, target)
        return bare | by_name

    def provider(self, row: Provider) -> ProviderSpec:
        """The provider with its credential, None when it may not have what it refers to."""
        key = str(row.id)
        if key not in self._providers:
            self._providers[key] = ProviderSpec(
                id=key,
                name=row.name,
                kind=row.kind,
                base_url=row.base_url.rstrip("/"),
                credential=self._credential(row),
                headers=tuple(sorted(row.headers.items())),
                connect_timeout_ms=row.connect_timeout_ms,
                timeout_ms=row.timeout_ms,
                first_token_timeout_ms=row.first_token_timeout_ms,
                max_in_flight=row.max_in_flight,
                max_queue=row.max_queue,
                options=row.options,
            )
        return self._providers[key]

    def model(self, row: Model) -> ModelSpec:
        """The model with what it costs."""
        key = str(row.id)
        if key not in self._models:
            prices = self.prices(row)
            self._models[key] = ModelSpec(
                id=key,
                name=row.name,
                wire_name=row.wire_name or row.name,
                capabilities=frozenset(row.capabilities),
                context_window=row.context_window,
                max_output_tokens=row.max_output_tokens,
                price=prices.price,
                price_changes=prices.price_changes,
            )
        return self._models[key]

    def prices(self, row: Model) -> PriceTimeline:
        """What the model costs now and later, for the tenant or (of the platform) for those without own prices."""
        return PriceHistory(row, self._tenant_id).timeline(self._now)

    def _credential(self, row: Provider) -> Secret | None:
        if not row.secret_ref:
            return None
        try:
            return self._secrets.resolve(
                row.secret_ref,
                tenant_id=None if row.tenant_id is None else str(row.tenant_id),
                version=self._versions.get(row.tenant_id),
            )
        except LookupError as error:
            if row.secret_ref not in _reported_secrets:
                _reported_secrets.add(row.secret_ref)
                logger.warning("provider %s has no credential: %s", row.name, error)
            return None


def _breaker(row: Target) -> BreakerSpec:
    overrides = {name: getattr(row, f"breaker_{name}") for name in _BREAKER_FIELDS}
    return BreakerSpec(**{name: value for name, value in overrides.items() if value is not None})


def _default_of(routes: Iterable[Route]) -> str | None:
    return next((row.name for row in routes if row.is_default), None)
