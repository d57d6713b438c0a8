"""``python -m guardrails.training.injection DIR``: weights of the injection classifier, from the data sets in DIR.

Learns from ``injection.jsonl`` (all rows but BIPIA's plain tasks, which are ordinary requests until they are planted in
data), from harmless texts of the other data sets in DIR (a fixed share of each), and from sentences made in
:mod:`guardrails.training.wordings`. Nothing is left to chance that is not seeded: the same files give the same bytes.
How well that generalises is measured by rows and by sources left out, in ``bench.guardrails``, with the same functions.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from guardrails.engine.detectors.injection.classifier import Classifier, parts, windows
from guardrails.engine.detectors.injection.features import BUCKETS
from guardrails.engine.text import Text
from guardrails.training import application_prompts, wordings
from guardrails.training.templates import made

SEED = 20_240_601
PENALTY = 20.0
"""Inverse strength of the regularisation."""
EACH = 45
"""Sentences made from each template of attacks; of each harmless one 1.3 times as many."""
MOST_FALSE = 0.01
"""Share of ordinary requests above the threshold when rows are left out, at which the threshold is set."""
WEIGHTS = Path(__file__).parents[1] / "engine" / "detectors" / "injection" / "prompt.npz"

PLAIN_TASKS = frozenset(
    {
        "bipia-Information Retrieval",
        "bipia-Content Creation",
        "bipia-Learning and Tutoring",
        "bipia-Language Translation",
        "bipia-Programming Help",
    }
)
"""Sources of attacks that are ordinary requests by themselves."""
ORDINARY = "wildguard-benign"
_OTHERS: tuple[tuple[str, tuple[str, ...], int], ...] = (
    ("banking77.jsonl", ("text",), 300),
    ("duplicate_questions_qqp.jsonl", ("a",), 800),
    ("paraphrase_msr.jsonl", ("a",), 150),
    ("entailment_sick.jsonl", ("premise",), 60),
    ("halueval_general.jsonl", ("query",), 2000),
    ("halueval_general.jsonl", ("response",), 300),
    ("router_mmlu.jsonl", ("prompt",), 200),
    ("cranfield/corpus.jsonl", ("text",), 60),
    ("indirect_contexts.jsonl", ("context", "question"), 50),
)
"""Harmless texts: file, fields, rows."""


class Example(NamedTuple):
    """A text, whether it is an attack, and where it comes from."""

    text: str
    label: int
    source: str
    weight: float = 1.0


class Model(NamedTuple):
    """What was learnt."""

    coefficients: npt.NDArray[np.float64]
    bias: float

    def quantised(self) -> tuple[npt.NDArray[np.int8], float]:
        """The coefficients in one byte each, and the value of one step."""
        scale = float(np.abs(self.coefficients).max()) / 127 or 1.0
        return np.round(self.coefficients / scale).astype(np.int8), scale

    def classifier(self) -> Classifier:
        """As the detector uses it."""
        return Classifier(*self.quantised(), self.bias)


def rows_of(file: Path) -> list[dict[str, Any]]:
    """The rows of a file of JSON lines."""
    with file.open("rb") as lines:
        return [msgspec.json.decode(line) for line in lines if line.strip()]


def labelled(file: Path) -> list[Example]:
    """The rows of a file with ``text``, ``label`` and ``source``."""
    return [Example(row["text"], int(row["label"]), str(row["source"])) for row in rows_of(file)]


def harmless(directory: Path, chance: random.Random) -> list[Example]:
    """Texts of the other data sets, as far as DIR has them."""
    found = []
    for name, fields, number in _OTHERS:
        if not (directory / name).is_file():
            continue
        rows = rows_of(directory / name)
        texts = sorted(
            {str(row[field])[:4000] for row in chance.sample(rows, min(number, len(rows))) for field in fields}
        )
        found += [Example(text, 0, f"harmless {name}", 0.5) for text in texts]
    return found


def worded(chance: random.Random) -> list[Example]:
    """Sentences made from templates."""
    return [
        *(Example(text, 1, "worded attack", 0.35) for text in made(wordings.ATTACKS, wordings.SLOTS, EACH, chance)),
        *(
            Example(text, 0, "worded harmless", 0.35)
            for text in made(wordings.HARMLESS, wordings.SLOTS, EACH * 13 // 10, chance)
        ),
        *(
            Example(text, 0, "application prompt", 0.35)
            for text in made(application_prompts.TEMPLATES, application_prompts.SLOTS, EACH * 2, chance)
        ),
    ]


def supplements(directory: Path) -> list[Example]:
    """All that is learnt from beside the labelled rows."""
    chance = random.Random(SEED)
    return harmless(directory, chance) + worded(chance)


def usable(examples: Sequence[Example]) -> list[Example]:
    """Without those whose label says nothing about the text by itself."""
    return [one for one in examples if one.source not in PLAIN_TASKS]


def _row(data: bytes, start: int, end: int) -> tuple[list[int], list[float]]:
    counted: Counter[int] = Counter()
    value: dict[int, float] = {}
    for buckets, by in parts(data, start, end):
        for bucket in buckets.tolist():
            counted[bucket] += 1
            value[bucket] = value.get(bucket, 0.0) + by
    return list(value), list(value.values())


def _windows(example: Example) -> Iterator[tuple[bytes, int, int, float]]:
    """What is learnt from a text: of a long attack the first windows, and the later ones at less weight."""
    data = Text(example.text).folded.text.encode(errors="replace")
    starts, ends = windows(len(data))
    for index, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        yield data, start, end, example.weight * (1.0 if index == 0 else 0.25)


class Table(NamedTuple):
    """The n-grams of examples' windows, made once for several fits."""

    matrix: csr_matrix
    labels: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]
    owner: npt.NDArray[np.int64]
    """Which example a window is of."""


