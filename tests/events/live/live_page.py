"""A page with live elements in a real browser, under the console's content policy, behind the product's own server."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client

from controlplane.websocket_door import WebSocketDoor
from events.live.routing import websocket_urlpatterns
from tests.browser.chromium import CHROMIUM
from tests.served import served

SCRIPTS = Path(__file__).parents[3] / "static" / "console"
POLICY = b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:"

PAGE = """<!doctype html><html lang="en"><head><title>Live</title>
<meta name="live-socket" content="/v1/ws?tenant=mine"><link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/watch.css">
<script type="module" src="/static/console/live.js"></script>
<script type="module" src="/static/console/live_tail.js"></script>
<script type="module" src="/watch.js"></script>
</head><body><span data-live-state="connecting" role="status" hidden></span>%s</body></html>"""

WATCH = """
// Seen from outside: what was dispatched when, how old rows were when they were there, and what blocked the page.
window.told = []; window.lags = []; window.longTasks = []; window.rowsSeen = 0;
document.addEventListener("live", (event) => window.told.push(
  { id: event.target.id, at: Date.now(), ...event.detail }), true);
document.addEventListener("tailrows", ({ detail }) => {
  requestAnimationFrame(() => {
    for (const event of detail.events) window.lags.push(Date.now() - Date.parse(event.timestamp));
    window.rowsSeen += detail.events.length;
  });
});
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.longTasks.push(entry.duration);
}).observe({ type: "longtask", buffered: true });
"""


class Site:
    """The application: one page, the console's scripts, the WebSocket. ``up`` says whether the latter answers."""

    def __init__(self, body: str) -> None:
        self.body = body
        self.up = True
        self._cut = asyncio.Event()
        self._websocket = WebSocketDoor(URLRouter(websocket_urlpatterns))

    async def __call__(self, scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if scope["type"] == "websocket":
            await self._connected(scope, receive, send)
        else:
            await self._answer(scope["path"], send)

    def cut(self) -> None:
        """End all connections, and let none come back until ``up`` is set again."""
        self.up = False
        self._cut.set()
        self._cut = asyncio.Event()

    async def _connected(self, scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if not self.up:
            await receive()
            await send({"type": "websocket.close", "code": 1013})
            return
        cut = self._cut

        async def hear() -> Any:
            hearing, cutting = asyncio.ensure_future(receive()), asyncio.ensure_future(cut.wait())
            try:
                await asyncio.wait([hearing, cutting], return_when=asyncio.FIRST_COMPLETED)
                if hearing.done():
                    return hearing.result()
                await send({"type": "websocket.close", "code": 1012})
                return {"type": "websocket.disconnect", "code": 1012}
            finally:
                hearing.cancel()
                cutting.cancel()

        await self._websocket(scope, hear, send)

    async def _answer(self, path: str, send: Callable[..., Any]) -> None:
        kind, content = "text/javascript", WATCH
        if path.startswith("/static/console/"):
            content = (SCRIPTS / path.rsplit("/", 1)[1]).read_text()
        elif path == "/static/watch.css":
            kind, content = "text/css", "table { table-layout: fixed; width: 100%; white-space: nowrap }"
        elif path != "/watch.js":
            kind, content = "text/html", PAGE % self.body
        headers = [(b"content-type", f"{kind}; charset=utf-8".encode()), (b"content-security-policy", POLICY)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content.encode()})


@asynccontextmanager
async def page_of(site: Site, *, allowed: tuple[str, ...] = ()) -> AsyncIterator[Any]:
    """The site's page, opened by a signed-in person; fails for complaints in its console other than ``allowed``."""
    from playwright.async_api import async_playwright

    session = await sync_to_async(_session)()
    async with served(site) as port, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            context = await browser.new_context()
            root = f"http://127.0.0.1:{port}"
            await context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": root}])
            page = await context.new_page()
            complaints: list[str] = []
            page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            await page.goto(root)
            yield page
        finally:
            await browser.close()
    assert [text for text in complaints if not any(known in text for known in allowed)] == []


async def until(page: Any, condition: str, timeout_s: float = 15) -> None:
    """Wait until the expression is true; Playwright's own way of waiting needs ``eval``, which the policy forbids."""
    async with asyncio.timeout(timeout_s):
        while not await page.evaluate(condition):  # noqa: ASYNC110 - the browser has no event of ours
            await asyncio.sleep(0.02)


async def until_state(page: Any, state: str) -> None:
    """Wait until the page says that it is in this state."""
    await page.wait_for_selector(f'[data-live-state="{state}"]', state="attached")


def _session() -> str:
    name = uuid.uuid4().hex
    user = get_user_model().objects.create_user(username=name, email=f"{name}@example.org", password="correct horse")
    client = Client()
    client.force_login(user)
    return str(client.session.session_key)
