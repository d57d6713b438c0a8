"""Looks at all rules by the minute: one process at a time, what was missed is made up for, and done twice does nothing.

Each rule goes on where it stood. Minutes of the last quarter of an hour are looked at again as long as nothing fires,
since events may reach the tables late.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import numpy as np
from django.db import DatabaseError, transaction
from django.db.models import Q
from django.utils import timezone

from alerting import escalating, incidents
from alerting.actions.acting import act
from alerting.budget_course import read_burn
from alerting.engine.frames import Frame
from alerting.engine.phases import MINUTE_S, Phase, Position, advance
from alerting.engine.verdicts import Verdict
from alerting.incident_rows import Alert
from alerting.judging import Judged, judge_burn, judge_frame, summary, timing_of
from alerting.memories import KEEP_EVERY_S, Memory, judge_anomaly, keep, remembered
from alerting.owned import RANKS
from alerting.prompt_readings import add_prompts
from alerting.readings import read_frame
from alerting.rules import AlertRule, CheckRun, RuleState
from contracts.tenant_scope import across_tenants

log = logging.getLogger(__name__)

SETTLE_S: Final = 5
"""A minute is looked at so long after its end: events take a second or two to the tables."""
LATE_MINUTES: Final = 15
MOST_MINUTES: Final = 6 * 60
"""After a pause no more is made up for."""
ABSENCE_MINUTES: Final = 6 * 60
"""How far back calls show that some are to be expected."""
LEASE: Final = timedelta(minutes=2)
"""Whoever took the check and has not finished by then is taken for dead."""


class Checked(msgspec.Struct, frozen=True):
    """What a check came to."""

    rules: int = 0
    fired: int = 0
    resolved: int = 0
    failed: int = 0
    skipped: bool = False
    """Somebody else was at it."""


def check_all(*, now: datetime | None = None) -> Checked:
    """Look at every rule that is on, up to the last whole minute."""
    started, now = time.monotonic(), now or timezone.now()
    me = f"{socket.gethostname()}:{os.getpid()}"
    if not _take(me):
        return Checked(skipped=True)
    end_s = int(now.timestamp() - SETTLE_S) // MINUTE_S * MINUTE_S
    done = Checked()
    try:
        with across_tenants("rules of all tenants are checked in one go"):
            for rules in _by_owner():
                done = _added(done, _check_owner(rules, end_s))
            escalating.escalate(now=now)
            act(now=now)
    finally:
        _give_back(me, end_s, done, int((time.monotonic() - started) * 1000))
    return done


def _take(me: str) -> bool:
    CheckRun.objects.get_or_create(id=1)
    now = timezone.now()
    free = Q(owner="") | Q(taken_at=None) | Q(taken_at__lt=now - LEASE)
    return CheckRun.objects.filter(free, id=1).update(owner=me, taken_at=now) == 1


def _give_back(me: str, end_s: int, done: Checked, duration_ms: int) -> None:
    CheckRun.objects.filter(id=1, owner=me).update(
        owner="",
        finished_at=timezone.now(),
        checked_until=_moment(end_s),
        rules=done.rules,
        failed=done.failed,
        duration_ms=duration_ms,
    )


def _by_owner() -> list[list[AlertRule]]:
    rows = AlertRule.objects.filter(Q(tenant=None) | Q(tenant__active=True), enabled=True)
    by_owner: dict[Any, list[AlertRule]] = {}
    for rule in rows.select_related("slo").order_by("tenant_id", "pk"):
        by_owner.setdefault(rule.tenant_id, []).append(rule)
    return list(by_owner.values())


def _check_owner(rules: Sequence[AlertRule], end_s: int) -> Checked:
    """All rules of one owner over one reading. What cannot be checked is told, and keeps the others from nothing."""
    try:
        states = {state.rule_id: state for state in RuleState.objects.filter(rule__in=rules)}
        firsts = {rule.pk: first_minute(states.get(rule.pk), end_s) for rule in rules}
        memories = remembered(rules, firsts)
        frame = _frame(rules, min(*firsts.values(), *(one.until_s for one in memories.values()), end_s), end_s)
    except DatabaseError:
        log.exception("the rules of %s cannot be checked", rules[0].scope)
        return Checked(rules=len(rules), failed=len(rules))
    done = Checked(rules=len(rules))
    for rule in rules:
        try:
            with transaction.atomic():
                done = _added(done, _check_rule(rule, frame, firsts[rule.pk], end_s, memories.get(rule.pk)))
        except Exception as error:  # boundary: one broken rule must not keep the others from being checked
            log.exception("the rule %s cannot be checked", rule.pk)
            RuleState.objects.filter(rule=rule).update(error=type(error).__name__)
            done = _added(done, Checked(failed=1))
    return done


def first_minute(state: RuleState | None, end_s: int) -> int:
    """The first minute that is looked at, or looked at again."""
    earliest = end_s - MOST_MINUTES * MINUTE_S
    if state is None or state.checked_until is None:
        return end_s - LATE_MINUTES * MINUTE_S
    until_s = int(state.checked_until.timestamp())
    if state.phase == Phase.FIRING:
        return max(until_s, earliest)
    first_s = until_s - LATE_MINUTES * MINUTE_S
    if state.done_until is not None:
        first_s = max(first_s, -(-int(state.done_until.timestamp()) // MINUTE_S) * MINUTE_S)
    return max(first_s, earliest)


def _frame(rules: Sequence[AlertRule], first_s: int, end_s: int) -> Frame:
    """As far back as the widest window reaches."""
    before = max(rule.window_minutes for rule in rules)
    if any(rule.kind == AlertRule.Kind.ABSENCE for rule in rules):
        before = max(before, ABSENCE_MINUTES)
    looked_at = [signal for signal in (rule.looks_at for rule in rules) if signal is not None]
    histograms = any(signal.parts is None and not signal.of_prompts for signal in looked_at)
    frame = read_frame(rules[0].scope, first_s - before * MINUTE_S, end_s, latencies=histograms)
    return add_prompts(frame, rules)


def judged_of(rule: AlertRule, frame: Frame, first_s: int, end_s: int, memory: Memory | None = None) -> Judged:
    """What the rule makes of the minutes; those before ``first_s`` may be among them."""
    if memory is not None:
        keep_s = end_s - LATE_MINUTES * MINUTE_S
        due = keep_s - memory.until_s >= KEEP_EVERY_S
        judged, after = judge_anomaly(rule, frame, memory, keep_s if due else memory.until_s)
        keep(rule, memory, after)
        return judged
    if rule.kind == AlertRule.Kind.BURN_RATE:
        assert rule.slo is not None
        return judge_burn(rule, read_burn(rule.slo, rule.scope, end_s), first_s, end_s)
    return judge_frame(rule, frame)


def _check_rule(rule: AlertRule, frame: Frame, first_s: int, end_s: int, memory: Memory | None) -> Checked:
    state, _created = RuleState.objects.select_for_update().get_or_create(
        rule=rule, defaults={"tenant_id": rule.tenant_id}
    )
    if rule.kind == AlertRule.Kind.BURN_RATE and (rule.slo is None or not rule.slo.enabled):
        return Checked()
    if rule.kind == AlertRule.Kind.ANOMALY and memory is None:
        return Checked()  # It has yet to learn, with one of the next checks.
    judged, timing = judged_of(rule, frame, first_s, end_s, memory), timing_of(rule)
    position = _position(state) if state.phase == Phase.FIRING else Position()
    fired = resolved = 0
    value = None
    for minute_s in range(first_s, end_s, MINUTE_S):
        place = (minute_s - judged.start_s) // MINUTE_S
        verdict = Verdict(int(judged.verdicts[place]))
        value = _plain(judged.values[place])
        before, position = position, advance(position, minute_s, verdict, timing)
        if position.phase is Phase.FIRING and before.phase is not Phase.FIRING:
            severity = judged.severities.get(place, rule.severity)
            fired += _fire(rule, position, value, severity, summary(rule, value, judged.usual(place)))
        elif before.phase is Phase.FIRING and position.phase is not Phase.FIRING:
            resolved += _clear(rule, state, minute_s + MINUTE_S)
        elif position.phase is Phase.FIRING:
            _note_worst(rule, value)
            _worsen(rule, value, judged.severities.get(place, ""))
    _keep(state, position, value, end_s)
    return Checked(fired=fired, resolved=resolved)


def _fire(rule: AlertRule, position: Position, value: float | None, severity: str, text: str) -> int:
    if Alert.objects.filter(rule=rule, resolved_at=None).exists():
        return 0
    incidents.open_alert(
        rule=rule,
        severity=severity,
        began_at=_moment(position.since_s),
        fired_at=_moment(position.fired_s + MINUTE_S),
        value=value,
        summary=text,
    )
    return 1


def _clear(rule: AlertRule, state: RuleState, at_s: int) -> int:
    state.done_until = _moment(at_s)
    alert = Alert.objects.select_related("incident").filter(rule=rule, resolved_at=None).first()
    if alert is None:
        return 0
    incidents.close_alert(alert=alert, at=_moment(at_s))
    return 1


def _worsen(rule: AlertRule, value: float | None, severity: str) -> None:
    """A budget that first burnt slowly and now burns fast."""
    if not severity:
        return
    alert = Alert.objects.select_related("incident").filter(rule=rule, resolved_at=None).first()
    if alert is not None and RANKS[severity] > RANKS[alert.severity]:
        incidents.worsen(alert=alert, severity=severity, summary=summary(rule, value))


def _note_worst(rule: AlertRule, value: float | None) -> None:
    if value is None or rule.kind == AlertRule.Kind.ABSENCE:
        return
    worse = Q(worst__gt=value) if rule.operator == "below" else Q(worst__lt=value)
    Alert.objects.filter(Q(worst=None) | worse, rule=rule, resolved_at=None).update(worst=value)


def _position(state: RuleState) -> Position:
    return Position(
        Phase(state.phase),
        _seconds(state.since),
        _seconds(state.fired_at),
        _seconds(state.clear_since),
        _seconds(state.seen_at),
    )


def _keep(state: RuleState, position: Position, value: float | None, end_s: int) -> None:
    state.phase = position.phase.value
    state.since, state.fired_at = _moment(position.since_s), _moment(position.fired_s)
    state.clear_since, state.seen_at = _moment(position.clear_since_s), _moment(position.seen_s)
    state.checked_until, state.value, state.error = _moment(end_s), value, ""
    state.save()


def _seconds(moment: datetime | None) -> int:
    return 0 if moment is None else int(moment.timestamp())


def _moment(seconds: int) -> Any:
    """None for 0, which stands for no time."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _plain(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)


def _added(one: Checked, other: Checked) -> Checked:
    return Checked(
        one.rules + other.rules, one.fired + other.fired, one.resolved + other.resolved, one.failed + other.failed
    )
