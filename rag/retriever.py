"""The gateway's way to passages: searching in threads of its own, models asked on the gateway's loop."""

from __future__ import annotations

import asyncio
import logging
import select
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import msgspec
import psycopg
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections

from contracts.errors import ServiceUnavailable
from contracts.retrieval import AskModel, CollectionTerms, Embed, RetrievalQuery, Retrieved
from rag.models import Collection
from rag.search.answering import retrieved
from rag.search.embedding import local_vectors, routed_vectors, vectors_of_routes
from rag.search.finding import RERANKED, Search, Shortlist, Vectors
from rag.search.limits import Deadline
from rag.search.reranking import locally_reranked, reranked_by_model
from rag.search.rewriting import rewritten
from rag.search.scope import READ_S, Scope, collections_of, scope_of

log = logging.getLogger(__name__)

T = TypeVar("T")

THREADS: Final = 4
"""Searches of one worker at a time; each has a connection while it lasts."""
CLOSE_S: Final = 1.0
"""For closing connections that no search is using."""
SLACK_S: Final = 0.5
"""What a search may take beyond its time until it is given up, for connecting and for statements being cancelled."""


class PostgresRetriever:
    """Finds passages in PostgreSQL. One a gateway worker."""

    def __init__(self, *, threads: int = THREADS) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="retrieval")
        self._connections = _Connections()

    async def terms(self, tenant_id: str, names: Sequence[str]) -> tuple[CollectionTerms, ...]:
        """Of these collections, in order; of all that are switched on where none is named.

        Raises:
            InvalidRequest: the tenant has no such collection, or it is switched off.
            ServiceUnavailable: PostgreSQL cannot be asked.
        """
        found = await self._asked(lambda: collections_of(tenant_id, names), READ_S + SLACK_S)
        return tuple(_terms(one) for one in found)

    async def retrieve(self, query: RetrievalQuery, *, embed: Embed, ask: AskModel) -> Retrieved:
        """What is found.

        Raises:
            InvalidRequest: there is no such collection, or the filters are malformed.
            ServiceUnavailable: nothing can be searched.
        """
        began = asyncio.get_running_loop().time()
        scope = await self._asked(lambda: scope_of(query), READ_S + SLACK_S)
        deadline = Deadline(scope.timeout_s)
        timings: dict[str, float] = {}
        degraded: list[str] = []
        queries = await _timed(timings, "rewrite", rewritten(scope, ask, deadline, degraded))
        routed = await _timed(timings, "embed", routed_vectors(scope, embed, queries, deadline))
        short = await self._asked(lambda: _found(scope, queries, routed, deadline), deadline.left_s() + SLACK_S)
        short.degraded[:0] = degraded
        scores = await _timed(timings, "rerank", self._reranked(short, ask, deadline))
        if scope.diversity > 0:
            answer = await self._asked(lambda: retrieved(short, deadline, scores), deadline.left_s() + SLACK_S)
        else:
            answer = retrieved(short, deadline, scores)  # nothing more is read
        timings = {**answer.timings_ms, **{key: value for key, value in timings.items() if value >= 0.01}}
        timings["total"] = (asyncio.get_running_loop().time() - began) * 1_000
        return _with_timings(answer, timings)

    def close(self) -> None:
        """End threads and connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        # Django closes none from a thread that runs an event loop, and gateways are closed on theirs.
        closing = threading.Thread(target=self._connections.close, name="retrieval-closing", daemon=True)
        closing.start()
        closing.join(CLOSE_S)

    async def _reranked(self, short: Shortlist, ask: AskModel, deadline: Deadline) -> Mapping[int, float] | None:
        if short.scope.reranker == Collection.Reranker.LOCAL:
            return await self._asked(lambda: locally_reranked(short), deadline.left_s() + SLACK_S)
        if short.scope.reranker == Collection.Reranker.MODEL:
            return await reranked_by_model(short, ask, deadline)
        return None

    async def _asked(self, work: Callable[[], T], seconds: float) -> T:
        """Done in a thread, within its time.

        Raises:
            ServiceUnavailable: PostgreSQL cannot be asked, or does not answer.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                return await loop.run_in_executor(self._threads, self._connections.use, work)
        except (DatabaseError, InterfaceError, TimeoutError) as error:
            log.warning("Documents could not be searched: %s", error)
            raise ServiceUnavailable("Documents cannot be searched at the moment. Try again shortly.") from error


