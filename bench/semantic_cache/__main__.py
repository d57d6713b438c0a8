"""``python -m bench.semantic_cache [FILE ...]``: hit rates at 0.5, 1 and 2 % wrong hits, and what a lookup takes.

Beside the judge stands one similarity threshold for all, on the same embeddings. The judge's figures are
cross-validated: each question is judged by trees that were fitted without any question that asks the same. ``--write``
fits on everything and writes the trees that the product ships. Needs scikit-learn.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from bench.semantic_cache.streams import Stream, stream_of
from embeddings.static import shared_embedder
from gateway.engine.cache.semantic.features import NAMES
from gateway.engine.cache.semantic.judge import FILE, Judge, Trees, confidence_of
from gateway.engine.cache.semantic.questions import LOOKED_AT, Questions

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
FILES = ("duplicate_questions_qqp.jsonl", "banking77.jsonl", "paraphrase_msr.jsonl")
WRONG = (0.005, 0.01, 0.02)
FOLDS = 2
JUDGED = LOOKED_AT - 1
ENTRIES = 100_000
LOOKUPS = 500

Array = np.ndarray[Any, np.dtype[Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most", type=int, default=0, help="questions asked, chosen at random; 0: all")
    parser.add_argument("--write", action="store_true", help="fit on everything and write the shipped trees")
    given = parser.parse_args()
    stream = stream_of(given.files or [DATA / name for name in FILES], given.seed)
    if given.most:
        chosen = np.random.default_rng(given.seed).permutation(len(stream.asked))[: given.most]
        stream.asked = [stream.asked[at] for at in chosen]
    evidence, right, ruled_out, took = gather(stream)
    print(f"{len(stream.kept):,} kept, {len(stream.asked):,} asked; lookup with evidence {took}")
    confidence = cross_validated(evidence, right, [asks for _, asks, _ in stream.asked])
    confidence[ruled_out] = 0
    best = confidence.argmax(axis=1)
    rows = np.arange(len(best))
    sources = np.array([source for _, _, source in stream.asked])
    for name in ["all", *dict.fromkeys(sources)]:
        of = np.ones(len(best), bool) if name == "all" else sources == name
        report(name, (evidence[of, 0, 0], right[of, 0]), (confidence[rows, best][of], right[rows, best][of]))
    print(f"lookup among 100,000, embedding and judge included: {lookup_times()}")
    if given.write:
        write(fit(evidence, right), evidence[:200].reshape(-1, len(NAMES)))


def write(model: HistGradientBoostingClassifier, sample: Array) -> None:
    """Ship the model, unless what ships does not say the same."""
    trees = trees_of(model)
    off = np.abs(Judge(trees).log_odds(sample) - model.decision_function(sample)).max()
    if off > 1e-6:
        raise SystemExit(f"The trees say something else than the model: {off:.3g} apart.")
    FILE.write_bytes(msgspec.json.encode(trees) + b"\n")


def gather(stream: Stream) -> tuple[Array, Array, Array, Times]:
    """Evidence (asked, judged, feature), which candidates are right, which are ruled out, and what lookups took."""
    questions = Questions(shared_embedder())
    for text in stream.kept:
        questions.add(text, text)
    evidence = np.zeros((len(stream.asked), JUDGED, len(NAMES)))
    right, ruled_out = np.zeros((2, len(stream.asked), JUDGED), bool)
    times = Times()
    for number, (text, wanted, _) in enumerate(stream.asked):
        with times:
            found = questions.candidates(text)
        for at, candidate in enumerate(found):
            evidence[number, at] = candidate.evidence
            right[number, at] = stream.kept[candidate.key] == wanted
            ruled_out[number, at] = bool(candidate.differs)
    return evidence, right, ruled_out, times


def fit(evidence: Array, right: Array) -> HistGradientBoostingClassifier:
    model = HistGradientBoostingClassifier(max_iter=150, max_leaf_nodes=15, random_state=0)
    return model.fit(evidence.reshape(-1, len(NAMES)), right.reshape(-1))


def cross_validated(evidence: Array, right: Array, asks: list[str]) -> Array:
    fold = np.array([hashlib.sha256(one.encode()).digest()[0] % FOLDS for one in asks])
    confidence = np.zeros(right.shape)
    for number in range(FOLDS):
        model = fit(evidence[fold != number], right[fold != number])
        judged = evidence[fold == number].reshape(-1, len(NAMES))
        sure = confidence_of(model.decision_function(judged), judged[:, NAMES.index("similarity")])
        confidence[fold == number] = sure.reshape(-1, JUDGED)
    return confidence


def hit_rates(score: Array, right: Array) -> tuple[list[float], list[float]]:
    """At each share of wrong hits: of all lookups, and of the hits."""
    order = np.argsort(-score, kind="stable")
    wrong, hits = np.cumsum(~right[order]), np.arange(1, len(order) + 1)
    of_lookups, of_hits = [], []
    for share in WRONG:
        of_lookups.append(float(np.sum(wrong <= share * len(order))) / len(order))
        good = np.flatnonzero(wrong <= share * hits)
        of_hits.append((int(good[-1]) + 1) / len(order) if len(good) else 0.0)
    return of_lookups, of_hits


def report(name: str, threshold: tuple[Array, Array], judge: tuple[Array, Array]) -> None:
    print(f"\n{name}: {len(threshold[0]):,} lookups")
    for counted, one, other in zip(("lookups", "hits"), hit_rates(*threshold), hit_rates(*judge), strict=True):
        for share, of_threshold, of_judge in zip(WRONG, one, other, strict=True):
            times = f"{of_judge / of_threshold:.2f} x" if of_threshold else "-"
            print(f"  wrong {share:.1%} of {counted:7}  threshold {of_threshold:6.2%}  judge {of_judge:6.2%}  {times}")


def trees_of(model: HistGradientBoostingClassifier) -> Trees:
    """The model's trees as the product keeps them."""
    found = Trees(NAMES, float(model._baseline_prediction.ravel()[0]), 0, [], [], [], [], [], [])
    deepest = 0
    for (predictor,) in model._predictors:
        first = len(found.value)
        found.roots.append(first)
        for number, node in enumerate(predictor.nodes):
            leaf, here = bool(node["is_leaf"]), first + number
            found.feature.append(0 if leaf else int(node["feature_idx"]))
            found.threshold.append(0.0 if leaf else float(node["num_threshold"]))
            found.left.append(here if leaf else first + int(node["left"]))
            found.right.append(here if leaf else first + int(node["right"]))
            found.value.append(float(node["value"]) if leaf else 0.0)
            deepest = max(deepest, int(node["depth"]))
    return msgspec.structs.replace(found, depth=deepest)


