"""Prompt injection and jailbreaks: recall and false positives by source, as shipped and with rows or sources out."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from bench.guardrails.latency import pieces_of, print_fast_tier
from guardrails.engine.detectors.injection import InjectionDetector, Where
from guardrails.engine.text import Text
from guardrails.training import injection as training
from guardrails.training.injection import Example

Judge = Callable[[str], bool]

_LATENCY_CHARACTERS = 2_000
_ROUNDS = 300


def run(file: Path) -> None:
    """Prints how well the attacks of the file are told from the rest; beside it may lie what the training uses."""
    rows = training.labelled(file)
    shipped = InjectionDetector()
    phrases = InjectionDetector(classifier=False)
    wording = InjectionDetector(phrases=False)
    judged = {
        "as shipped": _verdicts(rows, partial(_finds, shipped)),
        "phrases only": _verdicts(rows, partial(_finds, phrases)),
        "classifier only": _verdicts(rows, partial(_finds, wording)),
    }
    judged |= _left_out(rows, file.parent, judged["phrases only"])
    _print_sources(rows, judged)
    _print_totals(rows, judged)
    _print_planted(rows, file.parent)
    _print_latency(rows, shipped)
    print_fast_tier([row.text for row in rows if not row.label])


def _finds(detector: InjectionDetector, text: str) -> bool:
    return bool(detector.find(Text(text)))


def _verdicts(rows: Sequence[Example], judge: Judge) -> list[bool]:
    return [judge(row.text) for row in rows]


def family(source: str) -> str:
    """Sources of one origin, left out together: the part before the first hyphen of those that say what they hold."""
    return re.split(r"-(?=[A-Z])", source)[0]


def _left_out(rows: Sequence[Example], directory: Path, phrases: Sequence[bool]) -> dict[str, list[bool]]:
    """Verdicts with models that learnt from other rows, or from other sources; the phrases are the same in all."""
    usable = [index for index, row in enumerate(rows) if row.source not in training.PLAIN_TASKS]
    examples = [*rows, *training.supplements(directory)]
    learnt = np.ones(len(examples), dtype=bool)
    learnt[[index for index, row in enumerate(rows) if row.source in training.PLAIN_TASKS]] = False
    if len({rows[index].label for index in usable}) < 2:
        return {}
    table = training.tabulated(examples)
    parts = training.folds(rows)
    by_row = _cross(examples, table, learnt, [parts == part for part in range(int(parts.max()) + 1)])
    families = np.array([family(row.source) for row in rows])
    by_source = _cross(examples, table, learnt, [families == name for name in sorted(set(families))])
    # One threshold for both, set as in training: without it every model has a scale of its own.
    middle = training.threshold(rows, by_row)
    return {
        "rows left out": [bool(score >= middle) or known for score, known in zip(by_row, phrases, strict=True)],
        "source left out": [bool(score >= middle) or known for score, known in zip(by_source, phrases, strict=True)],
        "source left out, classifier only": [bool(score >= middle) for score in by_source],
    }


def _cross(
    examples: Sequence[Example], table: training.Table, learnt: np.ndarray, parts: Sequence[np.ndarray]
) -> np.ndarray:
    """Scores of the rows, of each part from a model that learnt from the others."""
    number = len(parts[0])
    scores = np.zeros(number)
    for part in parts:
        chosen = learnt.copy()
        chosen[:number] &= ~part
        scores[part] = training.logits(training.fitted(table, chosen), table, len(examples))[:number][part]
    return scores


def _print_sources(rows: Sequence[Example], judged: dict[str, list[bool]]) -> None:
    columns = list(judged)
    groups: dict[tuple[int, str], list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        groups[(1 - row.label, family(row.source))].append(index)
        if family(row.source) != row.source:
            groups[(1 - row.label, row.source)].append(index)
    print(f"\n{'recall of attacks, by source':36} {'rows':>6}  " + "  ".join(columns))
    heading = True
    for (harmless, source), indices in sorted(groups.items()):
        if harmless and heading:
            print(f"{'false positives, by source':36}")
            heading = False
        shares = [sum(judged[column][index] for index in indices) / len(indices) for column in columns]
        cells = "  ".join(f"{share:>{len(column)}.3f}" for share, column in zip(shares, columns, strict=True))
        print(f"  {source:34} {len(indices):6}  {cells}")


def _print_totals(rows: Sequence[Example], judged: dict[str, list[bool]]) -> None:
    for title, kept in (("all rows", rows), ("without BIPIA's plain tasks", training.usable(rows))):
        known = {id(row) for row in kept}
        print(f"\n{title:36} {'precision':>9} {'recall':>9} {'F1':>9} {'false positives':>16}")
        for name, verdicts in judged.items():
            pairs = [(row.label, said) for row, said in zip(rows, verdicts, strict=True) if id(row) in known]
            right = sum(label and said for label, said in pairs)
            wrong = sum(not label and said for label, said in pairs)
            attacks = sum(label for label, _ in pairs)
            precision, recall = right / max(right + wrong, 1), right / max(attacks, 1)
            f1 = 2 * precision * recall / max(precision + recall, 1e-9)
            print(f"  {name:34} {precision:9.3f} {recall:9.3f} {f1:9.3f} {wrong / max(len(pairs) - attacks, 1):16.3f}")


def _print_planted(rows: Sequence[Example], directory: Path) -> None:
    """BIPIA's attacks where they belong: in an e-mail that a model is to answer questions about."""
    contexts = directory / "indirect_contexts.jsonl"
    attacks = [row for row in rows if row.source.startswith("bipia-")]
    if not (contexts.is_file() and attacks):
        return
    detector = InjectionDetector(Where.DATA)
    texts = [str(row["context"]) for row in training.rows_of(contexts)]
    false = sum(_finds(detector, text) for text in texts)
    print(f"\nplanted in {len(texts)} e-mails, judged as data; false positives {false / len(texts):.3f}")
    for title, plain in (("plain tasks", True), ("orders about the answer", False)):
        chosen = [row for row in attacks if (row.source in training.PLAIN_TASKS) == plain]
        for place, plant in (("at the end", "{1}\n{0}"), ("at the start", "{0}\n{1}")):
            found = [
                _finds(detector, plant.format(row.text, texts[index % len(texts)])) for index, row in enumerate(chosen)
            ]
            print(f"  {title:24} {place:14} recall {sum(found) / max(len(found), 1):.3f} of {len(found)}")


def _print_latency(rows: Sequence[Example], detector: InjectionDetector) -> None:
    harmless = "\n".join(row.text for row in rows if not row.label)[: _ROUNDS * _LATENCY_CHARACTERS]
    pieces = pieces_of(harmless, _LATENCY_CHARACTERS) or [harmless]
    spent = []
    for index in range(_ROUNDS):
        text = pieces[index % len(pieces)]
        began = time.perf_counter()
        detector.find(Text(text))
        spent.append((time.perf_counter() - began) * 1e3)
    p50, p99 = np.quantile(spent, (0.5, 0.99))
    print(f"\nlatency at {_LATENCY_CHARACTERS} characters, readings included: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    for size in (10_000, 100_000, 1_000_000):
        text = (harmless * (size // max(len(harmless), 1) + 1))[:size]
        began = time.perf_counter()
        detector.find(Text(text))
        print(f"  {size:9} characters: {(time.perf_counter() - began) * 1e3:.0f} ms")
