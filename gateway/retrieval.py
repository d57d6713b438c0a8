"""The data plane's endpoints for documents: searching them, and managing them."""

from __future__ import annotations

import asyncio
from typing import Any, Final, Literal
from urllib.parse import parse_qs

import msgspec

from contracts.chat import JsonObject, RetrievalOptions
from contracts.errors import InvalidRequest, PermissionDenied
from contracts.events import EventContext
from contracts.ids import new_correlation_id
from contracts.ports import Clock
from contracts.retrieval import ALL_ACCESS, DocumentStore, GivenDocument, Passage, StoredDocument
from contracts.specs import KeySpec, LimitMetric, TenantSpec
from gateway.answers import json_answer
from gateway.engine.admission import Admission
from gateway.engine.authentication import Authenticator, presented_key
from gateway.engine.grounding.asked import MAX_NAME, MAX_QUESTION, check_options, query_of
from gateway.engine.grounding.in_callers_name import InCallersName
from gateway.engine.grounding.screening import suspicions, whole_text
from gateway.engine.grounding.searching import Search
from gateway.engine.grounding.withholding import Withholding
from gateway.engine.limits import applied_limits
from gateway.exchange import Answer, GatewayRequest, Serve
from gateway.formats.validation import convert, decode_object

QUERY: Final = "retrieval"
DOCUMENTS: Final = "documents"
MAX_DOCUMENTS: Final = 100
"""Of one request."""
PAGE: Final = 50
MAX_ID: Final = 512
MAX_CURSOR: Final = 2_048
STATES: Final = ("waiting", "reading", "ready", "failed")
LEASE_MS: Final = 60_000


class RetrievalRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is looked for, and where; as ``retrieval`` of a call, with the question."""

    query: str
    collections: list[str] | None = None
    top_k: int | None = None
    method: Literal["hybrid", "keyword", "vector"] | None = None
    filters: JsonObject | None = None
    access_tags: list[str] | None = None
    rerank: bool | None = None
    rewrite: bool | None = None
    explain: bool = False
    """Whether each passage tells how it was found."""


class UpsertRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Documents that are added, or put in the place of those with their ids."""

    collection: str
    documents: list[GivenDocument]


