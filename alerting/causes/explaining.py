"""Works out why incidents happened: when they open, every few minutes while they go on, and once when they are over.

What is due is told by the rows alone: a worker that dies while it is at it loses nothing, the next round begins anew.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from alerting.causes.call_figures import CallFigure, EventFigure, figure_of
from alerting.causes.evidence import Evidence, Explained, Outcome, SegmentPart, as_json, evidence_of
from alerting.causes.happened import Around, happened, names_of
from alerting.causes.reading import Calls, Times, by_quarters, moment, read_calls, read_events, times_of
from alerting.causes.rows import IncidentCauses
from alerting.causes.similar import similar
from alerting.engine.blame import Candidate, Question, Verdict, blame, within
from alerting.engine.causes import Measure
from alerting.engine.signals import SIGNALS
from alerting.incident_rows import Alert, Incident
from alerting.owned import RANKS
from contracts.events import CauseFound, EventContext
from contracts.tenant_scope import across_tenants
from events.traffic.measures import PLATFORM, Kind
from tenants.emitting import emit
from tenants.models import ApiKey, Team, Tenant

log = logging.getLogger(__name__)

YOUNG: Final = timedelta(minutes=20)
REFRESH_YOUNG: Final = timedelta(minutes=2)
REFRESH: Final = timedelta(minutes=10)
GONE: Final = timedelta(days=3)
"""Incidents that were over for longer are not looked at any more."""
MOST_AT_ONCE: Final = 20
MOST_SEGMENTS: Final = 10
LONGEST_S: Final = 6 * 3600
SHORTEST_S: Final = 300
_NOT_SPLIT: Final = "This signal is not counted by calls, so no segment can be named."


def explain_due(*, now: datetime | None = None) -> int:
    """Work out what is due; how many."""
    now = now or timezone.now()
    done = 0
    with across_tenants("incidents of all owners are explained in one go"):
        rows = list(_due(now)[:MOST_AT_ONCE])
    for incident in rows:
        try:
            explain(incident=incident, now=now)
            done += 1
        except Exception:  # boundary: one incident that cannot be explained must not keep the others from it
            log.exception("the incident %s cannot be explained", incident.pk)
    return done


def _due(now: datetime) -> Any:
    old = Q(causes__computed_at__lt=now - REFRESH) | Q(
        causes__computed_at__lt=now - REFRESH_YOUNG, opened_at__gt=now - YOUNG
    )
    going = Q(resolved_at=None) & (Q(causes=None) | Q(causes__final=True) | old)
    over = Q(resolved_at__gt=now - GONE) & (Q(causes=None) | Q(causes__final=False))
    return (
        Incident.objects.filter(Q(tenant=None) | Q(tenant__active=True))
        .filter(going | over)
        .select_related("tenant")
        .order_by(F("causes__computed_at").asc(nulls_first=True), "began_at")
    )


def explain(*, incident: Incident, now: datetime | None = None) -> IncidentCauses:
    """Work it out and write it down; told where another segment stands out than before."""
    now = now or timezone.now()
    evidence = evidence_about(incident, now)
    with transaction.atomic():
        row: IncidentCauses
        row, _created = IncidentCauses.objects.select_for_update().get_or_create(
            incident=incident, tenant_id=incident.tenant_id
        )
        before = evidence_of(row.evidence)
        row.evidence, row.computed_at = as_json(evidence), now
        row.final = incident.resolved_at is not None
        row.save(update_fields=["evidence", "computed_at", "final"])
        if before is None or _named(before) != _named(evidence):
            _tell(incident, evidence)
    return row


def _named(evidence: Evidence) -> list[str]:
    return [str(one) for one in evidence.blamed]


def _tell(incident: Incident, evidence: Evidence) -> None:
    first = evidence.blamed[0] if evidence.blamed else None
    event = CauseFound(
        incident_id=str(incident.pk),
        signal=evidence.signal,
        segment="" if first is None else str(first),
        share=None if first is None else round(first.share, 4),
    )
    context = EventContext(tenant_id=str(incident.tenant_id or ""))
    transaction.on_commit(lambda: emit(event, context), robust=True)


# --- the evidence ----------------------------------------------------------------------------------------


def evidence_about(incident: Incident, now: datetime) -> Evidence:
    """Of its worst alert that can be split by calls; reads, and writes nothing."""
    began = time.monotonic()
    alert, name, figure = _subject(incident)
    start_s, end_s = _window(incident, alert, now)
    signal = SIGNALS.get(name)
    evidence = Evidence(
        computed_at=now,
        signal=name,
        title=signal.title if signal else name.replace("_", " ").capitalize(),
        unit=signal.unit if signal else "number",
        measure="",
        segment=alert.segment if alert else "all calls",
        window_start=moment(start_s),
        window_end=moment(end_s),
        reference="",
        notes=[] if figure else [_NOT_SPLIT],
    )
    providers: frozenset[str] = frozenset()
    if figure is not None:
        evidence, providers = _split(incident, alert, figure, evidence)
    around = Around(incident.tenant_id, incident.began_at, evidence.window_end, names_of(evidence.blamed), providers)
    evidence = msgspec.structs.replace(evidence, happened=happened(around))
    evidence = msgspec.structs.replace(evidence, similar=similar(incident, evidence))
    return msgspec.structs.replace(evidence, took_ms=int((time.monotonic() - began) * 1000))


def _subject(incident: Incident) -> tuple[Alert | None, str, CallFigure | EventFigure | None]:
    rows = list(Alert.objects.filter(tenant=incident.tenant_id, incident=incident).select_related("rule__slo"))
    rows.sort(key=lambda one: (-RANKS[one.severity], one.began_at))
    known = [(alert, *figure_of(alert.rule, alert.signal)) for alert in rows]
    fitting = next((one for one in known if one[2] is not None), None)
    return fitting or (known[0] if known else (None, "", None))


def _window(incident: Incident, alert: Alert | None, now: datetime) -> tuple[int, int]:
    """Full minutes from the first bad one on, six hours at most."""
    start_s = int((alert.began_at if alert else incident.began_at).timestamp()) // 60 * 60
    ended = (alert.resolved_at if alert else None) or incident.resolved_at or now
    end_s = -(-int(ended.timestamp()) // 60) * 60
    return start_s, min(max(end_s, start_s + SHORTEST_S), start_s + LONGEST_S)


def _split(
    incident: Incident, alert: Alert | None, figure: CallFigure | EventFigure, evidence: Evidence
) -> tuple[Evidence, frozenset[str]]:
    scope = PLATFORM if incident.tenant_id is None else str(incident.tenant_id)
    times = times_of(scope, int(evidence.window_start.timestamp()), int(evidence.window_end.timestamp()))
    if times is None:
        note = "There were hardly any calls before to compare with."
        return msgspec.structs.replace(evidence, measure=figure.measure.value, notes=[note]), frozenset()
    if isinstance(figure, EventFigure):
        times = by_quarters(times)
        calls = read_events(scope, times, figure)
    else:
        only = alert.rule.calls.of if alert is not None and alert.rule is not None else (Kind.ALL, "")
        calls = read_calls(scope, times, figure, only)
    question = Question(
        figure.measure,
        calls.dimensions,
        calls.cells,
        minutes_before=times.minutes_before,
        minutes_now=times.minutes_now,
        dispersion=calls.dispersion,
        alone=calls.alone,
    )
    verdict = blame(question)
    inside = within(question, verdict.blamed[0]) if verdict.blamed else None
    found = _with_verdict(evidence, verdict, inside, times, calls, incident.tenant_id)
    return found, _providers(calls)


def _providers(calls: Calls) -> frozenset[str]:
    if "provider" not in calls.dimensions:
        return frozenset()
    place = calls.dimensions.index("provider")
    return frozenset(cell.values[place] for cell in calls.cells) - {""}


def _with_verdict(
    evidence: Evidence, verdict: Verdict, inside: Verdict | None, times: Times, calls: Calls, tenant_id: Any
) -> Evidence:
    change = verdict.change
    others = [one for one in verdict.candidates if one not in verdict.blamed and one.share >= 0.05]
    shown = [*verdict.blamed, *others][:MOST_SEGMENTS]
    deeper = [] if inside is None else [one for one in inside.candidates if one.share >= 0.1 and one.surprise > 0][:5]
    names = _names(tenant_id, [*shown, *deeper])
    notes = [] if verdict.p < 0.01 else ["The figure differs from its reference by no more than chance may do."]
    if not verdict.blamed and not notes:
        notes = ["No segment stands out: the change is spread over the calls as they are."]
    return msgspec.structs.replace(
        evidence,
        measure=change.measure.value,
        window_end=moment(times.now.end_s),
        reference=times.words,
        before=change.before,
        now=change.now,
        calls_before=change.all.before.n / times.minutes_before,
        calls_now=change.all.now.n / times.minutes_now,
        p=verdict.p,
        tested=verdict.tested,
        segments=[_explained(one, verdict, times, names, blamed=one in verdict.blamed) for one in shown],
        inside=[_explained(one, inside, times, names) for one in deeper] if inside is not None else [],
        outcomes=[Outcome(code or "no code", before, now) for code, before, now in calls.codes],
        notes=notes,
    )


def _explained(
    one: Candidate, verdict: Verdict, times: Times, names: dict[tuple[str, str], str], *, blamed: bool = False
) -> Explained:
    total = verdict.change.measure is Measure.TOTAL
    before, now = one.both.before, one.both.now
    of_before = before.x / times.minutes_before if total else before.rate if before.n else None
    of_now = now.x / times.minutes_now if total else now.rate if now.n else None
    return Explained(
        parts=[
            SegmentPart(dimension, value, names.get((dimension, value), ""))
            for dimension, value in zip(one.dimensions, one.values, strict=True)
        ],
        calls_before=before.n / times.minutes_before,
        calls_now=now.n / times.minutes_now,
        before=of_before,
        now=of_now,
        rate_effect=one.effect.rate,
        mix_effect=one.effect.mix,
        share=one.share,
        weight=one.weight,
        p=min(1.0, one.p * max(1, verdict.tested)),
        blamed=blamed,
    )


def _names(tenant_id: Any, shown: list[Candidate]) -> dict[tuple[str, str], str]:
    """Of tenants, teams and keys that are still there."""
    wanted: dict[str, set[str]] = {"tenant": set(), "team": set(), "key": set()}
    for one in shown:
        for dimension, value in zip(one.dimensions, one.values, strict=True):
            if dimension in wanted and _is_id(value):
                wanted[dimension].add(value)
    rows = {"tenant": Tenant.objects.all(), "team": Team.objects.all(), "key": ApiKey.objects.all()}
    found = {}
    with across_tenants("the platform's incidents name tenants, teams and keys of all"):
        for dimension, ids in wanted.items():
            known = rows[dimension].filter(pk__in=ids)
            if tenant_id is not None and dimension != "tenant":
                known = known.filter(tenant=tenant_id)
            for pk, name in known.values_list("pk", "name") if ids else ():
                found[dimension, str(pk)] = name
    return found


def _is_id(value: str) -> bool:
    return len(value) == 36 and value.count("-") == 4
