"""Documents: a worker is killed in the middle of an ingest; PostgreSQL dies under searches and answers of `rag`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.business import business
from tests.stack.conftest import Upstreams
from tests.stack.installation import ROUTE, Installation, eventually, wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

KEY = "documents-key-0123456789"
DOCUMENTS = 40
PARTS = 40
"""Of a document: it takes a worker long enough to be killed at it."""
GOES_ON_WITHIN_S = 30.0
AWAY_S = 4.0
ASKED = "When does harbour 7 open?"
SEARCH = "/v1/retrieval/query"
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def collections(shared_installation: Installation) -> None:
    shared_installation.control("document-collections", KEY)


@pytest.fixture
def client(installation: Installation, collections: None) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=installation.root, headers=headers, timeout=30) as client:
        yield client


def test_a_worker_killed_in_the_middle_of_an_ingest_loses_and_repeats_nothing(
    installation: Installation, client: httpx.Client
) -> None:
    sent = [{"id": f"harbour-{number}", "text": _text(number)} for number in range(DOCUMENTS)]
    answer = client.post("/v1/retrieval/documents", json={"collection": "closed", "documents": sent})
    assert answer.status_code == 200, answer.text
    wait_until(lambda: _in_state(installation, "ready") >= DOCUMENTS // 10, "a tenth is read", 60 * business())
    wait_until(lambda: _in_state(installation, "reading") > 0, "a document is being read", 10)
    killed = _kill_worker(installation)
    at = _in_state(installation, "ready")
    left = _in_state(installation, "reading")
    began = time.monotonic()
    assert at < DOCUMENTS, "The ingest was over before its worker was killed."

    wait_until(lambda: _in_state(installation, "ready") == DOCUMENTS, "all are read", GOES_ON_WITHIN_S * business())

    print(f"killed {killed} processes at {at} of {DOCUMENTS} documents, {left} of them being read")
    print(f"the rest done {time.monotonic() - began:.1f} s later")
    _everything_once(installation)
    found = client.post(SEARCH, json={"collections": ["closed"], "query": "harbour-79 ships", "top_k": 3})
    assert found.status_code == 200, found.text
    assert found.json()["passages"]


def _everything_once(installation: Installation) -> None:
    ((state, total, done, failed, chunks),) = installation.sql(
        "SELECT state, total, done, failed, chunks FROM rag_ingest WHERE source = 'api'"
    )
    assert (state, total, done, failed) == ("done", DOCUMENTS, DOCUMENTS, 0)
    ((rows, places, vectors),) = installation.sql(
        "SELECT count(*), count(DISTINCT (document_id, position)),"
        " (SELECT count(*) FROM rag_chunkvector) FROM rag_chunk"
    )
    assert rows == places == vectors == chunks > DOCUMENTS
    ((counted,),) = installation.sql("SELECT sum(chunk_count) FROM rag_document")
    assert counted == rows
    # Words are counted by chunks: one that was put in place twice, or half, would show here.
    ((harbour,),) = installation.sql("SELECT max(chunks) FROM rag_lexeme WHERE lexeme = 'harbour'")
    assert harbour == rows
    wait_until(lambda: _told(installation) == (DOCUMENTS, DOCUMENTS), "each document is told of once", 20 * business())
    assert installation.sql("SELECT count(*) FROM events_event WHERE event_type = 'rag.ingest.completed'") == [(1,)]


async def test_with_postgres_dead_searches_refuse_open_collections_go_on_and_events_tell_of_it(
    installation: Installation, upstreams: Upstreams, client: httpx.Client
) -> None:
    document = {"id": "open-7", "text": "Harbour 7 opens at six."}
    await asyncio.to_thread(_put_and_found, client, document)
    calls = [_search("closed"), _search("open"), _answer("closed"), _answer("open")]
    async with httpx.AsyncClient(base_url=installation.root, headers=client.headers, timeout=30) as asking:
        for path, body in calls * 4:  # each worker comes to know key and collections
            assert (await asking.post(path, json=body)).status_code == 200
        before = _degraded(installation)
        await asyncio.to_thread(installation.postgres.kill)
        began = time.monotonic()
        answers: list[tuple[str, str, httpx.Response]] = []
        try:
            while not answers or time.monotonic() - began < AWAY_S:
                for path, body in calls:
                    answers.append((path, _collection(body), await asking.post(path, json=body)))
        finally:
            installation.postgres.start()
        for path, collection, answer in answers:
            _as_documented(path, collection, answer)
        await asyncio.to_thread(wait_until, lambda: _well(client), "documents are searched again", 30 * business())
    slowest = max(answer.elapsed.total_seconds() for _, _, answer in answers)
    print(f"{len(answers)} calls without PostgreSQL, the slowest {slowest:.2f} s")
    await eventually(lambda: _degraded(installation) - before >= len(answers), "events tell of each", 30 * business())


def _put_and_found(client: httpx.Client, document: dict[str, str]) -> None:
    body = {"collection": "open", "documents": [document]}
    client.post("/v1/retrieval/documents", json=body).raise_for_status()
    path, asked = _search("open")
    wait_until(lambda: bool(client.post(path, json=asked).json().get("passages")), "the document is found")


def _as_documented(path: str, collection: str, answer: httpx.Response) -> None:
    if path == CHAT and collection == "open":
        assert answer.status_code == 200, answer.text
        assert answer.json()["retrieval"]["degraded"] == "retrieval_unavailable"
        assert answer.json()["citations"] == []
    else:
        assert answer.status_code == 503, answer.text
        assert answer.json()["error"]["code"] == "RETRIEVAL_UNAVAILABLE"
        assert answer.json()["error"]["retryable"] is True
        assert int(answer.headers["retry-after"]) >= 1


def _search(collection: str) -> tuple[str, dict[str, Any]]:
    return SEARCH, {"collections": [collection], "query": ASKED}


def _answer(collection: str) -> tuple[str, dict[str, Any]]:
    body = {"model": ROUTE, "mode": "rag", "messages": [{"role": "user", "content": ASKED}]}
    return CHAT, {**body, "retrieval": {"collections": [collection]}}


def _collection(body: dict[str, Any]) -> str:
    (name,) = body.get("retrieval", body)["collections"]
    return str(name)


def _well(client: httpx.Client) -> bool:
    path, body = _search("open")
    return client.post(path, json=body).status_code == 200


def _text(number: int) -> str:
    paragraph = "Harbour {0} opens at six on day {1}. Ships of harbour {0} wait outside until a pilot has come aboard. "
    return "\n\n".join(paragraph.format(number, day) * 6 for day in range(PARTS))


def _in_state(installation: Installation, state: str) -> int:
    time.sleep(0.2)  # looking takes a connection: it is not to be what the processors are busy with
    ((found,),) = installation.sql("SELECT count(*) FROM rag_document WHERE state = %s", state)
    return int(found)


def _told(installation: Installation) -> tuple[int, int]:
    ((events, documents),) = installation.sql(
        "SELECT count(*), count(DISTINCT payload->>'document_id') FROM events_event"
        " WHERE event_type = 'rag.document.indexed'"
    )
    return int(events), int(documents)


def _degraded(installation: Installation) -> int:
    ((found,),) = installation.sql("SELECT count(*) FROM events_event WHERE event_type = 'retrieval.search.degraded'")
    return int(found)


def _kill_worker(installation: Installation) -> int:
    """With all its processes at once, as a machine that goes away takes them."""
    (worker,) = [part for part in installation.up.parts("celery") if "worker" in part.cmdline()]
    family = [*worker.children(recursive=True), worker]
    for process in family:
        process.kill()
    return len(family)
