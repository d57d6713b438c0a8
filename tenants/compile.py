"""Rows of this app → frozen specs."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime

from contracts.budgets import BudgetAction, BudgetSpec, BudgetWindow
from contracts.specs import KeySpec, LimitMetric, LimitSpec
from tenants.models import ApiKey, Budget, RateLimit


def compile_key(key: ApiKey, limits: Iterable[RateLimit], budgets: Iterable[Budget] = ()) -> KeySpec:
    """The key with its own limits and budgets and its team's."""
    return KeySpec(
        id=str(key.id),
        tenant_id=str(key.tenant_id),
        team_id=str(key.team_id) if key.team_id else None,
        name=key.name,
        prefix=key.shown,
        scopes=frozenset(key.scopes),
        allowed_routes=frozenset(key.allowed_routes),
        allowed_models=frozenset(key.allowed_models),
        access_tags=frozenset(key.access_tags),
        ip_allow=tuple(key.ip_allow),
        expires_at_ms=_unix_ms(key.expires_at),
        revoked=key.revoked_at is not None,
        limits=tuple(compile_limit(limit, account_id=key.account_id) for limit in limits),
        budgets=tuple(
            compile_budget(budget, time_zone=budget.tenant.time_zone, account_id=key.account_id) for budget in budgets
        ),
    )


def compile_limit(limit: RateLimit, *, account_id: uuid.UUID | None = None) -> LimitSpec:
    """One limit; ``account_id`` is that of the key it is a limit of.

    The subject of level ``user`` is empty, as the call itself names it.
    """
    return LimitSpec(
        id=str(limit.id),
        level=limit.level,
        subject=_subject(limit, account_id),
        metric=LimitMetric(limit.metric),
        value=limit.value,
        window_s=limit.window_s,
        max_wait_ms=limit.max_wait_ms,
    )


def compile_budget(budget: Budget, *, time_zone: str, account_id: uuid.UUID | None = None) -> BudgetSpec:
    """One budget, its windows in the tenant's time zone; ``account_id`` is that of the key whose budget it is."""
    return BudgetSpec(
        id=str(budget.id),
        name=budget.name,
        level=budget.level,
        subject=_subject(budget, account_id),
        limit_nanousd=budget.limit_nanousd,
        window=BudgetWindow(budget.window),
        time_zone=time_zone,
        action=BudgetAction(budget.action),
        thresholds=tuple(budget.thresholds),
        degrade_route=budget.degrade_route or None,
        degrade_max_output_tokens=budget.degrade_max_output_tokens,
        counts_from_ms=_unix_ms(budget.counts_from) or 0,
    )


def _subject(row: RateLimit | Budget, account_id: uuid.UUID | None) -> str:
    # Keys that followed each other are counted together, whichever of them has the row.
    if row.key_id is not None and account_id is not None:
        return str(account_id)
    return row.subject_id


def _unix_ms(instant: datetime | None) -> int | None:
    return None if instant is None else int(instant.timestamp() * 1000)
