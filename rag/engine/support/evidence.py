"""Passages made ready for sentences that may rest on them, and the model that says how far each does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Final, NamedTuple

import numpy as np

from rag.engine.support.features import features, missing_numbers
from rag.engine.support.lexicon import OPPOSITE
from rag.engine.support.sentences import sentences_of
from rag.engine.support.texts import Floats, Number, Taken, taken
from rag.engine.support.trees import FOLDER, Array, Trees

WEIGHTS: Final = FOLDER / "pairs.npz"
ABSENT: Final = 0.3
"""The most support that a sentence has with a figure or a name that no passage has."""
TOGETHER: Final = 0.8
"""How much of a sentence two places far apart have to have for them to be taken together: words meet by chance."""
_ROOT: Final = 5
"""Letters by which a name is known in another form: Norway, Norwegian."""
VERBATIM: Final = 0.98
"""How sure it is of a sentence that a passage has word for word."""


class Judged(NamedTuple):
    """How a sentence stands to the passages."""

    supported: float
    """Calibrated probabilities, which sum to 1."""
    neutral: float
    contradicted: float
    passage: int
    """Number of the passage that comes nearest to it, from 1."""
    reasons: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """The likeliest; what is neither borne out nor denied is unsupported."""
        if self.supported >= max(self.neutral, self.contradicted):
            return "supported"
        return "contradicted" if self.contradicted > self.neutral else "unsupported"


class _Stretch(NamedTuple):
    passage: int
    text: str
    after: str
    """The sentence that follows it in its passage."""
    before: str


@cache
def pair_model() -> Trees:
    """The model of pairs, read at its first use."""
    return Trees.load(WEIGHTS)


@lru_cache(maxsize=1024)
def _cut(passage: str) -> tuple[str, ...]:
    return tuple(sentences_of(passage))


class Evidence:
    """Some passages; judges sentences against them."""

    def __init__(self, passages: Sequence[str], model: Trees | None = None) -> None:
        self._model = model or pair_model()
        self._stretches: list[_Stretch] = []
        for number, passage in enumerate(passages, start=1):
            cut = _cut(passage)
            for at, text in enumerate(cut):
                after = cut[at + 1] if at + 1 < len(cut) else ""
                self._stretches.append(_Stretch(number, text, after, cut[at - 1] if at else ""))
        self._places: dict[str, list[int]] = {}
        numbers: list[Number] = []
        self._verbatim = {_bare(one.text): one.passage for one in reversed(self._stretches)}
        for at, stretch in enumerate(self._stretches):
            known = taken(stretch.text)
            numbers += known.numbers
            for one in known.stems:
                self._places.setdefault(one, []).append(at)
        self._numbers = tuple(numbers)
        self._roots = {one[:_ROOT] for one in self._places}

    def judge(self, said: str) -> Judged:
        """How the sentence stands to all of them."""
        return self.judge_all([said])[0]

    def judge_all(self, said: Sequence[str]) -> list[Judged]:
        """How each sentence stands to all of them; the model is asked once."""
        found = [self._at_once(one) for one in said]
        looked_up = [(at, self._candidates(one)) for at, one in enumerate(said) if found[at] is None]
        rows = [features(taken(text), taken(said[at])) for at, candidates in looked_up for _, text in candidates]
        shares = self._model.probabilities(np.stack(rows)) if rows else np.zeros((0, 3))
        first = 0
        for at, candidates in looked_up:
            part = shares[first : first + len(candidates)]
            found[at] = self._chosen(taken(said[at]), candidates, part)
            first += len(candidates)
        return [one for one in found if one is not None]

    def _at_once(self, said: str) -> Judged | None:
        """Where nothing has to be weighed."""
        if not self._stretches:
            return Judged(0.0, 1.0, 0.0, 1, ("no_passages",))
        number = self._verbatim.get(_bare(said))
        return Judged(VERBATIM, 1 - VERBATIM, 0.0, number, ()) if number is not None else None

    def _chosen(self, said: Taken, candidates: Sequence[tuple[int, str]], shares: Array) -> Judged:
        """By the stretch that bears it out, or else by that which has most in common with it."""
        denied = shares[0].argmax() == 2
        fitting = [
            at for at, (_, text) in enumerate(candidates) if not (at and denied and candidates[0][1] in text)
        ]  # what a sentence denies is not borne out by it and another together
        best = max(fitting, key=lambda at: float(shares[at, 0]))
        if shares[best, 0] < max(shares[best, 1:]):
            best = 0
        supported, neutral, contradicted = (float(one) for one in shares[best])
        reasons = [*self._absent(said)]
        if reasons and supported > ABSENT:
            neutral += supported - ABSENT
            supported = ABSENT
        if supported < 0.5:
            reasons += _differences(taken(candidates[best][1]), said)
        return Judged(supported, neutral, contradicted, candidates[best][0], tuple(dict.fromkeys(reasons)))

    def _candidates(self, said: str) -> list[tuple[int, str]]:
        """Numbers of passages and stretches of them, that with the most in common first."""
        ours = taken(said)
        scores = np.zeros(len(self._stretches), dtype=np.float32)
        for one, weight in zip(ours.stems, ours.weights, strict=True):
            scores[self._places.get(one, [])] += weight
        if scores.max() < float(ours.weights.sum()) / 3 and len(scores) > 1:
            scores += self._nearness(ours)
        first, *others = np.argsort(-scores, kind="stable")[:2].tolist()
        one = self._stretches[first]
        found = [(one.passage, one.text)]
        around = self._neighbour(first, scores)
        if around:
            found.append((one.passage, around))
        for other in others:
            if scores[other] > 0:
                found.append((self._stretches[other].passage, self._stretches[other].text))
                both = f"{one.text} {self._stretches[other].text}"
                if abs(first - other) > 1 and _cover(both, ours) >= TOGETHER:
                    found.append((one.passage, both))
        return found

    def _neighbour(self, at: int, scores: Floats) -> str:
        """The sentence with that before or after it, whichever has more to do with it."""
        one = self._stretches[at]
        if one.after and (not one.before or scores[at + 1] > scores[at - 1]):
            return f"{one.text} {one.after}"
        return f"{one.before} {one.text}" if one.before else ""

    def _nearness(self, said: Taken) -> Floats:
        """How near in meaning, where few words are the same; in units of words' weights."""
        theirs = np.stack([taken(one.text).whole for one in self._stretches])
        nearness: Floats = (theirs @ said.whole) * 10
        return nearness

    def _absent(self, said: Taken) -> list[str]:
        """Figures and names that no passage has, in a form for machines. Small numbers in letters may be counts."""
        figures = [one for one in missing_numbers(self._numbers, said.numbers) if one.text[-1].isdigit()]
        names = [one for one in sorted(said.names) if one not in self._places and one[:_ROOT] not in self._roots]
        return [
            *(f"number_missing:{one.text}" for one in figures),
            *(f"entity_missing:{_spelled(one, said.text)}" for one in names),
        ]


def _cover(there: str, said: Taken) -> float:
    """The share of the sentence's weight in words that are there."""
    known = taken(there).known
    heavy = float(said.weights.sum())
    return float(said.weights[[one in known for one in said.stems]].sum()) / heavy if heavy else 0.0


def _differences(there: Taken, said: Taken) -> list[str]:
    reasons = []
    if (there.denials > 0) != (said.denials > 0):
        reasons.append("negation")
    if any((one, other) in OPPOSITE for one in said.known - there.known for other in there.known - said.known):
        reasons.append("opposite")
    if not reasons and said.known and said.known <= there.known and not missing_numbers(there.numbers, said.numbers):
        reasons.append("order")
    cover = len(said.known & there.known) / max(1, len(said.known))
    return [*reasons, "little_in_common"] if cover < 0.5 else reasons


def _spelled(stem: str, text: str) -> str:
    """The word of the text that the stem is of."""
    return next((one.strip(".,;:!?\"'()[]") for one in text.split() if one.casefold().startswith(stem[:4])), stem)


def _bare(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".")


def judged_pair(there: str, said: str, model: Trees | None = None) -> Judged:
    """How a sentence stands to one passage."""
    return Evidence([there], model).judge(said)
