"""What deletes events and runs of one tenant, and takes one end user out of them.

Everything goes in batches, each its own transaction, so that the collector never waits long. Ids of end users are
replaced by pseudonyms rather than removed: sums by user stay right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction

from events.models import QuarantinedEvent

BATCH: Final = 2_000
"""Rows a statement; some 50 ms on a small machine."""

PSEUDONYM_PREFIX: Final = "erased-"

_PAYLOAD_FIELDS: Final = ["input", "output", "text"]
_WRITTEN_BY_PEOPLE: Final = ("error_message", "message", "reason", "detail")
"""Fields that may name the end user within a sentence."""


def drop_payloads(tenant_id: str, before: datetime) -> int:
    """Take prompts and answers out of the tenant's events that are older; returns of how many."""
    return sum(_repeated(_DROP_PAYLOADS, [tenant_id, before, _PAYLOAD_FIELDS, BATCH, _PAYLOAD_FIELDS]))


def drop_payloads_of_calls(tenant_id: str, correlation_ids: Sequence[str]) -> int:
    """Take prompts and answers out of the events of these calls; returns of how many."""
    changed = 0
    for at in range(0, len(correlation_ids), BATCH):
        with connection.cursor() as cursor:
            calls = list(correlation_ids[at : at + BATCH])
            cursor.execute(_DROP_PAYLOADS_OF_CALLS, [_PAYLOAD_FIELDS, tenant_id, calls, _PAYLOAD_FIELDS])
            changed += cursor.rowcount
    return changed


def purge_events(tenant_id: str, before: datetime) -> int:
    """Delete the tenant's events that are older; returns how many."""
    return sum(_repeated(_PURGE_EVENTS, [tenant_id, before, BATCH]))


def purge_runs(tenant_id: str, before: datetime) -> int:
    """Delete the tenant's runs that are older; returns how many."""
    return sum(_repeated(_PURGE_RUNS, [tenant_id, before, BATCH]))


