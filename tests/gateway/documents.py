"""Documents without a database: a retriever and an assessor that speak the contract, and do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from contracts.errors import InvalidRequest, ServiceUnavailable
from contracts.retrieval import (
    ALL_ACCESS,
    AskModel,
    CollectionTerms,
    DocumentPage,
    Embed,
    Found,
    GivenDocument,
    Grounding,
    Method,
    ModelQuestion,
    Passage,
    RetrievalParts,
    RetrievalQuery,
    Retrieved,
    SentenceSupport,
    StoredDocument,
)

UNSUPPORTED = "The handbook does not say."


def passage(text: str, number: int = 1, **fields: Any) -> Passage:
    """A passage of a document of its own."""
    known: dict[str, Any] = {
        "collection": "handbook",
        "document_id": f"document-{number}",
        "external_id": f"page-{number}",
        "title": f"Page {number}",
        "uri": f"https://docs.example.com/{number}",
        "chunk_id": number,
        "position": 0,
        "start": 0,
        "end": len(text),
        "text": text,
        "score": 1.0 / number,
        "found": Found(similarity=0.6, keyword_rank=number, fused_score=1.0 / number, matched=("days",)),
    }
    return Passage(**(known | fields))


def terms(name: str = "handbook", **fields: Any) -> CollectionTerms:
    """What a collection says."""
    known: dict[str, Any] = {
        "context_tokens": 3_000,
        "drops_instructions": True,
        "says_unsupported": True,
        "unsupported_text": UNSUPPORTED,
        "fail_open": False,
    }
    return CollectionTerms(name=name, **(known | fields))


class FakeRetriever:
    """Gives passages of tenants to whoever has the tags; remembers what it was asked."""

    def __init__(self, *passages: Passage, collections: Sequence[CollectionTerms] = ()) -> None:
        self.passages: dict[str, list[Passage]] = {"tenant-1": list(passages)}
        self.tags: dict[str, set[str]] = {}
        """By document id; those without are everybody's."""
        self.collections = list(collections) or [terms()]
        self.queries: list[RetrievalQuery] = []
        self.degraded = ""
        self.generation = "1"
        self.fails: Exception | None = None
        self.delay_s = 0.0
        self.uses_models = False
        self.at_once = 0
        self.most_at_once = 0
        self.closed = False

    async def terms(self, tenant_id: str, names: Sequence[str]) -> tuple[CollectionTerms, ...]:
        if isinstance(self.fails, ServiceUnavailable) and self.fails.details == {"terms": True}:
            raise self.fails
        if tenant_id not in self.passages:
            if names:
                raise InvalidRequest(f"There is no collection {names[0]!r}.")
            return ()
        known = {one.name: one for one in self.collections}
        for name in names:
            if name not in known:
                raise InvalidRequest(f"There is no collection {name!r}.")
        return tuple(known[name] for name in names) if names else tuple(self.collections)

    async def retrieve(self, query: RetrievalQuery, *, embed: Embed, ask: AskModel) -> Retrieved:
        self.queries.append(query)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.delay_s)
            if self.fails is not None:
                raise self.fails
            queries: tuple[str, ...] = (query.text,)
            if self.uses_models:
                queries += (await ask("default", "Say it in other words.", query.text, max_output_tokens=50),)
                assert len(await embed("default", ["one", "two"])) == 2
        finally:
            self.at_once -= 1
        found = [one for one in self.passages.get(query.tenant_id, ()) if self._seen(one, query)]
        return Retrieved(
            passages=tuple(found[: query.top_k or 8]),
            method=query.method or Method.HYBRID,
            queries=queries,
            degraded=self.degraded,
            timings_ms={"total": 1.5},
            generation=self.generation,
        )

    def close(self) -> None:
        self.closed = True

    def _seen(self, one: Passage, query: RetrievalQuery) -> bool:
        tags = self.tags.get(one.document_id)
        seen = tags is None or ALL_ACCESS in query.access_tags or bool(tags & query.access_tags)
        return seen and (not query.collections or one.collection in query.collections)


