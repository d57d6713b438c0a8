"""Passages of a tenant's documents: how they are asked for, what is found, and who finds them.

The gateway asks (``mode: "rag"``, ``/v1/retrieval/*``); who searches stands above it, and registers here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, Protocol

import msgspec

ALL_ACCESS: Final = "*"
"""Among the access tags of a caller: it sees everything of its tenant."""


class Method(StrEnum):
    """How passages are found."""

    HYBRID = "hybrid"
    KEYWORD = "keyword"
    VECTOR = "vector"


class RetrievalQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for, and by whom."""

    tenant_id: str
    collections: tuple[str, ...]
    """Names; empty: all of the tenant that are switched on."""
    text: str
    access_tags: frozenset[str]
    """What the caller may see: documents without tags, and those with one of these."""
    history: tuple[tuple[str, str], ...] = ()
    """Role and text of what was said before, the oldest first."""
    top_k: int | None = None
    """None: as the collections say. So with all that follows."""
    method: Method | None = None
    filters: Mapping[str, Any] = {}
    """Field of a document's metadata to a value, or to a list of which it has one, or to bounds
    (``{"gte": 1, "lt": 5}``)."""
    rerank: bool | None = None
    rewrite: bool | None = None
    explain: bool = False
    """Whether each passage tells how it was found."""


