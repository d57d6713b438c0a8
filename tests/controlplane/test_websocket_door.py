from __future__ import annotations

from typing import Any

import pytest

from controlplane.websocket_door import WebSocketDoor, may_connect


@pytest.mark.parametrize(
    ("host", "origin", "passes"),
    [
        ("console.example.com", "", True),
        ("console.example.com:8443", "https://console.example.com:8443", True),
        ("console.example.com", "https://console.example.com", True),
        ("console.example.com", "https://evil.example", False),
        ("console.example.com:8443", "https://console.example.com", False),
        ("console.example.com", "https://partner.example", True),
        ("console.example.com", "https://eu.apps.example", True),
        ("console.example.com", "http://eu.apps.example", False),
        ("console.example.com", "https://evilapps.example", False),
        ("console.example.com", "null", False),
        ("evil.example", "", False),
        ("", "", False),
    ],
)
def test_host_and_origin_decide(host: str, origin: str, passes: bool) -> None:
    trusted = ["https://partner.example", "https://*.apps.example"]
    assert may_connect(host, origin, ["console.example.com"], trusted) is passes


def test_any_host_still_means_the_same_origin() -> None:
    assert may_connect("localhost:8080", "http://localhost:8080", ["*"], [])
    assert not may_connect("localhost:8080", "http://evil.example", ["*"], [])


async def _knock(headers: list[tuple[bytes, bytes]]) -> tuple[bool, list[Any]]:
    passed = False
    sent: list[Any] = []

    async def behind(_scope: Any, _receive: Any, _send: Any) -> None:
        nonlocal passed
        passed = True

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await WebSocketDoor(behind)({"type": "websocket", "path": "/v1/ws", "headers": headers}, receive, send)
    return passed, sent


async def test_our_own_page_is_let_through(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["here"]
    assert await _knock([(b"host", b"here"), (b"origin", b"http://here")]) == (True, [])


async def test_a_page_of_somebody_else_is_closed_before_it_is_accepted(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["here"]
    passed, sent = await _knock([(b"Host", b"here"), (b"Origin", b"http://elsewhere")])
    assert not passed
    assert [message["type"] for message in sent] == ["websocket.close"]
