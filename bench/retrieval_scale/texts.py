"""As many chunks as wanted, put together from real sentences, so that words are as frequent as they are in texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
FIELDS = {
    "cranfield/corpus.jsonl": "text",
    "halueval_general.jsonl": "response",
    "router_mmlu.jsonl": "prompt",
    "duplicate_questions_qqp.jsonl": "b",
    "paraphrase_msr.jsonl": "a",
    "banking77.jsonl": "text",
}
CHARACTERS = 800
"""Of a chunk: some 200 tokens."""


def sentences(folder: Path = DATA) -> list[list[str]]:
    """By source, in their order."""
    found = []
    for name, field in FIELDS.items():
        rows = (msgspec.json.decode(line) for line in (folder / name).read_bytes().splitlines() if line.strip())
        split = (part.strip() for row in rows for part in re.split(r"(?<=[.!?])\s+", row[field]))
        found.append([part for part in split if 15 < len(part) < 500])
    return found


def chunks(count: int, seed: int = 1) -> Iterator[str]:
    """Sentences that follow each other in one source, then some of another: no two chunks are the same."""
    sources = sentences()
    chance = Random(seed)
    sizes = [len(one) for one in sources]
    for _ in range(count):
        first, second = chance.choices(sources, weights=sizes, k=2)
        text = _run(chance, first, CHARACTERS * 3 // 4)
        yield f"{text} {_run(chance, second, CHARACTERS // 4)}"


def questions(count: int, seed: int = 2) -> list[str]:
    """What people ask: some of banking, some of everything, some of aeronautics."""
    chance = Random(seed)
    asked = [
        msgspec.json.decode(line)[field]
        for name, field, most in (
            ("duplicate_questions_qqp.jsonl", "a", 2_000),
            ("cranfield/queries.jsonl", "text", 225),
            ("banking77.jsonl", "text", 1_000),
        )
        for line in (DATA / name).read_bytes().splitlines()[:most]
    ]
    return chance.sample(asked, count)


def _run(chance: Random, source: list[str], characters: int) -> str:
    at = chance.randrange(len(source))
    parts: list[str] = []
    while sum(map(len, parts)) < characters:
        parts.append(source[at % len(source)])
        at += 1
    return " ".join(parts)
