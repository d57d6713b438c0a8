"""The model of pairs: what it learns from, how it is fitted, and how it does on what it did not see.

Learns from ``entailment_sick.jsonl`` (described scenes, three labels), at less weight from pairs that
:mod:`rag.training.made_pairs` makes of sentences and paraphrases of other data sets, and from false paraphrases.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from scipy.optimize import minimize
from sklearn.ensemble import HistGradientBoostingClassifier

from rag.engine.support.features import features, missing_numbers
from rag.engine.support.texts import taken
from rag.engine.support.trees import CLASSES, Array, Trees
from rag.training.made_pairs import CONTRADICTED, NEUTRAL, SUPPORTED, Pair, made, reworded

SEED: Final = 20_240_601
FOLDS: Final = 5
MADE: Final = 0.4
"""Weight of a made pair beside a labelled one."""
WITH_MORE: Final = 0.4
"""Share of the labelled pairs that are seen once more among other sentences."""
LABELS: Final = {"ENTAILMENT": SUPPORTED, "NEUTRAL": NEUTRAL, "CONTRADICTION": CONTRADICTED}
RESERVED: Final = 2800
"""Rows of the paraphrases from which on none is learnt from here: answers are made of them."""
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+")
_TREES: Final = {"max_iter": 100, "learning_rate": 0.12, "max_leaf_nodes": 8, "min_samples_leaf": 20}


class Table(NamedTuple):
    """Pairs as the model sees them."""

    rows: Array
    labels: Array
    weights: Array
    folds: Array


def rows_of(file: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON lines."""
    with file.open("rb") as lines:
        return [msgspec.json.decode(line) for line in lines if line.strip()]


def labelled(rows: Sequence[Mapping[str, Any]]) -> list[Pair]:
    """Rows with ``premise``, ``hypothesis`` and ``label``; those that share a sentence, by any chain, are a group."""
    parent: dict[str, str] = {}

    def root(one: str) -> str:
        parent.setdefault(one, one)
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    for row in rows:
        parent[root(row["premise"])] = root(row["hypothesis"])
    return [Pair(row["premise"], row["hypothesis"], LABELS[row["label"].upper()], root(row["premise"])) for row in rows]


def sentences_in(texts: Iterable[str], most: int) -> list[str]:
    """Sentences of 6 to 40 words, the first so many."""
    found = (one for text in texts for one in _SENTENCE.split(text) if 6 <= len(one.split()) <= 40)
    return [one for _, one in zip(range(most), found, strict=False)]


def supplements(directory: Path, scenes: Sequence[Pair]) -> list[Pair]:
    """All that is learnt from beside the labelled rows, which are seen once more among other sentences."""
    chance = random.Random(SEED)
    news = rows_of(directory / "paraphrase_msr.jsonl")[:RESERVED]
    answers = [
        row["response"] for row in rows_of(directory / "halueval_general.jsonl")[:1500] if not row["hallucination"]
    ]
    abstracts = [row["text"] for row in rows_of(directory / "cranfield" / "corpus.jsonl")[:250]]
    pairs = made([row["a"] for row in news[:1400]], chance, "news")
    pairs += made(sentences_in(answers, 900), chance, "answer")
    pairs += made(sentences_in(abstracts, 500), chance, "abstract")
    same = [(row["a"], row["b"]) for row in news if row["label"] and holds(row)]
    pairs += reworded(same, chance, "same")
    pairs += [_with_more(one, scenes, chance) for one in scenes if chance.random() < WITH_MORE]
    pairs += [Pair(row["a"], row["b"], NEUTRAL, f"news{at}", 0.4) for at, row in enumerate(news) if not row["label"]]
    return [one._replace(weight=one.weight * MADE) for one in pairs]


def holds(row: Mapping[str, Any]) -> bool:
    """Whether a paraphrase adds neither figures nor much else."""
    there, said = taken(row["a"]), taken(row["b"])
    return not missing_numbers(there.numbers, said.numbers) and len(said.known - there.known) <= 4


