from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.engine.blame import Question, Verdict, blame, surprise, within
from alerting.engine.causes import Both, Cell, Change, Measure, Sums, by_values, effect_of

DIMENSIONS = ("route", "provider", "model", "key")
SEEDS = 100

amounts = st.integers(0, 500)
sums = st.builds(lambda n, x: Sums(n, x, x * 2.0), amounts, st.integers(-300, 3000))
cells = st.lists(
    st.builds(
        Cell,
        st.tuples(st.sampled_from(["a", "b", "c", ""]), st.sampled_from(["x", "y"])),
        st.booleans(),
        sums.map(lambda one: one if one.n else Sums()),
    ),
    min_size=1,
    max_size=30,
)


@given(cells, st.sampled_from(list(Measure)), st.floats(1, 500), st.floats(1, 500))
def test_what_segments_of_a_dimension_add_sums_up_to_the_change(found, measure, before, now):
    whole = by_values(found, ()).get((), Both())
    change = Change(measure, whole, before, now)
    if measure is not Measure.TOTAL and not (whole.before.n and whole.now.n):
        return
    for places in ((0,), (1,), (0, 1)):
        added = sum(effect_of(one, change).both for one in by_values(found, places).values())
        assert added == pytest.approx(change.by, rel=1e-6, abs=1e-6)


def test_a_rate_that_rose_within_one_segment_is_a_rate_effect():
    change = Change(Measure.SHARE, Both(Sums(200, 2, 2), Sums(200, 42, 42)))
    effect = effect_of(Both(Sums(100, 1, 1), Sums(100, 41, 41)), change)
    assert effect.rate == pytest.approx(0.2)
    assert effect.mix == pytest.approx(0)


def test_dear_calls_that_become_more_are_a_mix_effect():
    # By hand: 10% of the calls cost 10, then 30%; the others 1. The mean goes from 1.9 to 3.7.
    dear = Both(Sums(10, 100, 1000), Sums(30, 300, 3000))
    cheap = Both(Sums(90, 90, 90), Sums(70, 70, 70))
    change = Change(Measure.MEAN, dear + cheap)
    assert change.by == pytest.approx(1.8)
    assert effect_of(dear, change).rate == 0
    assert effect_of(dear, change).mix == pytest.approx(0.2 * (10 - 2.8))
    assert effect_of(cheap, change).mix == pytest.approx(-0.2 * (1 - 2.8))


def test_a_total_is_split_into_more_calls_and_dearer_ones():
    segment = Both(Sums(100, 200, 400), Sums(300, 900, 2700))
    change = Change(Measure.TOTAL, segment, minutes_before=10, minutes_now=10)
    effect = effect_of(segment, change)
    # 10 calls a minute at 2, then 30 at 3.
    assert [effect.mix, effect.rate] == pytest.approx([20 * 2.5, 20 * 1])
    assert effect.both == pytest.approx(change.by) == pytest.approx(70)


def test_who_explains_no_more_than_its_part_surprises_nobody():
    assert surprise(0.4, 0.4) == surprise(0.4, 0.1) == 0
    assert surprise(0.1, 1.0) > surprise(0.4, 1.0) > surprise(0.4, 0.6) > 0


# --- planted incidents -----------------------------------------------------------------------------------

Call = tuple[str, str, str, str]
"""Route, provider, model, key."""
Figure = Callable[[Any, Call, bool, int], Any]
"""(chance, calls like this, now?, how many) → the figure of each."""
Choices = dict[str, tuple[tuple[str, int], ...]]
MODELS = {"gpt-large": "openai", "gpt-small": "openai", "claude-large": "anthropic", "claude-small": "anthropic"}
CHOICES: Choices = {
    "chat": (("gpt-large", 4), ("claude-large", 3)),
    "search": (("gpt-small", 5), ("claude-small", 2)),
    "batch": (("gpt-small", 1), ("claude-large", 1)),
}
MOVED = CHOICES | {"search": (("gpt-large", 6), ("gpt-small", 1))}
ROUTES = {"chat": 5, "search": 4, "batch": 2}
PRICES = {"gpt-large": 900.0, "gpt-small": 60.0, "claude-large": 800.0, "claude-small": 80.0}
KEYS = {"web": 4, "mobile": 3, "jobs": 1}