class FakeAssessor:
    """Finds an answer borne out as far as its words stand in the passages."""

    def __init__(self) -> None:
        self.judged: list[tuple[str, str, tuple[str, ...]]] = []
        self.fails = False
        self.compared: list[list[str]] = []

    def assess(self, question: str, answer: str, passages: Sequence[str], *, cites: bool) -> Grounding:
        if self.fails:
            raise ZeroDivisionError
        self.judged.append((question, answer, tuple(passages)))
        known = set(" ".join(passages).lower().split())
        words = [word for word in answer.lower().split() if not word.startswith("[")]
        support = sum(word.strip(".") in known or word in known for word in words) / max(1, len(words))
        verdict = "supported" if support > 0.5 else "unsupported"
        sentence = SentenceSupport(text=answer, start=0, end=len(answer), support=support, verdict=verdict, passage=1)
        missing = int(cites and "[" not in answer)
        return Grounding(risk=1 - support, support=support, sentences=(sentence,), citations_missing=missing)

    def asked_of_model(self, found: Grounding, passages: Sequence[str]) -> ModelQuestion | None:
        return ModelQuestion("Judge the claims.", f"{found.sentences[0].text} | {' '.join(passages)}", 50)

    def with_opinion(self, found: Grounding, said: str) -> Grounding:
        return msgspec.structs.replace(found, risk=float(said))

    def agreement(self, answers: Sequence[str]) -> float:
        self.compared.append(list(answers))
        return sum(one == answers[0] for one in answers[1:]) / max(1, len(answers) - 1)


class FakeStore:
    """Documents by tenant and collection, in memory."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], dict[str, GivenDocument]] = {}
        self.actors: list[str] = []
        self.closed = False

    async def upsert(
        self,
        tenant_id: str,
        collection: str,
        documents: Sequence[GivenDocument],
        *,
        access_tags: frozenset[str],
        actor: str,
    ) -> tuple[StoredDocument, ...]:
        rows = self._rows(tenant_id, collection)
        rows.update({one.id: one for one in documents})
        self.actors.append(actor)
        return tuple(self._stored(one) for one in documents)

    async def page(
        self, tenant_id: str, collection: str, *, access_tags: frozenset[str], cursor: str, limit: int, state: str
    ) -> DocumentPage:
        rows = self._rows(tenant_id, collection)
        ids = sorted(name for name in rows if name > cursor)
        shown = tuple(self._stored(rows[name]) for name in ids[:limit])
        return DocumentPage(documents=shown, next_cursor=ids[limit - 1] if len(ids) > limit else "")

    async def delete(
        self, tenant_id: str, collection: str, ids: Sequence[str], *, access_tags: frozenset[str], actor: str
    ) -> tuple[str, ...]:
        rows = self._rows(tenant_id, collection)
        return tuple(name for name in ids if rows.pop(name, None) is not None)

    def close(self) -> None:
        self.closed = True

    def _rows(self, tenant_id: str, collection: str) -> dict[str, GivenDocument]:
        if collection != "handbook":
            raise InvalidRequest(f"There is no collection {collection!r}.", param="collection")
        return self.rows.setdefault((tenant_id, collection), {})

    def _stored(self, one: GivenDocument) -> StoredDocument:
        return StoredDocument(
            id=one.id,
            document_id=f"document-{one.id}",
            title=one.title,
            uri=one.uri,
            media_type=one.media_type or "text/plain",
            state="waiting",
            error="",
            characters=len(one.text or ""),
            chunks=0,
            metadata=msgspec.to_builtins(one.metadata),
            access_tags=one.access_tags or (),
            updated_at="2026-11-22T10:00:00Z",
        )


class Library:
    """What a stand is given to find, with its parts at hand."""

    def __init__(self, *passages: Passage, collections: Sequence[CollectionTerms] = ()) -> None:
        self.retriever = FakeRetriever(*passages, collections=collections)
        self.assessor = FakeAssessor()
        self.store = FakeStore()

    @property
    def parts(self) -> RetrievalParts:
        return RetrievalParts(lambda: self.retriever, self.assessor, lambda: self.store)