def end_users_until(tenant_id: str, until: datetime) -> Iterator[str]:
    """The end users in the tenant's runs that began by then, each once, without those that were erased."""
    with connection.cursor() as cursor:
        cursor.execute(_END_USERS, [tenant_id, until, f"{PSEUDONYM_PREFIX}%"])
        while rows := cursor.fetchmany(BATCH):
            yield from (end_user for (end_user,) in rows)


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows an erasure changed."""

    events: int = 0
    runs: int = 0
    quarantined: int = 0


Told = Callable[[str, int], None]
"""Hears of progress: ``events`` or ``runs``, and how many of them changed so far."""


def erase_user(tenant_id: str, end_user: str, pseudonym: str, until: datetime, *, told: Told | None = None) -> Erased:
    """Take one end user out of what happened by ``until``: payloads go, the id becomes the pseudonym.

    Finds the id wherever it stands in an event, also of calls that were refused. Doing it again changes nothing.
    """
    name = _NameInTexts(end_user, pseudonym)
    found = [tenant_id, until, name.as_json_part()]
    return Erased(
        events=_summed("events", _rewritten(_EVENTS_OF_USER, _REWRITE_EVENT, found, name.in_event), told),
        runs=_summed("runs", _rewritten(_RUNS_OF_USER, _REWRITE_RUN, found, name.everywhere), told),
        quarantined=_drop_quarantined(tenant_id, end_user, until),
    )


def _summed(step: str, batches: Iterator[int], told: Told | None) -> int:
    total = 0
    for changed in batches:
        total += changed
        if told is not None:
            told(step, total)
    return total


class _NameInTexts:
    """Replaces an id in JSON: where it is the whole value anywhere, within sentences where it stands as a word."""

    def __init__(self, end_user: str, pseudonym: str) -> None:
        self._end_user = end_user
        self._pseudonym = pseudonym
        self._word = re.compile(rf"(?<![\w.@+-]){re.escape(end_user)}(?![\w@+-])")

    def as_json_part(self) -> str:
        """The id as it stands in a JSON text, for LIKE."""
        written = json.dumps(self._end_user, ensure_ascii=False)[1:-1]
        return "%" + re.sub(r"([\\%_])", r"\\\1", written) + "%"

    def in_event(self, payload: dict[str, Any]) -> dict[str, Any]:
        """The event's payload without the id, and without prompt and answer when they are this user's."""
        theirs = payload.get("user") in (self._end_user, self._pseudonym)
        kept = {field: value for field, value in payload.items() if field not in _PAYLOAD_FIELDS}
        others = {} if theirs else {field: payload[field] for field in _PAYLOAD_FIELDS if field in payload}
        return {**self.everywhere(kept), **others}

    def everywhere(self, value: Any, field: str = "") -> Any:
        """The value without the id."""
        if isinstance(value, str):
            if value == self._end_user:
                return self._pseudonym
            return self._word.sub(self._pseudonym, value) if field in _WRITTEN_BY_PEOPLE else value
        if isinstance(value, dict):
            return {
                (self._pseudonym if name == self._end_user else name): self.everywhere(item, name)
                for name, item in value.items()
            }
        if isinstance(value, list):
            return [self.everywhere(item, field) for item in value]
        return value


def _rewritten(find: str, rewrite: str, parameters: list[Any], change: Callable[[Any], Any]) -> Iterator[int]:
    """Changes the rows that are found, batch by batch in the order of their keys; yields how many changed in each."""
    after = ""
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(find, [*parameters, after, BATCH])
            rows = cursor.fetchall()
            changes = [(key, json.loads(content)) for key, content in rows]  # noqa: TID251 - as JSONField reads it
            changed = [(key, new) for key, old in changes if (new := change(old)) != old]
            if changed:
                items = json.dumps([{"key": key, "new": new} for key, new in changed])
                cursor.execute(rewrite, [items, parameters[0]])
        yield len(changed)
        if len(rows) < BATCH:
            return
        after = rows[-1][0]


def _repeated(statement: str, parameters: list[Any]) -> Iterator[int]:
    while True:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            number = cursor.rowcount
        yield number
        if number < BATCH:
            return


def _drop_quarantined(tenant_id: str, end_user: str, until: datetime) -> int:
    """Lines that nobody could read are not rewritten but deleted."""
    lines = QuarantinedEvent.objects.extra(
        where=["position(%s::bytea in line) > 0", "position(%s::bytea in line) > 0"],
        params=[end_user.encode(), tenant_id.encode()],
    )
    return int(lines.filter(received_at__lte=until).delete()[0])


_DROP_PAYLOADS: Final = """
WITH old AS (
    SELECT event_id, occurred_at FROM events_event
    WHERE tenant_id = %s AND occurred_at < %s AND payload ?| %s
    LIMIT %s
)
UPDATE events_event AS event SET payload = event.payload - %s::text[]
FROM old WHERE event.event_id = old.event_id AND event.occurred_at = old.occurred_at
"""
_DROP_PAYLOADS_OF_CALLS: Final = """
UPDATE events_event SET payload = payload - %s::text[]
WHERE tenant_id = %s AND correlation_id = ANY(%s) AND payload ?| %s
"""
_PURGE_EVENTS: Final = """
WITH old AS (SELECT event_id, occurred_at FROM events_event WHERE tenant_id = %s AND occurred_at < %s LIMIT %s)
DELETE FROM events_event AS event USING old
WHERE event.event_id = old.event_id AND event.occurred_at = old.occurred_at
"""
_PURGE_RUNS: Final = """
WITH old AS (SELECT correlation_id FROM events_run WHERE tenant_id = %s AND started_at < %s LIMIT %s)
DELETE FROM events_run AS run USING old WHERE run.correlation_id = old.correlation_id
"""
_END_USERS: Final = """
SELECT DISTINCT end_user FROM events_run WHERE tenant_id = %s AND started_at <= %s AND end_user NOT LIKE %s
"""
_EVENTS_OF_USER: Final = """
SELECT event_id::text, payload::text FROM events_event
WHERE tenant_id = %s AND occurred_at <= %s
  AND payload::text LIKE %s
  AND event_id > COALESCE(NULLIF(%s, '')::uuid, '00000000-0000-0000-0000-000000000000')
ORDER BY event_id LIMIT %s FOR UPDATE
"""
_REWRITE_EVENT: Final = """
UPDATE events_event AS event SET payload = changed.new
FROM (SELECT (item->>'key')::uuid AS key, item->'new' AS new FROM jsonb_array_elements(%s::jsonb) AS item) AS changed
WHERE event.tenant_id = %s AND event.event_id = changed.key
"""
_RUNS_OF_USER: Final = """
SELECT correlation_id,
       json_build_object('end_user', end_user, 'tags', tags, 'error_message', error_message)::text
FROM events_run
WHERE tenant_id = %s AND started_at <= %s
  AND json_build_array(end_user, tags, error_message)::text LIKE %s
  AND correlation_id > %s
ORDER BY correlation_id LIMIT %s FOR UPDATE
"""
_REWRITE_RUN: Final = """
UPDATE events_run AS run SET end_user = changed.new->>'end_user', tags = NULLIF(changed.new->'tags', 'null'::jsonb),
    error_message = changed.new->>'error_message'
FROM (SELECT item->>'key' AS key, item->'new' AS new FROM jsonb_array_elements(%s::jsonb) AS item) AS changed
WHERE run.tenant_id = %s AND run.correlation_id = changed.key
"""