def _chances(choices: Choices) -> dict[Call, float]:
    found = {}
    for route, models in choices.items():
        for model, weight in models:
            for key, often in KEYS.items():
                of_all = (
                    ROUTES[route] / sum(ROUTES[each] for each in choices) * weight / sum(each for _, each in models)
                )
                found[route, MODELS[model], model, key] = of_all * often / sum(KEYS.values())
    return found


def _cells(chance: Any, calls: int, now: bool, figure: Figure, choices: Choices) -> list[Cell]:
    chances = _chances(choices)
    numbers = chance.multinomial(calls, list(chances.values()))
    found = []
    for call, number in zip(chances, numbers, strict=True):
        values = figure(chance, call, now, int(number))
        found.append(Cell(call, now, Sums(float(number), float(values.sum()), float((values**2).sum()))))
    return found


def _question(seed: int, measure: Measure, figure: Figure, moved: Choices | None = None) -> Question:
    chance = np.random.default_rng(seed)
    cells = _cells(chance, 4000, False, figure, CHOICES) + _cells(chance, 800, True, figure, moved or CHOICES)
    return Question(measure, DIMENSIONS, cells, minutes_before=100, minutes_now=20)


def _asked(seed: int, measure: Measure, figure: Figure, moved: Choices | None = None) -> Verdict:
    return blame(_question(seed, measure, figure, moved))


def _named(verdict: Verdict) -> set[tuple[tuple[str, ...], tuple[str, ...]]]:
    return {(one.dimensions, one.values) for one in verdict.blamed}


def _told(measure: Measure, figure: Figure, moved: Choices | None = None) -> list[Verdict]:
    return [_asked(seed, measure, figure, moved) for seed in range(SEEDS)]


def _right(verdicts: list[Verdict], dimensions: tuple[str, ...], values: tuple[str, ...]) -> int:
    return sum((dimensions, values) in _named(one) for one in verdicts)


def test_a_provider_that_fails_is_named():
    def fails(chance: Any, call: Call, now: bool, number: int) -> Any:
        return (chance.random(number) < (0.35 if now and call[1] == "openai" else 0.01)).astype(float)

    assert _right(_told(Measure.SHARE, fails), ("provider",), ("openai",)) >= 95


def test_a_model_whose_price_went_up_is_named():
    def cost(chance: Any, call: Call, now: bool, number: int) -> Any:
        price = PRICES[call[2]] * (1.6 if now and call[2] == "claude-large" else 1)
        return price * chance.lognormal(0, 0.5, number)

    assert _right(_told(Measure.MEAN, cost), ("model",), ("claude-large",)) >= 95


def test_calls_that_moved_to_a_dear_model_are_named():
    def cost(chance: Any, call: Call, _now: bool, number: int) -> Any:
        return PRICES[call[2]] * chance.lognormal(0, 0.3, number)

    routes = models = 0
    for seed in range(SEEDS):
        question = _question(seed, Measure.MEAN, cost, MOVED)
        verdict = blame(question)
        routes += (("route",), ("search",)) in _named(verdict)
        inside = within(question, verdict.blamed[0])
        assert inside is not None
        dear = next(one for one in inside.candidates if one.values == ("gpt-large",))
        models += dear.effect.mix > abs(dear.effect.rate) and inside.candidates[0].share > 0.25
    # The route is dearer than it was, because it asks another model; no model is dearer than it was.
    assert min(routes, models) >= 95


