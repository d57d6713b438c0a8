"""Live pages in a real Chromium."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from channels.layers import get_channel_layer
from redis.asyncio import Redis

from events.live.authentication import set_session_check, set_tenant_access
from events.live.sink import ChannelsSink
from tests.browser.chromium import CHROMIUM
from tests.business import business
from tests.events.builders import completed, context, line, rejected
from tests.events.live.live_page import Site, page_of, until, until_state

MINE = str(uuid.uuid4())
TAIL_S = float(os.environ.get("LIVE_TAIL_S", "3"))
"""How long the tail is fed; 30 for a measurement."""
PER_S = 500

CARD = '<div id="card" data-live="llm.request.*"></div><div id="other" data-live="breaker.*"></div>'
TAIL = """<div data-tail><button data-tail-pause aria-pressed="false">Pause</button>
<button data-tail-clear>Clear</button><input data-tail-filter aria-label="Filter"><span data-tail-waiting></span>
<span data-tail-dropped role="status"></span>
<table><tbody data-live-tail="llm.request.*" data-live-tail-most="%d"><template><tr>
<td><time data-value="timestamp" data-format="time"></time></td>
<td><a data-value="correlation_id" data-href="/console/requests/{correlation_id}"></a></td>
<td data-value="payload.route"></td><td data-value="payload.model"></td>
<td data-value="payload.duration_ms" data-format="ms"></td>
<td data-value="payload.cost_nanousd" data-format="money"></td></tr></template></tbody></table></div>"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium"),
]


@pytest.fixture(autouse=True)
async def _watchable(redis: Redis) -> AsyncIterator[None]:
    async def access(_user: Any, tenant: str) -> str:
        return MINE if tenant == "mine" else ""

    set_tenant_access(access)
    set_session_check(None)
    yield
    set_tenant_access(None)
    await get_channel_layer().flush()


async def _happen(count: int = 1, **fields: Any) -> None:
    await ChannelsSink().publish(MINE, [line(completed(**fields), context(tenant_id=MINE)) for _ in range(count)])


async def test_an_element_hears_of_its_events_at_once_and_then_once_a_second():
    async with page_of(Site(CARD)) as page:
        await until_state(page, "live")
        before = time.time() * 1000
        await _happen()
        await until(page, "told.length")
        (first,) = await page.evaluate("told")
        assert first["id"] == "card"
        assert first["at"] - before < 1000
        for _ in range(5):
            await _happen()
        await until(page, "told.reduce((sum, one) => sum + one.count, 0) === 6")
        told = await page.evaluate("told")
        assert all(later["at"] - sooner["at"] > 950 for sooner, later in pairwise(told))
        assert {one["id"] for one in told} == {"card"}


async def test_an_element_that_comes_later_is_live_too_and_keeps_the_pace_of_the_one_it_replaces():
    async with page_of(Site(CARD)) as page:
        await until_state(page, "live")
        await _happen()
        await until(page, "told.length")
        await page.evaluate("""() => {
            const next = document.createElement("div");
            next.id = "card";
            next.dataset.live = "llm.request.rejected";
            document.getElementById("card").replaceWith(next);
        }""")
        while await page.evaluate("told.length") < 2:
            await ChannelsSink().publish(MINE, [line(rejected(), context(tenant_id=MINE))])
            await asyncio.sleep(0.05)
        first, second = (await page.evaluate("told"))[:2]
        assert second["types"] == ["llm.request.rejected"]
        assert second["at"] - first["at"] > 950


async def test_an_element_that_waits_for_something_is_told_once_as_the_page_becomes_live():
    async with page_of(Site(CARD.replace('id="other"', 'id="other" data-live-waits'))) as page:
        await until_state(page, "live")
        await until(page, "told.length")
        (only,) = await page.evaluate("told")
        assert (only["id"], only["catchup"]) == ("other", True)


