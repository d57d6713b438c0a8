"""Passages, looked for in the name of a caller: within a time limit, and so many at once of a tenant."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from contracts.errors import GatewayError, InvalidRequest, RateLimited, RetrievalUnavailable, ServiceUnavailable
from contracts.events import EventContext, RetrievalDegraded, RetrievalSearched
from contracts.ports import Clock, Emitter
from contracts.retrieval import AskModel, CollectionTerms, Embed, RetrievalParts, RetrievalQuery, Retrieved, Retriever
from contracts.specs import TenantSpec
from contracts.time_limit import TimeLimit
from gateway.engine.payloads import kept_payload

log = logging.getLogger(__name__)

AT_ONCE: Final = 8
"""Searches of a tenant under way in a worker; more wait."""
WAITING: Final = 64
"""Of a tenant; what comes beyond is refused."""
GRACE_MS: Final = 500
"""That a retriever gets beyond the collections' own time limit, to say itself that it is over."""
RETRY_AFTER_S: Final = 2.0
PAUSE_S: Final = 1.0
"""After collections could not be read nobody is asked again for so long: each caller would wait in vain, twice."""
REMEMBERED: Final = 1_024
MAX_DOCUMENTS: Final = 50
_NOTHING_TO_ASK: Final = "There are no documents here: nothing that could search them is set up."


class Search:
    """One per gateway worker; without ``parts`` there is nothing to search."""

    def __init__(self, parts: RetrievalParts | None, *, emitter: Emitter, clock: Clock) -> None:
        self.parts = parts
        self._emitter = emitter
        self._clock = clock
        self._retriever: Retriever | None = None
        self._places: dict[str, _Places] = {}
        self._paused_until = 0.0
        self._known: OrderedDict[tuple[str, tuple[str, ...]], tuple[CollectionTerms, ...]] = OrderedDict()

    async def terms(
        self, tenant_id: str, names: Sequence[str], *, param: str, context: EventContext
    ) -> tuple[CollectionTerms, ...]:
        """What the collections say; with PostgreSQL down, what they said last, and an event where nobody knows.

        Raises:
            InvalidRequest: the tenant has no such collection, or none at all.
            RetrievalUnavailable: they cannot be asked, and have not been before.
        """
        name = (tenant_id, tuple(names))
        known = self._known.get(name)
        if known is not None and self._paused:
            return known
        try:
            terms = await self._asked().terms(tenant_id, names)
        except InvalidRequest as error:
            raise InvalidRequest(error.message, param=param, details=error.details) from error
        except ServiceUnavailable as error:
            if known is None:
                self._nothing_searched(list(names), error, context)
                raise _unavailable() from error
            self._paused_until = self._clock.monotonic() + PAUSE_S
            return known
        if not terms:
            raise InvalidRequest("There is no collection of documents to answer from.", param=param)
        self._known[name] = terms
        self._known.move_to_end(name)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return terms

    async def find(
        self,
        query: RetrievalQuery,
        terms: Sequence[CollectionTerms],
        *,
        tenant: TenantSpec,
        key_id: str,
        context: EventContext,
        embed: Embed,
        ask: AskModel,
    ) -> Retrieved:
        """What is found; events tell of it, and of what was left out.

        Raises:
            InvalidRequest: the filters are malformed.
            RateLimited: too many searches of the tenant are under way.
            RetrievalUnavailable: nothing could be searched, or not in time.
        """
        started = self._clock.monotonic()
        names = [one.name for one in terms]
        if self._paused:
            down = ServiceUnavailable("Collections could not be read a moment ago.")
            self._nothing_searched(names, down, context)
            raise _unavailable() from down
        limit_s = (max((one.timeout_ms for one in terms), default=0) + GRACE_MS) / 1000
        async with self._place(query.tenant_id):
            try:
                with TimeLimit(limit_s):
                    retrieved = await self._asked().retrieve(query, embed=embed, ask=ask)
            except InvalidRequest:
                raise
            except Exception as error:
                # Whatever a search stumbles over: the collections say whether calls go on without.
                self._nothing_searched(names, error, context)
                raise _unavailable() from error
        self._tell(query, retrieved, names, tenant, key_id, context, (self._clock.monotonic() - started) * 1000)
        return retrieved

    def close(self) -> None:
        """End the retriever's threads and connections."""
        if self._retriever is not None:
            self._retriever.close()

    @property
    def _paused(self) -> bool:
        return self._clock.monotonic() < self._paused_until

    def _asked(self) -> Retriever:
        if self.parts is None:
            raise InvalidRequest(_NOTHING_TO_ASK)
        if self._retriever is None:
            self._retriever = self.parts.retriever()
        return self._retriever

    def _nothing_searched(self, names: list[str], error: Exception, context: EventContext) -> None:
        self._emitter.emit(RetrievalDegraded(collections=names, part="all", reason=_reason(error)), context)

    @asynccontextmanager
    async def _place(self, tenant_id: str) -> AsyncIterator[None]:
        places = self._places.setdefault(tenant_id, _Places())
        if places.used >= AT_ONCE + WAITING:
            raise RateLimited("Too many searches of this tenant are under way. Try again shortly.", retry_after_s=1.0)
        places.used += 1
        try:
            async with places.free:
                yield
        finally:
            places.used -= 1
            if not places.used:
                self._places.pop(tenant_id, None)

    def _tell(
        self,
        query: RetrievalQuery,
        retrieved: Retrieved,
        names: list[str],
        tenant: TenantSpec,
        key_id: str,
        context: EventContext,
        duration_ms: float,
    ) -> None:
        passages = retrieved.passages
        found = passages[0].found if passages else None
        self._emitter.emit(
            RetrievalSearched(
                collections=names,
                method=retrieved.method.value,
                passages=len(passages),
                top_score=round(passages[0].score, 6) if passages else None,
                similarity=found.similarity if found is not None else None,
                keyword_score=found.keyword_score if found is not None else None,
                documents=list(dict.fromkeys(one.document_id for one in passages))[:MAX_DOCUMENTS],
                degraded=retrieved.degraded,
                rewritten=len(retrieved.queries) > 1 or "rewrite" in retrieved.timings_ms,
                reranked="rerank" in retrieved.timings_ms,
                duration_ms=round(duration_ms, 3),
                key_id=key_id,
                query=kept_payload(tenant.payloads, query.text),
            ),
            context,
        )
        for reason in filter(None, retrieved.degraded.split(",")):
            degraded = RetrievalDegraded(
                collections=names, part=reason.strip().partition("_")[0], reason=reason.strip(), method=retrieved.method
            )
            self._emitter.emit(degraded, context)


class _Places:
    """Of one tenant."""

    __slots__ = ("free", "used")

    def __init__(self) -> None:
        self.free = asyncio.Semaphore(AT_ONCE)
        self.used = 0


def _unavailable() -> RetrievalUnavailable:
    return RetrievalUnavailable(
        "Documents cannot be searched right now. Try again shortly.", retry_after_s=RETRY_AFTER_S
    )


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, GatewayError):
        log.warning("documents could not be searched: %s", error.message)
        return error.code.lower()
    log.error("documents could not be searched", exc_info=error)
    return "error"
