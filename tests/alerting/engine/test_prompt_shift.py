"""How far prompts are from what they were: nothing is made of chance, and a share that turns elsewhere is seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alerting.engine.prompt_shift import MinuteOfPrompts, Prompts, shifts, usual_of

DIMENSIONS, DAY_S = 64, 86_400


class Questions:
    """Unit vectors around a few topics, and a new one."""

    def __init__(self, seed: int = 1) -> None:
        self._chance = np.random.default_rng(seed)
        self._topics = self._chance.normal(0, 1, (21, DIMENSIONS))

    def minute(self, prompts: int, *, new: float = 0.0, lean: float = 0.0):
        """Of so many prompts, a share of the new topic; ``lean`` gives the first topic a larger share."""
        topic = self._chance.integers(0, 20, prompts)
        topic[self._chance.random(prompts) < lean] = 0
        topic[self._chance.random(prompts) < new] = 20
        vectors = self._topics[topic] + self._chance.normal(0, 1, (prompts, DIMENSIONS))
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).sum(axis=0)

    def days(self, number: int = 7, minutes: int = 180, prompts: int = 6, lean=lambda day: 0.0):
        return [
            MinuteOfPrompts(day * DAY_S + 60 * at, prompts, self.minute(prompts, lean=lean(day)))
            for day in range(number)
            for at in range(minutes)
        ]

    def course(self, minutes: int, prompts: int = 12, **fields: float) -> tuple[Any, Any]:
        totals = np.stack([self.minute(prompts, **fields) for _ in range(minutes)])
        return totals, np.full(minutes, float(prompts))


def test_quiet_hours_are_quiet():
    questions = Questions()
    usual = usual_of(questions.days())
    assert usual is not None
    values = shifts(*questions.course(3_000), usual, 15)

    assert np.count_nonzero(values) <= 15


def test_a_large_shift_is_seen_within_five_minutes_and_a_smaller_one_later():
    questions = Questions(2)
    usual = usual_of(questions.days())
    assert usual is not None

    def delay(share: float) -> float:
        before, after = questions.course(15), questions.course(60, new=share)
        values = shifts(np.vstack((before[0], after[0])), np.concatenate((before[1], after[1])), usual, 15)[15:]
        return float(np.flatnonzero(values > 0.1)[0] + 1)

    assert max(delay(0.5) for _ in range(20)) <= 5
    assert np.median([delay(0.25) for _ in range(20)]) > np.median([delay(0.5) for _ in range(20)])


def test_the_figure_is_the_share_that_moved_times_how_far_it_moved():
    questions = Questions(3)
    usual = usual_of(questions.days())
    assert usual is not None
    half, fifth = (
        float(np.median(shifts(*questions.course(200, prompts=100, new=share), usual, 15)[20:])) for share in (0.5, 0.2)
    )
    assert half / fifth == pytest.approx(2.5, rel=0.15)
    assert 0 < fifth < half < 1


def test_prompts_that_come_in_bursts_of_one_kind_are_no_shift():
    questions = Questions(4)

    def burst(number: int):
        """All prompts of a minute alike."""
        return number * questions.minute(1)

    days = [MinuteOfPrompts(day * DAY_S + 60 * at, 6, burst(6)) for day in range(7) for at in range(180)]
    usual = usual_of(days)
    assert usual is not None
    totals = np.stack([burst(6) for _ in range(2_000)])
    assert np.count_nonzero(shifts(totals, np.full(2_000, 6.0), usual, 5)) <= 4


def test_what_days_differ_by_from_one_another_is_no_shift():
    questions = Questions(5)
    usual = usual_of(questions.days(lean=lambda day: 0.5 * (day % 2)))
    assert usual is not None
    assert usual.between_days > 0
    totals, counts = questions.course(300, prompts=50, lean=0.5)
    assert np.count_nonzero(shifts(totals, counts, usual, 15)) == 0


def test_few_prompts_tell_nothing():
    questions = Questions(6)
    usual = usual_of(questions.days())
    assert usual is not None
    totals, counts = questions.course(3, prompts=1)
    assert np.isnan(shifts(totals, counts, usual, 15)).all()
    assert usual_of(questions.days(number=1, minutes=25)) is None
    assert usual_of([]) is None


def test_each_hour_is_held_against_its_own_past():
    questions = Questions(7)
    usual = usual_of(questions.days())
    other = usual_of([MinuteOfPrompts(60 * at, 6, questions.minute(6, new=1.0)) for at in range(180)])
    totals, counts = questions.course(120, prompts=50)
    values = Prompts(3600 * 10, totals, counts, {3600 * 10: usual, 3600 * 11: other}).shifts(15)

    assert (values[:60] == 0).all()
    assert (values[60:] > 0.1).all()
    alone = Prompts(3600 * 10, totals, counts, {3600 * 10: None, 3600 * 11: usual}).shifts(15)
    assert np.isnan(alone[:60]).all()
    assert (alone[60:] == 0).all()
