"""What a tenant, team, key or end user has spent in a period: the truth that budget counters are rebuilt from."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final

from django.db import connection

from contracts.ports import Spend, SpendQuery
from events.ledger.grains import (
    ALL_GRAINS,
    LAST_MS,
    USERS_GRAINS,
    Grain,
    ceil_quarter,
    floor_quarter,
    pieces,
)
from events.ledger.margins import Margin
from events.ledger.measures import SUM
from events.ledger.reading import LedgerThreads

_CALL_ID: Final = "req_"
_CLOCK_SKEW_MS: Final = 3_600_000
"""How much earlier than its id says a call may have ended, by another machine's clock."""

_MARGIN: Final = {"tenant": Margin.ALL, "team": Margin.TEAM, "key": Margin.KEY, "user": Margin.USER}
_PARTS: Final = {"tenant": "r.part = ''", "key": "r.part = ANY(%(keys)s)"}
_SUBJECT: Final = "r.part = %(subject)s"
_OF_LEDGER: Final = {
    "tenant": "u.tenant_id = %(subject)s",
    "team": "u.team_id = %(subject)s",
    "key": "u.key_id = ANY(%(keys)s)",
    "user": "u.end_user = %(subject)s",
}

KeysOfAccount = Callable[[str, str], Sequence[str]]
"""Tenant's id and account's id -> ids of the keys whose calls count in it."""

# One statement, hence one snapshot: what is summed, what is recorded and the snapshot's number belong together.
# Calls come out of an array that the planner cannot see into: it would look for each in the statistics of every day.
_STATEMENT: Final = """
SELECT {sum},
    ARRAY(SELECT u.correlation_id FROM events_usage u
        WHERE u.tenant_id = %(tenant_id)s AND u.correlation_id <> ''
        AND u.correlation_id = ANY(ARRAY(SELECT unnest(%(call_ids)s::text[])))
        AND u.occurred_at >= to_timestamp(%(calls_since)s / 1000.0)),
    (SELECT pg_snapshot_xmax(snapshot)::text::bigint - (SELECT count(*) FROM pg_snapshot_xip(snapshot))
        FROM (SELECT pg_current_snapshot() AS snapshot) AS now)
"""


class DjangoSpendReader:
    """Reads spending through Django in threads of its own; ``threads`` bounds how many questions are asked at once."""

    def __init__(self, *, threads: int = 2, keys_of_account: KeysOfAccount | None = None) -> None:
        self._threads = LedgerThreads(threads, "spending")
        self._keys_of_account = keys_of_account

    async def read(self, query: SpendQuery) -> Spend:
        """The spending, and which calls the ledger has, from one snapshot.

        Raises:
            ServiceUnavailable: PostgreSQL cannot be asked.
        """
        return await self._threads.run(self._spend, query)

    def _spend(self, query: SpendQuery) -> Spend:
        if query.level != "key" or self._keys_of_account is None:
            return spend(query)
        return spend(query, keys=self._keys_of_account(query.tenant_id, query.subject))

    def close(self) -> None:
        """End the threads."""
        self._threads.close()


def spend(query: SpendQuery, *, keys: Sequence[str] = ()) -> Spend:
    """The cost of calls that ended within the period, and which of ``call_ids`` the ledger has, whenever they ended.

    At level ``key``, ``keys`` are those whose calls count; the subject alone if there are none.

    Calls whose price is unknown add nothing. ``as_of`` is the number of transactions that PostgreSQL had finished: it
    grows with every commit, and never shrinks while the database stays on its server.
    """
    start_ms, end_ms = max(0, query.period.start_ms), min(query.period.end_ms, LAST_MS)
    parameters: dict[str, Any] = {
        "tenant_id": query.tenant_id,
        "subject": query.subject,
        "keys": list(keys) or [query.subject],
        "call_ids": list(query.call_ids),
        "calls_since": _earliest(query.call_ids),
    }
    parts = [
        *_rollup_sums(query.level, ceil_quarter(start_ms), floor_quarter(end_ms), parameters),
        *_edge_sums(query.level, start_ms, end_ms, parameters),
    ]
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENT.format(sum=" + ".join(parts) or "0"), parameters)
        nanousd, recorded, as_of = cursor.fetchone() or (0, [], 0)
    return Spend(nanousd=int(nanousd), recorded=frozenset(recorded), as_of=as_of)


def _rollup_sums(level: str, start_ms: int, end_ms: int, parameters: dict[str, Any]) -> list[str]:
    margin = _MARGIN[level]
    of_margin = f"r.kind = {margin.value} AND {_PARTS.get(level, _SUBJECT)}"
    sums = []
    for number, piece in enumerate(pieces(start_ms, end_ms, USERS_GRAINS if level == "user" else ALL_GRAINS)):
        parameters[f"from{number}"], parameters[f"to{number}"] = piece.start_ms // 1000, piece.end_ms // 1000
        # Margins of users have no quarters of an hour: those few are in the rollup by user.
        by_user = level == "user" and piece.grain is Grain.QUARTER
        table, rows = (
            ("events_usage_by_user", "r.end_user = %(subject)s") if by_user else ("events_usage_margin", of_margin)
        )
        sums.append(
            f"COALESCE((SELECT {SUM}(r.cost_nanousd) FROM {table} r"  # noqa: S608 - constants
            f" WHERE r.tenant_id = %(tenant_id)s AND r.grain = {piece.grain.value} AND {rows}"
            f" AND r.start >= to_timestamp(%(from{number})s) AND r.start < to_timestamp(%(to{number})s)), 0)"
        )
    return sums


def _edge_sums(level: str, start_ms: int, end_ms: int, parameters: dict[str, Any]) -> list[str]:
    """What lies before the first and after the last full quarter of an hour: nothing in any zone of today."""
    first, last = ceil_quarter(start_ms), floor_quarter(end_ms)
    edges = [(start_ms, min(first, end_ms)), (max(last, start_ms), end_ms)] if first <= last else [(start_ms, end_ms)]
    sums = []
    for number, (edge_start, edge_end) in enumerate(edges):
        if edge_start >= edge_end:
            continue
        parameters[f"edge{number}"], parameters[f"edge_end{number}"] = edge_start, edge_end
        sums.append(
            "COALESCE((SELECT sum(u.cost_nanousd) FROM events_usage u WHERE u.tenant_id = %(tenant_id)s"  # noqa: S608
            f" AND {_OF_LEDGER[level]} AND u.occurred_at >= to_timestamp(%(edge{number})s / 1000.0)"
            f" AND u.occurred_at < to_timestamp(%(edge_end{number})s / 1000.0)), 0)"
        )
    return sums


def _earliest(call_ids: Sequence[str]) -> int:
    """Before this, none of the calls can have ended: their ids are UUIDv7 and tell when they began. Unix ms."""
    instants = [_begun_ms(call_id) for call_id in call_ids]
    known = [instant for instant in instants if instant is not None]
    if len(known) < len(instants) or not known:
        return 0
    return max(0, min(known) - _CLOCK_SKEW_MS)


def _begun_ms(call_id: str) -> int | None:
    try:
        identifier = uuid.UUID(call_id.removeprefix(_CALL_ID))
    except ValueError:
        return None
    return identifier.int >> 80 if identifier.version == 7 else None
