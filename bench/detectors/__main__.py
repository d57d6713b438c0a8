"""``python -m bench.detectors [anomalies|drift|all]``: anomalies by the Numenta Anomaly Benchmark, drift by BANKING77.

Anomalies: the standard profile over every series of a folder, each detector at its best threshold, as the benchmark
has it; "held out" takes the threshold from the other groups, or from three quarters of the series. Drift: power at
5 % false alarms, see :mod:`bench.detectors.drift`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from bench.detectors import nab
from bench.detectors.references import DETECTORS, Floats

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
PARTS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", default="all", choices=["anomalies", "drift", "all"])
    parser.add_argument("--nab", type=Path, default=DATA / "nab", help="folder with windows.json and series")
    parser.add_argument("--texts", type=Path, default=DATA / "banking77.jsonl", help="JSON lines of text and intent")
    parser.add_argument("--runs", type=int, default=100, help="windows drawn for each figure of drift")
    parser.add_argument("--series", action="store_true", help="print each series")
    given = parser.parse_args()
    if given.what != "drift":
        anomalies(given.nab, each=given.series)
    if given.what != "anomalies":
        from bench.detectors.drift import report

        report(given.texts, given.runs)


def anomalies(folder: Path, *, each: bool) -> None:
    series = nab.corpus(folder)
    groups = sorted({one.group for one in series})
    windows = sum(len(one.windows) for one in series)
    print(f"{len(series)} series, {sum(len(one.values) for one in series):,} rows, {windows} windows\n")
    print(f"{'detector':20} {'score':>6} {'groups':>7} {'series':>7}  held out | µs a row | raw score by group")
    for name, detector in DETECTORS.items():
        started = time.process_time()
        scores = [detector(one) for one in series]
        took = (time.process_time() - started) / sum(len(one.values) for one in series) * 1e6
        threshold, best = nab.best_threshold(nab.rows(series, scores))
        by_group = [held_out(series, scores, [one.group == group for one in series]) for group in groups]
        parts = np.random.default_rng(1).permutation(len(series)) % PARTS
        by_part = [held_out(series, scores, list(parts == part)) for part in range(PARTS)]
        print(
            f"{name:20} {best:6.1f} {total(by_group, windows):7.1f} {total(by_part, windows):7.1f}           "
            f"| {took:8.1f} | {', '.join(of_groups(series, scores, groups, threshold))}"
        )
        if each:
            of_series(series, scores, threshold)


def held_out(series: list[nab.Labelled], scores: list[Floats], out: list[bool]) -> float:
    """Raw score of some series at the threshold that is best for the others."""
    others = [at for at, left in enumerate(out) if not left]
    those = [at for at, left in enumerate(out) if left]
    threshold, _ = nab.best_threshold(nab.rows([series[at] for at in others], [scores[at] for at in others]))
    return nab.raw_score(nab.rows([series[at] for at in those], [scores[at] for at in those]), threshold)


def total(raw: list[float], windows: int) -> float:
    """Raw scores of parts as one of the whole, 0 to 100."""
    return 100 * (sum(raw) + nab.MISS * windows) / ((nab.HIT + nab.MISS) * windows)


def of_groups(series: list[nab.Labelled], scores: list[Floats], groups: list[str], threshold: float) -> list[str]:
    said = []
    for group in groups:
        chosen = [at for at, one in enumerate(series) if one.group == group]
        found = nab.rows([series[at] for at in chosen], [scores[at] for at in chosen])
        said.append(f"{group} {nab.raw_score(found, threshold):.2f} of {found.windows}")
    return said


def of_series(series: list[nab.Labelled], scores: list[Floats], threshold: float) -> None:
    for one, scored in zip(series, scores, strict=True):
        detected = scored >= threshold
        detected[: one.probation] = False
        outside = detected.copy()
        hits = 0
        for start, end in one.windows:
            hits += bool(detected[start : end + 1].any())
            outside[start : end + 1] = False
        raw = nab.raw_score(nab.rows([one], [scored]), threshold)
        print(f"  {one.name:58} {raw:6.2f}  hits {hits} of {len(one.windows)}, false alarms {int(outside.sum())}")


if __name__ == "__main__":
    main()
