"""How much of rate limits is used now: from the shared counters, or from the ledger while those cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.live_use import LimitAsked
from events.ledger.recent import Since, recent
from tenants.compile import compile_limit
from tenants.live_use import live_use
from tenants.models import RateLimit

LIVE, LEDGER, UNKNOWN = "live", "ledger", ""


@dataclass(slots=True)
class LimitState:
    """A limit of one subject, now."""

    limit: RateLimit
    used: int | None = None
    """None: not known."""
    waiting: int = 0
    source: str = UNKNOWN
    """Where ``used`` is from: :data:`LIVE` or :data:`LEDGER`."""

    @property
    def share(self) -> float:
        """Of the limit, 1 for all of it."""
        return (self.used or 0) / self.limit.value

    @property
    def left(self) -> int | None:
        """What is admitted yet."""
        return None if self.used is None else max(0, self.limit.value - self.used)

    @property
    def tone(self) -> str:
        """Of the bar."""
        return "bad" if self.share >= 1 else "warn" if self.share >= 0.8 else "good"

    @property
    def width(self) -> float:
        """Of the bar, in percent."""
        return round(min(self.share, 1) * 100, 2)


def states_of(limits: Sequence[RateLimit], user: str = "") -> list[LimitState]:
    """Parallel to the limits, whose keys are read along with them; ``user`` is whose end users' limits are asked.

    One round trip to Redis, or one query.
    """
    found = [LimitState(limit) for limit in limits]
    known = [(state, user if state.limit.level == "user" else subject_of(state.limit)) for state in found]
    known = [(state, subject) for state, subject in known if subject]
    asked = [LimitAsked(str(s.limit.tenant_id), compile_limit(s.limit), subject) for s, subject in known]
    uses = live_use().limits(asked) if asked else []
    if uses is not None:
        for (state, _), use in zip(known, uses, strict=True):
            state.used, state.waiting, state.source = use.used, use.waiting, LIVE
        return found
    # Calls at a time leave no trace in the ledger before they end.
    counted = [(state, subject) for state, subject in known if state.limit.metric != RateLimit.Metric.CONCURRENCY]
    since = [Since(str(s.limit.tenant_id), s.limit.level, subject, s.limit.window_s) for s, subject in counted]
    for (state, _), used in zip(counted, recent(since), strict=True):
        state.used = used.tokens if state.limit.metric == RateLimit.Metric.TOKENS else used.requests
        state.source = LEDGER
    return found


def subject_of(limit: RateLimit) -> str:
    """What the limit is counted under; empty for end users."""
    return str(limit.key.account_id) if limit.key is not None else limit.subject_id
