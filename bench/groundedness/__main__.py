"""``python -m bench.groundedness FILE…``: sentences against passages, and answers without any, beside two baselines.

A FILE has rows of ``premise``, ``hypothesis``, ``label``, or of ``query``, ``response``, ``hallucination``. Rows that
the shipped weights did not learn from are judged by these. Of rows that they did learn from, each is judged by weights
learnt anew without its group (pairs that share sentences are of one group); that needs the other data sets of DIR.

The baselines are one figure each, fitted to this very file by parts left out: the share of words in common, and the
cosine of embeddings. Ends with 1 when not above both everywhere.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.groundedness.measures import by_one_number, three_way, two_way
from embeddings.static import shared_embedder
from rag.engine.support.assessor import SupportAssessor
from rag.engine.support.evidence import judged_pair
from rag.engine.support.responses import response_risk
from rag.training.answers import learnt_responses, response_table
from rag.training.fingerprints import learnt_from
from rag.training.pairs import FOLDS, SEED, held_out_probabilities, labelled, rows_of, supplements, tabulated

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
FILES = ("entailment_sick.jsonl", "halueval_general.jsonl")
LEAST = 200
"""Fewer rows say nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.groundedness", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="default: both of --data")
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help="what is learnt from beside FILE")
    given = parser.parse_args()
    above = True
    for file in given.files or [given.data / name for name in FILES]:
        rows = rows_of(file)
        known = learnt_from(rows)
        for seen in (True, False):
            part = [row for row, was in zip(rows, known, strict=True) if was == seen]
            if not part:
                continue
            how = "each judged by weights learnt without its group" if seen else "shipped weights, none learnt from"
            print(f"\n{file.name}: {len(part):,} rows, {how}")
            if len(part) < LEAST:
                print("  too few to say anything")
                continue
            above = (pairs if "premise" in part[0] else answers)(part, seen, given.data) and above
    speed()
    sys.exit(not above)


def pairs(rows: Sequence[Mapping[str, Any]], seen: bool, data: Path) -> bool:
    made = labelled(rows)
    labels = np.array([one.label for one in made])
    started = time.process_time()
    if seen:
        table = tabulated(made + supplements(data, made))
        ours = held_out_probabilities(table)[: len(made)]
    else:
        judged = [judged_pair(one.there, one.said) for one in made]
        ours = np.array([[one.supported, one.neutral, one.contradicted] for one in judged])
    took = time.process_time() - started
    lexical = np.array([overlap(one.said, one.there) for one in made])
    cosine = np.array([near(one.there, one.said) for one in made])
    print(
        f"  {'':22} {'accuracy':>8} {'macro F1':>8} | {'supported':>9} {'F1':>6} | {'contradicted':>12} | "
        f"{'ECE':>6} {'top':>6}"
    )
    found = []
    for name, predicted in (
        ("support", ours),
        ("lexical overlap", by_one_number(lexical, labels)),
        ("embeddings", by_one_number(cosine, labels)),
    ):
        one = three_way(labels, predicted)
        found.append((one.accuracy, one.macro_f1, one.supported_auroc, one.supported_f1, one.contradicted_auroc))
        print(
            f"  {name:22} {one.accuracy:8.3f} {one.macro_f1:8.3f} | {one.supported_auroc:9.3f} "
            f"{one.supported_f1:6.3f} | {one.contradicted_auroc:12.3f} | {one.ece:6.3f} {one.ece_top:6.3f}"
        )
    if not seen:
        print(f"  {took / len(rows) * 1000:.2f} ms a pair")
    return is_above(found)


def answers(rows: Sequence[Mapping[str, Any]], seen: bool, data: Path) -> bool:
    labels = np.array([int(row["hallucination"]) for row in rows])
    if seen:
        table, _ = response_table(rows)
        part = np.random.default_rng(SEED).permutation(len(rows)) % FOLDS
        ours = np.zeros(len(rows))
        for fold in range(FOLDS):
            model = learnt_responses(table[part != fold], labels[part != fold])
            ours[part == fold] = [model.probability(row) for row in table[part == fold]]
    else:
        ours = np.array([response_risk(row["query"], row["response"]) for row in rows])
    lexical = np.array([overlap(row["response"], row["query"]) for row in rows])
    cosine = np.array([near(row["query"], row["response"]) for row in rows])
    print(f"  {'':22} {'AUROC':>6} {'best F1':>8} {'mean':>6} {'ECE':>6}   of {labels.mean():.3f} made up")
    found = []
    for name, predicted in (
        ("wording", ours),
        ("lexical overlap", by_one_number(lexical, labels)[:, 1]),
        ("embeddings", by_one_number(cosine, labels)[:, 1]),
    ):
        one = two_way(labels, predicted)
        found.append((one.auroc, one.f1))
        print(f"  {name:22} {one.auroc:6.3f} {one.f1:8.3f} {one.average_rate:6.3f} {one.ece:6.3f}")
    return is_above(found)


def is_above(found: Sequence[Sequence[float]]) -> bool:
    """Whether the first is above all others in each figure."""
    good = all(ours > max(others) for ours, *others in zip(*found, strict=True))
    print(f"  {'above both' if good else 'NOT above both'}")
    return good


def overlap(of: str, there: str) -> float:
    """The share of its words that are there."""
    words, others = of.casefold().split(), set(there.casefold().split())
    return sum(one in others for one in words) / max(1, len(words))


def near(one: str, other: str) -> float:
    return float(shared_embedder().embed(one) @ shared_embedder().embed(other))


PASSAGE = (
    "Refunds are paid within 14 days of the return of goods. Customers in Norway pay 250 kroner for shipping, which is "
    "not refunded. Gift cards expire after 24 months and cannot be exchanged for money. Claims about damage have to "
    "reach the warehouse in Bergen by the end of the third working day. Photos of the parcel speed things up. For "
    "orders above 5,000 kroner a signature is asked for on delivery, unless the customer has agreed otherwise. "
)
ANSWER = (
    "Refunds come within 14 days after goods were returned [1]. Shipping of 250 kroner in Norway is refunded [2]. "
    "A gift card expires after 24 months [1]. You cannot change it into money [1]. Damage has to be reported to the "
    "warehouse in Oslo by the third working day [3]. It helps to send photos of the parcel [3]. Orders above 6,000 "
    "kroner need a signature on delivery [1]. Customers may agree otherwise [1]. "
)


def speed(runs: int = 20) -> None:
    """Of a 200-word answer and six passages, each time of other words."""
    assessor, times = SupportAssessor(), []
    for run in range(runs):
        passages = [PASSAGE.replace("Refunds", f"Refunds of kind {run}.{at}") * 2 for at in range(6)]
        answer = (ANSWER * 3).replace("Refunds", f"Refunds of kind {run}.1")
        answer = " ".join(answer.split()[:200])
        started = time.process_time()
        assessor.assess("When are refunds paid?", answer, passages, cites=True)
        times.append((time.process_time() - started) * 1000)
    print(
        f"\nan answer of 200 words on six passages: {np.median(times):.1f} ms (processor time, passages new each time)"
    )


if __name__ == "__main__":
    main()
