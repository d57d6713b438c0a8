"""The HTTP client against a server that misbehaves."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from contracts.errors import ProviderBadResponse, ProviderUnavailable
from contracts.ports import UpstreamRequest
from routing.engine.http.client import AsyncioUpstream
from tests.routing.engine.fault_server import FaultServer


@pytest.fixture
async def server() -> AsyncIterator[FaultServer]:
    async with FaultServer() as running:
        yield running


async def read(upstream: AsyncioUpstream, request: UpstreamRequest) -> bytes:
    async with await upstream.open(request) as response:
        return b"".join([piece async for piece in response])


async def test_a_whole_response_comes_with_status_headers_and_body(server: FaultServer, upstream: AsyncioUpstream):
    response = await upstream.send(server.request("ok", b'{"x":1}'))

    assert (response.status, response.body) == (200, b'{"ok":true}')
    assert response.headers["x-up"] == "1"
    seen = server.exchanges[0]
    assert seen.body == b'{"x":1}'
    assert seen.headers["authorization"] == "Bearer sk-very-secret"
    assert seen.path == "/ok?key=url-secret"


async def test_connections_are_kept_and_used_again(server: FaultServer, upstream: AsyncioUpstream):
    for _ in range(5):
        await upstream.send(server.request("ok"))
    assert server.connections == 1


async def test_a_hundred_calls_at_once_are_all_answered_and_their_connections_kept(
    server: FaultServer, upstream: AsyncioUpstream
):
    for _ in range(2):
        responses = await asyncio.gather(*(upstream.send(server.request("ok")) for _ in range(100)))
        assert {response.body for response in responses} == {b'{"ok":true}'}
    assert server.connections <= 100


async def test_an_error_status_is_a_response(server: FaultServer, upstream: AsyncioUpstream):
    response = await upstream.send(server.request("unavailable"))
    assert (response.status, response.headers["retry-after"]) == (503, "7")


async def test_redirects_are_not_followed(server: FaultServer, upstream: AsyncioUpstream):
    assert (await upstream.send(server.request("redirect"))).status == 307
    assert len(server.exchanges) == 1


async def test_a_compressed_response_is_unpacked(server: FaultServer, upstream: AsyncioUpstream):
    assert (await upstream.send(server.request("gzip"))).body == b'{"ok":true}'


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        ("close", ProviderUnavailable),
        ("reset", ProviderUnavailable),
        ("garbage", ProviderBadResponse),
        ("endless-header", ProviderBadResponse),
        ("half-body", ProviderBadResponse),
        ("half-stream", ProviderBadResponse),
        ("gzip-garbage", ProviderBadResponse),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_broken_answer_raises_what_the_port_says(
    server: FaultServer, upstream: AsyncioUpstream, behaviour: str, error: type[Exception], streamed: bool
):
    request = server.request(behaviour)
    with pytest.raises(error) as raised:
        await (read(upstream, request) if streamed else upstream.send(request))
    assert "secret" not in str(raised.value)
    assert "127.0.0.1" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:1/?key=url-secret", "connection refused"),
        ("http://nowhere.invalid/?key=url-secret", "cannot be resolved"),
        ("no url at all url-secret", "base URL"),
    ],
)
async def test_what_cannot_be_reached_is_unavailable(upstream: AsyncioUpstream, url: str, words: str):
    with pytest.raises(ProviderUnavailable, match=words) as raised:
        await upstream.send(UpstreamRequest("POST", url, (), b""))
    assert "url-secret" not in str(raised.value)


async def test_a_header_that_cannot_be_sent_is_told_without_its_value(server: FaultServer, upstream: AsyncioUpstream):
    request = UpstreamRequest("POST", server.request("ok").url, (("authorization", "sk-very-secret\n"),), b"")
    with pytest.raises(ProviderUnavailable, match="headers") as raised:
        await upstream.send(request)
    assert "secret" not in str(raised.value)


async def test_a_connection_closed_while_idle_is_not_used_again(server: FaultServer, upstream: AsyncioUpstream):
    for _ in range(3):
        assert (await upstream.send(server.request("ok-then-close"))).status == 200
    assert server.connections == 3


async def test_a_connection_that_closes_in_the_moment_of_reuse_is_made_up_for(
    server: FaultServer, upstream: AsyncioUpstream
):
    for _ in range(3):
        assert (await upstream.send(server.request("close-if-reused"))).status == 200


@pytest.mark.parametrize("behaviour", ["hang", "half-body-hang"])
async def test_a_timeout_closes_the_connection(server: FaultServer, upstream: AsyncioUpstream, behaviour: str):
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(upstream.send(server.request(behaviour)), 0.1)
    await asyncio.wait_for(server.closed_by_peer.wait(), 2)


async def test_cancelling_a_call_closes_its_connection(server: FaultServer, upstream: AsyncioUpstream):
    running = asyncio.create_task(upstream.send(server.request("slow")))
    async with asyncio.timeout(2):
        while not server.exchanges:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.001)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    # The next call must not get the connection on which an answer is still owed.
    assert (await upstream.send(server.request("ok"))).status == 200
    assert server.connections == 2


async def test_a_stream_arrives_piece_by_piece(server: FaultServer, upstream: AsyncioUpstream):
    async with await upstream.open(server.request("stream-hang")) as response:
        assert response.status == 200
        assert await anext(aiter(response)) == b"data: 1\n\n"


async def test_a_stream_can_be_read_to_its_end(server: FaultServer, upstream: AsyncioUpstream):
    assert await read(upstream, server.request("stream")) == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"


@pytest.mark.parametrize("behaviour", ["stream-hang", "endless"])
async def test_closing_a_stream_early_closes_its_connection(
    server: FaultServer, upstream: AsyncioUpstream, behaviour: str
):
    response = await upstream.open(server.request(behaviour))
    assert await anext(aiter(response))
    await response.aclose()
    await response.aclose()
    await asyncio.wait_for(server.closed_by_peer.wait(), 2)


async def test_proxies_of_the_environment_are_ignored(server: FaultServer, monkeypatch: pytest.MonkeyPatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    upstream = AsyncioUpstream()
    assert (await upstream.send(server.request("ok"))).status == 200
    await upstream.aclose()


async def test_tls_is_verified(tmp_path: Path):
    pem, context = certificate(tmp_path)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        request = UpstreamRequest("GET", f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/", (), b"")
        trusting, suspicious = AsyncioUpstream(ca_certificates=pem), AsyncioUpstream()
        assert (await trusting.send(request)).body == b"hi"
        with pytest.raises(ProviderUnavailable, match="certificate"):
            await suspicious.send(request)
        await trusting.aclose()
        await suspicious.aclose()


def certificate(directory: Path) -> tuple[bytes, ssl.SSLContext]:
    """A self-signed certificate for 127.0.0.1 and a server context that uses it."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fault server")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = directory / "server.pem"
    path.write_bytes(pem + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return pem, context
