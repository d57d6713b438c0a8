"""The data plane's analytics endpoints: what the caller's tenant used, what it cost, what it would have cost."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from contracts.errors import InvalidRequest, ModelNotFound
from contracts.ids import new_correlation_id
from contracts.ports import Clock, PriceReader, SignalReader, UsageReader
from contracts.specs import KeySpec, ModelSpec, PriceSpec, PriceTimeline, TenantSpec
from contracts.usage import UsageQuery, UsageRow
from events.ledger.buckets import buckets
from events.ledger.grains import ceil_quarter
from events.ledger.what_if import Stretch, grouped_by_model, what_if
from gateway.answers import json_answer
from gateway.engine.authentication import Authenticator, presented_key
from gateway.engine.headers import plain_headers
from gateway.engine.spec_cache import SpecCache
from gateway.exchange import Answer, GatewayRequest
from gateway.formats.analytics import (
    MAX_MODELS,
    AskedSignals,
    asked_for_signals,
    asked_for_sums,
    asked_for_what_if,
)
from gateway.formats.analytics_answers import page_as_csv, page_as_json, what_if_as_json
from gateway.formats.signals import CACHE_GROUPS, RULE_GROUPS, kept_as_json, rules_as_json
from routing.engine.cost import cost_nanousd
from routing.engine.prices import price_at

SCOPE = "analytics"
MAX_PRICE_CHANGES = 100
"""Of one what-if: each is a question to the ledger."""


class Analytics:
    """Answers ``GET /v1/analytics/usage``, ``/costs`` and ``/what-if`` from the ledger's rollups.

    ``/guardrails`` and ``/cache`` are answered from what is counted beside it.
    """

    def __init__(
        self,
        *,
        specs: SpecCache,
        authenticator: Authenticator,
        usage: UsageReader,
        prices: PriceReader,
        signals: SignalReader,
        clock: Clock,
    ) -> None:
        self._specs = specs
        self._authenticator = authenticator
        self._usage = usage
        self._prices = prices
        self._counted = signals
        self._clock = clock

    async def usage(self, request: GatewayRequest) -> Answer:
        """Calls and tokens."""
        return await self._sums(request, costs=False)

    async def costs(self, request: GatewayRequest) -> Answer:
        """Money."""
        return await self._sums(request, costs=True)

    async def what_if(self, request: GatewayRequest) -> Answer:
        """The same tokens at another model's prices, as of when they were used or as of now."""
        key, tenant = await self._authenticate(request)
        asked = asked_for_what_if(request.query, tenant, now_ms=self._clock.now_ms())
        model = await self._model(asked.model, key, tenant)
        query = grouped_by_model(asked.query)
        if asked.prices_then:
            end_ms = min(query.end_ms, self._clock.now_ms())  # Nothing was used later, whatever it will cost.
            prices = await self._prices.read(model.id, tenant.id, query.start_ms, end_ms)
        else:
            priced = tenant.prices.get(model.id, model)
            prices = PriceTimeline(price=price_at(priced, self._clock.now_ms()))
        answer = what_if([await self._stretch(part, price) for part, price in priced_parts(query, prices)])
        return json_answer(what_if_as_json(query, asked.model, answer))

    async def guardrails(self, request: GatewayRequest) -> Answer:
        """What rules found."""
        _, tenant = await self._authenticate(request)
        asked = self._signals(request, tenant, groups=RULE_GROUPS, filters=("policy_id", "rule_id"))
        cut = buckets(asked.window, asked.time_zone, asked.start_ms, asked.end_ms)
        return json_answer(rules_as_json(asked, cut, await self._counted.rule_hits(tenant.id, cut)))

    async def cache(self, request: GatewayRequest) -> Answer:
        """How often kept answers served, and what that saved."""
        _, tenant = await self._authenticate(request)
        asked = self._signals(request, tenant, groups=CACHE_GROUPS, filters=("route",))
        cut = buckets(asked.window, asked.time_zone, asked.start_ms, asked.end_ms)
        return json_answer(kept_as_json(asked, cut, await self._counted.kept_answers(tenant.id, cut)))

    def _signals(
        self, request: GatewayRequest, tenant: TenantSpec, *, groups: Collection[str], filters: Collection[str]
    ) -> AskedSignals:
        now_ms = self._clock.now_ms()
        return asked_for_signals(request.query, tenant, groups=groups, filters=filters, now_ms=now_ms)

    async def _stretch(self, query: UsageQuery, price: PriceSpec | None) -> Stretch:
        page = await self._usage.read(query)
        if page.next_cursor is not None:
            message = f"These calls went to more than {MAX_MODELS} models: ask for less."
            raise InvalidRequest(message, param="start_date")
        return at_price(page.rows, price)

    async def _sums(self, request: GatewayRequest, *, costs: bool) -> Answer:
        _, tenant = await self._authenticate(request)
        asked = asked_for_sums(
            request.query, tenant, accept=request.headers.get("accept", ""), now_ms=self._clock.now_ms()
        )
        page = await self._usage.read(asked.query)
        if not asked.csv:
            return json_answer(page_as_json(asked.query, page, costs=costs))
        return _csv_answer(asked.query, page_as_csv(asked.query, page, costs=costs), page.next_cursor, costs=costs)

    async def _model(self, model: str, key: KeySpec, tenant: TenantSpec) -> ModelSpec:
        target = tenant.models.get(model) or (await self._specs.platform()).models.get(model)
        if target is None or (key.allowed_models and model not in key.allowed_models):
            raise ModelNotFound(f"The model '{model}' does not exist or this key may not use it.", param="model")
        return target.model

    async def _authenticate(self, request: GatewayRequest) -> tuple[KeySpec, TenantSpec]:
        return await self._authenticator.authenticate(presented_key(request.headers), request.client_ip, SCOPE)


