"""The models of whole answers: the risk of one that rests on passages, and of one that rests on nothing.

For the first, answers are put together of sentences that pages bear out and of such that were made wrong; it says how
the doubts about sentences become one of the answer. The second learns from ``halueval_general.jsonl``.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from sklearn.linear_model import LogisticRegression

from rag.engine.support.evidence import Evidence
from rag.engine.support.responses import SHAPES, seen
from rag.engine.support.risks import summary
from rag.engine.support.trees import Array, Linear, Trees
from rag.training.made_pairs import clause, denied, opposite, other_figure, other_name, swapped, without_aside
from rag.training.pairs import RESERVED, SEED, holds, rows_of, sentences_in

ANSWERS: Final = 1500
BY_SHAPE: Final = 0.005
"""Inverse strength of the regularisation of the wording's weights, and of the vectors'."""
BY_VECTOR: Final = 0.3


def made_answers(directory: Path, model: Trees) -> tuple[Array, Array]:
    """Summaries of answers, and whether something in them is wrong. Of sentences that the pairs' model did not see."""
    chance = random.Random(SEED)
    pairs = [row for row in rows_of(directory / "paraphrase_msr.jsonl")[RESERVED:] if row["label"] and holds(row)]
    texts = [row["text"] for row in rows_of(directory / "cranfield" / "corpus.jsonl")[600:900]]
    abstracts = sentences_in(texts, 1200)
    rows, labels = [], []
    for _ in range(ANSWERS):
        passages, claims, wrong = _news(pairs, chance) if chance.random() < 0.5 else _abstract(abstracts, chance)
        evidence = Evidence(passages, model)
        judged = [evidence.judge(one) for one in claims]
        rows.append(
            summary([1 - one.supported for one in judged], sum(one.verdict == "contradicted" for one in judged))
        )
        labels.append(int(wrong))
    return np.stack(rows), np.array(labels)


def _news(pairs: Sequence[Mapping[str, Any]], chance: random.Random) -> tuple[list[str], list[str], bool]:
    """Passages of news, and an answer of their paraphrases."""
    chosen = chance.sample(list(pairs), 6)
    others = [row["b"] for row in pairs if row not in chosen]
    return _answer([row["a"] for row in chosen], [row["b"] for row in chosen], others, chance)


def _abstract(sentences: Sequence[str], chance: random.Random) -> tuple[list[str], list[str], bool]:
    """Passages of an abstract, and an answer that shortens some of its sentences."""
    at = chance.randrange(len(sentences) - 8)
    chosen = list(sentences[at : at + 6])
    short = [chance.choice((clause, without_aside))(one, chosen, chance) or one for one in chosen]
    return _answer([" ".join(chosen[:3]), " ".join(chosen[3:])], short, sentences[: at + 1], chance)


def _answer(
    passages: list[str], said: list[str], others: Sequence[str], chance: random.Random
) -> tuple[list[str], list[str], bool]:
    """One to five of the sentences; in half of the answers one or two are made wrong, or are of something else."""
    claims = chance.sample(said, chance.randint(1, 5))
    wrong = False
    if chance.random() < 0.5:
        for at in chance.sample(range(len(claims)), min(len(claims), chance.randint(1, 2))):
            change = chance.choice((denied, other_figure, other_name, swapped, opposite, _another, _another))
            made = change(claims[at], others, chance)
            if made is not None and made != claims[at]:
                claims[at] = made
                wrong = True
    return passages, claims, wrong


def _another(text: str, others: Sequence[str], chance: random.Random) -> str | None:
    return chance.choice(others)


def linear(rows: Array, labels: Array, strength: float) -> Linear:
    """A logistic model of them."""
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    model = LogisticRegression(C=strength, max_iter=500).fit((rows - mean) / spread, labels)
    return Linear(mean, spread, model.coef_[0], float(model.intercept_[0]))


def response_table(rows: Sequence[Mapping[str, Any]]) -> tuple[Array, Array]:
    """Rows with ``query``, ``response`` and ``hallucination`` as the model sees them."""
    return (
        np.stack([seen(row["query"], row["response"]) for row in rows]),
        np.array([int(row["hallucination"]) for row in rows]),
    )


def learnt_responses(rows: Array, labels: Array) -> Linear:
    """Wording and vectors each have a model of their own; halves of both are put together, and calibrated."""
    shapes, vectors = rows[:, : len(SHAPES)], rows[:, len(SHAPES) :]
    model = _together(shapes, vectors, labels)
    folds = np.random.default_rng(SEED).integers(0, 5, len(labels))
    logits = np.zeros(len(labels))
    for fold in range(5):
        out = folds == fold
        part = _together(shapes[~out], vectors[~out], labels[~out])
        logits[out] = part.logits(rows[out])
    platt = LogisticRegression(C=1e6).fit(logits[:, None], labels)
    scale, shift = float(platt.coef_[0, 0]), float(platt.intercept_[0])
    return Linear(model.mean, model.spread, model.weights * scale, model.bias * scale + shift)


def _together(shapes: Array, vectors: Array, labels: Array) -> Linear:
    """A linear model of all columns from one of each part."""
    by_shape = linear(shapes, labels, BY_SHAPE)
    by_vector = LogisticRegression(C=BY_VECTOR, max_iter=500).fit(vectors, labels)
    width = vectors.shape[1]
    return Linear(
        np.concatenate([by_shape.mean, np.zeros(width)]),
        np.concatenate([by_shape.spread, np.ones(width)]),
        np.concatenate([by_shape.weights, by_vector.coef_[0]]),
        by_shape.bias + float(by_vector.intercept_[0]),
    )
