"""How likeness to examples becomes a probability: ``python -m guardrails.training.topics DIR``.

Reads ``banking77.jsonl`` (``text``, ``intent``) and ``router_mmlu.jsonl`` (``prompt``, ``subject``) and harmless
questions of ``duplicate_questions_qqp.jsonl``. Each label is a topic once for each number of examples, with and without
counter-examples; the rest of its rows are to be found, rows of other labels and the questions are not. Both files weigh
the same. The same files and versions of the libraries give the same weights.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from embeddings.static import Embedder, shared_embedder
from guardrails.engine.detectors.deep.topics import scoring
from guardrails.engine.detectors.deep.topics.scoring import Calibration, Matrix, TopicVectors

SEED: Final = 20
EXAMPLES: Final = (3, 5, 10, 20)
COUNTER_EXAMPLES: Final = (0, 10)
HELD_OUT: Final = 40
"""Rows of a label that are to be found, at most; of other labels, and of everyday questions, the half more."""
LEAST_ROWS: Final = 30
"""Labels with fewer rows are no topic, but others' counter-examples."""
LABELS: Final = ("intent", "subject")

Groups = Mapping[str, Sequence[str]]


class Rows(msgspec.Struct):
    """Passages with what they are."""

    figures: Matrix
    about: np.ndarray[Any, np.dtype[np.bool_]]
    """Whether the topic is theirs."""
    near: np.ndarray[Any, np.dtype[np.bool_]]
    """Of those that are not: whether they are of another label of the same file."""


class Embedded:
    """Vectors of texts, each computed once."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self.everyday = scoring.everyday(embedder)
        self._known: dict[str, Any] = {}

    def rows(self, texts: Sequence[str]) -> Matrix:
        """One a row."""
        for text in texts:
            if text not in self._known:
                self._known[text] = self.embedder.embed(text)
        return np.stack([self._known[text] for text in texts])


def grouped(file: Path) -> Groups:
    """Texts by label of a file with one of :data:`LABELS`; of questions with choices, the question alone."""
    groups: dict[str, list[str]] = defaultdict(list)
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            row = msgspec.json.decode(line)
            label = next(row[name] for name in LABELS if name in row)
            text = str(row["text"] if "text" in row else row["prompt"]).split("\nA.")[0]
            groups[label].append(text)
    return {label: list(dict.fromkeys(texts)) for label, texts in sorted(groups.items())}


def questions(file: Path) -> list[str]:
    """Questions about anything."""
    with file.open(encoding="utf-8") as lines:
        return list(dict.fromkeys(str(msgspec.json.decode(line)["a"]) for line in lines))


def tasks(
    groups: Groups, others: Sequence[str], known: Embedded, *, examples: int, counter: int, seed: int = SEED
) -> Iterator[Rows]:
    """Each label as a topic with so many examples."""
    chance = random.Random(seed)
    most = HELD_OUT * 3 // 2
    for label, all_texts in groups.items():
        if len(all_texts) < LEAST_ROWS:
            continue
        texts = chance.sample(list(all_texts), len(all_texts))
        given, held_out = texts[:examples], texts[examples : examples + HELD_OUT]
        rest = [
            text
            for other, theirs in groups.items()
            if other != label
            for text in chance.sample(list(theirs), min(3, len(theirs)))
        ]
        chance.shuffle(rest)
        near, far = rest[counter : counter + most], chance.sample(list(others), min(most, len(others)))
        topic = TopicVectors(given, rest[:counter], known.embedder)
        about = np.zeros(len(held_out) + len(near) + len(far), dtype=bool)
        about[: len(held_out)] = True
        is_near = np.zeros(len(about), dtype=bool)
        is_near[len(held_out) : len(held_out) + len(near)] = True
        passages = known.rows([*held_out, *near, *far])
        figures = topic.figures(passages @ topic.matrix.T, (passages @ known.everyday.T).max(axis=1))
        yield Rows(figures, about, is_near)


def stacked(parts: Sequence[Rows]) -> Rows:
    """All of them as one."""
    return Rows(
        np.concatenate([part.figures for part in parts]),
        np.concatenate([part.about for part in parts]),
        np.concatenate([part.near for part in parts]),
    )


def all_tasks(groups: Groups, others: Sequence[str], known: Embedded) -> Rows:
    """Labels as topics with each number of examples and counter-examples."""
    return stacked(
        [
            part
            for examples in EXAMPLES
            for counter in COUNTER_EXAMPLES
            for part in tasks(groups, others, known, examples=examples, counter=counter)
        ]
    )


def fitted(files: Sequence[Rows]) -> Calibration:
    """Weights for which all files count the same."""
    from sklearn.linear_model import LogisticRegression

    weights = np.concatenate([np.full(len(rows.about), 1 / len(rows.about)) for rows in files])
    rows = stacked(files)
    model = LogisticRegression(C=10, max_iter=2_000)
    model.fit(rows.figures, rows.about, sample_weight=weights * len(rows.about) / len(files))
    return Calibration(
        tuple(round(float(weight), 4) for weight in model.coef_[0]), round(float(model.intercept_[0]), 4)
    )


def main() -> None:
    """Writes ``calibration.json``."""
    parser = argparse.ArgumentParser(prog="python -m guardrails.training.topics", description=__doc__)
    parser.add_argument("directory", type=Path)
    directory: Path = parser.parse_args().directory
    known = Embedded(shared_embedder())
    others = questions(directory / "duplicate_questions_qqp.jsonl")
    files = [all_tasks(grouped(directory / name), others, known) for name in ("banking77.jsonl", "router_mmlu.jsonl")]
    calibration = fitted(files)
    target = Path(scoring.__file__).with_name("calibration.json")
    target.write_bytes(msgspec.json.format(msgspec.json.encode(calibration)) + b"\n")
    print(f"{target.name}: {dict(zip(scoring.FIGURES, calibration.weights, strict=True))}")


if __name__ == "__main__":
    main()
