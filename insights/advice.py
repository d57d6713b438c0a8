"""Recommendations: each from stated thresholds over what was measured, with how its saving was worked out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

import msgspec
from django.db.models import Q
from django.utils import timezone

from console import formats
from contracts.specs import PriceSpec
from contracts.tenant_scope import across_tenants
from contracts.usage import UsageDimension, UsageFigures, UsageQuery, UsageRow
from evaluation.models import EvalRun, ItemResult, Variant
from evaluation.summaries import MEASURES
from events.ledger.analytics import usage
from events.ledger.grains import ceil_quarter, floor_quarter
from events.ledger.what_if import what_if
from gateway.analytics import at_price
from insights.days import AT_ONCE, WholeDays, whole_days
from insights.engine.days import in_30_days, outputs_of, repeats_of
from insights.engine.thresholds import (
    HEADROOM,
    LEAST_CACHED_SHARE,
    LEAST_CALLS,
    LEAST_INPUT,
    LEAST_ITEMS,
    LEAST_OUTPUT_CALLS,
    LEAST_REPEAT_SHARE,
    LEAST_REPEATS,
    LEAST_SAVING_NANOUSD,
    LIKELY_PREFIX,
    NOT_WORSE,
    OVERSIZED,
    RUN_DAYS,
    UNUSED_DAYS,
)
from insights.figures import Period, Recommendation
from insights.models import AdviceDecision
from routing.models import Model, Route
from routing.past_prices import past_prices
from tenants.models import ApiKey, Tenant

_MOST_RUNS: Final = 50
_MOST_OF_A_KIND: Final = 10
_RANKS: Final = {"high": 0, "medium": 1, "low": 2}


class Measured(msgspec.Struct, frozen=True):
    """What all recommendations rest on, read once."""

    tenant: Tenant
    period: Period
    days: WholeDays
    by_model: list[tuple[str, str, UsageFigures]]
    """Provider, model and sums."""
    by_route: dict[str, int]
    """Calls."""


def recommendations(
    tenant: Tenant, period: Period, *, also_decided: bool = False, at_once: int | None = AT_ONCE
) -> list[Recommendation]:
    """Those that nobody dismissed or snoozed, the largest saving first; with ``also_decided`` all.

    Of days that are not kept yet, those with the youngest ``at_once`` calls at most are looked at, or all with None.
    """
    measured = _measured(tenant, period, at_once)
    found = [one for kind in _KINDS for one in list(kind(measured))[:_MOST_OF_A_KIND]]
    decided = {row.key: row for row in AdviceDecision.objects.for_tenant(tenant)}
    now = timezone.now()
    rows = [_with_decision(one, decided.get(one.key), now) for one in found]
    rows = [one for one in rows if also_decided or one.state == "open"]
    return sorted(rows, key=_rank)


def _rank(one: Recommendation) -> tuple[bool, int, int, str]:
    return one.state != "open", -(one.saving_nanousd or 0), _RANKS[one.confidence], one.key


def _with_decision(one: Recommendation, row: AdviceDecision | None, now: Any) -> Recommendation:
    if row is None or (row.until is not None and row.until <= now):
        return one
    return msgspec.structs.replace(one, state=row.state, until=row.until)


def _measured(tenant: Tenant, period: Period, at_once: int | None) -> Measured:
    start_ms = floor_quarter(round(period.start.timestamp() * 1000))
    end_ms = ceil_quarter(round(period.end.timestamp() * 1000))
    query = UsageQuery(
        tenant_id=str(tenant.pk), time_zone=tenant.time_zone, start_ms=start_ms, end_ms=end_ms, limit=1_000
    )
    models = usage(msgspec.structs.replace(query, group_by=(UsageDimension.PROVIDER, UsageDimension.MODEL)))
    routes = usage(msgspec.structs.replace(query, group_by=(UsageDimension.ROUTE,)))
    return Measured(
        tenant,
        period,
        whole_days(tenant, period, at_once=at_once),
        [(row.group[0] or "", row.group[1] or "", row.figures) for row in models.rows],
        {row.group[0] or "": row.figures.requests for row in routes.rows},
    )


# --- a cheaper model that is not worse -------------------------------------------------------------------


def _cheaper_models(measured: Measured) -> Iterator[Recommendation]:
    since = timezone.now() - timedelta(days=RUN_DAYS)
    runs = (
        EvalRun.objects.for_tenant(measured.tenant)
        .filter(state=EvalRun.State.DONE, ended_at__gte=since)
        .order_by("-ended_at")[:_MOST_RUNS]
    )
    told: set[tuple[str, str]] = set()
    for run in runs:
        variants = list(Variant.objects.for_tenant(measured.tenant).filter(run=run).order_by("position"))
        for other in variants[1:]:
            pair = _models_of(run, variants[0], other)
            if pair is None or pair in told:
                continue
            told.add(pair)
            found = _cheaper(measured, run, other, pair)
            if found is not None:
                yield found


def _models_of(run: EvalRun, first: Variant, other: Variant) -> tuple[str, str] | None:
    """The models that answered, where each variant had one, and nothing else differs."""
    if (first.system_prompt, first.template) != (other.system_prompt, other.template):
        return None
    names = []
    for variant in (first, other):
        rows = ItemResult.objects.for_tenant(run.tenant_id).filter(variant=variant, error="")
        models = list(rows.order_by().values_list("model", flat=True).distinct()[:2])
        if len(models) != 1:
            return None
        names.append(models[0])
    return None if names[0] == names[1] else (names[0], names[1])


def not_worse(summary: dict[str, Any], position: int, evaluators: list[str]) -> list[dict[str, Any]] | None:
    """The comparisons of all evaluators where none may have lost more than :data:`NOT_WORSE`; else None.

    Their 95 % intervals are of a paired bootstrap over the run's items (:mod:`evaluation.engine.statistics`).
    """
    rows = {one["measure"]: one for one in summary.get("comparisons", ()) if one["variant"] == position}
    found = [rows[name] for name in evaluators if name in rows]
    if not evaluators or len(found) != len(evaluators):
        return None
    answered = rows.get("answered")
    for one in [*found, *([answered] if answered else [])]:
        if one["n"] < LEAST_ITEMS or one["low"] is None or one["low"] < -NOT_WORSE:
            return None
    return found


def _cheaper(measured: Measured, run: EvalRun, other: Variant, pair: tuple[str, str]) -> Recommendation | None:
    evaluators = [one["name"] for one in run.evaluators if one["name"] not in MEASURES]
    held = not_worse(run.summary, other.position, evaluators)
    price = None if held is None else _price_now(measured.tenant, pair[1])
    if held is None or price is None:
        return None
    rows = [row for row in measured.by_model if row[1] == pair[0]]
    paid = sum(figures.cost_nanousd for _, _, figures in rows)
    would = _would_cost(rows, price)
    if would is None or any(figures.price_unknown for _, _, figures in rows):
        return None
    saving = in_30_days(paid - would, measured.period.days)
    if saving < LEAST_SAVING_NANOUSD:
        return None
    worst = min(one["low"] for one in held)
    items = min(one["n"] for one in held)
    return Recommendation(
        key=f"cheaper_model:{pair[0]}:{pair[1]}",
        kind="cheaper_model",
        title=f"{pair[1]} answers as well as {pair[0]}",
        text=f"In the run “{run.name}” it was not worse in any of {len(held)} scores over {items} items.",
        saving_nanousd=saving,
        how=f"Calls to {pair[0]} cost {formats.money(paid)} in {measured.period.days:.0f} days; the same tokens at "
        f"the present prices of {pair[1]} are {formats.money(would)}. Taken to 30 days. Not worse: the 95% interval of "
        f"each score's difference lies above -{NOT_WORSE}; the lowest end is {worst:+.3f}.",
        confidence="high" if items >= 4 * LEAST_ITEMS else "medium",
        caveat="The golden set has to be like what is asked, and another model may count the same text as more tokens. "
        "All calls to the model are counted, whatever their route.",
        page="eval-run",
        page_arguments={"pk": str(run.pk)},
    )


def _price_now(tenant: Tenant, model: str) -> PriceSpec | None:
    """Of the tenant's own model of this name, else the platform's."""
    with across_tenants("a model's name is the tenant's or everybody's, and others' are not looked at"):
        rows = list(
            Model.objects.filter(Q(provider__tenant=tenant) | Q(provider__tenant=None), name=model, enabled=True)
            .select_related("provider")
            .order_by("provider__tenant")[:5]
        )
    now_ms = time.time_ns() // 1_000_000
    for row in rows:
        price = past_prices(row.pk, tenant.pk, now_ms, now_ms).price
        if price is not None:
            return price
    return None


def _would_cost(rows: list[tuple[str, str, UsageFigures]], price: PriceSpec) -> int | None:
    asked = [UsageRow(start_ms=0, end_ms=0, group=(provider, model), figures=sums) for provider, model, sums in rows]
    return what_if([at_price(asked, price)]).nanousd


# --- routes, outputs, prompts, keys ----------------------------------------------------------------------


def _cacheable_routes(measured: Measured) -> Iterator[Recommendation]:
    uncached = {row.name: row for row in _routes(measured.tenant) if row.cache_mode == "off"}
    for one in repeats_of(measured.days.figures):
        route, calls = uncached.get(one.route), measured.by_route.get(one.route, 0)
        saving = in_30_days(one.nanousd, measured.days.number)
        if route is None or one.calls < LEAST_REPEATS or one.calls < LEAST_REPEAT_SHARE * calls:
            continue
        if saving < LEAST_SAVING_NANOUSD:
            continue
        own = route.tenant_id is not None
        yield Recommendation(
            key=f"cache_route:{one.route}",
            kind="cache_route",
            title=f"Keep answers of the route {one.route}",
            text=f"{one.calls:,} of its {calls:,} calls asked, word for word, what another of the same day had asked.",
            saving_nanousd=saving,
            how=f"These calls cost {formats.money(one.nanousd)} in {measured.days.number} days; a kept answer "
            "costs nothing. Taken to 30 days. The first call of each day and body is left out.",
            confidence="medium",
            caveat="Counted over whole days and all keys: with a shorter time to live fewer are kept. Callers of "
            "sampled answers may want another one each time." + ("" if own else " The route is the platform's."),
            page="route" if own else "",
            page_arguments={"pk": str(route.pk)} if own else {},
        )


def _routes(tenant: Tenant) -> list[Route]:
    """The tenant's, and the platform's that it does not hide by one of its own."""
    with across_tenants("the platform's routes are everybody's"):
        rows = list(Route.objects.filter(Q(tenant=tenant) | Q(tenant=None), enabled=True))
    found = {row.name: row for row in rows if row.tenant_id is None}
    return list((found | {row.name: row for row in rows if row.tenant_id is not None}).values())


def _oversized(measured: Measured) -> Iterator[Recommendation]:
    for one in outputs_of(measured.days.figures):
        asked, used = one.asked / one.calls, one.used / one.calls
        if one.calls < LEAST_OUTPUT_CALLS or one.p99 <= 0 or asked < OVERSIZED * one.p99:
            continue
        advised = max(16, -(-round(one.p99 * HEADROOM) // 16) * 16)
        yield Recommendation(
            key=f"max_tokens:{one.route}",
            kind="max_tokens",
            title=f"Ask for less output over the route {one.route}",
            text=f"Calls ask for {asked:,.0f} tokens of output on average and get {used:,.0f}; 99 in 100 get at most "
            f"{one.p99:,}. A max_tokens of {advised:,} were enough.",
            saving_nanousd=None,
            how=f"Over {one.calls:,} answered calls that say max_tokens. Limits and budgets set aside what a call may "
            f"take until it ends: {asked / advised:.0f} times as many calls fit at once with {advised:,}.",
            confidence="high",
            caveat="It saves no money by itself, but calls that limits and budgets now refuse; it bounds the cost of a "
            "call that goes astray. The percentile is the largest of any day.",
            page="limits",
        )


def _prompt_caching(measured: Measured) -> Iterator[Recommendation]:
    for provider, model, sums in measured.by_model:
        reached = sums.requests - sums.cached_answers
        share = sums.cached_input_tokens / sums.input_tokens if sums.input_tokens else 1.0
        if reached < LEAST_CALLS or sums.input_tokens < LEAST_INPUT * reached or share >= LEAST_CACHED_SHARE:
            continue
        price = _price_now(measured.tenant, model)
        if price is None or price.cached_input is None or price.input is None:
            continue
        tokens = round((LIKELY_PREFIX - share) * sums.input_tokens)
        saving = in_30_days(tokens * (price.input - price.cached_input) // 1_000_000, measured.period.days)
        if saving < LEAST_SAVING_NANOUSD:
            continue
        yield Recommendation(
            key=f"prompt_caching:{provider}:{model}",
            kind="prompt_caching",
            title=f"Let {provider} keep the beginning of prompts to {model}",
            text=f"A call has {sums.input_tokens / reached:,.0f} tokens of input on average, of which {share:.0%} are "
            "read from the provider's cache. Put what is the same in all calls first, and mark it where the provider "
            "asks for that.",
            saving_nanousd=saving,
            how=f"If {LIKELY_PREFIX:.0%} of the input were read at the price of cached input, at present prices and "
            "taken to 30 days.",
            confidence="low",
            caveat="Which part of prompts is the same is not kept: the share is assumed, not measured.",
            page="requests",
        )


def _unused_keys(measured: Measured) -> Iterator[Recommendation]:
    before = timezone.now() - timedelta(days=UNUSED_DAYS)
    unused = Q(last_used_at__lt=before) | Q(last_used_at=None, created_at__lt=before)
    keys = ApiKey.objects.for_tenant(measured.tenant).usable(timezone.now()).filter(unused).order_by("created_at")
    for key in keys[:_MOST_OF_A_KIND]:
        since = "never used" if key.last_used_at is None else f"last used {key.last_used_at:%Y-%m-%d}"
        yield Recommendation(
            key=f"unused_key:{key.pk}",
            kind="unused_key",
            title=f"Revoke the key {key.name}",
            text=f"It was {since}, and still opens the door.",
            saving_nanousd=None,
            how=f"Keys that were not used for {UNUSED_DAYS} days.",
            confidence="high",
            caveat="It saves no money; it is a risk less. A job that runs once a quarter is not seen here.",
            page="key",
            page_arguments={"pk": str(key.pk)},
        )


_KINDS: Final[tuple[Callable[[Measured], Iterator[Recommendation]], ...]] = (
    _cheaper_models,
    _cacheable_routes,
    _oversized,
    _prompt_caching,
    _unused_keys,
)
