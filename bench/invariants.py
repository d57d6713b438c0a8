"""``python -m bench.invariants``: processor time of judging the examples of business invariants, facts made already."""

from __future__ import annotations

import time

from guardrails.engine.invariants.facts import (
    Facts,
    Message,
    Passage,
    RequestFacts,
    ResponseFacts,
    TenantFacts,
    UsageFacts,
    retrieved,
)
from guardrails.engine.invariants.invariant import Invariant, InvariantOptions
from guardrails.pages.invariant_help import EXAMPLES

ROUNDS = 300
PRICES = ("The basic plan costs EUR 20.00 a month, and the other 35 EUR. " * 40)[:2_000]
PROSE = ("The basic plan has support by mail and telephone, and the other one has more of it for all. " * 40)[:2_000]


def facts_with(text: str) -> Facts:
    """A call with 2,000 characters of answer and 8,000 of context."""
    return Facts(
        request=RequestFacts(prompt="How much is it?", messages=[Message(role="user", text="x" * 200)] * 20),
        response=ResponseFacts(text=text),
        usage=UsageFacts(output_tokens=300),
        tenant=TenantFacts(plan="free"),
        retrieval=retrieved([Passage(text=text)] * 4),
    )


def measure(invariant: Invariant, facts: Facts) -> tuple[float, float]:
    """Median and 99th percentile, in microseconds."""
    times = []
    for _ in range(ROUNDS):
        began = time.thread_time_ns()
        invariant.judge(facts, 1_000)
        times.append((time.thread_time_ns() - began) / 1_000)
    times.sort()
    return times[len(times) // 2], times[int(len(times) * 0.99)]


def main() -> None:
    """One line an example."""
    print(f"{'us, median / p99':>58}{'prose':>20}{'only prices':>20}")
    for example in EXAMPLES:
        invariant = Invariant(InvariantOptions(expression=example.expression, applies_if=example.applies_if))
        found = [measure(invariant, facts_with(text)) for text in (PROSE, PRICES)]
        print(f"{example.title:>58}" + "".join(f"{f'{median:,.0f} / {p99:,.0f}':>20}" for median, p99 in found))


if __name__ == "__main__":
    main()
