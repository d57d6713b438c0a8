"""BM25 as it is in SQL: the library's figures, and counts of lexemes that stay right whatever is deleted."""

from __future__ import annotations

import threading

import bm25s
import pytest
from django.db import connection, connections, transaction

from rag.models import Chunk, Collection, Lexeme
from rag.retriever import search_now
from rag.search.indexing import WORDS_PER_TOKEN, forget_chunks, index_chunks
from tests.rag.search.planted import make_collection, make_index, plant
from tests.tenants.factories import make_tenant

TEXTS = (
    "The wing of an aircraft in a slipstream.",
    "Lift of a wing, wing and wing, at low speed; drag is small.",
    "Heat transfer in a boundary layer on a flat plate.",
    "A flat plate in supersonic flow with a boundary layer and heat.",
    "Propellers.",
)


def counted(collection: Collection) -> dict[str, int]:
    rows = Lexeme.objects.for_tenant(collection.tenant).filter(collection=collection, chunks__gt=0)
    return dict(rows.values_list("lexeme", "chunks"))


def standing(collection: Collection) -> dict[str, int]:
    """Counted anew from the chunks."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT word.lexeme, count(*) FROM rag_chunk AS c, unnest(c.lexemes) AS word"
            " WHERE c.tenant_id = %s AND c.collection_id = %s GROUP BY 1",
            [collection.tenant_id, collection.pk],
        )
        return dict(cursor.fetchall())


@pytest.mark.django_db
def test_scores_are_those_of_the_library_on_the_same_tokens():
    tenant = make_tenant()
    collection = make_collection(tenant)
    chunks = [plant(collection, text).chunks.get() for text in TEXTS]
    # The library knows the mean length; the product's is a fixed figure, so the documents are made to have it.
    mean = sum(one.words for one in chunks) / len(chunks)
    collection.chunk_tokens = 100
    library = bm25s.BM25(k1=1.2, b=0.75)
    tokens = [_lexemes(one) for one in chunks]
    library.index(tokens, show_progress=False)
    wanted = library.get_scores(["wing", "flat", "heat"])
    scale = mean / (collection.chunk_tokens * WORDS_PER_TOKEN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rag.search.indexing.WORDS_PER_TOKEN", WORDS_PER_TOKEN * scale)
        for one in chunks:
            one.document.collection = collection
            Chunk.objects.filter(pk=one.pk).update(lexemes=None, weights=None)
            Lexeme.objects.all().delete()
        for one in chunks:
            index_chunks(one.document)
    found = search_now(tenant=tenant, collections=["handbook"], text="wing flat heat", method="keyword")
    scores = {one.chunk_id: one.found.keyword_score for one in found.passages if one.found is not None}
    for one, score in zip(chunks, wanted, strict=True):
        # The library leaves out BM25's constant factor.
        assert scores.get(one.pk, 0.0) == pytest.approx(float(score) * 2.2, abs=2e-3)


def _lexemes(chunk: Chunk) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT lexeme, cardinality(positions) FROM unnest(to_tsvector('english', %s))", [chunk.text])
        return [lexeme for lexeme, times in cursor.fetchall() for _ in range(times)]


@pytest.mark.django_db
def test_counts_are_right_after_any_kind_of_delete():
    collection = make_collection(make_tenant())
    other = make_collection(collection.tenant, "other")
    index = make_index(collection)
    documents = [plant(collection, *TEXTS[at:], index=index) for at in range(4)]
    plant(other, *TEXTS)
    of_other = counted(other)
    assert counted(collection) == standing(collection) != {}
    assert forget_chunks(documents[0]) == 5
    assert counted(collection) == standing(collection)
    documents[1].delete()
    assert counted(collection) == standing(collection)
    Chunk.objects.for_tenant(collection.tenant).filter(document=documents[2], position__gt=0).delete()
    assert counted(collection) == standing(collection)
    assert counted(collection)[f"@{collection.pk}"] == 1 + 2
    forget_chunks(documents[2])
    forget_chunks(documents[3])
    assert counted(collection) == {}
    assert counted(other) == of_other == standing(other)
    collection.delete()


@pytest.mark.django_db
def test_indexing_again_changes_nothing():
    collection = make_collection(make_tenant())
    document = plant(collection, *TEXTS)
    before = counted(collection)
    assert index_chunks(document) == 0
    assert counted(collection) == before


@pytest.mark.django_db
def test_a_chunk_without_words_is_indexed_and_not_found():
    collection = make_collection(make_tenant())
    document = plant(collection, "of the and", "…", "wing")
    assert document.chunks.filter(lexemes=None).count() == 0
    found = search_now(tenant=collection.tenant, collections=["handbook"], text="the wing of", method="keyword")
    assert [one.text for one in found.passages] == ["wing"]


@pytest.mark.django_db(transaction=True)
def test_documents_coming_and_going_at_once_neither_deadlock_nor_miscount():
    collection = make_collection(make_tenant())
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(4):
                texts = TEXTS[(number + turn) % 5 :] + TEXTS[: (number + turn) % 5]
                with transaction.atomic():
                    document = plant(collection, *texts, external_id=f"{number}-{turn}")
                if turn % 2:
                    with transaction.atomic():
                        forget_chunks(document)
                        again = plant(collection, *reversed(texts), external_id=f"again-{number}-{turn}")
                        assert again.chunks.count() == len(texts)
        except BaseException as error:
            failures.append(error)
            raise
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not failures
    assert counted(collection) == standing(collection)
    assert counted(collection)[f"@{collection.pk}"] == 4 * 4 * len(TEXTS)