class Found(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a passage was found: ranks from 1, None where that search did not find it."""

    keyword_rank: int | None = None
    keyword_score: float | None = None
    """BM25."""
    vector_rank: int | None = None
    similarity: float | None = None
    """Cosine."""
    fused_score: float = 0.0
    """Reciprocal ranks, summed."""
    rerank_score: float | None = None
    matched: tuple[str, ...] = ()
    """Lexemes of the question that it has."""


class Passage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stretch of a document."""

    collection: str
    document_id: str
    external_id: str
    title: str
    uri: str
    chunk_id: int
    position: int
    start: int
    """Its first character in the document's text."""
    end: int
    text: str
    score: float
    """0 to 1, the better the higher; comparable within one answer only."""
    heading: str = ""
    page: int | None = None
    metadata: dict[str, Any] = {}
    found: Found | None = None


class Retrieved(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, the best first."""

    passages: tuple[Passage, ...]
    method: Method
    """As it was done in the end."""
    queries: tuple[str, ...]
    """What was looked for; the first is the caller's, or what stands for it in the conversation."""
    degraded: str = ""
    """Why less was done than was asked for, such as ``vectors_unavailable``; empty where nothing was left out."""
    timings_ms: Mapping[str, float] = {}
    """``rewrite``, ``embed``, ``keyword``, ``vector``, ``rerank``, ``total``."""
    generation: str = ""
    """Another one whenever the collections' documents or settings are."""


class CollectionTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a collection says about answers that rest on it."""

    name: str
    context_tokens: int
    drops_instructions: bool
    """Whether passages that look like instructions to the model are left out; else they are flagged."""
    says_unsupported: bool
    unsupported_text: str
    fail_open: bool
    timeout_ms: int = 30_000
    """For finding passages; the gateway waits a little longer before it goes on without."""
    judge_route: str = ""
    """Whose model says how far answers rest on passages, beside the assessor; empty: nobody's."""


class AskModel(Protocol):
    """Asks a model in the caller's name, for rewriting and reranking."""

    async def __call__(self, route: str, instructions: str, question: str, *, max_output_tokens: int) -> str:
        """What it said.

        Raises:
            GatewayError: the call was refused, or failed.
        """


Embed = Callable[[str, Sequence[str]], Awaitable[list[list[float]]]]
"""The vectors of texts by the model of a route, in the caller's name. Raises GatewayError."""


class Retriever(Protocol):
    """Finds passages. One instance a gateway worker, used on its event loop."""

    async def terms(self, tenant_id: str, names: Sequence[str]) -> tuple[CollectionTerms, ...]:
        """Of these collections, in order; of all that are switched on where none is named.

        Raises:
            InvalidRequest: the tenant has no such collection, or it is switched off.
            ServiceUnavailable: PostgreSQL cannot be asked.
        """

    async def retrieve(self, query: RetrievalQuery, *, embed: Embed, ask: AskModel) -> Retrieved:
        """What is found. A part that is missing or slow degrades the answer; it is told in :attr:`Retrieved.degraded`.

        Raises:
            InvalidRequest: there is no such collection, or the filters are malformed.
            ServiceUnavailable: nothing can be searched, not even by keywords.
        """

    def close(self) -> None:
        """End threads and connections."""


class SentenceSupport(msgspec.Struct, frozen=True, kw_only=True):
    """How far one sentence of an answer rests on the passages."""

    text: str
    start: int
    end: int
    """Characters of the answer."""
    support: float
    """Calibrated probability that the passages bear it out, 0 to 1."""
    verdict: str
    """``supported``, ``unsupported``, ``contradicted`` or ``no_claim``."""
    passage: int | None = None
    """Number of the passage that bears it out best, from 1."""
    cited: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()
    """Such as ``number_missing:1,200``, ``entity_missing:Oslo``, ``negation``."""


class Grounding(msgspec.Struct, frozen=True, kw_only=True):
    """How far an answer rests on its passages."""

    risk: float
    """Calibrated probability that something in it is not borne out, 0 to 1."""
    support: float
    """Share of its claims that are supported; 1 where it claims nothing."""
    sentences: tuple[SentenceSupport, ...]
    citations_wrong: int = 0
    """Citations that lead nowhere, or to a passage that does not say it."""
    citations_missing: int = 0
    """Claims that cite nothing."""
    declined: bool = False
    """Whether it says that the documents do not answer the question."""
    judged_by: str = ""
    """The route whose model had its say; empty: none."""


class ModelQuestion(msgspec.Struct, frozen=True):
    """What a model is asked."""

    instructions: str
    question: str
    max_output_tokens: int


class Assessor(Protocol):
    """Judges how far answers rest on passages."""

    def assess(self, question: str, answer: str, passages: Sequence[str], *, cites: bool) -> Grounding:
        """Pure, and quick enough for a thread: milliseconds; ``cites`` is whether citations were asked for."""

    def asked_of_model(self, found: Grounding, passages: Sequence[str]) -> ModelQuestion | None:
        """What a model is asked about the claims; None where there are none. Pure."""

    def with_opinion(self, found: Grounding, said: str) -> Grounding:
        """The judgement with what the model said to that. Pure.

        Raises:
            ValueError: it is not what was asked for.
        """

    def agreement(self, answers: Sequence[str]) -> float:
        """How far several answers to one question say the same, 0 to 1: of the first one's claims, how many the others
        bear out. Pure.
        """


class GivenDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A document that is added, or put in the place of the one with its id. Either ``text`` or ``content_base64``."""

    id: str
    """The owner's own name for it."""
    text: str | None = None
    content_base64: str | None = None
    """Of a file, such as a PDF."""
    media_type: str = ""
    """Empty: ``text/plain``, or found out from the content."""
    title: str = ""
    uri: str = ""
    """Where a reader can open it."""
    metadata: dict[str, str | int | float | bool] = {}
    access_tags: tuple[str, ...] | None = None
    """None: those of the collection."""


class StoredDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document as it stands."""

    id: str
    """The owner's own name for it."""
    document_id: str
    title: str
    uri: str
    media_type: str
    state: str
    """``waiting``, ``reading``, ``ready`` or ``failed``."""
    error: str
    characters: int
    chunks: int
    metadata: dict[str, Any]
    access_tags: tuple[str, ...]
    updated_at: str
    """RFC 3339."""


class DocumentPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of a collection's documents, by id."""

    documents: tuple[StoredDocument, ...]
    next_cursor: str = ""
    """Empty: there are no more."""


class DocumentStore(Protocol):
    """Documents of tenants, for who owns them. Callers see those without access tags and those with one of theirs;
    all others are to them as if they were not there. One instance a gateway worker, used on its event loop.

    Each method raises InvalidRequest (no such collection; ``param`` names the field) and ServiceUnavailable.
    """

    async def upsert(
        self,
        tenant_id: str,
        collection: str,
        documents: Sequence[GivenDocument],
        *,
        access_tags: frozenset[str],
        actor: str,
    ) -> tuple[StoredDocument, ...]:
        """Take them in; they are read and indexed afterwards. All of them, or none.

        Raises:
            PermissionDenied: one has the id of a document that the caller may not see, or a tag that it lacks.
        """

    async def page(
        self, tenant_id: str, collection: str, *, access_tags: frozenset[str], cursor: str, limit: int, state: str
    ) -> DocumentPage:
        """The next ones after ``cursor``, in the order of their ids; of one state where it is not empty."""

    async def delete(
        self, tenant_id: str, collection: str, ids: Sequence[str], *, access_tags: frozenset[str], actor: str
    ) -> tuple[str, ...]:
        """Those that were there, and are no more."""

    def close(self) -> None:
        """End threads and connections."""


class RetrievalParts(msgspec.Struct, frozen=True):
    """What the app of documents gives the gateway."""

    retriever: Callable[[], Retriever]
    """Makes one for a worker."""
    assessor: Assessor
    documents: Callable[[], DocumentStore] | None = None
    """Makes one for a worker; None: documents are not managed over the data plane."""
    names: Callable[[str], Sequence[str]] | None = None
    """The names of a tenant's collections that are switched on, for pages that offer them."""


_registered: list[RetrievalParts] = []


def register_retrieval(parts: RetrievalParts) -> None:
    """Have gateways find passages with them; what was registered before is replaced."""
    _registered[:] = [parts]


def registered_retrieval() -> RetrievalParts | None:
    """What is registered; None where calls cannot rest on documents."""
    return _registered[0] if _registered else None
