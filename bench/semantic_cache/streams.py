"""Streams of kept and new questions, made of labelled files of three shapes.

``{a, b}`` are duplicates, ``{a, b, label}`` duplicates where the label is 1, ``{text, intent}`` ask the same where the
intents are equal. Of plain duplicates and of intents only some are kept, so that the rest are new questions.
"""

from __future__ import annotations

import random
from pathlib import Path

import msgspec

Row = dict[str, object]


class Stream(msgspec.Struct):
    kept: dict[str, str]
    """Text to what it asks."""
    asked: list[tuple[str, str, str]]
    """Text, what it asks, and the file that it is from."""


def stream_of(paths: list[Path], seed: int) -> Stream:
    chance = random.Random(seed)
    found = Stream({}, [])
    for path in paths:
        rows: list[Row] = [msgspec.json.decode(line) for line in path.read_bytes().splitlines() if line.strip()]
        fill = _intents if "intent" in rows[0] else _labelled if "label" in rows[0] else _duplicates
        fill(rows, path.stem, found, chance)
    kept = {_plain(text) for text in found.kept}
    # What is written the same is the exact cache's.
    found.asked = [asked for asked in found.asked if _plain(asked[0]) not in kept]
    return found


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _duplicates(rows: list[Row], name: str, stream: Stream, chance: random.Random) -> None:
    parent: dict[str, str] = {}

    def root(text: str) -> str:
        while parent.setdefault(text, text) != text:
            text = parent[text]
        return text

    for row in rows:
        parent[root(str(row["a"]))] = root(str(row["b"]))
    for row in rows:
        one, other = str(row["a"]), str(row["b"])
        if chance.random() < 0.5:
            stream.kept[one] = f"{name}:{root(one)}"
        stream.asked.append((other, f"{name}:{root(other)}", name))


def _labelled(rows: list[Row], name: str, stream: Stream, chance: random.Random) -> None:
    for number, row in enumerate(rows):
        stream.kept[str(row["a"])] = f"{name}:{number}"
        stream.asked.append((str(row["b"]), f"{name}:{number}" if row["label"] else f"{name}:new {number}", name))


def _intents(rows: list[Row], name: str, stream: Stream, chance: random.Random) -> None:
    rows = list(rows)
    intents = sorted({str(row["intent"]) for row in rows})
    chance.shuffle(intents)
    known = set(intents[: len(intents) * 2 // 3])
    chance.shuffle(rows)
    for number, row in enumerate(rows):
        if number < len(rows) * 3 // 10:
            if str(row["intent"]) in known:
                stream.kept[str(row["text"])] = f"{name}:{row['intent']}"
        else:
            stream.asked.append((str(row["text"]), f"{name}:{row['intent']}", name))