def test_a_route_of_dear_calls_that_grew_is_named_for_its_number():
    def cost(chance: Any, call: Call, _now: bool, number: int) -> Any:
        return PRICES[call[2]] * chance.lognormal(0, 0.3, number)

    right = 0
    for seed in range(SEEDS):
        chance = np.random.default_rng(seed)
        before = _cells(chance, 4000, False, cost, CHOICES)
        now = _cells(chance, 800, True, cost, CHOICES) + _cells(chance, 600, True, cost, {"chat": CHOICES["chat"]})
        verdict = blame(Question(Measure.MEAN, DIMENSIONS, before + now, minutes_before=100, minutes_now=20))
        first = verdict.blamed[0] if verdict.blamed else None
        right += first is not None and first.values == ("chat",) and first.effect.mix > abs(first.effect.rate)
    assert right >= 95


def test_one_key_on_one_model_is_named_as_a_pair():
    def slow(chance: Any, call: Call, now: bool, number: int) -> Any:
        hit = now and call[3] == "mobile" and call[2] == "gpt-small"
        return chance.lognormal(6, 0.6, number) * (4 if hit else 1)

    assert _right(_told(Measure.MEAN, slow), ("model", "key"), ("gpt-small", "mobile")) >= 95


def test_who_sends_many_more_calls_is_named():
    chance = np.random.default_rng(1)
    cells = _cells(chance, 4000, False, _ones, CHOICES) + _cells(chance, 800, True, _ones, CHOICES)
    cells.append(Cell(("batch", "openai", "gpt-small", "jobs"), True, Sums(700, 700, 700)))
    verdict = blame(Question(Measure.TOTAL, DIMENSIONS, cells, minutes_before=100, minutes_now=20, dispersion=2))
    assert verdict.change.before == pytest.approx(40)
    assert verdict.change.by == pytest.approx(35)
    assert {"batch", "jobs"} & {value for one in verdict.blamed for value in one.values}


def _ones(_chance: Any, _call: Call, _now: bool, number: int) -> Any:
    return np.ones(number)


@pytest.mark.parametrize("measure", list(Measure))
def test_noise_blames_nobody(measure):
    def figure(chance: Any, _call: Call, _now: bool, number: int) -> Any:
        if measure is Measure.SHARE:
            return (chance.random(number) < 0.03).astype(float)
        return chance.lognormal(3, 0.8, number)

    assert sum(bool(one.blamed) for one in _told(measure, figure)) <= 2


@pytest.mark.parametrize("measure", [Measure.SHARE, Measure.MEAN])
def test_what_all_calls_suffer_blames_nobody(measure):
    def figure(chance: Any, _call: Call, now: bool, number: int) -> Any:
        if measure is Measure.SHARE:
            return (chance.random(number) < (0.2 if now else 0.02)).astype(float)
        return chance.lognormal(3, 0.5, number) * (3 if now else 1)

    verdicts = _told(measure, figure)
    assert all(verdict.p < 0.01 for verdict in verdicts)
    assert sum(bool(verdict.blamed) for verdict in verdicts) <= 5


def test_calls_without_a_value_are_part_of_the_sum_and_not_to_blame():
    found = [
        Cell(("chat", "openai"), False, Sums(1000, 10, 10)),
        Cell(("chat", "openai"), True, Sums(150, 1, 1)),
        Cell(("chat", ""), True, Sums(50, 50, 50)),
    ]
    verdict = blame(Question(Measure.SHARE, ("route", "provider"), found))
    assert verdict.change.by == pytest.approx(51 / 200 - 0.01)
    assert all("" not in one.values for one in verdict.candidates)


def test_a_handful_of_calls_is_nobody_to_blame():
    found = [
        Cell(("chat",), False, Sums(1000, 10, 10)),
        Cell(("chat",), True, Sums(1000, 10, 10)),
        Cell(("rare",), True, Sums(12, 12, 12)),
    ]
    assert blame(Question(Measure.SHARE, ("route",), found)).blamed == []
