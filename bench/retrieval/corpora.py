"""Collections with judged questions: ``corpus.jsonl``, ``queries.jsonl`` and ``qrels.jsonl`` in one folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from rag.engine.ranking import ndcg, recall, reciprocal_rank

DEPTH = 100


@dataclass
class Judged:
    """A collection, its questions and what is relevant to them."""

    name: str
    documents: dict[str, tuple[str, str]]
    """Title and text by id."""
    questions: dict[str, str]
    grades: dict[str, dict[str, float]]
    """For each question the grade of each judged document; above 0 is relevant."""


@dataclass
class Measured:
    """Means over all questions that have a relevant document."""

    ndcg: float
    recall: float
    mrr: float

    def beats(self, other: Measured) -> bool:
        return self.ndcg > other.ndcg and self.recall >= other.recall and self.mrr > other.mrr


def judged_of(folder: Path) -> Judged:
    grades: dict[str, dict[str, float]] = {}
    for row in _lines(folder / "qrels.jsonl"):
        grades.setdefault(str(row["query"]), {})[str(row["doc"])] = float(row["grade"])
    return Judged(
        folder.name,
        {str(row["id"]): (row.get("title") or "", row["text"]) for row in _lines(folder / "corpus.jsonl")},
        {str(row["id"]): row["text"] for row in _lines(folder / "queries.jsonl")},
        {question: found for question, found in grades.items() if any(grade > 0 for grade in found.values())},
    )


def measured(judged: Judged, rankings: dict[str, Sequence[str]]) -> Measured:
    """nDCG@10 (with 2^grade - 1), recall@100 and the mean reciprocal rank."""
    gains, recalls, firsts = [], [], []
    for question, grades in judged.grades.items():
        ranking = rankings[question][:DEPTH]
        relevant = {one for one, grade in grades.items() if grade > 0}
        gains.append(ndcg(ranking, grades))
        recalls.append(recall(ranking, relevant, DEPTH))
        firsts.append(reciprocal_rank(ranking, relevant))
    count = len(gains)
    return Measured(sum(gains) / count, sum(recalls) / count, sum(firsts) / count)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines() if line.strip()]
