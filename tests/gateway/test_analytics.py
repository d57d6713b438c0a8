"""``/v1/analytics/*``: what a key may ask about its tenant, in which words, and in which form it is answered."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.budgets import BudgetWindow
from contracts.errors import GatewayError, InvalidRequest, PermissionDenied, ServiceUnavailable
from contracts.specs import PriceSpec, PriceTimeline, TenantSpec
from contracts.usage import TagFilter, UsageDimension, UsageFigures, UsagePage, UsageQuery, UsageRow
from gateway.exchange import Answer, GatewayRequest
from gateway.formats.analytics import MAX_LIMIT, asked_for_sums, asked_for_what_if
from tests.gateway.stand import CLEAR_KEY, Stand, json_of, sandbox_target

TENANT = TenantSpec(id="tenant-1", slug="demo", time_zone="Europe/Berlin")
NOW = datetime(2026, 11, 21, 10, 7, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
FIGURES = UsageFigures(requests=3, errors=1, input_tokens=1_000_000, output_tokens=10, cost_nanousd=1_500_000_001)


class Ledger:
    """Answers with rows that were put in, and remembers what it was asked."""

    def __init__(self, *groups: tuple[str | None, ...], next_cursor: str | None = None) -> None:
        self._groups = groups
        self._next_cursor = next_cursor
        self.asked: list[UsageQuery] = []
        self.error: GatewayError | None = None

    async def read(self, query: UsageQuery) -> UsagePage:
        self.asked.append(query)
        if self.error is not None:
            raise self.error
        rows = [
            UsageRow(start_ms=query.start_ms, end_ms=query.end_ms, group=group, figures=FIGURES)
            for group in self._groups
        ]
        return UsagePage(rows=rows, total=FIGURES, next_cursor=self._next_cursor)


async def get(stand: Stand, path: str, query: str = "", **headers: str) -> Answer:
    found = stand.endpoints.find(path)
    assert found is not None
    endpoint, argument = found
    given = {"authorization": f"Bearer {CLEAR_KEY}", **headers}
    request = GatewayRequest("GET", path, query, given, "127.0.0.1", b"", 0.0)
    from gateway.endpoints import serve

    return await serve(endpoint, argument, request)


def asked(text: str) -> UsageQuery:
    return asked_for_sums(text, TENANT, accept="", now_ms=NOW_MS).query


def iso(instant_ms: int) -> str:
    return datetime.fromtimestamp(instant_ms / 1000, UTC).isoformat()


# --- the question


def test_without_parameters_it_is_this_month_by_day_until_now():
    query = asked("")
    assert (iso(query.start_ms), iso(query.end_ms)) == ("2026-10-31T23:00:00+00:00", "2026-11-21T10:15:00+00:00")
    assert (query.tenant_id, query.time_zone, query.window) == ("tenant-1", "Europe/Berlin", BudgetWindow.DAY)


def test_dates_are_local_and_the_last_one_is_included():
    query = asked("start_date=2026-10-25&end_date=2026-10-25")
    assert query.end_ms - query.start_ms == 25 * 3_600_000


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-01T08:00:00Z", "2026-11-01T08:00:00+00:00"),
        ("2026-11-01T08:00:00", "2026-11-01T07:00:00+00:00"),
        ("2026-11-01T08:14:59%2B05:30", "2026-11-01T02:30:00+00:00"),
        ("2026-11-01T08:14:59+05:30", "2026-11-01T02:30:00+00:00"),
    ],
)
def test_times_have_an_offset_or_the_tenants_and_go_back_to_the_quarter(text: str, instant: str):
    assert iso(asked(f"start_date={text}").start_ms) == instant


def test_total_begins_at_the_beginning():
    assert asked("period=total").start_ms == 0


def test_everything_that_can_be_asked_is_understood():
    query = asked(
        "tenant_id=tenant-1&team_id=t&key_id=k&model=m&provider=p&route=r&tag=feature:a:b&period=week&limit=7"
        "&group_by=team,key,route,provider,model,tag:feature&cursor=ab"
    )
    assert dict(query.filters) == {
        UsageDimension.TEAM: "t",
        UsageDimension.KEY: "k",
        UsageDimension.MODEL: "m",
        UsageDimension.PROVIDER: "p",
        UsageDimension.ROUTE: "r",
    }
    assert query.tag == TagFilter("feature", "a:b")
    assert query.group_by == tuple(UsageDimension(name) for name in ("team", "key", "route", "provider", "model"))
    assert (query.group_by_tag, query.limit, query.after, query.window) == ("feature", 7, "ab", BudgetWindow.WEEK)


@pytest.mark.parametrize(
    ("text", "param"),
    [
        ("colour=red", "colour"),
        ("model=a&model=b", "model"),
        ("model=", "model"),
        ("user_id=a%00b", "user_id"),
        ("team_id=" + "x" * 2_000, "team_id"),
        ("period=decade", "period"),
        ("start_date=yesterday", "start_date"),
        ("start_date=2026-02-30", "start_date"),
        ("start_date=1969-01-01", "start_date"),
        ("end_date=9999-12-31", "end_date"),
        ("start_date=0001-01-01T00:00:00%2B14:00", "start_date"),
        ("start_date=2026-11-20&end_date=2026-11-01", "end_date"),
        ("start_date=2027-01-01", "end_date"),
        ("group_by=colour", "group_by"),
        ("group_by=model,model", "group_by"),
        ("group_by=tag:a,tag:b", "group_by"),
        ("group_by=tag:", "group_by"),
        ("tag=:value", "tag"),
        ("limit=0", "limit"),
        (f"limit={MAX_LIMIT + 1}", "limit"),
        ("limit=ten", "limit"),
        ("limit=²", "limit"),
        ("format=xml", "format"),
        ("user_id=%ff", None),
    ],
)
def test_a_bad_parameter_is_named(text: str, param: str | None):
    with pytest.raises(InvalidRequest) as refused:
        asked(text)
    assert refused.value.param == param


@given(st.text(max_size=60))
def test_whatever_is_sent_is_understood_or_refused(text: str):
    for parse in (
        lambda: asked_for_sums(text, TENANT, accept="", now_ms=NOW_MS),
        lambda: asked_for_sums(f"start_date={text}&end_date={text}&limit={text}", TENANT, accept="", now_ms=NOW_MS),
        lambda: asked_for_what_if(f"model=x&start_date={text}", TENANT, now_ms=NOW_MS),
    ):
        with suppress(InvalidRequest, PermissionDenied):
            parse()


# --- the answer


async def test_usage_is_told_by_group():
    ledger = Ledger(("gpt", None), ("other", "ada"))
    answer = await get(
        Stand(usage=ledger, tenant={"time_zone": "Asia/Kolkata"}),
        "/v1/analytics/usage",
        "group_by=model,user&start_date=2026-11-01&end_date=2026-11-01",
    )
    body = json_of(answer)
    assert (answer.status, body["object"], body["group_by"]) == (200, "analytics.usage", ["model", "user_id"])
    assert (body["start"], body["end"]) == ("2026-11-01T00:00:00+05:30", "2026-11-02T00:00:00+05:30")
    assert [(row["model"], row["user_id"], row["requests"]) for row in body["data"]] == [
        ("gpt", None, 3),
        ("other", "ada", 3),
    ]
    assert (body["data"][0]["total_tokens"], body["total"]["errors"], body["has_more"]) == (1_000_010, 1, False)
    assert "cost" not in body["data"][0]


async def test_costs_are_exact_to_the_nano_dollar():
    body = json_of(await get(Stand(usage=Ledger(())), "/v1/analytics/costs", "period=total"))
    assert body["data"][0]["cost"] == {"currency": "USD", "nanousd": 1_500_000_001, "total": 1.500000001}
    assert body["total"]["price_unknown_requests"] == 0


@pytest.mark.parametrize(("query", "headers"), [("format=csv", {}), ("", {"accept": "text/csv"})])
async def test_csv_is_given_to_those_who_ask_for_it(query: str, headers: dict[str, str]):
    stand = Stand(usage=Ledger((), next_cursor="ab"))
    answer = await get(stand, "/v1/analytics/costs", query, **headers)
    given = dict(answer.headers)
    assert given[b"content-type"] == b"text/csv; charset=utf-8"
    assert given[b"x-next-cursor"] == b"ab"
    [header, row] = csv.reader(io.StringIO(answer.body.decode()))
    assert dict(zip(header, row, strict=True))["cost_usd"] == "1.500000001"


@pytest.mark.parametrize("bad", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", 'a,"b"\n', "'=1"])
async def test_no_cell_is_a_formula_and_every_cell_survives(bad: str):
    stand = Stand(usage=Ledger((bad,)))
    answer = await get(stand, "/v1/analytics/usage", "format=csv&group_by=user")
    [_, row] = csv.reader(io.StringIO(answer.body.decode(), newline=""))
    assert row[2].lstrip("'") == bad.lstrip("'")
    assert row[2][0] not in "=+-@\t\r"


async def test_format_json_wins_over_the_accept_header():
    answer = await get(Stand(usage=Ledger()), "/v1/analytics/usage", "format=json", accept="text/csv")
    assert json_of(answer)["data"] == []


async def test_what_if_prices_the_same_tokens_anew():
    ledger = Ledger(("openai", "gpt"))
    stand = Stand(sandbox_target("cheap"), usage=ledger)
    body = json_of(await get(stand, "/v1/analytics/what-if", "model=cheap&start_date=2026-10-01&end_date=2026-10-31"))
    # A million tokens in at 1 USD, 10 out at 2 USD a million.
    assert body["total"]["what_if"]["nanousd"] == 1_000_000_000 + 20_000
    assert body["total"]["difference"]["nanousd"] == 1_000_020_000 - 1_500_000_001
    assert body["data"][0]["actual"]["nanousd"] == 1_500_000_001
    assert ledger.asked[0].group_by == (UsageDimension.PROVIDER, UsageDimension.MODEL)


async def test_what_if_of_an_unknown_price_is_unknown_and_not_nothing():
    stand = Stand(sandbox_target("free", price=None), usage=Ledger(("openai", "gpt")))
    total = json_of(await get(stand, "/v1/analytics/what-if", "model=free"))["total"]
    assert (total["what_if"]["nanousd"], total["difference"]["nanousd"]) == (None, None)


class PastPrices:
    def __init__(self, price: PriceSpec | None, *changes: tuple[int, PriceSpec | None]) -> None:
        self._timeline = PriceTimeline(price=price, price_changes=changes)

    async def read(self, model_id: str, tenant_id: str, start_ms: int, end_ms: int) -> PriceTimeline:
        return self._timeline


CHANGED_MS = int(datetime(2026, 10, 10, 12, 1, tzinfo=UTC).timestamp() * 1000)
WHAT_IF = "model=cheap&start_date=2026-10-01&end_date=2026-10-31"


async def test_what_if_prices_each_stretch_as_it_was_then():
    ledger = Ledger(("openai", "gpt"))
    prices = PastPrices(PriceSpec(input=5_000_000, output=0), (CHANGED_MS, PriceSpec(input=7_000_000, output=0)))
    body = json_of(
        await get(Stand(sandbox_target("cheap"), usage=ledger, prices=prices), "/v1/analytics/what-if", WHAT_IF)
    )
    first, second = ledger.asked
    assert iso(first.end_ms) == iso(second.start_ms) == "2026-10-10T12:15:00+00:00"
    assert body["total"]["what_if"]["nanousd"] == 5_000_000 + 7_000_000
    [row] = body["data"]
    assert (row["requests"], row["actual"]["nanousd"]) == (2 * 3, 2 * 1_500_000_001)


async def test_what_if_at_prices_of_now_asks_once():
    ledger = Ledger(("openai", "gpt"))
    stand = Stand(sandbox_target("cheap"), usage=ledger, prices=PastPrices(None))
    body = json_of(await get(stand, "/v1/analytics/what-if", f"{WHAT_IF}&prices=now"))
    assert body["total"]["what_if"]["nanousd"] == 1_000_000_000 + 20_000
    assert len(ledger.asked) == 1


async def test_what_if_of_a_time_whose_price_is_unknown_is_unknown_in_all():
    prices = PastPrices(None, (CHANGED_MS, PriceSpec(input=7_000_000, output=0)))
    stand = Stand(sandbox_target("cheap"), usage=Ledger(("openai", "gpt")), prices=prices)
    assert json_of(await get(stand, "/v1/analytics/what-if", WHAT_IF))["total"]["what_if"]["nanousd"] is None


@pytest.mark.parametrize("query", ["model=cheap&prices=later", "model=cheap&prices="])
async def test_what_if_at_other_prices_is_refused(query: str):
    answer = await get(Stand(sandbox_target("cheap"), usage=Ledger()), "/v1/analytics/what-if", query)
    assert (answer.status, json_of(answer)["error"]["param"]) == (400, "prices")


async def test_what_if_of_ever_changing_prices_is_refused():
    changes = [(CHANGED_MS + n * 900_000, PriceSpec(input=n, output=0)) for n in range(101)]
    stand = Stand(sandbox_target("cheap"), usage=Ledger(), prices=PastPrices(None, *changes))
    answer = await get(stand, "/v1/analytics/what-if", WHAT_IF)
    assert (answer.status, json_of(answer)["error"]["param"]) == (400, "prices")


def test_what_if_is_about_last_month_unless_told():
    query = asked_for_what_if("model=x", TENANT, now_ms=NOW_MS).query
    assert (iso(query.start_ms), iso(query.end_ms)) == ("2026-09-30T22:00:00+00:00", "2026-10-31T23:00:00+00:00")


@pytest.mark.parametrize(
    ("query", "status", "param"),
    [("", 400, "model"), ("model=unheard-of", 404, "model"), ("model=small&end_date=2026-01-01", 400, "start_date")],
)
async def test_what_if_without_a_known_model_is_refused(query: str, status: int, param: str):
    answer = await get(Stand(usage=Ledger()), "/v1/analytics/what-if", query)
    assert (answer.status, json_of(answer)["error"]["param"]) == (status, param)


# --- who may ask

PATHS = ("/v1/analytics/usage", "/v1/analytics/costs", "/v1/analytics/what-if")


@pytest.mark.parametrize("path", PATHS)
async def test_another_tenant_is_refused_and_nothing_is_read(path: str):
    ledger = Ledger(())
    answer = await get(Stand(usage=ledger), path, "tenant_id=tenant-2&model=small")
    assert (answer.status, json_of(answer)["error"]["code"]) == (403, "PERMISSION_DENIED")
    assert ledger.asked == []


@pytest.mark.parametrize("path", PATHS)
async def test_a_key_without_the_scope_is_refused(path: str):
    stand = Stand(usage=Ledger(()), key={"scopes": frozenset({"chat", "runs"})})
    answer = await get(stand, path, "model=small")
    assert (answer.status, json_of(answer)["error"]["code"]) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize("path", PATHS)
async def test_the_ledger_is_asked_about_the_keys_own_tenant_only(path: str):
    ledger = Ledger()
    stand = Stand(usage=ledger, key={"scopes": frozenset({"analytics"})})
    assert (await get(stand, path, "model=small")).status == 200
    assert {query.tenant_id for query in ledger.asked} == {"tenant-1"}


@pytest.mark.parametrize("path", PATHS)
async def test_without_postgresql_the_answer_is_503(path: str):
    ledger: Any = Ledger()
    ledger.error = ServiceUnavailable("The usage ledger cannot be read at the moment.")
    answer = await get(Stand(usage=ledger), path, "model=small")
    assert (answer.status, json_of(answer)["error"]["retryable"]) == (503, True)
