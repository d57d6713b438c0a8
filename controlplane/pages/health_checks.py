"""What is looked at, when it is well, what it means, and what to do when it is not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.conf import settings

from console.formats import counted, duration, number, percent, size
from controlplane.pages.health_database import MOST_COUNTED, DatabaseState
from controlplane.pages.health_metrics import Figures
from controlplane.pages.health_redis import RedisState, Seen
from events.engine.bus import COLLECTOR_TTL_S

GOOD, WARN, BAD, UNKNOWN = "good", "warn", "bad", "neutral"
WORDS = {GOOD: "Well", WARN: "Look at it", BAD: "Broken", UNKNOWN: "Not known"}
_RANK = {GOOD: 0, UNKNOWN: 1, WARN: 2, BAD: 3}

WORKER_SILENT_S = 15
"""Celery's workers tell every two seconds, web workers twice a second."""
BEAT_SILENT_S = 90
"""Something is due at least every 20 s."""
LAG_WARN_S, LAG_BAD_S = 5.0, 60.0
CONNECTIONS_WARN, CONNECTIONS_BAD = 0.8, 0.95
LONG_TRANSACTION_S = 300
REDIS_SLOW_MS = 50


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked at."""

    name: str
    state: str
    value: str
    meaning: str
    todo: str = ""
    """Shown where it is not well."""
    runbook: str = ""
    """Anchor in the runbook."""
    facts: Sequence[tuple[str, str]] = field(default=())

    @property
    def word(self) -> str:
        """The state, in words."""
        return WORDS[self.state]


@dataclass(frozen=True, slots=True)
class Group:
    """Checks about one part of the installation."""

    title: str
    checks: Sequence[Check]


def worst(groups: Sequence[Group]) -> str:
    """The state of the whole."""
    return max((check.state for group in groups for check in group.checks), key=_RANK.__getitem__, default=UNKNOWN)


def all_checks(redis: RedisState, database: DatabaseState, figures: Figures) -> list[Group]:
    """In the order in which a call and its events meet them."""
    now_ms = time.time_ns() // 1_000_000
    return [
        Group(
            "Answering calls", [_web_workers(redis, now_ms), _listeners(redis), _admission(figures), _secrets(figures)]
        ),
        Group(
            "Recording events",
            [
                _collectors(redis, now_ms),
                _bus(redis, now_ms),
                _spools(figures),
                _dropped(figures),
                _quarantine(database),
            ],
        ),
        Group(
            "Work in the background",
            [_celery(redis, now_ms), _queue(redis), _beat(redis, now_ms), _alert_rules(database)],
        ),
        Group("Stores", [_redis(redis), _postgres(database)]),
    ]


def _ago(at_ms: int, now_ms: int) -> str:
    return f"{duration(max(0, now_ms - at_ms))} ago"


def _listed(seen: Sequence[Seen], now_ms: int) -> list[tuple[str, str]]:
    return [(one.name, ", ".join(part for part in (_ago(one.at_ms, now_ms), one.detail) if part)) for one in seen]


def _fresh(seen: Sequence[Seen], now_ms: int, silent_s: float) -> list[Seen]:
    return [one for one in seen if now_ms - one.at_ms <= silent_s * 1000]


def _not_known(name: str, meaning: str) -> Check:
    return Check(name, UNKNOWN, "Not known while Redis is down", meaning, runbook="redis-down")


# --- answering calls


def _web_workers(redis: RedisState, now_ms: int) -> Check:
    meaning = "Processes that answer calls and pages. Each tells of itself twice a second."
    if redis.error:
        return _not_known("Web workers", meaning)
    fresh = _fresh(redis.web_workers, now_ms, WORKER_SILENT_S)
    return Check(
        "Web workers",
        GOOD if fresh else BAD,
        counted(len(fresh), "worker"),
        meaning,
        "No worker tells of itself. Look at the web process and its log; one that answers pages and says nothing is "
        "cut off from Redis.",
        "instance-down",
        _listed(redis.web_workers, now_ms),
    )


def _listeners(redis: RedisState) -> Check:
    meaning = "Workers that hear of changed keys, routes and limits within a second. Others learn of them within 30 s."
    if redis.error:
        return _not_known("Listening for changes", meaning)
    expected = len(redis.web_workers)
    state = BAD if not redis.config_listeners else WARN if redis.config_listeners < expected else GOOD
    return Check(
        "Listening for changes",
        state,
        f"{number(redis.config_listeners)} of {number(max(expected, redis.config_listeners))}",
        meaning,
        "Revoked keys go on working for up to 30 s on workers that do not listen. They reconnect by themselves; if "
        "not, restart them one by one.",
        "redis-down",
    )


def _admission(figures: Figures) -> Check:
    degraded = figures.sum("gateway_admission_degraded")
    return Check(
        "Limits and budgets",
        UNKNOWN if degraded is None else BAD if degraded else GOOD,
        "Not told yet" if degraded is None else "Each worker on its own" if degraded else "Shared by all workers",
        "Where calls are counted against limits and budgets: in Redis for all workers, or, while Redis is down, in "
        "each worker for its share.",
        "Get Redis back. Limits hold roughly until then; tenants that fail closed are refused.",
        "redis-down",
    )


def _secrets(figures: Figures) -> Check:
    stores = figures.by("gateway_secret_store_reachable", "store")
    failing = sorted(store for store, reachable in stores.items() if not reachable)
    return Check(
        "Secret stores",
        WARN if failing else GOOD if stores else UNKNOWN,
        f"{', '.join(failing)} not reachable" if failing else "All reachable" if stores else "None was asked yet",
        "Where providers' credentials are kept. What was read stays in memory for a while.",
        "Calls go on with the credentials in memory. Check the store's address, its certificate and our access to it.",
        "everyday-tasks",
        [(store, "reachable" if reachable else "not reachable") for store, reachable in sorted(stores.items())],
    )


# --- recording events


def _collectors(redis: RedisState, now_ms: int) -> Check:
    meaning = "Processes that write events to PostgreSQL and tell live pages. Without one, nothing here moves."
    if redis.error:
        return _not_known("Collectors", meaning)
    fresh = _fresh(redis.collectors, now_ms, COLLECTOR_TTL_S)
    return Check(
        "Collectors",
        GOOD if fresh else BAD,
        f"{number(len(fresh))} at work",
        meaning,
        "Start one: manage.py collect. Any number may run. Nothing is lost meanwhile, events wait on the bus.",
        "events-late",
        _listed(redis.collectors, now_ms),
    )


def _bus(redis: RedisState, now_ms: int) -> Check:
    meaning = "Batches of events on their way to PostgreSQL, and how long the oldest has been waiting."
    if redis.error:
        return _not_known("Bus", meaning)
    lag_s = max(0, now_ms - redis.bus_oldest_ms) / 1000 if redis.bus_oldest_ms is not None else 0.0
    return Check(
        "Bus",
        BAD if lag_s > LAG_BAD_S else WARN if lag_s > LAG_WARN_S else GOOD,
        f"{number(redis.bus_length)} waiting, {duration(round(lag_s * 1000))} behind" if redis.bus_length else "Empty",
        meaning,
        "Figures and runs are late by that much. Look whether collectors run, and whether PostgreSQL is slow.",
        "events-late",
        [("Handed to a collector", number(redis.bus_pending))],
    )


def _spools(figures: Figures) -> Check:
    held = figures.sum("events_spool_bytes")
    backlog, oldest = (
        figures.sum("events_spool_backlog_bytes") or 0.0,
        figures.sum("events_spool_oldest_seconds") or 0.0,
    )
    share = (held or 0.0) / settings.SPOOL_MAX_BYTES
    bad, warn = share > 0.8 or oldest > 10 * LAG_BAD_S, share > 0.5 or oldest > LAG_BAD_S
    return Check(
        "Spools",
        UNKNOWN if held is None else BAD if bad else WARN if warn else GOOD,
        "Not told yet" if held is None else f"{size(round(backlog))} waiting",
        "Files of this machine that events are written to first, so that none is lost. Normally next to empty.",
        "Events wait here while the bus or PostgreSQL is down. Watch the disk; at the limit events are dropped.",
        "events-late",
        [
            ("In files", size(round(held or 0))),
            ("Limit of each process", f"{size(settings.SPOOL_MAX_BYTES)}, {percent(share)} used"),
            ("Oldest event", duration(round(oldest * 1000)) if backlog else "none"),
        ],
    )


def _dropped(figures: Figures) -> Check:
    by_reason = figures.by("events_dropped_total", "reason")
    total = round(sum(by_reason.values()))
    return Check(
        "Dropped events",
        BAD if total else GOOD,
        number(total),
        "Events that could not be kept since this installation's counters began. Should be none.",
        "These are lost. Fix what keeps events from being shipped, make room on the disk or raise SPOOL_MAX_BYTES.",
        "events-dropped",
        [(reason or "unknown", number(count)) for reason, count in sorted(by_reason.items())],
    )


def _quarantine(database: DatabaseState) -> Check:
    meaning = "Lines that came over the bus and are no event that this version knows. Nothing else waits for them."
    if database.error:
        return Check("Quarantine", UNKNOWN, "Not known while PostgreSQL is down", meaning, runbook="postgresql-down")
    more = database.quarantined > MOST_COUNTED
    return Check(
        "Quarantine",
        WARN if database.quarantined else GOOD,
        f"more than {number(MOST_COUNTED)}" if more else counted(database.quarantined, "line"),
        meaning,
        "Usually an old collector met a new type during an upgrade. Then run manage.py retry_quarantined.",
        "events-quarantined",
    )


# --- work in the background


def _celery(redis: RedisState, now_ms: int) -> Check:
    meaning = "Processes that carry out tasks: notices, retention, checks of the audit log."
    if redis.error:
        return _not_known("Celery workers", meaning)
    fresh = _fresh(redis.celery_workers, now_ms, WORKER_SILENT_S)
    return Check(
        "Celery workers",
        GOOD if fresh else BAD,
        counted(len(fresh), "worker"),
        meaning,
        "Start one: celery -A controlplane worker. Calls go on without; what is due is done late.",
        "instance-down",
        _listed(redis.celery_workers, now_ms),
    )


def _queue(redis: RedisState) -> Check:
    meaning = "Tasks that wait for a worker."
    if redis.error:
        return _not_known("Queue", meaning)
    return Check(
        "Queue",
        BAD if redis.queued > 1_000 else WARN if redis.queued > 100 else GOOD,
        f"{counted(redis.queued, 'task')} waiting",
        meaning,
        "Workers are too few, stuck or gone. Look at their log; raise CELERY_CONCURRENCY or start another worker.",
        "instance-down",
        [("In hand", number(redis.unacknowledged))],
    )


def _beat(redis: RedisState, now_ms: int) -> Check:
    meaning = "The clock that hands out what is due. Exactly one may run."
    if redis.error:
        return _not_known("Beat", meaning)
    fresh = _fresh(redis.beats, now_ms, BEAT_SILENT_S)
    last = max((one.at_ms for one in redis.beats), default=None)
    return Check(
        "Beat",
        BAD if not fresh else WARN if len(fresh) > 1 else GOOD,
        "Never seen" if last is None else f"{counted(len(fresh), 'clock')}, last tick {_ago(last, now_ms)}",
        meaning,
        "With none, nothing that is due is done: start celery -A controlplane beat. With two, tasks are done "
        "twice: stop one.",
        "instance-down",
        _listed(redis.beats, now_ms),
    )


def _alert_rules(database: DatabaseState) -> Check:
    meaning = "Looks at every alert rule, twice a minute. Without it nobody is told of anything."
    found = database.rules
    if database.error or found.age_s is None:
        why = "Not known while PostgreSQL is down" if database.error else "Not done yet"
        return Check("Alert rules", UNKNOWN, why, meaning, runbook="alert-rules-are-not-checked")
    return Check(
        "Alert rules",
        BAD if found.is_late else WARN if found.failed else GOOD,
        f"{counted(found.rules, 'rule')}, {duration(found.age_s * 1000)} ago",
        meaning,
        "With a worker and beat running, look for alerting.check in the worker's log. Rules that cannot be checked say "
        "so on their pages.",
        "alert-rules-are-not-checked",
        [("Took", duration(found.duration_ms)), ("Could not be checked", number(found.failed))],
    )


# --- stores


def _redis(redis: RedisState) -> Check:
    meaning = "Holds what limits and budgets count, the bus, the queue and live messages."
    if redis.error:
        return Check("Redis", BAD, "Does not answer", meaning, f"{redis.error}. Calls go on.", "redis-down")
    info = redis.info
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    policy, evicted = str(info.get("maxmemory_policy", "")), int(info.get("evicted_keys", 0))
    full = most and used / most > 0.9
    state = BAD if full or evicted else WARN if redis.answered_ms > REDIS_SLOW_MS else GOOD
    return Check(
        "Redis",
        state,
        f"answers in {duration(round(redis.answered_ms, 1))}",
        meaning,
        "It is full, evicts keys or is slow. Raise maxmemory, and never allow eviction: maxmemory-policy noeviction.",
        "redis-down",
        [
            ("Version", str(info.get("redis_version", ""))),
            ("Memory", f"{size(used)} of {size(most)}" if most else f"{size(used)}, no limit set"),
            ("Connections", number(int(info.get("connected_clients", 0)))),
            ("When full", policy),
            ("Keys evicted", number(evicted)),
            ("Up for", duration(int(info.get("uptime_in_seconds", 0)) * 1000)),
        ],
    )


def _postgres(database: DatabaseState) -> Check:
    meaning = "Holds everything that must last: configuration, events, runs, the ledger."
    if database.error:
        text = f"{database.error}. Known keys go on working."
        return Check("PostgreSQL", BAD, "Does not answer", meaning, text, "postgresql-down")
    share = database.connections / database.most_connections if database.most_connections else 0.0
    long = database.oldest_transaction_s > LONG_TRANSACTION_S
    return Check(
        "PostgreSQL",
        BAD if share > CONNECTIONS_BAD else WARN if share > CONNECTIONS_WARN or long else GOOD,
        f"answers in {duration(round(database.answered_ms, 1))}",
        meaning,
        "Nearly all connections are taken, or a transaction has been open for minutes and keeps old rows from being "
        "cleaned up. Look for it in pg_stat_activity.",
        "postgresql-down",
        [
            ("Version", database.version),
            ("Size", size(database.size_bytes)),
            ("Connections", f"{number(database.connections)} of {number(database.most_connections)}"),
            ("Longest transaction", duration(round(database.oldest_transaction_s * 1000))),
            ("Waiting for a lock", number(database.waiting_for_locks)),
        ],
    )
