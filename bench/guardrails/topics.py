"""Topics by examples: each label of a file is one, its other rows are to be found, all else is not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from embeddings.static import shared_embedder
from guardrails.engine.detectors.deep.topics.detector import Topics
from guardrails.engine.detectors.deep.topics.options import LONGEST_EXAMPLE, Topic, TopicOptions
from guardrails.engine.detectors.deep.topics.scoring import Calibration, probabilities, shipped
from guardrails.engine.text import Text
from guardrails.training import topics as training

SEED = 77
"""Another draw of examples than the training's."""
_TRAINED_ON = ("banking77.jsonl", "router_mmlu.jsonl")
_ROUNDS = 200


def run(file: Path) -> None:
    """Prints precision and recall at 0.5; beside the file may lie what the training uses."""
    known = training.Embedded(shared_embedder())
    groups = training.grouped(file)
    beside = file.parent / "duplicate_questions_qqp.jsonl"
    others = training.questions(beside) if beside.is_file() else []
    judges = {"as shipped": shipped()}
    others_files = [file.parent / name for name in _TRAINED_ON if name != file.name and (file.parent / name).is_file()]
    if others_files and others:
        rows = [training.all_tasks(training.grouped(other), others, known) for other in others_files]
        judges[f"weights of {', '.join(other.stem for other in others_files)} alone"] = training.fitted(rows)
    print(f"{len(groups)} labels, {sum(map(len, groups.values()))} texts; {len(others)} questions about anything")
    for name, calibration in judges.items():
        print(
            f"\n{name:40} {'examples':>8} {'counter':>8} {'precision':>9} {'recall':>7} {'others':>7} {'anything':>8}"
        )
        for examples in training.EXAMPLES:
            for counter in training.COUNTER_EXAMPLES:
                parts = list(training.tasks(groups, others, known, examples=examples, counter=counter, seed=SEED))
                _print(parts, calibration, examples, counter)
    _print_latency(groups)


def _print(parts: Sequence[training.Rows], calibration: Calibration, examples: int, counter: int) -> None:
    rows = training.stacked(parts)
    said = probabilities(rows.figures, calibration) >= 0.5
    right = int((said & rows.about).sum())
    far = ~rows.about & ~rows.near
    shares = (
        right / max(int(said.sum()), 1),
        right / max(int(rows.about.sum()), 1),
        float(said[rows.near].mean()) if rows.near.any() else 0.0,
        float(said[far].mean()) if far.any() else 0.0,
    )
    precision, recall, near, anything = shares
    print(f"{'':40} {examples:8} {counter:8} {precision:9.3f} {recall:7.3f} {near:7.4f} {anything:8.4f}")


def _print_latency(groups: training.Groups) -> None:
    chosen = [
        Topic(name=name[:60], examples=tuple(text[:LONGEST_EXAMPLE] for text in texts[:10]))
        for name, texts in list(groups.items())[:10]
    ]
    detector = Topics(TopicOptions(topics=tuple(chosen)))
    text = " ".join(text for texts in groups.values() for text in texts[:3])
    for size in (200, 2_000, 20_000):
        spent = []
        for place in range(_ROUNDS if size < 20_000 else 20):
            start = place * 97 % max(1, len(text) - size)
            began = time.thread_time()
            detector.look(Text(text[start : start + size]))
            spent.append((time.thread_time() - began) * 1e3)
        p50, p99 = np.quantile(spent, (0.5, 0.99))
        what = f"{size:6} characters, {len(chosen)} topics of 10 examples"
        print(f"{what}: {p50:.2f} ms of the processor in the middle, p99 {p99:.2f} ms")