class Times:
    """Of lookups, each within ``with``: on the wall, which others' load makes longer, and of the processor."""

    def __init__(self) -> None:
        self._wall: list[float] = []
        self._thread: list[float] = []

    def __enter__(self) -> None:
        self._began = time.perf_counter(), time.thread_time()

    def __exit__(self, *_: object) -> None:
        self._wall.append(time.perf_counter() - self._began[0])
        self._thread.append(time.thread_time() - self._began[1])

    def __str__(self) -> str:
        wall, thread = (np.percentile(times, 95) * 1000 for times in (self._wall, self._thread))
        return f"p95 {wall:.2f} ms on the wall, {thread:.2f} ms of the processor"


def lookup_times() -> Times:
    """Whole lookups in one scope with 100,000 questions."""
    chance = np.random.default_rng(0)
    questions, judge = Questions(shared_embedder()), Judge.fitted()
    words = [f"{one}{two}" for one in ("ba", "co", "di", "fu", "ge", "hal", "ki") for two in ("ran", "lo", "mes", "tu")]
    texts = ["How do I " + " ".join(chance.choice(words, 8)) + "?" for _ in range(ENTRIES)]
    for number, text in enumerate(texts):
        questions.add(str(number), text)
    times = Times()
    for text in texts[:LOOKUPS]:
        with times:
            questions.matches(text + " please", judge)
    return times


if __name__ == "__main__":
    main()
