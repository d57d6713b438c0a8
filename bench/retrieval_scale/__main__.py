"""``python -m bench.retrieval_scale [--chunks 200000] [--model static|minilm]``: the time a search takes among many.

One collection in a database of the bench's own, its texts put together from sentences of ../shared/data. Prints how
fast documents come in (through the product's own ingest, on one core), what hybrid searches take at four in flight with
and without the question's vector, what they take of a processor (which a busy machine does not spoil; beside it stands
how slow this processor is), and how many of the nearest ten are found with and without filters, against comparing all.
Exits with 1 where p95 is over 50 ms, ingest under 100 chunks a second, or recall under 0.97.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bench.retrieval.filling import installed, make_tenant
from bench.retrieval_scale.texts import chunks, questions
from bench.slowness import slowness

if TYPE_CHECKING:
    from rag.models import Collection, EmbeddingIndex
    from tenants.models import Tenant

P95_MS, CHUNKS_A_SECOND, RECALL = 50.0, 100.0, 0.97
IN_FLIGHT = 4
A_DOCUMENT = 100
FILTERS: dict[str, Mapping[str, Any]] = {
    "no filter": {},
    "a filter that 10 % meet": {"filters": {"tenth": 3}},
    "a filter that 1 % meet": {"filters": {"hundredth": 7}},
    "bounds that 20 % meet": {"filters": {"hundredth": {"lt": 20}}},
    "access tags that 10 % allow": {"access_tags": frozenset({"hr"})},
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=200_000)
    parser.add_argument("--model", choices=("static", "minilm"), default="static")
    parser.add_argument("--searches", type=int, default=400)
    parser.add_argument("--ingested", type=int, default=2_000, help="chunks that come in through the product's ingest")
    parser.add_argument(
        "--keep", default="", help="the name of a database on the server of DATABASE_URL that stays: filled once"
    )
    given = parser.parse_args()
    with installed(given.keep):
        tenant, index = filled()
        tenant = tenant or make_tenant()
        rate = ingest_rate(tenant, given.ingested, given.model)
        index = index or fill(tenant, given.chunks, given.model)
        p95 = asyncio.run(searched(tenant, given.searches))
        processor_times(tenant, min(100, given.searches))
        recall = min(recalls(tenant, index, given.searches))
    missed = [
        text
        for text, ok in (
            (f"hybrid p95 {p95:.1f} ms, over {P95_MS:.0f}", p95 <= P95_MS),
            (f"ingest {rate:.0f} chunks/s, under {CHUNKS_A_SECOND:.0f}", rate >= CHUNKS_A_SECOND),
            (f"recall {recall:.3f}, under {RECALL}", recall >= RECALL),
        )
        if not ok
    ]
    print("\n".join(f"MISSED: {one}" for one in missed) or "All bars are met.")
    return 1 if missed else 0


def filled() -> tuple[Tenant | None, EmbeddingIndex | None]:
    """What an earlier run left, if it came to an end."""
    from rag.models import EmbeddingIndex
    from tenants.models import Tenant

    tenant = Tenant.objects.filter(slug="bench").first()
    if tenant is None:
        return None, None
    index = EmbeddingIndex.objects.for_tenant(tenant.pk).filter(collection__name="many", searched_by="hnsw").first()
    if index is None:
        raise SystemExit("The database that was kept is not filled: drop it, and begin anew.")
    return tenant, index


def ingest_rate(tenant: Tenant, count: int, model: str) -> float:
    """Chunks a second of one core: processor time, of this process and of its PostgreSQL session."""
    from rag.ingest.indexing import index_document
    from rag.services import create_collection, put_document

    collection = create_collection(tenant=tenant, name=f"ingested-{time.time():.0f}", embedding_model=model)
    texts = list(chunks(count, seed=9))
    cpu, wall, done = process_time(), time.perf_counter(), 0
    for start in range(0, count, A_DOCUMENT):
        content = "\n\n".join(texts[start : start + A_DOCUMENT]).encode()
        document = put_document(
            collection=collection, external_id=f"{start}.txt", content=content, media_type="text/plain"
        )
        index_document(document.pk)
        document.refresh_from_db()
        done += document.chunk_count
    cpu, wall = process_time() - cpu, time.perf_counter() - wall
    print(
        f"ingest, {model}: {done:,} chunks in {wall:.1f} s, {cpu:.1f} s of processor: {done / cpu:,.0f} a second a core"
    )
    return done / cpu


def process_time() -> float:
    return sum(process_times())


def process_times() -> tuple[float, float]:
    """Seconds of processor that this process and its PostgreSQL session have taken."""
    import psutil
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        server = psutil.Process(cursor.fetchone()[0]).cpu_times()
    return time.process_time(), server.user + server.system


def processor_times(tenant: Tenant, count: int) -> None:
    """Means of one search after the other, for each kind of filter."""
    from rag.retriever import search_now

    asked = questions(count + 10, seed=7)
    print(
        f"\nprocessor time of a hybrid search, milliseconds; this processor is {slowness():.1f} times as slow as usual"
    )
    print(f"  {'':30}{'process':>8}{'PostgreSQL':>12}")
    for name, more in FILTERS.items():
        for text in asked[:10]:
            search_now(tenant=tenant, collections=["many"], text=text, explain=False, **more)
        before = process_times()
        for text in asked[10:]:
            search_now(tenant=tenant, collections=["many"], text=text, explain=False, **more)
        own, server = (1e3 * (now - then) / count for now, then in zip(process_times(), before, strict=True))
        print(f"  {name:30}{own:>8.1f}{server:>12.1f}", flush=True)


def fill(tenant: Tenant, count: int, model: str) -> EmbeddingIndex:
    from django.db import connection

    from rag.embedding import embedder_of
    from rag.models import Collection, EmbeddingIndex
    from rag.search.hnsw import ensure_index

    began = time.perf_counter()
    collection = Collection.objects.create(
        tenant=tenant, name="many", embedding_model=model, language="english", timeout_ms=10_000
    )
    embedder = embedder_of(model)
    index = EmbeddingIndex.objects.create(
        tenant=tenant, collection=collection, model=model, dimensions=embedder.dimensions, state="live"
    )
    texts = list(chunks(count))
    for start in range(0, count, A_DOCUMENT):
        put(collection, index, embedder, start, texts[start : start + A_DOCUMENT])
    print(f"{count:,} chunks filled in {time.perf_counter() - began:.0f} s")
    began = time.perf_counter()
    ensure_index(index)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE rag_chunk, rag_chunkvector, rag_lexeme")
    print(f"searched by {index.searched_by}; made and analysed in {time.perf_counter() - began:.0f} s")
    return index


def put(collection: Collection, index: EmbeddingIndex, embedder: Any, start: int, texts: list[str]) -> None:
    """One document of these chunks, as the ingest leaves it; rows in bulk."""
    from django.db import transaction

    from rag.models import Chunk, ChunkVector, Document
    from rag.search.indexing import index_chunks

    number = start // A_DOCUMENT
    own = {
        "access_tags": ["hr" if number % 10 == 0 else "staff"],
        "metadata": {"tenth": number % 10, "hundredth": number % 100},
    }
    with transaction.atomic():
        document = Document.objects.create(
            tenant=collection.tenant, collection=collection, external_id=str(start), language="english",
            state="ready", text="", chunk_count=len(texts), **own,
        )  # fmt: skip
        rows = Chunk.objects.bulk_create(
            Chunk(
                tenant=collection.tenant, collection=collection, document=document, position=at, start=0, end=0,
                text=text, text_hash=f"{start}-{at}", tokens=200, words=0, **own,
            )
            for at, text in enumerate(texts)
        )  # fmt: skip
        index_chunks(document)
        ChunkVector.objects.bulk_create(
            ChunkVector(tenant=collection.tenant, index=index, chunk=row, document=document, vector=vector, **own)
            for row, vector in zip(rows, embedder.embed(texts), strict=True)
        )


async def searched(tenant: Tenant, count: int) -> float:
    """p95 of hybrid searches."""
    from contracts.retrieval import Method, RetrievalQuery
    from rag.retriever import PostgresRetriever

    retriever = PostgresRetriever(threads=IN_FLIGHT)
    waiting = questions(count + 40)
    parts: dict[str, list[float]] = {}

    async def work(method: Method) -> None:
        while waiting:
            query = RetrievalQuery(
                tenant_id=str(tenant.pk), collections=("many",), text=waiting.pop(), access_tags=frozenset("*"),
                method=method,
            )  # fmt: skip
            found = await retriever.retrieve(query, embed=_never, ask=_never)
            if found.degraded:
                raise SystemExit(f"The search was degraded: {found.degraded}")
            for name, value in found.timings_ms.items():
                parts.setdefault(name, []).append(value)
            parts.setdefault("without the vector", []).append(
                found.timings_ms["total"] - found.timings_ms.get("embed", 0.0)
            )

    waiting, later = waiting[:40], waiting[40:]
    await work(Method.HYBRID)
    parts.clear()
    waiting = later
    began = time.perf_counter()
    await asyncio.gather(*(work(Method.HYBRID) for _ in range(IN_FLIGHT)))
    took = time.perf_counter() - began
    retriever.close()
    print(f"\nhybrid, {count} searches, {IN_FLIGHT} in flight: {count / took:.0f} a second; milliseconds")
    print(f"  {'':20}{'p50':>8}{'p95':>8}{'p99':>8}")
    for name in ("embed", "keyword", "vector", "texts", "without the vector", "total"):
        values = sorted(parts.get(name, [0.0]))
        print(f"  {name:20}" + "".join(f"{values[int(len(values) * at)]:>8.1f}" for at in (0.5, 0.95, 0.99)))
    return sorted(parts["total"])[int(count * 0.95)]


async def _never(*_: Any, **__: Any) -> Any:
    raise AssertionError("no provider takes part")


def recalls(tenant: Tenant, index: EmbeddingIndex, count: int) -> list[float]:
    """Of the ten nearest, the share that is found; for each kind of filter."""
    from django.db import connection

    from contracts.retrieval import RetrievalQuery
    from rag.embedding import embedder_of
    from rag.search.limits import Asking
    from rag.search.scope import scope_of
    from rag.search.vectors import nearest

    vectors = embedder_of(index).embed(questions(count, seed=5)).tolist()
    found = []
    print(f"\nrecall of the nearest ten, {count} questions; milliseconds a search, and by comparing all")
    for name, more in FILTERS.items():
        query = RetrievalQuery(
            tenant_id=str(tenant.pk), collections=("many",), text="", **{"access_tags": frozenset("*"), **more}
        )
        scope, whole = scope_of(query), scope_of(query)
        whole.few = None  # what is right is not told by what is measured
        hits, wanted, took = 0, 0, {"graph": 0.0, "all": 0.0}
        for vector in vectors:
            began = time.perf_counter()
            by_graph = {one.chunk_id for one in nearest(Asking(60), scope, [index], vector)[:10]}
            took["graph"] += time.perf_counter() - began
            how, index.searched_by = index.searched_by, "exact"
            with connection.cursor() as cursor:
                cursor.execute("SET enable_indexscan = off")
                began = time.perf_counter()
                best = {one.chunk_id for one in nearest(Asking(60), whole, [index], vector)[:10]}
                took["all"] += time.perf_counter() - began
                cursor.execute("RESET enable_indexscan")
            index.searched_by = how
            hits, wanted = hits + len(by_graph & best), wanted + len(best)
        found.append(hits / wanted)
        times = f"{took['graph'] / count * 1e3:8.1f}{took['all'] / count * 1e3:8.1f}"
        print(f"  {name:30}{found[-1]:>8.3f}{times}", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