def tabulated(examples: Sequence[Example]) -> Table:
    """The examples as the classifier sees them."""
    indices: list[int] = []
    values: list[float] = []
    ends = [0]
    labels, weights, owner = [], [], []
    for index, example in enumerate(examples):
        for data, start, end, weight in _windows(example):
            buckets, row = _row(data, start, end)
            indices += buckets
            values += row
            ends.append(len(indices))
            labels.append(example.label)
            weights.append(weight)
            owner.append(index)
    matrix = csr_matrix((values, indices, ends), shape=(len(ends) - 1, BUCKETS))
    matrix.sort_indices()
    return Table(matrix, np.array(labels), np.array(weights), np.array(owner))


def fitted(table: Table, chosen: npt.NDArray[np.bool_]) -> Model:
    """Learnt from the examples that are chosen."""
    taken = chosen[table.owner]
    labels, weights = table.labels[taken], table.weights[taken].copy()
    for label in (0, 1):  # as much weight for attacks as for all else
        weights[labels == label] *= len(labels) / (2 * weights[labels == label].sum())
    model = LogisticRegression(C=PENALTY, max_iter=400, tol=1e-6)
    matrix = table.matrix[taken]
    used = np.unique(matrix.indices)  # the others' coefficients are 0
    model.fit(matrix[:, used], labels, sample_weight=weights)
    coefficients = np.zeros(BUCKETS)
    coefficients[used] = model.coef_[0]
    return Model(coefficients, float(model.intercept_[0]))


def logits(model: Model, table: Table, number: int) -> npt.NDArray[np.float64]:
    """Of each example the highest of its windows' scores, before the logistic function."""
    scores = table.matrix @ model.coefficients + model.bias
    highest = np.full(number, -np.inf)
    np.maximum.at(highest, table.owner, scores)
    return highest


def folds(examples: Sequence[Example], number: int = 5) -> npt.NDArray[np.int64]:
    """Which part of the data a labelled row is in; the same for the same number of rows."""
    return np.random.default_rng(SEED).integers(0, number, len(examples))


def held_out(examples: Sequence[Example], number: int, table: Table) -> npt.NDArray[np.float64]:
    """Scores of the first ``number`` examples, each from a model that learnt from other rows."""
    part = folds(examples[:number])
    scores = np.zeros(number)
    for fold in range(int(part.max()) + 1):
        chosen = np.ones(len(examples), dtype=bool)
        chosen[:number] = part != fold
        model = fitted(table, chosen)
        scores[part == fold] = logits(model, table, len(examples))[:number][part == fold]
    return scores


def threshold(examples: Sequence[Example], scores: npt.NDArray[np.float64]) -> float:
    """The score that ordinary requests, or else all that is harmless, exceed as seldom as is wanted."""
    harmless = [(one.source, score) for one, score in zip(examples, scores.tolist(), strict=True) if not one.label]
    ordinary = [score for source, score in harmless if source == ORDINARY] or [score for _, score in harmless]
    return float(np.quantile(ordinary, 1 - MOST_FALSE)) if ordinary else 0.0


def at_threshold(model: Model, score: float) -> Model:
    """With the score as the middle of the scale."""
    return model._replace(bias=model.bias - score)


def main() -> None:
    """Learns and writes."""
    parser = argparse.ArgumentParser(prog="python -m guardrails.training.injection", description=__doc__)
    parser.add_argument("directory", type=Path, metavar="DIR", help="where injection.jsonl lies")
    parser.add_argument("--to", type=Path, default=WEIGHTS, metavar="FILE", help="where the weights go")
    arguments = parser.parse_args()
    rows = usable(labelled(arguments.directory / "injection.jsonl"))
    examples = rows + supplements(arguments.directory)
    table = tabulated(examples)
    middle = threshold(rows, held_out(examples, len(rows), table))
    model = at_threshold(fitted(table, np.ones(len(examples), dtype=bool)), middle)
    weights, scale = model.quantised()
    np.savez(arguments.to, weights=weights, scale=np.float64(scale), bias=np.float64(model.bias))
    size = arguments.to.stat().st_size
    print(f"{len(rows)} rows and {len(examples) - len(rows)} others; {arguments.to} has {size} bytes")


if __name__ == "__main__":
    main()
