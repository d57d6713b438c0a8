"""Sums of prompts are kept by the minute, without anybody's texts, and go with the tenant's payloads."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import redis

from contracts.prompt_sums import DIMENSIONS, PromptSum, prompt_sums, sums_of
from evaluation.live.prompts import add_prompts
from evaluation.live.taking import tenants_waiting
from evaluation.models import LiveSample, PromptMinute
from tenants.data_protection import apply_retention, erase_end_user
from tenants.models import Tenant
from tests.evaluation.live.live_calls import ask, make_live, scored
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db

MINUTE_S = 1_800_000_000 // 60 * 60


def summed(place: int, prompts: int = 1, *, minute: int = 0, route: str = "chat") -> PromptSum:
    """So many prompts along one axis."""
    total = np.zeros(DIMENSIONS, "<f4")
    total[place] = prompts
    return PromptSum(MINUTE_S + 60 * minute, route, prompts, total.tobytes())


def minutes_of(tenant: Tenant, route: str = "") -> list[tuple[int, str, int, list[float]]]:
    found = prompt_sums(tenant.pk, route, [(MINUTE_S, MINUTE_S + 3_600)])
    return [
        (one.start_s - MINUTE_S, one.route, one.prompts, list(np.frombuffer(one.total, "<f4")[:2])) for one in found
    ]


def test_what_workers_add_to_a_minute_is_one_sum(acme: Tenant):
    other = make_tenant(slug="other", name="Other")
    add_prompts(tenant_id=acme.pk, sums=[summed(0, 2), summed(1, 3), summed(0, minute=1), summed(0, 9, route="b")])
    add_prompts(tenant_id=acme.pk, sums=[summed(0, 4)])
    add_prompts(tenant_id=other.pk, sums=[summed(0, 7)])

    assert minutes_of(acme, "chat") == [(0, "chat", 9, [6.0, 3.0]), (60, "chat", 1, [1.0, 0.0])]
    assert [one[1] for one in minutes_of(acme)] == ["b", "chat", "chat"]
    assert [one[2] for one in minutes_of(other)] == [7]


@pytest.mark.django_db(transaction=True)
def test_prompts_of_calls_are_kept_as_sums_and_nothing_else(answering: Tenant, key: str, queues: redis.Redis):
    make_live(answering, rate=0.0, min_per_hour=0)
    ask(key, "Where is my parcel?", "I want my money back.")

    assert tenants_waiting() == [str(answering.pk)]
    assert scored(answering) == 0
    rows = PromptMinute.objects.for_tenant(answering)
    assert sum(row.prompts for row in rows) == 2
    assert not LiveSample.objects.for_tenant(answering).exists()
    assert not queues.exists(sums_of(str(answering.pk)))
    assert tenants_waiting() == []


def test_sums_go_with_payloads_and_after_nine_days_at_the_latest(acme: Tenant):
    now = int(time.time()) // 60 * 60

    def planted() -> None:
        for days in (1, 5, 12):
            zeros = np.zeros(DIMENSIONS, "<f4").tobytes()
            add_prompts(tenant_id=acme.pk, sums=[PromptSum(now - days * 86_400, "chat", 1, zeros)])

    def kept() -> list[int]:
        starts = PromptMinute.objects.for_tenant(acme).order_by("-start").values_list("start", flat=True)
        return [(datetime.now(UTC) - start).days for start in starts]

    planted()
    apply_retention(acme)
    assert kept() == [1, 5]
    acme.payload_retention_days = 3
    acme.save()
    apply_retention(acme)
    assert kept() == [1]


def test_with_an_end_user_go_sums_that_are_of_few_prompts(acme: Tenant):
    now = int((datetime.now(UTC) - timedelta(hours=1)).timestamp()) // 60 * 60
    for place, prompts in enumerate((1, 4, 5, 30)):
        total = np.zeros(DIMENSIONS, "<f4").tobytes()
        add_prompts(tenant_id=acme.pk, sums=[PromptSum(now - 60 * place, "chat", prompts, total)])
    erase_end_user(acme, "ann")
    assert sorted(PromptMinute.objects.for_tenant(acme).values_list("prompts", flat=True)) == [5, 30]
