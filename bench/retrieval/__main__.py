"""``python -m bench.retrieval DIR…``: nDCG@10, recall@100 and MRR for words, vectors, both, and both reranked.

Each DIR has ``corpus.jsonl``, ``queries.jsonl`` and ``qrels.jsonl`` as ../shared/data/cranfield. Beside the product's
own searches stands BM25 of the library bm25s, as it comes and on the product's own lexemes. Exits with 1 where hybrid
does not beat both of its parts and the library, for each embedding model. ``--model`` chooses models.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.retrieval.corpora import DEPTH, Judged, Measured, judged_of, measured
from bench.retrieval.filling import fill, installed, make_tenant

MODELS = ("static", "minilm")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--model", action="append", choices=MODELS)
    given = parser.parse_args()
    ok = True
    with installed():
        tenant = make_tenant()
        for folder in given.folders:
            judged = judged_of(folder)
            print(f"\n{judged.name}: {len(judged.documents):,} documents, {len(judged.grades):,} questions")
            print(f"  {'':34}{'nDCG@10':>9}{'recall@100':>12}{'MRR':>8}")
            ok &= compare(tenant, judged, given.model or MODELS)
    return 0 if ok else 1


def compare(tenant: object, judged: Judged, models: Sequence[str]) -> bool:
    names = {
        model: fill(tenant, f"{judged.name}-{model}".lower()[:64], model, judged.documents)  # type: ignore[arg-type]
        for model in models
    }
    library = shown("bm25s", measured(judged, by_library(judged)))
    shown("bm25s on the product's lexemes", measured(judged, by_library(judged, lexemes_of(judged))))
    words = shown("words", searched(tenant, names[models[0]].name, judged, "keyword"))
    ok = True
    for model in models:
        name = names[model].name
        vectors = shown(f"vectors, {model}", searched(tenant, name, judged, "vector"))
        both = shown(f"hybrid, {model}", searched(tenant, name, judged, "hybrid"))
        shown(f"hybrid and reranked, {model}", searched(tenant, name, judged, "hybrid", rerank=True))
        for other, against in (("words", words), ("vectors", vectors), ("bm25s", library)):
            if not both.beats(against):
                print(f"  MISSED: hybrid, {model} does not beat {other}")
                ok = False
    return ok


def shown(name: str, one: Measured) -> Measured:
    print(f"  {name:34}{one.ndcg:>9.3f}{one.recall:>12.3f}{one.mrr:>8.3f}", flush=True)
    return one


def searched(tenant: object, collection: str, judged: Judged, method: str, *, rerank: bool = False) -> Measured:
    from contracts.retrieval import Method
    from rag.retriever import search_now

    rankings: dict[str, Sequence[str]] = {}
    for question in judged.grades:
        found = search_now(
            tenant=tenant,
            collections=[collection],
            text=judged.questions[question],
            method=Method(method),
            top_k=DEPTH,
            rerank=rerank,
            explain=False,
        )
        if found.degraded:
            raise SystemExit(f"The search was degraded: {found.degraded}")
        rankings[question] = [one.external_id for one in found.passages]
    return measured(judged, rankings)


def lexemes_of(judged: Judged) -> tuple[list[list[str]], dict[str, list[str]]]:
    """Documents and questions as PostgreSQL reads them: so that only the scoring differs."""
    from django.db import connection

    def read(text: str) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT lexeme, cardinality(positions) FROM unnest(to_tsvector('english', %s))", [text])
            return [lexeme for lexeme, times in cursor.fetchall() for _ in range(times)]

    questions = {one: sorted(set(read(judged.questions[one]))) for one in judged.grades}
    texts = (text if title.lower() in text.lower() else f"{title} {text}" for title, text in judged.documents.values())
    return [read(text) for text in texts], questions


def by_library(
    judged: Judged, tokens: tuple[list[list[str]], dict[str, list[str]]] | None = None
) -> dict[str, Sequence[str]]:
    import bm25s

    if tokens is None:
        texts = [f"{title} {text}" for title, text in judged.documents.values()]
        documents = bm25s.tokenize(texts, stopwords="en", show_progress=False, return_ids=False)
        ids = list(judged.grades)
        split = bm25s.tokenize(
            [judged.questions[one] for one in ids], stopwords="en", show_progress=False, return_ids=False
        )
        questions = dict(zip(ids, split, strict=True))
    else:
        documents, questions = tokens
    index = bm25s.BM25(k1=1.2 if tokens else 1.5, b=0.75)
    index.index(documents, show_progress=False)
    keys = list(judged.documents)
    most = min(DEPTH, len(keys))
    rankings: dict[str, Sequence[str]] = {}
    for question, words in questions.items():
        found, scores = index.retrieve([words], k=most, show_progress=False)
        rankings[question] = [keys[int(at)] for at, score in zip(found[0], scores[0], strict=True) if score > 0]
    return rankings


if __name__ == "__main__":
    sys.exit(main())