class _Connections:
    """Each thread's connection, kept from one search to the next: making one takes as long as a search does.

    Where Django has a pool, it goes back there after each search.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[Any] = set()
        self._closed = False

    def use(self, work: Callable[[], T]) -> T:
        """Done with this thread's connection; one that was cut since it was last used is made anew."""
        mine = connections[DEFAULT_DB_ALIAS]
        if mine.connection is not None and _has_news(mine.connection) and not mine.is_usable():
            mine.close()
        try:
            return work()
        finally:
            self._keep_or_close(mine)

    def _keep_or_close(self, mine: Any) -> None:
        with self._lock:
            keeps = _is_open(mine) and not self._closed and not mine.settings_dict["OPTIONS"].get("pool")
            if keeps and mine not in self._open:
                mine.inc_thread_sharing()
                self._open.add(mine)
            elif not keeps:
                self._open.discard(mine)
        if not keeps:
            mine.close()

    def close(self) -> None:
        """Close those that no search is using; the others close with their searches."""
        with self._lock:
            self._closed = True
            idle = [one for one in self._open if not one.in_atomic_block]
            self._open.clear()
        for one in idle:
            one.close()


def _is_open(one: Any) -> bool:
    """Django itself drops a connection that broke within a transaction."""
    return one.connection is not None and not one.connection.closed


def _has_news(raw: Any) -> bool:
    """Whether something came in since the last answer: PostgreSQL says goodbye, or closes.

    Looking costs a thousandth of asking.
    """
    try:
        poll = select.poll()
        poll.register(raw.fileno(), select.POLLIN)
        return bool(poll.poll(0))
    except (OSError, psycopg.OperationalError):  # it was closed on this side
        return True


def search_now(
    *,
    tenant: Any,
    collections: Sequence[str],
    text: str,
    access_tags: Any = frozenset({"*"}),
    explain: bool = True,
    **more: Any,
) -> Retrieved:
    """The same for pages and benches, in the caller's thread; ``more`` are fields of :class:`RetrievalQuery`.

    Vectors by a provider's model are asked for through this process's gateway. Questions are not put into other words,
    and no model reranks.

    Raises:
        InvalidRequest: there is no such collection, or the filters are malformed.
        ServiceUnavailable: nothing can be searched.
    """
    query = RetrievalQuery(
        tenant_id=str(tenant.pk),
        collections=tuple(collections),
        text=text,
        access_tags=frozenset(access_tags),
        explain=explain,
        **more,
    )
    scope = scope_of(query)
    deadline = Deadline(scope.timeout_s)
    routed = vectors_of_routes(scope, [text])
    short = _found(scope, [text], routed, deadline)
    scores = locally_reranked(short) if scope.reranker == Collection.Reranker.LOCAL else None
    answer = retrieved(short, deadline, scores)
    return _with_timings(answer, {**answer.timings_ms, "total": (scope.timeout_s - deadline.left_s()) * 1_000})


def _found(scope: Scope, queries: Sequence[str], routed: Vectors, deadline: Deadline) -> Shortlist:
    search = Search(scope, queries, deadline)

    def vectors() -> Vectors:
        began = time.perf_counter()
        found = {**routed, **local_vectors(scope, queries)}
        search.timings["embed"] = (time.perf_counter() - began) * 1_000
        return found

    more = scope.reranker != Collection.Reranker.NONE or scope.diversity > 0
    return search.run(vectors, most=max(RERANKED, scope.top_k) if more else scope.top_k)


def _terms(one: Collection) -> CollectionTerms:
    return CollectionTerms(
        name=one.name,
        context_tokens=one.context_tokens,
        drops_instructions=one.screening == Collection.Screening.DROP,
        says_unsupported=one.when_unsupported == Collection.WhenUnsupported.SAY_SO,
        unsupported_text=one.unsupported_text,
        fail_open=one.fail_open,
        timeout_ms=one.timeout_ms,
        judge_route=one.judge_route,
    )


def _with_timings(answer: Retrieved, timings: Mapping[str, float]) -> Retrieved:
    return msgspec.structs.replace(answer, timings_ms={name: round(value, 2) for name, value in timings.items()})


async def _timed(timings: dict[str, float], name: str, work: Awaitable[T]) -> T:
    began = time.perf_counter()
    try:
        return await work
    finally:
        timings[name] = (time.perf_counter() - began) * 1_000
