"""Whether what the clients saw and what PostgreSQL holds tell the same story."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime

from tests.stack.installation import Installation
from tests.stack.load import Call, Load

ONCE = ("llm.request.started", "router.decision.made", "llm.attempt.completed", "llm.request.completed")
"""What every answered call emits exactly once."""
ENDS = ("llm.request.completed", "llm.request.failed")
SETTLED_WITHIN_S = 40.0


@dataclass(frozen=True)
class Figures:
    """The outcome of one fault."""

    calls: int
    failed: int
    expected: int
    found: int
    duplicates: int
    unended: int
    """Calls that were started and never ended: their worker was killed."""
    slowest_ms: float
    settled_s: float
    """From the end of the load until PostgreSQL had everything."""

    def __str__(self) -> str:
        return (
            f"{self.calls} calls, {self.failed} failed, events of answered calls {self.found}/{self.expected}, "
            f"{self.duplicates} duplicates, {self.unended} calls without an end, slowest {self.slowest_ms:.0f} ms, "
            f"all in PostgreSQL {self.settled_s:.1f} s after the load"
        )


async def figures(installation: Installation, load: Load, slowest_of: list[Call] | None = None) -> Figures:
    """Wait until every answered call's events are there, then count."""
    began = time.monotonic()
    answered = [call.correlation_id for call in load.calls if call.succeeded]
    expected = len(answered) * len(ONCE)
    while True:
        counts = await asyncio.to_thread(_counts, installation, load.opened_at)
        found = sum(counts[call][kind] > 0 for call in answered for kind in ONCE)
        if found == expected or time.monotonic() - began > SETTLED_WITHIN_S:
            break
        await asyncio.sleep(0.2)
    settled_s = time.monotonic() - began
    repeated = sum(max(0, counts[call][kind] - 1) for call in counts for kind in ("llm.request.started", *ENDS))
    both_ends = sum(all(counts[call][kind] for kind in ENDS) for call in counts)
    unended = [
        call for call, kinds in counts.items() if kinds["llm.request.started"] and not any(kinds[kind] for kind in ENDS)
    ]
    return Figures(
        calls=len(load.calls),
        failed=len(load.failed),
        expected=expected,
        found=found,
        duplicates=repeated + both_ends + _repeated_ids(installation),
        unended=len(unended),
        slowest_ms=max((call.took_s for call in slowest_of or load.calls), default=0.0) * 1000,
        settled_s=settled_s,
    )


def _counts(installation: Installation, since: datetime) -> defaultdict[str, Counter[str]]:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    rows = installation.sql(
        "SELECT correlation_id, event_type, count(*) FROM events_event WHERE correlation_id <> ''"
        " AND occurred_at >= %s GROUP BY correlation_id, event_type",
        since,
    )
    for correlation_id, event_type, count in rows:
        counts[correlation_id][event_type] = count
    return counts


def _repeated_ids(installation: Installation) -> int:
    ((repeated,),) = installation.sql("SELECT count(*) - count(DISTINCT event_id) FROM events_event")
    return int(repeated)
