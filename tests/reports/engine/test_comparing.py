"""Whether a week differs from the one before by more than chance."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from reports.engine.comparing import FEWEST_PAIRS, compared
from reports.engine.content import Content, Figure, Section, Todo

Day = tuple[int, int]
"""Calls, and how many of them failed."""


def rate(days: Sequence[Day]) -> float | None:
    calls = sum(one[0] for one in days)
    return sum(one[1] for one in days) / calls if calls else None


def week(chance: random.Random, share: float, days: int = 7) -> list[Day]:
    """Calls fail in clumps: each day has a rate of its own."""
    found = []
    for _ in range(days):
        calls = chance.randint(500, 1500)
        of_day = min(1.0, max(0.0, share * chance.lognormvariate(0, 0.3)))
        found.append((calls, sum(chance.random() < of_day for _ in range(calls))))
    return found


def test_a_difference_is_that_of_all_calls_together():
    found = compared([(100, 1)] * 6, [(100, 3)] * 6, rate)

    assert (found.before, found.value) == (0.01, 0.03)
    assert found.low == pytest.approx(0.02)
    assert found.high == pytest.approx(0.02)


def test_weeks_that_are_alike_are_called_different_about_one_time_in_twenty():
    chance = random.Random(7)
    wrong = 0
    for _ in range(300):
        found = compared(week(chance, 0.03), week(chance, 0.03), rate)
        assert found.low is not None
        assert found.high is not None
        wrong += not found.low <= 0 <= found.high

    assert wrong / 300 <= 0.08


def test_a_rate_that_doubled_is_found_nearly_always():
    chance = random.Random(8)
    found = [compared(week(chance, 0.02), week(chance, 0.05), rate) for _ in range(100)]

    assert sum((one.low or 0) > 0 for one in found) >= 90


def test_one_bad_day_proves_nothing_of_the_week():
    before = [(1000, 10 + at) for at in range(7)]
    now = [*[(1000, 10 + at) for at in range(6)], (1000, 700)]
    found = compared(before, now, rate)

    assert found.low is not None
    assert found.value is not None
    assert found.low < 0 < found.value


def test_too_few_days_with_calls_have_no_interval():
    empty: list[Day] = [(0, 0)] * 3
    some = FEWEST_PAIRS - 1

    found = compared([(10, 1)] * some + empty, [(10, 2)] * some + empty, rate, counts=lambda one: one[0] > 0)

    assert (found.low, found.high) == (None, None)
    assert found.value == 0.2


def test_where_there_was_nothing_before_there_is_no_difference():
    found = compared([(0, 0)] * 7, [(10, 1)] * 7, rate)

    assert (found.before, found.low, found.value) == (None, None, 0.1)


def test_stretches_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="step by step"):
        compared([(1, 0)], [(1, 0), (1, 0)], rate)


@pytest.mark.parametrize(
    ("low", "high", "good", "verdict"),
    [
        (0.1, 0.2, "down", "worse"),
        (0.1, 0.2, "up", "better"),
        (-0.2, -0.1, "down", "better"),
        (-0.2, -0.1, "up", "worse"),
        (0.1, 0.2, "", "moved"),
        (-0.1, 0.2, "down", "unclear"),
        (0.0, 0.0, "down", "unclear"),
        (None, None, "down", ""),
    ],
)
def test_a_verdict_needs_an_interval_that_leaves_out_nothing(low, high, good: str, verdict: str):
    assert Figure(label="x", value=1, before=1, low=low, high=high, good=good).verdict == verdict


def test_what_is_to_be_done_is_in_order_and_hidden_with_its_section(content: Content):
    assert [one.text for one in content.todos] == ["First", "Second", "Third"]

    seen = content.seen_by(lambda permission: permission != "view_costs")

    assert [one.text for one in seen.todos] == ["Second"]
    assert Content.of_plain(content.to_plain()) == content


@pytest.fixture
def content() -> Content:
    from datetime import UTC, datetime

    at = datetime(2026, 11, 16, tzinfo=UTC)
    todos = [Todo(urgency="consider", text="Third"), Todo(urgency="now", text="First")]
    return Content(
        kind="weekly",
        title="Week",
        owner="Acme",
        zone="UTC",
        start=at,
        end=at,
        before=at,
        sections=[
            Section(key="costs", title="Cost", summary="", todos=todos, permission="view_costs"),
            Section(key="traffic", title="Calls", summary="", todos=[Todo(urgency="soon", text="Second")]),
        ],
    )
