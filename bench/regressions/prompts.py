"""Real questions in place of a simulated place: what the gateways would have added up, and what was usual before.

Each minute's prompts are drawn from BANKING77; where an embedding shift is planted, a share of them turns to one
intent, drawn for each shift.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from alerting.engine.prompt_shift import HOUR_S, MINUTE_S, MinuteOfPrompts, Prompts, Usual, usual_of
from alerting.engine.signals import SIGNALS
from bench.regressions.traffic import DAY, EFFECTS, SIZES, Floats, Planted
from embeddings.static import DIMENSIONS, shared_embedder

MOST_A_MINUTE = 30
"""What a gateway worker adds up of a route unless told otherwise."""
DAYS_BEFORE = 7
SIGNAL = SIGNALS["prompt_shift"]


class Questions:
    """Vectors of questions, and which are of one intent."""

    def __init__(self, texts: Path) -> None:
        rows = [msgspec.json.decode(line) for line in texts.read_bytes().splitlines()]
        self.vectors = np.stack([shared_embedder().embed(row["text"]) for row in rows])
        intents = np.array([row["intent"] for row in rows])
        self.of_intent = [np.flatnonzero(intents == intent) for intent in np.unique(intents)]


class PromptSums:
    """Sums of every minute of the days."""

    def __init__(self, calls: Floats, planted: list[Planted], questions: Questions, chance: np.random.Generator):
        self.counts = np.minimum(calls, MOST_A_MINUTE).astype(int)
        self.totals = np.zeros((len(calls), DIMENSIONS), np.float32)
        for day in range(len(calls) // DAY):
            self._draw(day * DAY, [one for one in planted if one.kind == "embedding"], questions, chance)
        self._usual: dict[int, Usual | None] = {}

    def _draw(self, first: int, shifts: list[Planted], questions: Questions, chance: np.random.Generator) -> None:
        counts = self.counts[first : first + DAY]
        of_minute = np.repeat(np.arange(first, first + DAY), counts)
        drawn = chance.integers(0, len(questions.vectors), len(of_minute))
        for shift in shifts:
            share = EFFECTS["embedding"][SIZES.index(shift.size)]
            within = (of_minute >= shift.start) & (of_minute < shift.start + shift.minutes)
            if not within.any():
                continue
            moved = within & (chance.random(len(drawn)) < share)
            intent = questions.of_intent[chance.integers(0, len(questions.of_intent))]
            drawn[moved] = chance.choice(intent, int(moved.sum()))
        ends = np.cumsum(counts)
        for minute, end in enumerate(ends):
            vectors = questions.vectors[drawn[end - counts[minute] : end]]
            self.totals[first + minute] = vectors.sum(axis=0)

    def between(self, first: int, end: int) -> Prompts:
        """As a check reads them."""
        hours = range(first * MINUTE_S // HOUR_S * HOUR_S, end * MINUTE_S, HOUR_S)
        usual = {hour_s: self._usual_in(hour_s) for hour_s in hours}
        minutes = slice(first, end)
        return Prompts(first * MINUTE_S, self.totals[minutes].astype(float), self.counts[minutes].astype(float), usual)

    def _usual_in(self, hour_s: int) -> Usual | None:
        if hour_s not in self._usual:
            hour = hour_s // MINUTE_S
            days = [range(hour - day * DAY - 60, hour - day * DAY + 120) for day in range(1, DAYS_BEFORE + 1)]
            self._usual[hour_s] = usual_of([self._minute(at) for minutes in days for at in minutes if at >= 0])
        return self._usual[hour_s]

    def _minute(self, at: Any) -> MinuteOfPrompts:
        return MinuteOfPrompts(at * MINUTE_S, int(self.counts[at]), self.totals[at])
