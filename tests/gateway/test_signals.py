"""Analytics about guardrails and kept answers: what callers ask and are told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from contracts.errors import ServiceUnavailable
from contracts.signals import KeptAnswers, RuleHits
from gateway.endpoints import serve
from gateway.exchange import Answer, GatewayRequest
from tests.gateway.stand import CLEAR_KEY, Stand

GUARDRAILS, CACHE = "/v1/analytics/guardrails", "/v1/analytics/cache"
BOTH = (GUARDRAILS, CACHE)
DAYS = "start_date=2026-11-01&end_date=2026-11-02"


class Counted:
    """The same in every stretch of time."""

    def __init__(self, *rows: Any, error: Exception | None = None) -> None:
        self.rows, self.error = list(rows), error
        self.asked: list[tuple[str, Sequence[tuple[int, int]]]] = []

    async def rule_hits(self, tenant_id: str, times: Sequence[tuple[int, int]]) -> list[list[RuleHits]]:
        return self._answer(tenant_id, times)

    async def kept_answers(self, tenant_id: str, times: Sequence[tuple[int, int]]) -> list[list[KeptAnswers]]:
        return self._answer(tenant_id, times)

    def _answer(self, tenant_id: str, times: Sequence[tuple[int, int]]) -> list[list[Any]]:
        if self.error is not None:
            raise self.error
        self.asked.append((tenant_id, times))
        return [self.rows for _ in times]


def json_of(answer: Answer) -> Any:
    assert isinstance(answer.body, bytes)
    return msgspec.json.decode(answer.body)


async def get(stand: Stand, path: str, query: str = DAYS) -> Answer:
    found = stand.endpoints.find(path)
    assert found is not None
    given = {"authorization": f"Bearer {CLEAR_KEY}"}
    return await serve(*found, GatewayRequest("GET", path, query, given, "127.0.0.1", b"", 0.0))


async def test_hits_are_told_by_rule_and_what_followed():
    counted = Counted(
        RuleHits("p", "r", "block", shadow=False, count=2),
        RuleHits("p", "r", "block", shadow=True, count=3),
        RuleHits("p", "q", "failed", shadow=False, count=4),
    )
    body = json_of(await get(Stand(signals=counted), GUARDRAILS, f"{DAYS}&group_by=rule,action"))
    assert (body["object"], body["group_by"], body["period"]) == ("analytics.guardrails", ["rule_id", "action"], "day")
    assert [
        (row["start"][:10], row["rule_id"], row["action"], row["hits"], row["failures"]) for row in body["data"]
    ] == [
        ("2026-11-01", "q", "failed", 0, 4),
        ("2026-11-01", "r", "block", 5, 0),
        ("2026-11-02", "q", "failed", 0, 4),
        ("2026-11-02", "r", "block", 5, 0),
    ]
    assert body["total"] == {"hits": 10, "shadow_hits": 6, "blocked": 4, "failures": 8}


async def test_one_rule_is_asked_for():
    counted = Counted(
        RuleHits("p", "r", "mask", shadow=False, count=1), RuleHits("p", "q", "mask", shadow=False, count=2)
    )
    body = json_of(await get(Stand(signals=counted), GUARDRAILS, f"{DAYS}&period=total&rule_id=q"))
    assert [row["hits"] for row in body["data"]] == [2]


async def test_kept_answers_are_told_with_the_share_of_hits_and_the_money():
    counted = Counted(
        KeptAnswers(route="chat", exact=2, semantic=1, missed=1, bypassed=7, saved_nanousd=3_000_000_000),
        KeptAnswers(route="search", missed=1, saved_unknown=0),
    )
    body = json_of(await get(Stand(signals=counted), CACHE, f"{DAYS}&period=total&group_by=route"))
    chat, search = body["data"]
    assert (chat["route"], chat["lookups"], chat["hits"], chat["hit_ratio"]) == ("chat", 4, 3, 0.75)
    assert chat["saved"] == {"currency": "USD", "nanousd": 3_000_000_000, "total": 3.0}
    assert (search["hits"], search["hit_ratio"]) == (0, 0.0)
    assert (body["total"]["lookups"], body["total"]["not_looked_up"]) == (5, 7)


async def test_without_lookups_there_is_no_share():
    body = json_of(await get(Stand(), CACHE))
    assert (body["data"], body["total"]["hit_ratio"]) == ([], None)


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize(
    ("query", "parameter"),
    [("group_by=model", "group_by"), ("model=x", "model"), ("period=year", "period"), ("limit=1", "limit")],
)
async def test_what_nobody_counts_is_refused(path: str, query: str, parameter: str):
    answer = await get(Stand(), path, query)
    assert (answer.status, json_of(answer)["error"]["param"]) == (400, parameter)


@pytest.mark.parametrize("path", BOTH)
async def test_only_the_keys_own_tenant_is_asked_about(path: str):
    counted = Counted()
    assert (await get(Stand(signals=counted), path)).status == 200
    assert [tenant_id for tenant_id, _ in counted.asked] == ["tenant-1"]
    assert (await get(Stand(signals=counted), path, "tenant_id=tenant-2")).status == 403
    scoped = Stand(signals=counted, key={"scopes": frozenset({"chat"})})
    assert (await get(scoped, path)).status == 403


@pytest.mark.parametrize("path", BOTH)
async def test_without_postgresql_the_answer_is_503(path: str):
    counted = Counted(error=ServiceUnavailable("Not now."))
    assert (await get(Stand(signals=counted), path)).status == 503
