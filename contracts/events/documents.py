"""Documents: how they come in, how passages are found, what answers rest on."""

from __future__ import annotations

from typing import Any

import msgspec

from contracts.events.envelope import EventPayload


class RetrievalSearched(EventPayload, frozen=True, kw_only=True):
    """Passages were looked for, over the API or for a call's answer."""

    event_type = "retrieval.search.completed"
    layer = 3
    collections: list[str]
    method: str
    """``hybrid`` | ``keyword`` | ``vector``, as it was done in the end."""
    passages: int
    top_score: float | None = None
    similarity: float | None = None
    """Cosine of the best passage, where vectors were searched."""
    keyword_score: float | None = None
    """BM25 of the best passage, where words were searched."""
    documents: list[str] = msgspec.field(default_factory=list)
    """Ids of those that passages come from."""
    degraded: str = ""
    """Why less was done than was asked for; empty: nothing was left out."""
    rewritten: bool = False
    reranked: bool = False
    duration_ms: float
    key_id: str = ""
    query: str | None = None
    """Only where the tenant stores payloads."""


class RetrievalDegraded(EventPayload, frozen=True, kw_only=True):
    """A part of a search was left out: vectors, rewriting, reranking."""

    event_type = "retrieval.search.degraded"
    layer = 3
    collections: list[str]
    part: str
    """``vectors`` | ``keywords`` | ``rewrite`` | ``rerank`` | ``judge`` | ``all``."""
    reason: str
    method: str = ""
    """What was done instead; empty: nothing."""


class PassageFlagged(EventPayload, frozen=True, kw_only=True):
    """A passage looks like an instruction to the model, or holds what policies do not let through."""

    event_type = "rag.passage.flagged"
    layer = 3
    collection: str
    document_id: str
    chunk_id: int
    reason: str
    score: float | None = None
    action: str
    """``dropped`` | ``flagged`` | ``redacted``."""


class CitationMissing(EventPayload, frozen=True, kw_only=True):
    """An answer claims something without a citation, or cites what is not there or does not say so."""

    event_type = "rag.citation.missing"
    layer = 3
    collections: list[str]
    missing: int
    """Claims that cite nothing."""
    wrong: int
    """Citations that lead nowhere, or to a passage that does not say it."""
    claims: int


class AnswerAssessed(EventPayload, frozen=True, kw_only=True):
    """It was judged how far an answer rests on its passages."""

    event_type = "rag.answer.assessed"
    layer = 3
    collections: list[str]
    route: str = ""
    model: str = ""
    risk: float
    """Calibrated probability that something in it is not borne out, 0 to 1."""
    support: float
    """Share of its claims that are supported."""
    claims: int
    unsupported: int
    contradicted: int = 0
    citations_missing: int = 0
    citations_wrong: int = 0
    declined: bool = False
    consistency: float | None = None
    """Agreement of resampled answers, 0 to 1, where it was asked for."""
    passages: list[dict[str, Any]] = msgspec.field(default_factory=list)
    """``n``, ``document_id``, ``chunk_id``, ``start``, ``end``, ``score``, ``title``, ``uri`` of each."""
    sentences: list[dict[str, Any]] = msgspec.field(default_factory=list)
    """``start``, ``end``, ``support``, ``verdict``, ``passage``, ``cited``, ``reasons`` of each; no texts."""
    judged_by: str = ""
    """The route whose model had its say in it; empty: none."""


class DocumentIndexed(EventPayload, frozen=True, kw_only=True):
    """A document was read and can be found, or was found to be as it was."""

    event_type = "rag.document.indexed"
    layer = 3
    collection: str
    document_id: str
    external_id: str
    chunks: int
    reused: int = 0
    """Chunks whose vectors were there already."""
    characters: int = 0
    ingest_id: str = ""
    duration_ms: float


class DocumentFailed(EventPayload, frozen=True, kw_only=True):
    """A document could not be taken."""

    event_type = "rag.document.failed"
    layer = 3
    collection: str
    document_id: str
    external_id: str
    ingest_id: str = ""
    code: str
    message: str


class DocumentDeleted(EventPayload, frozen=True, kw_only=True):
    """A document is gone, with its chunks and vectors."""

    event_type = "rag.document.deleted"
    layer = 3
    collection: str
    document_id: str
    external_id: str
    actor: str


class IngestEnded(EventPayload, frozen=True, kw_only=True):
    """All documents that came together are done or failed."""

    event_type = "rag.ingest.completed"
    layer = 3
    collection: str
    ingest_id: str
    source: str
    documents: int
    failed: int
    unchanged: int
    chunks: int
    duration_ms: float


class IngestStopped(EventPayload, frozen=True, kw_only=True):
    """Somebody stopped an ingest; the documents that were left are not read."""

    event_type = "rag.ingest.stopped"
    layer = 3
    collection: str
    ingest_id: str
    source: str
    documents: int
    done: int
    failed: int
    left: int
    """That were waiting, or being read."""
    actor: str


class IndexReplaced(EventPayload, frozen=True, kw_only=True):
    """Vectors by another model were put in the place of those in use."""

    event_type = "rag.index.replaced"
    layer = 3
    collection: str
    index_id: str
    model: str
    previous_model: str = ""
    chunks: int
