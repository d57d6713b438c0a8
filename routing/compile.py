"""Rows of this app → frozen specs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime

from contracts.ports import SecretResolver
from contracts.specs import (
    BreakerSpec,
    LimitSpec,
    ModelSpec,
    PlatformSpec,
    PriceSpec,
    ProviderSpec,
    RetrySpec,
    RouteMatch,
    RouteSpec,
    Secret,
    Strategy,
    TargetSpec,
    TenantSpec,
)
from routing.models import Model, Provider, Route, Target
from routing.prices import price_of
from tenants.models import Tenant

logger = logging.getLogger(__name__)

_BREAKER_FIELDS = BreakerSpec.__struct_fields__

_reported_secrets: set[str] = set()


class Compiler:
    """Compiles the rows of one load; a provider or model that several targets use is compiled once and shared."""

    def __init__(self, *, secrets: SecretResolver, now: datetime) -> None:
        self._secrets = secrets
        self._now = now
        self._providers: dict[str, ProviderSpec] = {}
        self._models: dict[str, ModelSpec] = {}

    def tenant(
        self, tenant: Tenant, *, routes: Iterable[Route], models: Iterable[Model], limits: Sequence[LimitSpec]
    ) -> TenantSpec:
        """The tenant with its own routes and models; disabled rows are to be left out beforehand."""
        rows = list(routes)
        return TenantSpec(
            id=str(tenant.id),
            slug=tenant.slug,
            active=tenant.active,
            version=tenant.version,
            default_route=tenant.default_route or _default_of(rows),
            routes=tuple(self.route(row) for row in rows),
            models=self.callable_models(models),
            limits=tuple(limits),
            # Nothing can redact yet at this layer: "redacted" keeps no payload rather than a clear one.
            store_payloads=tenant.payload_storage == Tenant.PayloadStorage.STORED,
            fail_open=tenant.redis_outage == Tenant.RedisOutage.FAIL_OPEN,
        )

    def platform(self, *, version: int, routes: Iterable[Route], models: Iterable[Model]) -> PlatformSpec:
        """What all tenants share."""
        rows = list(routes)
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
        """The provider with its credential, None when the reference does not resolve."""
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
        """The model with its own price, or else the published one."""
        key = str(row.id)
        if key not in self._models:
            self._models[key] = ModelSpec(
                id=key,
                name=row.name,
                wire_name=row.wire_name or row.name,
                capabilities=frozenset(row.capabilities),
                context_window=row.context_window,
                max_output_tokens=row.max_output_tokens,
                price=_own_price(row)
                or price_of(
                    kind=row.provider.kind,
                    base_url=row.provider.base_url,
                    wire_name=row.wire_name or row.name,
                    at=self._now,
                ),
            )
        return self._models[key]

    def _credential(self, row: Provider) -> Secret | None:
        if not row.secret_ref:
            return None
        try:
            return Secret(self._secrets.resolve(row.secret_ref))
        except LookupError as error:
            if row.secret_ref not in _reported_secrets:
                _reported_secrets.add(row.secret_ref)
                logger.warning("provider %s has no credential: %s", row.name, error)
            return None


def _own_price(row: Model) -> PriceSpec | None:
    if row.price_input is None or row.price_output is None:
        return None
    return PriceSpec(
        input=row.price_input,
        output=row.price_output,
        cached_input=row.price_cached_input,
        cache_write=row.price_cache_write,
        reasoning=row.price_reasoning,
        audio_input=row.price_audio_input,
        audio_output=row.price_audio_output,
        request=row.price_request or 0,
    )


def _breaker(row: Target) -> BreakerSpec:
    overrides = {name: getattr(row, f"breaker_{name}") for name in _BREAKER_FIELDS}
    return BreakerSpec(**{name: value for name, value in overrides.items() if value is not None})


def _default_of(routes: Iterable[Route]) -> str | None:
    return next((row.name for row in routes if row.is_default), None)
