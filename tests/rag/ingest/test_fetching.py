"""Pages of the web: what may be fetched, and what becomes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rag.ingest import fetching
from rag.ingest.fetching import BadAddress, Fetcher, checked_address, is_public
from rag.ingest.indexing import index_document
from rag.models import Chunk, Document, Ingest, IngestProblem
from rag.services import start_url_ingest

Page = Callable[[BaseHTTPRequestHandler], None]


class Site:
    """A web server on this machine, whose pages a test sets; it notes what it is asked for."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                site.pages.get(self.path, answer(404))(self)

            def log_message(self, *_args: object) -> None:
                """Nothing: a test says what went wrong."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://acme.example:{self.server.server_port}"


def answer(status: int, body: bytes = b"", **headers: str) -> Page:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return send


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


HERE = {"acme.example": ["127.0.0.1"], "inside.example": ["169.254.169.254"], "both.example": ["93.184.215.14", "::1"]}


@pytest.fixture
def fetcher() -> Fetcher:
    """Takes this machine's own address for a public one, and knows no names but those above."""
    return Fetcher(
        resolve=lambda host, _port: HERE.get(host, [host]),
        allowed=lambda number: number == "127.0.0.1" or is_public(number),
    )


@pytest.mark.parametrize(
    "number",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::"),
    ],
)
def test_addresses_that_are_not_everybodys_are_not_public(number):
    assert not is_public(number)


