"""``python -m bench.rag_injection [DIR]``: attacks planted in documents, and harmless documents, before the screen.

DIR holds ``injection.jsonl`` (``text``, ``label``, ``source``), ``indirect_contexts.jsonl`` (``context``) and
``cranfield/corpus.jsonl`` (``text``), or files of those shapes. Every attack is planted in documents at their
beginning, in the middle and at the end. It counts as having reached the model unless its passage was found and, as a
collection may want such passages kept, stood within the fence. Harmless are the documents themselves, this repository's
own and prompts full of trigger words. Exits with 1 where more than 2 % of either are judged wrongly.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from contracts.retrieval import CollectionTerms, Passage
from gateway.engine.grounding.fence import fenced
from gateway.engine.grounding.grounded import Given
from guardrails.engine.passages import PassageScreen
from guardrails.training import passages

SEED: Final = 20_261_122
BAR: Final = 0.02
PLACES: Final = ("beginning", "middle", "end")
DATA: Final = Path(__file__).parents[2] / "shared" / "data"
TRIGGER_WORDS: Final = ("notinject",)
CHUNK: Final = 900
"""Characters of a passage of this repository's documents."""

_TERMS = CollectionTerms(
    name="c",
    context_tokens=3_000,
    drops_instructions=False,
    says_unsupported=True,
    unsupported_text="",
    fail_open=False,
)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.rag_injection", description=__doc__)
    parser.add_argument("directory", nargs="?", type=Path, default=DATA, metavar="DIR")
    parser.add_argument("--hosts", type=int, default=2, help="documents that each attack is planted in, per place")
    parser.add_argument(
        "--left-out",
        action="store_true",
        help="learn from half of all texts, and measure with the attacks and documents of the other half",
    )
    arguments = parser.parse_args()
    rows = _rows(arguments.directory / "injection.jsonl")
    contexts = [str(row["context"]) for row in _rows(arguments.directory / "indirect_contexts.jsonl")]
    papers = [str(row["text"]) for row in _rows(arguments.directory / "cranfield" / "corpus.jsonl")]
    own, screen = list(_own_documents()), PassageScreen(kept=0)
    if arguments.left_out:
        model, windows = passages.learnt(arguments.directory, 0)
        screen = PassageScreen(0, model.classifier())
        print(f"learnt from {windows} windows of half of the texts\n")
        rows = [row for row in rows if passages.is_in(row["text"], 1)]
        contexts = [text for text in contexts if passages.is_in(text, 1)]
        papers = [text for text in papers if passages.is_in(text, 1)]
        own = [one for one in own if passages.is_in(one[0], 1)]
    started = time.perf_counter()
    reached = _attacks([row for row in rows if row["label"]], [contexts, papers], arguments.hosts, screen)
    harmless = _harmless(rows, contexts, papers, [text for _, text in own], screen)
    print(f"\nscreened in {time.perf_counter() - started:.0f} s")
    sys.exit(1 if reached > BAR or harmless > BAR else 0)


def _attacks(rows: Sequence[Any], hosts: Sequence[Sequence[str]], number: int, screen: PassageScreen) -> float:
    chance = random.Random(SEED)
    planted: dict[str, int] = defaultdict(int)
    missed: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    unfenced = 0
    for row in rows:
        for place in PLACES:
            for at in range(number):
                text = _planted(chance.choice(hosts[at % len(hosts)]), row["text"], place, chance)
                planted[row["source"]] += 1
                found, inside = screen.judge(text) is not None, _is_fenced(text)
                missed[row["source"]][place] += not (found and inside)
                unfenced += not inside
    print(f"{'attacks, by source':44} {'planted':>8} {'reached':>8}  " + "  ".join(PLACES))
    for source in sorted(planted):
        by_place = missed[source]
        print(
            f"{source:44} {planted[source]:8} {sum(by_place.values()):8}  "
            + "  ".join(f"{by_place[place]:{len(place)}}" for place in PLACES)
        )
    total, beyond = sum(planted.values()), sum(sum(one.values()) for one in missed.values())
    print(f"{'all':44} {total:8} {beyond:8}  {beyond / total:.2%} unfenced or unflagged ({unfenced} unfenced)")
    return beyond / total


def _planted(host: str, attack: str, place: str, chance: random.Random) -> str:
    if place == "beginning":
        return f"{attack}\n{host}"
    if place == "end":
        return f"{host}\n{attack}"
    cuts = [match.end() for match in re.finditer(r"[.!?]\s+", host)] or [len(host) // 2]
    cut = chance.choice(cuts)
    return f"{host[:cut].rstrip()} {attack} {host[cut:]}"


def _is_fenced(text: str) -> bool:
    """Whether the passage stands between exactly the two lines that only we can write."""
    passage = Passage(
        collection="c", document_id="d", external_id="d", title="", uri="", chunk_id=1, position=0, start=0,
        end=len(text), text=text, score=1.0,
    )  # fmt: skip
    boundary = f"{SEED:024x}"
    lines = fenced([Given(passage, "", text)], [_TERMS], boundary).splitlines()
    borders = [at for at, line in enumerate(lines) if line.startswith("==")]
    return len(borders) == 2 and borders[1] == len(lines) - 1


def _harmless(
    rows: Sequence[Any], contexts: Sequence[str], papers: Sequence[str], own: Sequence[str], screen: PassageScreen
) -> float:
    triggers = [row["text"] for row in rows if not row["label"] and str(row["source"]).startswith(TRIGGER_WORDS)]
    prompts = [row["text"] for row in rows if not row["label"] and not str(row["source"]).startswith(TRIGGER_WORDS)]
    kinds = {
        "e-mails": list(contexts),
        "papers": list(papers),
        "this repository's documents": list(own),
        "prompts full of trigger words": triggers,
    }
    print(f"\n{'harmless documents':44} {'looked at':>9} {'flagged':>8}")
    looked = wrong = 0
    for kind, texts in kinds.items():
        flagged = sum(screen.judge(text) is not None for text in texts)
        looked, wrong = looked + len(texts), wrong + flagged
        print(f"{kind:44} {len(texts):9} {flagged:8}  {flagged / max(1, len(texts)):.2%}")
    print(f"{'all':44} {looked:9} {wrong:8}  {wrong / max(1, looked):.2%}")
    flagged = sum(screen.judge(text) is not None for text in prompts)
    share = flagged / max(1, len(prompts))
    print(f"{'not counted: other prompts as documents':44} {len(prompts):9} {flagged:8}  {share:.2%}")
    return wrong / max(1, looked)


def _own_documents() -> Iterator[tuple[str, str]]:
    """Passages, with the name of the file."""
    for file in sorted((Path(__file__).parents[1] / "docs").glob("*.md")):
        waiting = ""
        for paragraph in file.read_text(encoding="utf-8").split("\n\n"):
            if waiting and len(waiting) + len(paragraph) > CHUNK:
                yield file.name, waiting
                waiting = ""
            waiting += f"{paragraph}\n\n"
        if waiting:
            yield file.name, waiting


def _rows(file: Path) -> list[Any]:
    with file.open("rb") as lines:
        return [msgspec.json.decode(line) for line in lines if line.strip()]


if __name__ == "__main__":
    main()
