"""Answers analytics about guardrails and kept answers, in threads of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from django.utils import timezone

from contracts.signals import KeptAnswers, RuleHits
from events.ledger.reading import LedgerThreads, one_snapshot
from events.traffic.grains import snapped
from events.traffic.kept_answers import cache_by_route
from events.traffic.reading import Stretch
from events.traffic.rules import rule_counts

_AT_ONCE: Final = 60
"""Stretches of one statement: each is several parts of it."""
Times = Sequence[tuple[int, int]]
"""Unix milliseconds, from and until."""


class DjangoSignalReader:
    """Reads the sums by the minute through Django."""

    def __init__(self, *, threads: int = 1) -> None:
        self._threads = LedgerThreads(threads, "signals")

    async def rule_hits(self, tenant_id: str, times: Times) -> list[list[RuleHits]]:
        """Of each stretch of time; edges are moved to where sums that are left begin.

        Raises:
            ServiceUnavailable: PostgreSQL cannot be asked.
        """
        return await self._threads.run(lambda asked: rule_hits(tenant_id, asked), times)

    async def kept_answers(self, tenant_id: str, times: Times) -> list[list[KeptAnswers]]:
        """The same of lookups of kept answers, by route.

        Raises:
            ServiceUnavailable: PostgreSQL cannot be asked.
        """
        return await self._threads.run(lambda asked: kept_answers(tenant_id, asked), times)

    def close(self) -> None:
        """End the threads."""
        self._threads.close()


def rule_hits(tenant_id: str, times: Times) -> list[list[RuleHits]]:
    """What :class:`DjangoSignalReader` answers, for who may wait."""
    with one_snapshot():
        counted = [one for some in _chunks(times) for one in rule_counts(tenant_id, some)]
    return [
        [RuleHits(part.policy_id, part.rule_id, part.outcome, part.shadow, count) for part, count in one.items()]
        for one in counted
    ]


def kept_answers(tenant_id: str, times: Times) -> list[list[KeptAnswers]]:
    """What :class:`DjangoSignalReader` answers, for who may wait."""
    with one_snapshot():
        found = [one for some in _chunks(times) for one in cache_by_route(tenant_id, some)]
    return [
        [
            KeptAnswers(
                route=route,
                exact=sums.exact,
                semantic=sums.semantic,
                missed=sums.missed,
                bypassed=sums.bypassed,
                saved_nanousd=sums.saved_nanousd,
                saved_unknown=sums.saved_unknown,
            )
            for route, sums in one.items()
        ]
        for one in found
    ]


def _chunks(times: Times) -> list[list[Stretch]]:
    now = timezone.now()
    stretches = [_stretch(start_ms, end_ms, now) for start_ms, end_ms in times]
    return [stretches[at : at + _AT_ONCE] for at in range(0, len(stretches), _AT_ONCE)]


def _stretch(start_ms: int, end_ms: int, now: datetime) -> Stretch:
    start = snapped(datetime.fromtimestamp(start_ms / 1000, UTC), now)
    return Stretch(start, max(start, snapped(datetime.fromtimestamp(end_ms / 1000, UTC), now)))
