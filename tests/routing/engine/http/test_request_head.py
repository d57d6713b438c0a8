"""What goes over the wire, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ProviderUnavailable
from routing.engine.http.request_head import RequestWriter


def encode(url: str, *headers: tuple[str, str], method: str = "POST", body: bytes = b"{}") -> str:
    return RequestWriter().encode(method, url, headers, body).decode("latin-1")


def test_a_request_is_written_with_what_every_request_needs():
    assert encode("https://api.example.com/v1/chat?a=%20b", ("Authorization", "Bearer x")) == (
        "POST /v1/chat?a=%20b HTTP/1.1\r\nhost: api.example.com\r\nAuthorization: Bearer x\r\n"
        "user-agent: breakwater/0.1.0\r\naccept-encoding: identity\r\ncontent-length: 2\r\n\r\n{}"
    )


def test_given_headers_win():
    written = encode("http://h/", ("Host", "other"), ("User-Agent", "mine"), ("Accept-Encoding", "gzip"))
    assert written.lower().count("host:") == 1
    assert "user-agent: breakwater" not in written
    assert "identity" not in written


def test_framing_is_written_here_only():
    written = encode("http://h/", ("Content-Length", "99"), ("Transfer-Encoding", "chunked"), ("Connection", "close"))
    assert "99" not in written
    assert "chunked" not in written
    assert "close" not in written


def test_a_get_without_body_has_no_length():
    assert "content-length" not in encode("http://h/", method="GET", body=b"")
    assert "content-length: 0" in encode("http://h/", body=b"")


@pytest.mark.parametrize(
    ("url", "address", "host", "target"),
    [
        ("http://h", ("http", "h", 80), "h", "/"),
        ("https://h?x=1#gone", ("https", "h", 443), "h", "/?x=1"),
        ("https://h:443/a/../b", ("https", "h", 443), "h", "/a/../b"),
        ("http://h:8080/a//b", ("http", "h", 8080), "h:8080", "/a//b"),
        ("http://[::1]:81/", ("http", "::1", 81), "[::1]:81", "/"),
        ("http://bücher.example/ä b", ("http", "xn--bcher-kva.example", 80), "xn--bcher-kva.example", "/%C3%A4%20b"),
    ],
)
def test_a_url_says_where_to_connect_and_what_to_ask(url: str, address: tuple, host: str, target: str):
    assert RequestWriter().address(url) == address
    assert encode(url).startswith(f"POST {target} HTTP/1.1\r\nhost: {host}\r\n")


@pytest.mark.parametrize(
    "url",
    [
        "", "h/path", "ftp://h/", "http://", "http:///path", "http://h:99999/", "http://h:x/", "http://[::1/",
        "http://user:secret@h/", "http://h/a\r\nx: y", "http://h\n/", "http://h/\0", "http://h/\t", "http://a b/",
    ],
)  # fmt: skip
def test_an_unusable_url_is_refused_without_being_told(url: str):
    with pytest.raises(ProviderUnavailable, match="cannot be built") as raised:
        encode(url)
    assert "secret" not in str(raised.value)


@given(st.text(), st.text(), st.text(), st.sampled_from(["\r", "\n", "\0"]), st.booleans())
def test_no_header_can_start_another(before: str, after: str, other: str, evil: str, in_name: bool):
    bad = before + evil + after
    with pytest.raises(ProviderUnavailable, match="cannot be built"):
        encode("http://h/", (bad, other) if in_name else ("x-ok", bad))


@given(st.text(), st.text())
def test_whatever_the_header_it_takes_one_line_or_is_refused(name: str, value: str):
    try:
        written = encode("http://h/", (name, value))
    except ProviderUnavailable:
        return
    assert written.count("\r\n") == written.count("\n") == written.count("\r")
    assert written.partition("\r\n\r\n")[2] == "{}"
    assert written.count("\r\n") <= 7


@pytest.mark.parametrize("method", ["GET /x HTTP/1.1\r\nx:", "", "A B"])
def test_a_method_cannot_carry_more_than_itself(method: str):
    with pytest.raises(ProviderUnavailable):
        encode("http://h/", method=method)
