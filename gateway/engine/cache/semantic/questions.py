"""The questions of one scope (tenant, route, system prompt, tools, parameters), and which of them a new one repeats."""

from __future__ import annotations

import math
from collections import Counter

import msgspec

from embeddings.static import Embedder, Vector
from gateway.engine.cache.semantic.features import features
from gateway.engine.cache.semantic.index import VectorIndex
from gateway.engine.cache.semantic.judge import Judge
from gateway.engine.cache.semantic.profile import difference, profile_of

LOOKED_AT = 6
"""Nearest entries; all but the last are judged."""


class Candidate(msgspec.Struct, frozen=True):
    """A kept question that a new one may repeat."""

    key: str
    similarity: float
    evidence: list[float]
    differs: str
    """In what they differ so that the answer of one cannot serve the other; empty where in nothing such."""


class Match(msgspec.Struct, frozen=True):
    """A kept question that a new one seems to repeat."""

    key: str
    similarity: float
    confidence: float


class Questions:
    """Add what is kept, ask with what is new; nothing of one object is ever seen through another.

    Only texts are held: what is compared of them is read anew of the few that a lookup comes to look at.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._index = VectorIndex()
        self._keys: list[str] = []
        self._texts: list[str] = []
        self._places: dict[str, int] = {}
        self._seen: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: str, text: str, vector: Vector | None = None) -> None:
        """Keep a question by a name of its own; one that is kept already is replaced."""
        self.remove(key)
        self._places[key] = self._index.add(self._embedder.embed(text) if vector is None else vector)
        self._keys.append(key)
        self._texts.append(text)
        self._seen.update(profile_of(text).heavy)

    def remove(self, key: str) -> None:
        """Forget a question; nothing where it is not kept."""
        place = self._places.pop(key, None)
        if place is None:
            return
        for word in profile_of(self._texts[place]).heavy:
            self._seen[word] -= 1
            if not self._seen[word]:
                del self._seen[word]
        if self._index.remove(place) != place:
            self._keys[place], self._texts[place] = self._keys[-1], self._texts[-1]
            self._places[self._keys[place]] = place
        self._keys.pop()
        self._texts.pop()

    def candidates(self, text: str, vector: Vector | None = None) -> list[Candidate]:
        """The nearest kept questions with the evidence for each, the nearest first."""
        found = self._index.nearest(self._embedder.embed(text) if vector is None else vector, LOOKED_AT)
        new = profile_of(text)
        kept = [profile_of(self._texts[place]) for place, _ in found]
        words = new.heavy.union(*(profile.heavy for profile in kept))
        total = len(self._keys) + 1
        default_weight = math.log(total / 0.5)
        weights = {word: math.log(total / (self._seen[word] + 0.5)) for word in words}
        similarities = [similarity for _, similarity in found]
        return [
            Candidate(
                self._keys[place],
                similarity,
                features(
                    new, kept[at], similarity, similarities[:at] + similarities[at + 1 :], weights, default_weight
                ),
                difference(new, kept[at]),
            )
            for at, (place, similarity) in enumerate(found[: LOOKED_AT - 1])
        ]

    def matches(self, text: str, judge: Judge, vector: Vector | None = None) -> list[Match]:
        """The kept questions that the new one may repeat, the surest first; none that differs in what counts."""
        found = [candidate for candidate in self.candidates(text, vector) if not candidate.differs]
        if not found:
            return []
        confidence = judge.confidence([candidate.evidence for candidate in found])
        matches = [
            Match(candidate.key, candidate.similarity, float(sure))
            for candidate, sure in zip(found, confidence, strict=True)
        ]
        return sorted(matches, key=lambda match: -match.confidence)
