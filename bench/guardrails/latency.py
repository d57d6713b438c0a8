"""How long a detector takes, by the length of the text and what it is made of.

Processor time of the thread, so that what else the machine does counts little.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from time import thread_time_ns
from typing import Any

import numpy as np

from bench.full_policy import FULL
from bench.slowness import slowness
from contracts.guardrails import PolicySpec, Stage
from guardrails.engine.detector import Detector
from guardrails.engine.policy import text_at
from guardrails.engine.policy_set import PolicySet
from guardrails.engine.text import Text

PROSE = (
    "The customer wrote that the order from last week had not arrived, and asked us to look into it"
    " before the weekend. "
    "Please answer politely, in at most three sentences, and mention that the refund policy allows thirty days. "
)
CROWDED = (
    "Dear Mr. Smith, your order 48213 of 12 March 2024 goes to 14 Baker Street, Apt. 5, London NW1"
    " 6XE. Call +44 20 7946 0958 or "
    "write to jo.smith@example.com from 192.168.10.24; the card 4556 2991 9792 5850 and the account"
    " GB82 WEST 1234 5698 7654 32 "
    "are on file, and so is the SSN 536-32-3065. The password is hunter2hunter2. "
)
NASTY = {
    "prose": PROSE,
    "full of data": CROWDED,
    "figures apart": "1 ",
    "figures and dashes": "1-",
    "figures": "7",
    "letters": "a",
    "at signs": "a@",
    "dotted": "a.",
    "colons": "a1:",
    "capitals": "Aa ",
    "numbers and names": "12 Rue ",
    "slashes": "://a",
}


_ROUNDS = 5


def print_latency(finders: Mapping[str, Callable[[Text], Sequence[Any]]]) -> None:
    """Microseconds of 2,000 characters over many texts, and milliseconds of long ones of nasty making."""
    print("\n## Latency (processor time of one thread)\n")
    print(f"{'detector':<24}{'2,000 characters of':<22}{'p50 us':>9}{'p99 us':>9}")
    for name, find in finders.items():
        for kind in ("prose", "full of data"):
            p50, p99 = _percentiles(find, NASTY[kind])
            print(f"{name:<24}{kind:<22}{p50:>9.0f}{p99:>9.0f}")
    print(f"\n{'detector':<24}{'made of':<22}{'10 kB ms':>10}{'100 kB ms':>11}{'1 MB ms':>10}{'1 MB / 100 kB':>15}")
    for name, find in finders.items():
        for kind, piece in NASTY.items():
            short, middle, long = (_once(find, _of_length(piece, size)) for size in (10_000, 100_000, 1_000_000))
            print(f"{name:<24}{kind:<22}{short:>10.1f}{middle:>11.1f}{long:>10.1f}{long / max(middle, 0.001):>15.1f}")


def print_fast_tier(texts: Sequence[str], *, characters: int = 2_000) -> None:
    """Milliseconds that all fast rules of a full policy take for so many characters of the texts as a prompt."""
    pieces = pieces_of("\n".join(texts), characters)
    if not pieces:
        return
    rules = [
        rule.fast
        for rule in PolicySet((PolicySpec(id="full", name="Full", version=1, rules=tuple(FULL)),)).at(Stage.INPUT)
        if rule.fast is not None
    ]
    for piece in pieces[:20]:  # the first ones fill caches
        _find_all(rules, piece)
    gc.collect()
    gc.disable()
    taken = [_find_all(rules, piece) for _ in range(_ROUNDS) for piece in pieces]
    gc.enable()
    p50, p99 = np.quantile(taken, (0.5, 0.99))
    print(
        f"\n{len(rules)} fast rules at {characters} characters, {len(pieces)} prompts {_ROUNDS} times: p50 {p50:.2f}, "
        f"p99 {p99:.2f} ms of the processor, which is {slowness():.1f} times as slow as usual"
    )


def _find_all(rules: Sequence[Detector], piece: str) -> float:
    text = text_at(Stage.INPUT, piece)
    began = thread_time_ns()
    for rule in rules:
        rule.find(text)
    return (thread_time_ns() - began) / 1e6


def pieces_of(text: str, characters: int) -> list[str]:
    """The text in pieces of so many characters, without what is left in the end."""
    return [text[start : start + characters] for start in range(0, len(text) - characters, characters)]


def _of_length(piece: str, length: int) -> str:
    return (piece * (length // len(piece) + 1))[:length]


def _percentiles(find: Callable[[Text], Sequence[Any]], piece: str, times: int = 1500) -> tuple[float, float]:
    """Each text is new, so that nothing is remembered from the last."""
    texts = [f"{number:04d} {_of_length(piece, 1995)}" for number in range(times)]
    gc.disable()
    taken = []
    for text in texts:
        began = thread_time_ns()
        find(Text(text))
        taken.append((thread_time_ns() - began) / 1000)
    gc.enable()
    taken.sort()
    return taken[times // 2], taken[times * 99 // 100]


def _once(find: Callable[[Text], Sequence[Any]], text: str) -> float:
    """The better of two, in milliseconds."""
    best = float("inf")
    for _ in range(2):
        began = thread_time_ns()
        find(Text(text))
        best = min(best, (thread_time_ns() - began) / 1e6)
    return best
