"""Sums of prompts by the minute, and what was usual at that time of the week before, for rules that look at them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import numpy as np

from alerting.engine.frames import Frame
from alerting.engine.prompt_shift import HOUR_S, MINUTE_S, MinuteOfPrompts, Prompts, Usual, usual_of
from alerting.engine.series import Floats
from alerting.rules import AlertRule
from contracts.prompt_sums import DIMENSIONS, PromptSum, Stretches, prompt_sums

DAYS: Final = 7
DAY_S: Final = 86_400
BEFORE_S: Final = 6 * HOUR_S
"""Where the week before has too few prompts: the hours that end one hour before."""
KEPT_HOURS: Final = 256
"""What was usual in an hour, as this process found it."""


def add_prompts(frame: Frame, rules: Iterable[AlertRule]) -> Frame:
    """Give the frame the prompts that its rules look at."""
    wanted = [rule for rule in rules if rule.looks_at is not None and rule.looks_at.of_prompts]
    for rule in wanted:
        route = rule.calls.part
        if rule.tenant_id is not None and route not in frame.prompts:
            frame.prompts[route] = read_prompts(rule.tenant_id, route, frame.start_s, frame.end_s)
    return frame


def read_prompts(tenant_id: uuid.UUID, route: str, start_s: int, end_s: int) -> Prompts:
    """The minutes, with what was usual in each of their hours."""
    found = _minutes(tenant_id, route, [(start_s, end_s)])
    length = max(0, (end_s - start_s) // MINUTE_S)
    totals, counts = np.zeros((length, DIMENSIONS)), np.zeros(length)
    for one in found:
        place = (one.start_s - start_s) // MINUTE_S
        totals[place], counts[place] = one.total, one.prompts
    hours = range(start_s // HOUR_S * HOUR_S, end_s, HOUR_S)
    usual = {hour_s: usual_in(tenant_id, route, hour_s) for hour_s in hours} if found else {}
    return Prompts(start_s, totals, counts, usual)


@lru_cache(maxsize=KEPT_HOURS)
def usual_in(tenant_id: uuid.UUID, route: str, hour_s: int) -> Usual | None:
    """What prompts of the hour are usually like: of the same time, an hour more to either side, of the week before."""
    earlier = [hour_s - day * DAY_S for day in range(DAYS, 0, -1)]
    week = [(start_s - HOUR_S, start_s + 2 * HOUR_S) for start_s in earlier]
    before = [(hour_s - HOUR_S - BEFORE_S, hour_s - HOUR_S)]
    return usual_of(_minutes(tenant_id, route, week)) or usual_of(_minutes(tenant_id, route, before))


def _minutes(tenant_id: uuid.UUID, route: str, stretches: Stretches) -> list[MinuteOfPrompts]:
    """All routes of a minute together."""
    by_minute: dict[int, tuple[int, Floats]] = {}
    for one in prompt_sums(tenant_id, route, stretches):
        prompts, total = by_minute.get(one.start_s, (0, np.zeros(DIMENSIONS)))
        by_minute[one.start_s] = (prompts + one.prompts, total + _vector(one))
    return [MinuteOfPrompts(start_s, prompts, total) for start_s, (prompts, total) in sorted(by_minute.items())]


def _vector(one: PromptSum) -> Floats:
    vector = np.frombuffer(one.total, "<f4").astype(np.float64)
    return vector if len(vector) == DIMENSIONS else np.zeros(DIMENSIONS)