async def test_a_lost_connection_is_shown_and_comes_back_with_everything_refreshed():
    site = Site(CARD)
    async with page_of(site, allowed=("WebSocket connection",)) as page:
        await until_state(page, "live")
        site.cut()
        await until_state(page, "disconnected")
        indicator = page.locator("[data-live-state]")
        assert await indicator.text_content() == "Disconnected, reconnecting"
        assert await indicator.get_attribute("aria-live") == "polite"
        site.up = True
        await until_state(page, "live")
        await until(page, "told.length === 2")
        assert {(one["id"], one["catchup"]) for one in await page.evaluate("told")} == {("card", True), ("other", True)}


async def test_a_hidden_page_pauses_and_catches_up_when_it_is_looked_at():
    async with page_of(Site(CARD)) as page:
        await until_state(page, "live")
        await page.evaluate(_VISIBILITY, "hidden")
        await _happen()
        await until_state(page, "paused")
        assert await page.evaluate("told.length") == 0
        await page.evaluate(_VISIBILITY, "visible")
        await until_state(page, "live")
        await until(page, "told.some((one) => one.id === 'card' && one.catchup)")


_VISIBILITY = """(state) => {
    Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


async def test_a_tail_shows_events_as_text_filters_pauses_and_goes_on():
    async with page_of(Site(TAIL % 50)) as page:
        await until_state(page, "live")
        await _happen(model="<img src=x onerror=alert(1)>", cost_nanousd=1_250_000, route="chat")
        row = page.locator("tbody tr").first
        await row.wait_for()
        assert "<img src=x onerror=alert(1)>" in await row.inner_text()
        assert (await row.locator("a").get_attribute("href") or "").startswith("/console/requests/req_")
        await _happen(route="search")
        await until(page, "document.querySelectorAll('tbody tr').length === 2")
        await page.get_by_label("Filter").fill("search")
        assert await page.locator("tbody tr:visible").count() == 1
        await page.get_by_label("Filter").fill("")
        await page.get_by_role("button", name="Pause").click()
        await _happen(3)
        await page.get_by_text("3 new").wait_for()
        assert await page.locator("tbody tr").count() == 2
        await page.get_by_role("button", name="Resume").click()
        await until(page, "document.querySelectorAll('tbody tr').length === 5")


async def test_a_tail_that_gets_too_much_keeps_the_newest_and_says_how_much_is_missing():
    async with page_of(Site(TAIL % 50)) as page:
        await until_state(page, "live")
        await _happen(400)
        await page.get_by_text("not shown").wait_for()
        assert await page.locator("tbody tr").count() == 50
        assert "350 not shown" in (await page.locator("[data-tail-dropped]").text_content() or "")


_DROPPED = "Number.parseInt(document.querySelector('[data-tail-dropped]').textContent.replaceAll(',', '') || '0', 10)"


async def test_a_tail_keeps_up_with_five_hundred_events_a_second(capsys: pytest.CaptureFixture[str]):
    async with page_of(Site(TAIL % 500)) as page:
        await until_state(page, "live")
        await page.evaluate("longTasks.length = 0")
        sent, cpu, began = 0, time.process_time(), time.monotonic()
        while (passed := time.monotonic() - began) < TAIL_S:
            due = int(passed * PER_S) - sent
            if due > 0:
                await _happen(due, route="chat", cost_nanousd=125_000)
                sent += due
            await asyncio.sleep(0.02)
        seconds = time.monotonic() - began
        cpu = time.process_time() - cpu
        # None is missing in silence: a machine that stalls for a second drops rows, and says how many.
        await until(page, f"rowsSeen + {_DROPPED} === {sent}")
        dropped = await page.evaluate(_DROPPED)
        lags = sorted(await page.evaluate("lags"))
        tasks = await page.evaluate("longTasks")
        p50, p99 = lags[len(lags) // 2], lags[len(lags) * 99 // 100]
        with capsys.disabled():
            print(  # what a measurement is run for
                f"\n{sent} events in {seconds:.1f} s: lag p50 {p50} ms, p99 {p99} ms, max {lags[-1]} ms;"
                f" {len(tasks)} long tasks, longest {max(tasks, default=0):.0f} ms; {dropped} not shown;"
                f" server and feeder {100 * cpu / seconds:.0f} % of a core"
            )
        assert await page.locator("tbody tr").count() == 500
        assert p99 < 1000 * business()
