"""``python -m guardrails.training.passages DIR``: weights of the classifier of passages, from the data sets in DIR.

What it learns is another task than with prompts: whether a few sentences of a *document* speak to the model that reads
them. Attacks are ``injection.jsonl``'s, without BIPIA's plain tasks, and sentences made in
:mod:`guardrails.training.wordings`; harmless are sentences of documents, answers, questions and news of the other data
sets, the prompts full of trigger words that are no attacks, and documents about software: this repository's own, and
the descriptions of the packages that are installed (so the bytes are the same for the same locked packages). Long texts
are cut into the windows in which the screen looks. ``bench.rag_injection --left-out`` measures a model that has learnt
from half of all texts by the other half.
"""

from __future__ import annotations

import argparse
import random
import zlib
from collections.abc import Iterator, Sequence
from importlib.metadata import distributions
from pathlib import Path

import numpy as np
import numpy.typing as npt

from guardrails.engine.detectors.injection.sentences import windows_of
from guardrails.training import wordings
from guardrails.training.injection import (
    PLAIN_TASKS,
    SEED,
    Example,
    Model,
    Table,
    at_threshold,
    fitted,
    labelled,
    logits,
    rows_of,
    tabulated,
)
from guardrails.training.templates import made

WEIGHTS = Path(__file__).parents[1] / "engine" / "detectors" / "injection" / "passage.npz"
MOST_FALSE = 0.001
"""Share of harmless windows above the threshold when sources are left out; a passage has about ten windows."""
DOCUMENTS = Path(__file__).parents[2] / "docs"
SOFTWARE = "harmless software"
MOST_OF_A_PACKAGE = 5_000
"""Characters of its description."""
TRIGGER_WORDS = ("notinject-one", "injecguard-valid")
ORDERS: tuple[tuple[str, str], ...] = (
    ("{change} {reply} {code}.", "answer"),
    ("{enhance} {reply} {by} {payload}.", "answer"),
    ("{slip} {payload} in {reply}.", "answer"),
    ("In {reply}, {slip} {payload}.", "answer"),
)
_HARMLESS: tuple[tuple[str, tuple[str, ...], int], ...] = (
    ("cranfield/corpus.jsonl", ("text",), 400),
    ("indirect_contexts.jsonl", ("context",), 50),
    ("halueval_general.jsonl", ("response",), 500),
    ("paraphrase_msr.jsonl", ("a",), 500),
    ("entailment_sick.jsonl", ("premise",), 300),
    ("banking77.jsonl", ("text",), 500),
    ("duplicate_questions_qqp.jsonl", ("a",), 500),
)
"""Texts of documents: file, fields, rows."""


def is_in(text: str, half: int | None) -> bool:
    """Whether the text is in this half of the data; in None, which is all of it, each is."""
    return half is None or zlib.crc32(text.encode(errors="replace")) % 2 == half


def examples(directory: Path, half: int | None = None) -> list[Example]:
    """Windows with their labels, of all texts or of half of them; those of attacks first."""
    chance = random.Random(SEED)
    rows = [
        one
        for one in labelled(directory / "injection.jsonl")
        if one.source not in PLAIN_TASKS and is_in(one.text, half)
    ]
    found = [window for one in rows if one.label for window in _attack(one)]
    found += [
        Example(text, 1, "worded attack", 0.3)
        for text in made((*wordings.ATTACKS, *ORDERS * 3), wordings.SLOTS, 25, chance)
    ]
    found += _software(half)
    found += [
        Example(window, 0, one.source)
        for one in rows
        if not one.label and one.source in TRIGGER_WORDS
        for window in windows_of(one.text)
    ]
    return found + list(_documents(directory, chance, half))


def _attack(one: Example) -> Iterator[Example]:
    """The windows of an attack: of a long one not each by itself says that it is one."""
    windows = windows_of(one.text)
    for window in windows:
        yield Example(window, 1, one.source, 1.0 if len(windows) == 1 else 2.0 / len(windows))


def _documents(directory: Path, chance: random.Random, half: int | None) -> Iterator[Example]:
    for name, fields, number in _HARMLESS:
        if not (directory / name).is_file():
            continue
        rows = rows_of(directory / name)
        for row in chance.sample(rows, min(number, len(rows))):
            for text in (str(row[field]) for field in fields):
                for window in windows_of(text[:4_000]) if is_in(text, half) else ():
                    yield Example(window, 0, f"harmless {name}")


def _software(half: int | None) -> list[Example]:
    """Documents about software, among them some about models, prompts and answers."""
    texts = {file.name: file.read_text(encoding="utf-8") for file in DOCUMENTS.glob("*.md")}
    for package in distributions():
        described = (package.read_text("METADATA") or "").partition("\n\n")[2]
        texts[package.name] = described[:MOST_OF_A_PACKAGE]
    return [
        Example(window, 0, SOFTWARE)
        for name in sorted(texts)
        if is_in(name, half)
        for window in dict.fromkeys(windows_of(texts[name]))
    ]


def held_out(found: Sequence[Example], table: Table, parts: int = 2) -> npt.NDArray[np.float64]:
    """Scores of the harmless windows, each by a model that learnt from other ones."""
    part = np.random.default_rng(SEED).integers(0, parts, len(found))
    harmless = np.array([not one.label for one in found])
    scores = np.full(len(found), -np.inf)
    for number in range(parts):
        out = harmless & (part == number)
        scores[out] = logits(fitted(table, ~out), table, len(found))[out]
    return scores


def middle_of(found: Sequence[Example], scores: npt.NDArray[np.float64]) -> float:
    """The score that harmless windows exceed as seldom as is wanted."""
    return float(np.quantile(scores[[not one.label for one in found]], 1 - MOST_FALSE))


def learnt(directory: Path, half: int | None = None, without: str = "") -> tuple[Model, int]:
    """The model, and from how many windows it learnt.

    ``half``: from this half of all texts. ``without``: from no attack of sources that begin so.
    """
    found = [one for one in examples(directory, half) if not (without and one.label and one.source.startswith(without))]
    table = tabulated(found)
    middle = middle_of(found, held_out(found, table))
    return at_threshold(fitted(table, np.ones(len(found), dtype=bool)), middle), len(found)


def main() -> None:
    """Learns and writes."""
    parser = argparse.ArgumentParser(prog="python -m guardrails.training.passages", description=__doc__)
    parser.add_argument("directory", type=Path, metavar="DIR", help="where injection.jsonl lies")
    parser.add_argument("--to", type=Path, default=WEIGHTS, metavar="FILE", help="where the weights go")
    arguments = parser.parse_args()
    model, number = learnt(arguments.directory)
    weights, scale = model.quantised()
    np.savez_compressed(arguments.to, weights=weights, scale=np.float64(scale), bias=np.float64(model.bias))
    print(f"{number} windows; {arguments.to} has {arguments.to.stat().st_size} bytes")


if __name__ == "__main__":
    main()
