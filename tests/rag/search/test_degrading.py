"""What is found where a part of searching is missing, broken or slow: less, in time, and it is said why."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection

from contracts.errors import InvalidRequest, ProviderTimeout, ServiceUnavailable
from contracts.retrieval import Method, RetrievalQuery, Retrieved
from embeddings.base import EmbeddingModelMissing
from rag.models import Collection, EmbeddingIndex
from rag.retriever import PostgresRetriever
from rag.search.hnsw import drop_index, ensure_index
from tests.rag.search.planted import make_collection, make_index, plant
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def collection() -> Collection:
    found = make_collection(make_tenant(), timeout_ms=1_500)
    index = make_index(found)
    plant(found, "Employees have thirty days of annual leave.", title="Leave", index=index)
    plant(found, "Expenses are refunded within two weeks.", title="Expenses", index=index)
    return found


@pytest.fixture
def retriever() -> Iterator[PostgresRetriever]:
    found = PostgresRetriever(threads=2)
    yield found
    found.close()


async def no_vectors(route: str, texts: object) -> list[list[float]]:
    raise ProviderTimeout("The provider did not answer.")


async def no_model(route: str, instructions: str, question: str, *, max_output_tokens: int) -> str:
    raise ProviderTimeout("The model did not answer.")


def retrieve(retriever: PostgresRetriever, of: Collection, text: str = "annual leave", **more) -> Retrieved:
    embed, ask = more.pop("embed", no_vectors), more.pop("ask", no_model)
    query = RetrievalQuery(
        tenant_id=str(of.tenant_id), collections=(of.name,), text=text, access_tags=frozenset("*"), **more
    )
    return asyncio.run(retriever.retrieve(query, embed=embed, ask=ask))


@contextmanager
def locked(table: str) -> Iterator[None]:
    """Somebody else holds the table, so statements on it wait."""
    parameters = connection.get_connection_params()
    keys = ("dbname", "user", "password", "host", "port")
    with psycopg.connect(**{key: parameters[key] for key in keys if parameters.get(key)}) as other:
        other.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield
        other.rollback()


def test_everything_at_work_leaves_nothing_out(collection, retriever):
    found = retrieve(retriever, collection)
    assert found.method == Method.HYBRID
    assert not found.degraded
    assert found.passages[0].title == "Leave"
    assert found.timings_ms["total"] > 0


def test_without_vectors_words_are_searched(collection, retriever):
    EmbeddingIndex.objects.all().delete()
    found = retrieve(retriever, collection)
    assert (found.method, found.degraded) == (Method.KEYWORD, "vectors_no_index")
    assert [one.title for one in found.passages] == ["Leave"]


def test_an_empty_collection_is_nothing_to_complain_of(retriever):
    found = retrieve(retriever, make_collection(make_tenant()))
    assert not found.passages
    assert not found.degraded


def test_vectors_of_other_dimensions_are_left_out(collection, retriever):
    EmbeddingIndex.objects.update(dimensions=384)
    found = retrieve(retriever, collection)
    assert (found.method, found.degraded) == (Method.KEYWORD, "vectors_dimensions")


def test_a_missing_hnsw_index_is_not_replaced_by_going_through_all_vectors(collection, retriever):
    EmbeddingIndex.objects.update(searched_by="hnsw")
    found = retrieve(retriever, collection)
    assert (found.method, found.degraded) == (Method.KEYWORD, "vectors_index_broken")


def test_an_invalid_hnsw_index_is_left_out_until_it_is_made_anew(collection, retriever, monkeypatch):
    monkeypatch.setattr("rag.search.hnsw.FROM", 2)
    index = EmbeddingIndex.objects.get()
    assert ensure_index(index)
    assert index.searched_by == "hnsw"
    assert retrieve(retriever, collection).method == Method.HYBRID
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [_name(index)])
    assert retrieve(retriever, collection).degraded == "vectors_index_broken"
    assert ensure_index(index)
    assert not retrieve(retriever, collection).degraded
    drop_index(index)


def test_a_local_model_that_is_not_installed_leaves_words(collection, retriever, monkeypatch):
    def missing(model: str) -> None:
        raise EmbeddingModelMissing("Install it.")

    monkeypatch.setattr("rag.embedding.embedder_of", missing)
    found = retrieve(retriever, collection)
    assert (found.method, found.degraded) == (Method.KEYWORD, "vectors_embedding_failed")


def test_a_local_model_of_another_version_leaves_words(collection, retriever):
    EmbeddingIndex.objects.update(model_version="of long ago")
    assert retrieve(retriever, collection).degraded == "vectors_model_changed"


def test_a_provider_that_fails_leaves_words(collection, retriever):
    EmbeddingIndex.objects.update(model="route:embed")
    found = retrieve(retriever, collection)
    assert (found.method, found.degraded) == (Method.KEYWORD, "vectors_embedding_failed")


def test_a_provider_that_is_slow_leaves_words_in_time(collection, retriever):
    EmbeddingIndex.objects.update(model="route:embed")
    began = time.monotonic()

    async def slow(route, texts):
        await asyncio.Event().wait()

    found = retrieve(retriever, collection, embed=slow)
    assert (found.method, found.degraded) == (Method.KEYWORD, "vectors_embedding_slow")
    assert time.monotonic() - began < 2


def test_a_provider_s_vectors_are_searched_whatever_their_length(collection, retriever):
    from embeddings.static import shared_embedder

    EmbeddingIndex.objects.update(model="route:embed")

    async def embed(route, texts):
        assert route == "embed"
        return [(shared_embedder().embed(one) * 7).tolist() for one in texts]

    found = retrieve(retriever, collection, "vacation", embed=embed, explain=True)
    assert found.method == Method.HYBRID
    assert found.passages[0].title == "Leave"
    how = found.passages[0].found
    assert how is not None
    assert how.similarity is not None
    assert how.similarity <= 1.001


def test_vectors_that_cannot_be_read_in_time_leave_words(collection, retriever):
    began = time.monotonic()
    with locked("rag_chunkvector"):
        found = retrieve(retriever, collection)
    assert (found.method, found.degraded) == (Method.KEYWORD, "vectors_slow")
    assert [one.title for one in found.passages] == ["Leave"]
    assert time.monotonic() - began < 2.5


def test_words_that_cannot_be_read_in_time_leave_vectors(collection, retriever):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rag.search.keyword._LEXEMES", "SELECT pg_sleep(30), %(tenant)s, 1")
        found = retrieve(retriever, collection)
    assert (found.method, found.degraded) == (Method.VECTOR, "keywords_slow")
    assert found.passages[0].title == "Leave"


def test_when_no_table_can_be_read_it_is_said_in_time(collection, retriever):
    began = time.monotonic()
    with locked("rag_chunk"), locked("rag_chunkvector"), pytest.raises(ServiceUnavailable):
        retrieve(retriever, collection)
    with locked("rag_collection"), pytest.raises(ServiceUnavailable):
        retrieve(retriever, collection)
    assert time.monotonic() - began < 7
    assert retrieve(retriever, collection).passages, "and it heals by itself"


def test_a_connection_that_was_cut_is_made_anew(collection, retriever):
    assert retrieve(retriever, collection).passages
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    for _ in range(3):
        found = retrieve(retriever, collection)
        assert found.passages
        assert not found.degraded


def test_connections_are_closed_on_an_event_loop_too(collection):
    def open_now() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            return cursor.fetchone()[0]

    before = open_now()

    async def search_and_close() -> int:
        short_lived = PostgresRetriever(threads=2)
        await short_lived.terms(str(collection.tenant_id), [collection.name])
        opened = await asyncio.to_thread(_counted, open_now)
        short_lived.close()
        return opened

    assert asyncio.run(search_and_close()) > before
    ends = time.monotonic() + 5
    while open_now() > before and time.monotonic() < ends:
        connection.cursor().execute("SELECT pg_stat_clear_snapshot()")
    assert open_now() <= before


def _counted(count):
    try:
        return count() - 1
    finally:
        connection.close()


def test_a_rewriting_model_that_fails_leaves_the_question_as_it_is(collection, retriever):
    Collection.objects.update(rewrite_route="chat", reranker="model", rerank_route="chat")
    found = retrieve(retriever, collection, "annual leave weeks")
    assert found.queries == ("annual leave weeks",)
    assert found.passages
    assert found.degraded == "rewrite_failed, rerank_failed"


def test_a_question_that_follows_another_is_searched_so_that_it_stands_by_itself(collection, retriever):
    Collection.objects.update(rewrite_route="chat")
    asked = []

    async def ask(route, instructions, question, *, max_output_tokens):
        asked.append((route, question))
        return '```json\n{"question": "How many days of annual leave?", "others": ["vacation days"]}\n```'

    history = (("user", "Tell me about annual leave."), ("assistant", "Of course."))
    found = retrieve(retriever, collection, "and how many days?", ask=ask, history=history)
    assert found.queries == ("How many days of annual leave?", "vacation days")
    assert found.passages[0].title == "Leave"
    assert not found.degraded
    assert asked[0][0] == "chat"
    assert "Tell me about annual leave." in asked[0][1]
    assert retrieve(retriever, collection, "leave", ask=ask, rewrite=False).queries == ("leave",)


def test_a_model_that_reranks_has_the_last_word(collection, retriever):
    Collection.objects.update(rerank_route="chat")

    async def ask(route, instructions, question, *, max_output_tokens):
        return '{"marks": [1, 9]}'

    plain = retrieve(retriever, collection, "leave and expenses")
    found = retrieve(retriever, collection, "leave and expenses", ask=ask, rerank=True, explain=True)
    assert [one.title for one in found.passages] == [one.title for one in reversed(plain.passages)]
    first, second = (one.found.rerank_score for one in found.passages[:2] if one.found is not None)
    assert first is not None
    assert second is not None
    assert first > second


@pytest.mark.parametrize("said", ["", "[]", '{"marks": [1]}', '{"marks": ["a", "b"]}', "{", '{"marks": [true, 1]}'])
def test_marks_that_are_not_understood_leave_the_order(collection, retriever, said):
    Collection.objects.update(rerank_route="chat")

    async def ask(route, instructions, question, *, max_output_tokens):
        return said

    found = retrieve(retriever, collection, "leave and expenses", ask=ask, rerank=True)
    assert found.degraded == "rerank_failed"
    assert len(found.passages) == 2


def test_terms_are_told_in_order_and_strangers_are_refused(collection, retriever):
    make_collection(collection.tenant, "wiki", screening="flag", fail_open=True)
    terms = asyncio.run(retriever.terms(str(collection.tenant_id), ["wiki", "handbook"]))
    assert [(one.name, one.drops_instructions, one.fail_open) for one in terms] == [
        ("wiki", False, True),
        ("handbook", True, False),
    ]
    with pytest.raises(InvalidRequest):
        asyncio.run(retriever.terms(str(make_tenant(name="Other").pk), ["wiki"]))


def _name(index: EmbeddingIndex) -> str:
    return f"rag_hnsw_{index.pk.hex}"