class RetrievalEndpoints:
    """Answers ``POST /v1/retrieval/query`` and ``/v1/retrieval/documents``."""

    def __init__(
        self,
        search: Search,
        *,
        authenticator: Authenticator,
        admission: Admission,
        serve: Serve,
        clock: Clock,
        withholding: Withholding,
    ) -> None:
        self._search = search
        self._authenticator = authenticator
        self._admission = admission
        self._serve = serve
        self._clock = clock
        self._withholding = withholding
        self._store: DocumentStore | None = None

    async def query(self, request: GatewayRequest) -> Answer:
        """The passages that are found, the best first."""
        key, tenant = await self._authenticate(request, QUERY)
        asked = convert(decode_object(request.body), RetrievalRequest)
        options = _options(asked)
        text = asked.query.replace("\x00", "").strip()[:MAX_QUESTION]
        if not text:
            raise InvalidRequest("'query' is empty: there is nothing to look for.", param="query")
        correlation_id = new_correlation_id()
        await self._count(correlation_id, key, tenant)
        context = EventContext(tenant_id=tenant.id, correlation_id=correlation_id)
        terms = await self._search.terms(tenant.id, options.collections or (), param="collections", context=context)
        helper = InCallersName(self._serve, self._clock, tenant=tenant, key=key, correlation_id=correlation_id)
        retrieved = await self._search.find(
            query_of(options, tenant_id=tenant.id, tags=key.access_tags, text=text),
            terms,
            tenant=tenant,
            key_id=key.id,
            context=context,
            embed=helper.embed,
            ask=helper.ask,
        )
        passages = await self._withholding.left(
            retrieved.passages, exchange=request, key=key, tenant=tenant, correlation_id=correlation_id
        )
        flags = await _flags(passages)
        return json_answer(
            {
                "object": "retrieval",
                "passages": [
                    passage_object(one, number, flag, explain=asked.explain)
                    for number, (one, flag) in enumerate(zip(passages, flags, strict=True), 1)
                ],
                "withheld": len(retrieved.passages) - len(passages),
                "method": retrieved.method.value,
                "queries": list(retrieved.queries),
                "degraded": retrieved.degraded,
                "timings_ms": {name: round(value, 3) for name, value in retrieved.timings_ms.items()},
                "correlation_id": correlation_id,
            },
            correlation_id,
        )

    async def upsert(self, request: GatewayRequest) -> Answer:
        """Take documents in; they are read and indexed afterwards."""
        key, tenant = await self._authenticate(request, DOCUMENTS)
        given = convert(decode_object(request.body), UpsertRequest)
        _check_collection(given.collection)
        _check_documents(given.documents, key.access_tags)
        await self._count(new_correlation_id(), key, tenant)
        stored = await self._documents().upsert(
            tenant.id, given.collection, given.documents, access_tags=key.access_tags, actor=_actor(key)
        )
        return json_answer({"object": "list", "data": [document_object(one, given.collection) for one in stored]})

    async def list(self, request: GatewayRequest) -> Answer:
        """Documents of a collection, by id."""
        key, tenant = await self._authenticate(request, DOCUMENTS)
        asked = _parameters(request.query, ("collection", "cursor", "limit", "state"))
        collection, state = _check_collection(_one(asked, "collection")), _one(asked, "state")
        if state and state not in STATES:
            raise InvalidRequest(f"'state' is one of {', '.join(STATES)}.", param="state")
        cursor = _one(asked, "cursor")
        if len(cursor) > MAX_CURSOR or "\x00" in cursor:
            raise InvalidRequest("This is not a cursor.", param="cursor")
        await self._count(new_correlation_id(), key, tenant)
        page = await self._documents().page(
            tenant.id,
            collection,
            access_tags=key.access_tags,
            cursor=cursor,
            limit=_limit(_one(asked, "limit")),
            state=state,
        )
        data = [document_object(one, collection) for one in page.documents]
        return json_answer({"object": "list", "data": data, "next_cursor": page.next_cursor or None})

    async def delete(self, request: GatewayRequest) -> Answer:
        """Delete documents by their ids."""
        key, tenant = await self._authenticate(request, DOCUMENTS)
        asked = _parameters(request.query, ("collection", "id"))
        collection = _check_collection(_one(asked, "collection"))
        ids = list(dict.fromkeys(asked.get("id", ())))
        if not ids:
            raise InvalidRequest("Name the documents: '?collection=…&id=…'.", param="id")
        if len(ids) > MAX_DOCUMENTS:
            raise InvalidRequest(f"At most {MAX_DOCUMENTS} documents at once.", param="id")
        for one in ids:
            _check_id(one, "id")
        await self._count(new_correlation_id(), key, tenant)
        deleted = await self._documents().delete(
            tenant.id, collection, ids, access_tags=key.access_tags, actor=_actor(key)
        )
        return json_answer({"object": "deleted", "collection": collection, "ids": [*deleted]})

    def close(self) -> None:
        """End the store's threads and connections."""
        if self._store is not None:
            self._store.close()

    def _documents(self) -> DocumentStore:
        parts = self._search.parts
        if parts is None or parts.documents is None:
            raise InvalidRequest("Documents are not managed here.")
        if self._store is None:
            self._store = parts.documents()
        return self._store

    async def _authenticate(self, request: GatewayRequest, scope: str) -> tuple[KeySpec, TenantSpec]:
        return await self._authenticator.authenticate(presented_key(request.headers), request.client_ip, scope)

    async def _count(self, call_id: str, key: KeySpec, tenant: TenantSpec) -> None:
        """Count it as a request: what is refused here costs the database nothing."""
        limits = [
            one for one in applied_limits(tenant, key, user=None, tokens=0) if one.spec.metric is LimitMetric.REQUESTS
        ]
        ticket = await self._admission.admit(call_id, limits, lease_ms=LEASE_MS, fail_open=tenant.fail_open)
        self._admission.settle(ticket, tokens=0, cost_nanousd=0)


