from __future__ import annotations

import numpy as np
import pytest

from evaluation.engine.drift.comparing import compared, examples_of, shape_of
from evaluation.engine.drift.judging import MOST_SEGMENTS, Judged, Sampled, Terms, judged
from evaluation.engine.drift.windows import DAY_S, WEEK_S, reference_spans
from evaluation.engine.drift_signals import DRIFT_SIGNALS
from tests.evaluation.engine.drift.test_embeddings import topics

LATENCY, FAILURES, LANGUAGE = (DRIFT_SIGNALS[name] for name in ("latency", "failures", "input_language"))
MEANING = DRIFT_SIGNALS["input_meaning"]


def rows(values: dict, periods, segments=None) -> Sampled:
    count = len(periods)
    return Sampled(
        ids=[f"call-{at}" for at in range(count)],
        segments=segments or [""] * count,
        periods=np.asarray(periods),
        values=values,
    )


def by_place(found: list[Judged]) -> dict[tuple[str, str], Judged]:
    return {(one.signal, one.segment): one for one in found}


def latencies(pace: float, count: int, seed: int):
    return np.random.default_rng(seed).lognormal(pace, 0.5, count)


def test_a_large_sample_does_not_make_news_of_a_trifle() -> None:
    values = np.concatenate((latencies(6.55, 5_000, 1), latencies(6.5, 5_000, 2)))
    table = rows({"latency": values}, [0] * 5_000 + [1] * 5_000)

    (one,) = judged({"calls": table}, [LATENCY], Terms())
    (sharper,) = judged({"calls": table}, [LATENCY], Terms(least_effects={"latency": 0.01}))

    assert one.q < 0.01
    assert 0.01 < one.compared.effect < one.least
    assert not one.drifted
    assert sharper.drifted


def test_what_is_found_by_chance_among_many_segments_is_held_to_the_level() -> None:
    chance, hits = np.random.default_rng(3), 0
    names = [f"route-{at % 10}" for at in range(4_000)]
    terms = Terms(least_values=20, least_effects={"latency": 0.0})
    for seed in range(40):
        table = rows({"latency": latencies(6.5, 4_000, seed)}, chance.integers(0, 2, 4_000), names)
        hits += any(one.drifted for one in judged({"calls": table}, [LATENCY], terms))
    # 5 % of 40 looks are 2; as many as 6 come by chance with 1.4 %.
    assert hits <= 6


def test_days_that_differ_from_one_another_make_a_day_like_them_usual() -> None:
    paces = (6.85, 6.4, 6.9, 6.5, 6.8, 6.35, 6.9)
    values = np.concatenate([latencies(pace, 200, at) for at, pace in enumerate(paces)])
    periods = np.repeat(np.arange(len(paces)), 200)
    terms = Terms()

    (usual,) = judged({"calls": rows({"latency": values}, periods)}, [LATENCY], terms)
    values[periods == 0] *= 4
    (strange,) = judged({"calls": rows({"latency": values}, periods)}, [LATENCY], terms)

    assert usual.usual is not None
    assert usual.usual > usual.compared.effect > usual.least
    assert not usual.drifted
    assert strange.drifted


def test_the_segments_with_most_calls_are_looked_at_and_those_of_few_calls_are_not_tested() -> None:
    count = 6_000
    names = [f"route-{min(at % 40, 20)}" for at in range(count)]
    periods = np.random.default_rng(2).integers(0, 2, count)
    found = judged({"calls": rows({"latency": latencies(6, count, 1)}, periods, names)}, [LATENCY], Terms())

    assert len(found) == 1 + MOST_SEGMENTS
    assert found[0].segment == ""
    assert found[1].segment == "route-20"
    tested = {one.segment for one in found if one.compared.tested.test}
    assert {"", "route-20"} <= tested < {one.segment for one in found}
    assert not any(one.drifted for one in found)


def test_values_that_are_not_known_are_left_out() -> None:
    values = latencies(6, 400, 1)
    values[::2] = np.nan
    languages = np.array([None if at % 4 else "en" for at in range(400)], dtype=object)
    table = rows({"latency": values, "input_language": languages}, [0] * 200 + [1] * 200)
    found = by_place(judged({"calls": table, "samples": table}, [LATENCY, LANGUAGE], Terms(least_values=40)))

    assert found["latency", ""].compared.tested.current == 100
    assert found["input_language", ""].compared.tested.current == 50


def test_only_one_window_with_calls_is_nothing_to_compare() -> None:
    (found,) = judged({"calls": rows({"latency": latencies(6, 300, 1)}, [0] * 300)}, [LATENCY], Terms())

    assert np.isnan(found.q)
    assert not found.drifted
    assert found.compared.tested.reference == 0


