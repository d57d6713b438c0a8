"""Bodies and answers that come in pieces, as they do from a real HTTP server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.asgi import get_asgi_application

from tenants import audit_export
from tenants.audit import AuditEntry
from tenants.models import Tenant
from tenants.service_keys import create_service_key
from tests.tenants.factories import make_tenant

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_client")]


class Caller:
    """Somebody with a service key of the tenant, at the ASGI door."""

    def __init__(self, tenant: Tenant) -> None:
        _key, clear = create_service_key(name="test", tenant=tenant, scopes=("manage",))
        self._authorization = f"Bearer {clear}".encode()

    def ask(self, method: str, path: str, *headers: tuple[bytes, bytes]) -> ApplicationCommunicator:
        """The request's head, sent."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"host", b"testserver"), (b"authorization", self._authorization), *headers],
            "client": ("127.0.0.1", 50_000),
            "server": ("testserver", 80),
        }
        return ApplicationCommunicator(get_asgi_application(), scope)

    async def post_in_pieces(self, path: str, *pieces: bytes) -> tuple[int, Any]:
        """The answer to a body whose length nobody said beforehand."""
        asked = self.ask("POST", path, (b"content-type", b"application/json"), (b"transfer-encoding", b"chunked"))
        for piece in pieces:
            await asked.send_input({"type": "http.request", "body": piece, "more_body": True})
        await asked.send_input({"type": "http.request", "body": b"", "more_body": False})
        head = await asked.receive_output(10)
        body = b"".join([piece async for piece in pieces_of(asked)])
        return head["status"], msgspec.json.decode(body)


async def pieces_of(asked: ApplicationCommunicator) -> Any:
    """The answer's body as it comes."""
    more = True
    while more:
        message = await asked.receive_output(10)
        more = message.get("more_body", False)
        yield message.get("body", b"")
    await asked.wait()


@pytest.fixture
def tenant() -> Tenant:
    return make_tenant()


@pytest.fixture
def api(tenant: Tenant) -> Caller:
    return Caller(tenant)


async def test_a_body_in_chunks_is_read(api: Caller) -> None:
    status, made = await api.post_in_pieces("/api/v1/teams", b'{"name"', b': "Search"}')
    assert (status, made["name"]) == (201, "Search")


async def test_a_body_in_chunks_is_bounded_as_well(api: Caller, settings: Any) -> None:
    settings.MANAGEMENT_MAX_BODY_BYTES = 1024
    status, refused = await api.post_in_pieces("/api/v1/teams", b'{"name": "', b"x" * 2_000, b'"}')
    assert (status, refused["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_no_chunk_at_all_is_an_empty_object(api: Caller) -> None:
    status, refused = await api.post_in_pieces("/api/v1/teams")
    assert (status, refused["error"]["param"]) == (400, "name")


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
async def test_an_export_is_sent_while_it_is_made(api: Caller, monkeypatch: pytest.MonkeyPatch, format_: str) -> None:
    read: list[int] = []
    original = audit_export._values

    def counted(entry: AuditEntry) -> dict[str, Any]:
        read.append(entry.pk)
        return original(entry)

    monkeypatch.setattr(audit_export, "_values", counted)
    monkeypatch.setattr(audit_export, "_PIECE", 1)
    for number in range(10):
        assert (await api.post_in_pieces("/api/v1/teams", msgspec.json.encode({"name": f"t{number}"})))[0] == 201

    asked = api.ask("GET", "/api/v1/audit-entries/export")
    asked.scope["query_string"] = f"format={format_}".encode()
    await asked.send_input({"type": "http.request"})
    head = await asked.receive_output(10)
    pieces = pieces_of(asked)
    first = await anext(pieces)
    begun = len(read)
    whole = first + b"".join([piece async for piece in pieces])

    assert head["status"] == 200
    assert begun < len(read)
    assert all(f'"t{number}"'.encode() in whole.replace(b'""', b'"') for number in range(10))


def test_pieces_are_neither_single_lines_nor_the_whole() -> None:
    lines: Iterator[str] = iter(["x" * 1_000] * 200)
    lengths = [len(piece) for piece in audit_export._in_pieces(lines)]
    assert sum(lengths) == 200_000
    assert len(lengths) == 4