@pytest.mark.parametrize("number", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14"])
def test_addresses_of_the_internet_are_public(number):
    assert is_public(number)


@pytest.mark.parametrize(
    "text",
    ["ftp://acme.example/", "file:///etc/passwd", "https://", "https://a:b@acme.example/", "http://a:99999/", "x"],
)
def test_what_is_no_address_of_the_web_is_refused(text):
    with pytest.raises(BadAddress) as refusal:
        checked_address(text)
    assert refusal.value.code == "bad_address"


def test_this_machine_is_never_called_however_it_is_written(site):
    site.pages["/"] = answer(200, b"inside", content_type="text/plain")
    port = site.server.server_port
    for host in ("127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "127.1"):
        with pytest.raises(BadAddress) as refusal:
            Fetcher().fetch(f"http://{host}:{port}/")
        assert refusal.value.code in ("not_public", "unreachable")
    assert site.asked == []


def test_a_redirect_to_where_the_cloud_keeps_its_secrets_is_refused(site, fetcher):
    for target in ("http://169.254.169.254/latest/meta-data/", "http://inside.example/", "http://both.example/"):
        site.pages["/"] = answer(302, location=target)
        with pytest.raises(BadAddress) as refusal:
            fetcher.fetch(f"{site.url}/")
        assert refusal.value.code == "not_public"


def test_a_name_is_looked_up_once_and_the_connection_goes_where_was_looked(site):
    site.pages["/a"] = answer(200, b"Words.", content_type="text/plain")
    answers = [["127.0.0.1"], ["10.0.0.1"]]
    fetcher = Fetcher(resolve=lambda _host, _port: answers.pop(0), allowed=lambda _number: True)
    assert fetcher.fetch(f"{site.url}/a").content == b"Words."
    assert len(answers) == 1
    assert site.asked[0][1]["host"] == site.url.removeprefix("http://")


def test_redirects_are_followed_a_few_times(site, fetcher):
    site.pages["/0"] = answer(301, location="/1")
    site.pages["/1"] = answer(307, location=f"{site.url}/2")
    site.pages["/2"] = answer(200, b"Words.", content_type="text/plain")
    assert fetcher.fetch(f"{site.url}/0").content == b"Words."
    site.pages["/2"] = answer(302, location="/0")
    with pytest.raises(BadAddress) as refusal:
        fetcher.fetch(f"{site.url}/0")
    assert refusal.value.code == "too_many_redirects"


def test_what_is_too_large_or_of_another_kind_or_refused_is_told(site, fetcher, monkeypatch):
    monkeypatch.setattr(fetching, "MAX_BYTES", 1_000_000)
    site.pages |= {
        "/large": answer(200, bytes(1_000_001), content_type="text/plain"),
        "/film": answer(200, b"x", content_type="video/mp4"),
        "/no": answer(403),
        "/busy": answer(503),
    }
    codes = {}
    for path in ("/large", "/film", "/no", "/busy", "/nothing"):
        with pytest.raises(BadAddress) as refusal:
            fetcher.fetch(f"{site.url}{path}")
        codes[path] = (refusal.value.code, refusal.value.again)
    assert codes == {
        "/large": ("too_large", False),
        "/film": ("unsupported_type", False),
        "/no": ("refused", False),
        "/busy": ("refused", True),
        "/nothing": ("gone", False),
    }


def test_a_server_that_never_ends_is_given_up(site, fetcher, monkeypatch):
    monkeypatch.setattr(fetching, "TOTAL_S", 0.0)
    site.pages["/"] = answer(200, b"x" * 200_000, content_type="text/plain")
    with pytest.raises(BadAddress) as refusal:
        fetcher.fetch(f"{site.url}/")
    assert refusal.value.code == "too_slow"


def test_addresses_become_documents_and_are_read_again_only_where_they_have_changed(handbook, site, fetcher):
    site.pages["/a"] = answer(200, b"<h1>Fees</h1><p>Ten.</p>", content_type="text/html", etag='"1"')
    ingest = start_url_ingest(collection=handbook, urls=[f"{site.url}/a", f"{site.url}/a#fees", f"{site.url}/b"])
    for row in Document.objects.order_by("external_id"):
        index_document(row.pk, fetcher=fetcher)
    ingest.refresh_from_db()
    assert (ingest.total, ingest.done, ingest.failed, ingest.state) == (3, 2, 1, "done")
    assert IngestProblem.objects.get().code == "gone"
    row = Document.objects.get(external_id=f"{site.url}/a")
    assert (row.state, row.title, row.uri, row.text) == ("ready", "Fees", f"{site.url}/a", "Fees\n\nTen.")

    site.pages["/a"] = answer(304)
    again = start_url_ingest(collection=handbook, urls=[f"{site.url}/a"])
    assert index_document(row.pk, fetcher=fetcher) == "unchanged"
    again.refresh_from_db()
    assert (again.unchanged, again.state) == (1, "done")
    assert site.asked[-1][1]["if-none-match"] == '"1"'

    site.pages["/a"] = answer(200, b"<h1>Fees</h1><p>Twelve.</p>", content_type="text/html")
    start_url_ingest(collection=handbook, urls=[f"{site.url}/a"])
    assert index_document(row.pk, fetcher=fetcher) == "indexed"
    row.refresh_from_db()
    assert row.text == "Fees\n\nTwelve."


def test_what_is_gone_is_deleted_only_where_that_was_asked_for(handbook, site, fetcher):
    site.pages["/a"] = answer(200, b"Words.", content_type="text/plain")
    start_url_ingest(collection=handbook, urls=[f"{site.url}/a"])
    row = Document.objects.get()
    index_document(row.pk, fetcher=fetcher)
    site.pages["/a"] = answer(410)
    start_url_ingest(collection=handbook, urls=[f"{site.url}/a"])
    assert index_document(row.pk, fetcher=fetcher) == "failed"
    assert Chunk.objects.count() == 1
    start_url_ingest(collection=handbook, urls=[f"{site.url}/a"], delete_missing=True)
    assert index_document(row.pk, fetcher=fetcher) == "deleted"
    assert not Document.objects.exists()
    assert Ingest.objects.latest("created_at").state == "done"


def test_a_server_that_is_down_is_tried_again_and_then_given_up(handbook, site, fetcher):
    site.pages["/a"] = answer(503)
    start_url_ingest(collection=handbook, urls=[f"{site.url}/a"])
    row = Document.objects.get()
    assert [index_document(row.pk, fetcher=fetcher) for _ in range(3)] == ["put off", "put off", "failed"]
    row.refresh_from_db()
    assert (row.state, row.error) == ("failed", "It answered 503.")
