"""Rows of this app → frozen specs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from contracts.specs import KeySpec, LimitMetric, LimitSpec
from tenants.models import ApiKey, RateLimit


def compile_key(key: ApiKey, limits: Iterable[RateLimit]) -> KeySpec:
    """The key with its own limits and its team's."""
    return KeySpec(
        id=str(key.id),
        tenant_id=str(key.tenant_id),
        team_id=str(key.team_id) if key.team_id else None,
        name=key.name,
        prefix=key.shown,
        scopes=frozenset(key.scopes),
        allowed_routes=frozenset(key.allowed_routes),
        allowed_models=frozenset(key.allowed_models),
        ip_allow=tuple(key.ip_allow),
        expires_at_ms=_unix_ms(key.expires_at),
        revoked=key.revoked_at is not None,
        limits=tuple(compile_limit(limit) for limit in limits),
    )


def compile_limit(limit: RateLimit) -> LimitSpec:
    """One limit; the subject of level ``user`` is empty, as the call itself names it."""
    subjects = {"tenant": limit.tenant_id, "team": limit.team_id, "key": limit.key_id, "user": ""}
    return LimitSpec(
        id=str(limit.id),
        level=limit.level,
        subject=str(subjects[limit.level]),
        metric=LimitMetric(limit.metric),
        value=limit.value,
        window_s=limit.window_s,
    )


def _unix_ms(instant: datetime | None) -> int | None:
    return None if instant is None else int(instant.timestamp() * 1000)
