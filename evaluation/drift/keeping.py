"""Looks by the clock: who looks, what is kept of it, and when drift begins and is over.

A look is taken under a lease. A worker that dies keeps nobody from looking for longer than :data:`LEASE`; one that
comes back after it lost its lease writes nothing.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from contracts.tenant_scope import across_tenants
from evaluation.drift import telling
from evaluation.drift.looks import look, next_look
from evaluation.drift.rows import DriftCheck, DriftFinding, DriftMonitor, DriftState

log = logging.getLogger(__name__)

LEASE: Final = timedelta(minutes=5)
KEPT: Final = timedelta(days=30)
"""Looks, with what they found."""
BATCH: Final = 500
Phase = DriftState.Phase
Outcome = DriftCheck.Outcome


def look_at_due(*, for_s: float = 45.0, now: datetime | None = None) -> int:
    """Have every monitor look that is due, for so long; how many did."""
    until, looked = time.monotonic() + for_s, 0
    me = f"{socket.gethostname()}:{os.getpid()}"[:64]
    while time.monotonic() < until:
        at = now or timezone.now()
        monitor = claimed(me, at)
        if monitor is None:
            break
        look_once(monitor, me, at)
        looked += 1
    return looked


@across_tenants("monitors of all tenants look by one clock")
def claimed(worker: str, now: datetime) -> DriftMonitor | None:
    """A monitor that is due and that nobody looks for, now this worker's; None: there is none."""
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    with transaction.atomic():
        state = (
            DriftState.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(free, next_look_at__lte=now, monitor__enabled=True, tenant__active=True)
            .select_related("monitor__tenant")
            .order_by("next_look_at")
            .first()
        )
        if state is None:
            return None
        DriftState.objects.filter(pk=state.pk).update(worker=worker, leased_until=now + LEASE)
    monitor: DriftMonitor = state.monitor
    return monitor


def look_once(monitor: DriftMonitor, worker: str, now: datetime) -> DriftCheck | None:
    """Look, and write down what came of it; None: it could not, or another worker has taken over."""
    try:
        check, findings = look(monitor, now=now)
        return keep(monitor, check, findings, worker=worker, now=now)
    except Exception as error:  # boundary: one monitor that cannot look must not keep the others from looking
        log.exception("the drift monitor %s could not look", monitor.pk)
        _states(monitor).filter(worker=worker).update(
            error=type(error).__name__, worker="", leased_until=None, next_look_at=next_look(monitor, now)
        )
        return None


@transaction.atomic
def keep(
    monitor: DriftMonitor, check: DriftCheck, findings: Sequence[DriftFinding], *, worker: str, now: datetime
) -> DriftCheck | None:
    """Write a look down and move the monitor's state; None where the lease was lost, and nothing is written."""
    state: DriftState | None = _states(monitor).select_for_update(of=("self",)).filter(worker=worker).first()
    if state is None:
        return None
    lasting = _lasting(monitor)
    for one in findings:
        one.lasting = lasting.get((one.signal, one.segment), 0) + 1 if one.drifted else 0
    check.looked_at = now
    check.save(force_insert=True)
    DriftFinding.objects.bulk_create(findings)
    _move(monitor, state, check, findings, now)
    state.looked_at, state.next_look_at = now, next_look(monitor, now)
    state.worker, state.leased_until, state.error = "", None, ""
    state.save()
    return check


def _lasting(monitor: DriftMonitor) -> dict[tuple[str, str], int]:
    """In how many looks in a row, the last one among them, each signal of each segment was found to drift."""
    last = DriftCheck.objects.for_tenant(monitor.tenant_id).filter(monitor=monitor).first()
    if last is None:
        return {}
    rows = DriftFinding.objects.for_tenant(monitor.tenant_id).filter(check_row=last, drifted=True)
    return {(signal, segment): lasting for signal, segment, lasting in rows.values_list("signal", "segment", "lasting")}


def _move(
    monitor: DriftMonitor, state: DriftState, check: DriftCheck, findings: Sequence[DriftFinding], now: datetime
) -> None:
    certain = [one for one in findings if one.lasting >= monitor.confirm]
    phase = _phase(monitor, state, check, certain)
    if certain and state.drifted_at is None:
        state.drifted_at = now
        state.alert = telling.began(monitor, check, certain)
    elif state.drifted_at is not None and phase is Phase.STEADY:
        telling.ended(monitor, state, at=check.window_end, why="calls are as they were")
        state.drifted_at, state.alert = None, ""
    if phase != state.phase:
        state.phase, state.since = phase, now


def _phase(
    monitor: DriftMonitor, state: DriftState, check: DriftCheck, certain: Sequence[DriftFinding]
) -> DriftState.Phase:
    """What cannot be told ends nothing: drift goes on until looks find that it is over."""
    if certain:
        return Phase.DRIFTED
    if state.drifted_at is not None:
        return Phase.STEADY if _quiet(monitor) >= monitor.confirm else Phase.DRIFTED
    if check.outcome == Outcome.CANNOT_TELL:
        return Phase.CANNOT_TELL
    return Phase.SUSPECTED if check.outcome == Outcome.DRIFTED else Phase.STEADY


def _quiet(monitor: DriftMonitor) -> int:
    """How many of the last looks, up to as many as confirm, found nothing."""
    rows = DriftCheck.objects.for_tenant(monitor.tenant_id).filter(monitor=monitor)
    last = list(rows.values_list("outcome", flat=True)[: monitor.confirm])
    return len(last) if all(outcome == Outcome.STEADY for outcome in last) else 0


@across_tenants("old looks of all tenants go together")
def drop_old(*, now: datetime | None = None) -> int:
    """Delete looks that are older than :data:`KEPT`, with what they found; how many."""
    before, dropped = (now or timezone.now()) - KEPT, 0
    while keys := list(DriftCheck.objects.filter(looked_at__lt=before).values_list("pk", flat=True)[:BATCH]):
        DriftCheck.objects.filter(pk__in=keys).delete()
        dropped += len(keys)
    return dropped


def _states(monitor: DriftMonitor) -> QuerySet[DriftState]:
    return DriftState.objects.for_tenant(monitor.tenant_id).filter(monitor=monitor)