def at_price(rows: list[UsageRow], price: PriceSpec | None) -> Stretch:
    """Sums of a time with one price, None where it is unknown."""
    return Stretch(
        rows=rows,
        price=lambda usage: cost_nanousd(usage, _without_request(price)),
        request_nanousd=price.request if price is not None else 0,
    )


def priced_parts(query: UsageQuery, prices: PriceTimeline) -> list[tuple[UsageQuery, PriceSpec | None]]:
    """The question cut where the price changed; sums are kept by quarters of an hour, and so one has one price.

    Raises:
        InvalidRequest: it changed more than :data:`MAX_PRICE_CHANGES` times.
    """
    if len(prices.price_changes) > MAX_PRICE_CHANGES:
        raise InvalidRequest(
            f"The price changed more than {MAX_PRICE_CHANGES} times: ask for less time, or for prices=now.",
            param="prices",
        )
    cuts = [(query.start_ms, prices.price), *((ceil_quarter(at), price) for at, price in prices.price_changes)]
    ends = [*(at for at, _ in cuts[1:]), query.end_ms]
    return [
        (msgspec.structs.replace(query, start_ms=start, end_ms=min(end, query.end_ms)), price)
        for (start, price), end in zip(cuts, ends, strict=True)
        if start < min(end, query.end_ms)
    ]


def _without_request(price: PriceSpec | None) -> PriceSpec | None:
    return None if price is None else msgspec.structs.replace(price, request=0)


def _csv_answer(query: UsageQuery, body: bytes, next_cursor: str | None, *, costs: bool) -> Answer:
    headers = [(name, value) for name, value in plain_headers(new_correlation_id()) if name != b"content-type"]
    name = f"{'costs' if costs else 'usage'}.csv"
    headers += [
        (b"content-type", b"text/csv; charset=utf-8"),
        (b"content-disposition", f'attachment; filename="{name}"'.encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    if next_cursor is not None:
        headers.append((b"x-next-cursor", next_cursor.encode()))
    return Answer(200, headers, body)