def test_a_share_moves_by_its_points_and_shows_the_calls_that_it_is_true_of() -> None:
    before = np.array(["no"] * 95 + ["yes"] * 5, dtype=object)
    now = np.array(["no"] * 80 + ["yes"] * 20, dtype=object)

    found = compared(FAILURES, before, now, seed=1)

    assert found.effect == pytest.approx(0.15)
    assert found.figures == {"label": "yes", "share": [0.05, 0.2]}
    assert {now[at] for at, _ in examples_of(FAILURES, before, now, seed=1)} == {"yes"}
    shape = shape_of(FAILURES, before, now, seed=1)
    assert dict(zip(shape.names, shape.now, strict=True)) == {"no": 0.8, "yes": 0.2}


def test_many_labels_are_shown_as_the_most_frequent_and_the_others() -> None:
    before = np.array([f"l{at % 12}" for at in range(240)], dtype=object)
    shape = shape_of(LANGUAGE, before, before, seed=1)

    assert shape.names[-1] == "others"
    assert len(shape.names) == 9
    assert sum(shape.now) == pytest.approx(1, abs=0.001)


def test_numbers_far_apart_are_shown_on_the_scale_of_their_logarithm() -> None:
    before, now = latencies(3, 500, 1), latencies(7, 500, 2)
    shape = shape_of(LATENCY, before, now, seed=1)
    steps = np.diff(np.log(shape.edges))

    assert np.allclose(steps, steps[0], rtol=0.01)
    assert sum(shape.before) == pytest.approx(1, abs=0.001)
    same = np.full(50, 7.0)
    assert sum(shape_of(LATENCY, same, same, seed=1).now) == pytest.approx(1)


def test_meanings_drift_also_among_many_other_tests() -> None:
    """No p of 199 permutations is below 0.005: among 40 tests none alone would hold."""
    count = 400
    vectors = np.concatenate((topics(count, 1, 0.4), topics(count, 2)))
    names = [f"route-{at % 12}" for at in range(2 * count)]
    table = rows({"input_meaning": vectors}, [0] * count + [1] * count, names)
    noise = rows(
        {name: latencies(6, 2 * count, at) for at, name in enumerate(("latency", "cost", "first_token"))},
        [0, 1] * count,
        names,
    )
    signals = [MEANING, *(DRIFT_SIGNALS[name] for name in ("latency", "cost", "first_token"))]

    found = by_place(judged({"calls": noise, "samples": table}, signals, Terms(least_values=20)))

    assert found["input_meaning", ""].drifted
    assert len(found["input_meaning", ""].examples) == 10


@pytest.mark.parametrize(("kind", "weekly"), [("daily", False), ("weekly", True)])
@pytest.mark.parametrize("hours", [1, 6, 24])
def test_spans_are_the_same_hours_that_masks_choose(kind: str, weekly: bool, hours: int) -> None:
    start = 100 * WEEK_S + 5 * 3600.0
    end = start + hours * 3600
    times = np.arange(start - 6 * WEEK_S, end, 600)
    spans = reference_spans(kind, start, end, periods=3)
    chosen = np.zeros(len(times), dtype=bool)
    for since, until in spans:
        chosen |= (times >= since) & (times < until)

    period = WEEK_S if weekly else DAY_S
    same_hours = ((times - start) % period < end - start) & (times < start) & (times >= start - 3 * period)
    assert np.array_equal(chosen, same_hours)


def test_a_window_longer_than_a_day_is_held_to_whole_days_before_it() -> None:
    spans = reference_spans("daily", 10 * DAY_S, 12.5 * DAY_S, periods=2)

    assert spans == [(7 * DAY_S, 9.5 * DAY_S), (4 * DAY_S, 6.5 * DAY_S)]


def test_what_came_before_ends_where_the_window_begins() -> None:
    assert reference_spans("previous", 100, 160, periods=2) == [(40, 100), (-20, 40)]


def test_a_period_that_stays_is_of_the_windows_hours_and_ends_before_it() -> None:
    noon = 10.5 * DAY_S
    hour = 3600.0

    whole = reference_spans("fixed", noon - hour, noon, fixed=(5 * DAY_S, 8 * DAY_S))
    clipped = reference_spans("fixed", noon - hour, noon, fixed=(noon - 5 * hour, noon + hour))

    assert whole == [(back * DAY_S + 11 * hour, back * DAY_S + 12 * hour) for back in (7, 6, 5)]
    assert clipped == [(noon - 5 * hour, noon - hour)]
    assert reference_spans("fixed", noon - hour, noon, fixed=(noon, noon + hour)) == []


@pytest.mark.parametrize("wrong", [{"kind": "yearly"}, {"end": 100.0}, {"periods": 0}, {"kind": "fixed"}])
def test_references_that_make_no_sense_are_refused(wrong: dict) -> None:
    given = {"kind": "daily", "start": 100.0, "end": 200.0, "periods": 1, **wrong}
    with pytest.raises(ValueError, match=r"reference|window|fixed"):
        reference_spans(given.pop("kind"), given.pop("start"), given.pop("end"), **given)