def _with_more(pair: Pair, others: Sequence[Pair], chance: random.Random) -> Pair:
    """A pair whose passage says something else as well."""
    other = chance.choice(others).there
    there = [f"{pair.there.rstrip('. ')}.", f"{other.rstrip('. ')}."]
    chance.shuffle(there)
    return pair._replace(there=" ".join(there))


def tabulated(pairs: Sequence[Pair]) -> Table:
    """The pairs' features; a group is in one fold only."""
    groups = sorted({one.group for one in pairs})
    fold = dict(zip(groups, np.random.default_rng(SEED).integers(0, FOLDS, len(groups)).tolist(), strict=True))
    return Table(
        np.stack([features(taken(one.there), taken(one.said)) for one in pairs]),
        np.array([one.label for one in pairs]),
        np.array([one.weight for one in pairs]),
        np.array([fold[one.group] for one in pairs]),
    )


def fitted(table: Table, chosen: Array) -> Trees:
    """Learnt from the rows that are chosen; not yet calibrated."""
    model = HistGradientBoostingClassifier(**_TREES, l2_regularization=1.0, early_stopping=False, random_state=SEED)
    model.fit(table.rows[chosen], table.labels[chosen], sample_weight=table.weights[chosen])
    return _plain(model)


def _plain(model: HistGradientBoostingClassifier) -> Trees:
    """Its trees as arrays."""
    trees = [one.nodes for stage in model._predictors for one in stage]
    width = max(map(len, trees))

    def column(name: str, kind: type, fill: float = 0) -> Array:
        found: Array = np.full((len(trees), width), fill, dtype=kind)
        for at, nodes in enumerate(trees):
            found[at, : len(nodes)] = nodes[name]
        return found

    leaf = column("is_leaf", np.int8, 1).astype(bool)
    return Trees(
        feature=np.where(leaf, -1, column("feature_idx", np.int16)).astype(np.int8),
        threshold=column("num_threshold", np.float64),
        left=column("left", np.uint8),
        right=column("right", np.uint8),
        value=np.where(leaf, column("value", np.float32), 0).astype(np.float32),
        base=np.asarray(model._baseline_prediction, dtype=np.float64).reshape(CLASSES),
        scale=1.0,
        shift=np.zeros(CLASSES),
    )


def held_out(table: Table) -> Array:
    """Votes for each row, each from trees that learnt from other groups."""
    votes = np.zeros((len(table.rows), CLASSES))
    for fold in range(FOLDS):
        votes[table.folds == fold] = fitted(table, table.folds != fold).votes(table.rows[table.folds == fold])
    return votes


def calibrated(model: Trees, votes: Array, labels: Array, weights: Array) -> Trees:
    """The model with the scale and shift that make held-out votes likeliest (Platt's method for several classes)."""

    def loss(parameters: Array) -> float:
        candidate = msgspec.structs.replace(model, scale=parameters[0], shift=np.append(parameters[1:], 0.0))
        said = candidate.calibrated(votes)[np.arange(len(labels)), labels]
        return float(-(weights * np.log(np.maximum(said, 1e-12))).sum() / weights.sum())

    best = minimize(loss, np.array([1.0, 0.0, 0.0]), method="Nelder-Mead", options={"maxiter": 300}).x
    return msgspec.structs.replace(model, scale=float(best[0]), shift=np.append(best[1:], 0.0))


def held_out_probabilities(table: Table) -> Array:
    """As :func:`held_out`, calibrated for each fold on the votes of the others."""
    votes = held_out(table)
    found = np.zeros_like(votes)
    some = fitted(table, table.folds != 0)
    for fold in range(FOLDS):
        others = table.folds != fold
        model = calibrated(some, votes[others], table.labels[others], table.weights[others])
        found[~others] = model.calibrated(votes[~others])
    return found


def learnt(table: Table) -> Trees:
    """The model of all rows, calibrated by rows held out."""
    everything = np.ones(len(table.rows), dtype=bool)
    return calibrated(fitted(table, everything), held_out(table), table.labels, table.weights)