def passage_object(passage: Passage, number: int, flag: JsonObject | None, *, explain: bool) -> JsonObject:
    """A passage as the API tells it."""
    return {
        "number": number,
        "collection": passage.collection,
        "document_id": passage.document_id,
        "external_id": passage.external_id,
        "title": passage.title,
        "uri": passage.uri,
        "heading": passage.heading,
        "page": passage.page,
        "chunk_id": passage.chunk_id,
        "position": passage.position,
        "start": passage.start,
        "end": passage.end,
        "score": round(passage.score, 6),
        "text": passage.text,
        "metadata": passage.metadata,
        "flagged": flag,
        "found": msgspec.to_builtins(passage.found) if explain and passage.found is not None else None,
    }


def document_object(document: StoredDocument, collection: str) -> JsonObject:
    """A document as the API tells it."""
    return {"object": "document", "collection": collection, **msgspec.to_builtins(document)}


async def _flags(passages: tuple[Passage, ...]) -> list[JsonObject | None]:
    """Which passages look like instructions to a model: whoever gives them to one should know."""
    found = await asyncio.to_thread(suspicions, [whole_text(one) for one in passages]) if passages else []
    return [{"reason": one.evidence, "score": one.score} if one is not None else None for one in found]


def _options(asked: RetrievalRequest) -> RetrievalOptions:
    fields: Any = {name: getattr(asked, name) for name in RetrievalOptions.__struct_fields__ if hasattr(asked, name)}
    options = convert({name: value for name, value in fields.items() if value is not None}, RetrievalOptions)
    check_options(options, "")
    return options


def _check_collection(name: str) -> str:
    if not name or len(name) > MAX_NAME or "\x00" in name:
        raise InvalidRequest(f"Name a collection, of 1 to {MAX_NAME} characters.", param="collection")
    return name


def _check_documents(documents: list[GivenDocument], tags: frozenset[str]) -> None:
    if not documents:
        raise InvalidRequest("There are no documents.", param="documents")
    if len(documents) > MAX_DOCUMENTS:
        raise InvalidRequest(f"At most {MAX_DOCUMENTS} documents at once.", param="documents")
    seen: set[str] = set()
    for place, one in enumerate(documents):
        where = f"documents[{place}]"
        _check_id(one.id, f"{where}.id")
        if one.id in seen:
            raise InvalidRequest("Two documents have this id.", param=f"{where}.id")
        seen.add(one.id)
        if (one.text is None) == (one.content_base64 is None):
            raise InvalidRequest("A document has either 'text' or 'content_base64'.", param=where)
        lacking = set(one.access_tags or ()) - tags
        if lacking and ALL_ACCESS not in tags:
            raise PermissionDenied(f"This API key lacks the access tag {min(lacking)!r}.", param=f"{where}.access_tags")


def _check_id(name: str, param: str) -> None:
    if not name or len(name) > MAX_ID or "\x00" in name:
        raise InvalidRequest(f"An id has 1 to {MAX_ID} characters.", param=param)


def _parameters(query: str, known: tuple[str, ...]) -> dict[str, list[str]]:
    try:
        given = parse_qs(query, keep_blank_values=True, errors="strict", max_num_fields=2 * MAX_DOCUMENTS)
    except ValueError as error:
        raise InvalidRequest("The query string is malformed.") from error
    for name in given:
        if name not in known:
            raise InvalidRequest(f"There is no parameter {name!r}; there are: {', '.join(known)}.", param=name)
    return given


def _one(given: dict[str, list[str]], name: str) -> str:
    values = given.get(name, [""])
    if len(values) > 1:
        raise InvalidRequest(f"'{name}' stands here twice.", param=name)
    return values[0]


def _limit(given: str) -> int:
    if not given:
        return PAGE
    if not (given.isascii() and given.isdigit()) or not 1 <= int(given[:6]) <= MAX_DOCUMENTS:
        raise InvalidRequest(f"'limit' is a number from 1 to {MAX_DOCUMENTS}.", param="limit")
    return int(given)


def _actor(key: KeySpec) -> str:
    return f"key {key.name or key.prefix or key.id}"
