"""The questions to one tenant's route, by scope, and those of all routes that a worker has in memory.

Not safe for several threads: :mod:`gateway.engine.cache.semantic.search` keeps them to one.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import msgspec

from embeddings.static import Embedder, Vector
from gateway.engine.cache.semantic.judge import Judge
from gateway.engine.cache.semantic.questions import Match, Questions

WORKER_ENTRIES: Final = 100_000
"""Questions in a worker's memory, of all tenants together; about 1.3 KB each."""


class Entry(msgspec.Struct, frozen=True):
    """A kept question."""

    digest: str
    """Of the kept answer, in the exact cache."""
    scope: str
    """Digest of everything else that was asked with it."""
    text: str
    ends_at_ms: int


class RouteQuestions:
    """Bounded; the oldest go first."""

    def __init__(self, embedder: Embedder, judge: Judge) -> None:
        self._embedder, self._judge = embedder, judge
        self._scopes: dict[str, Questions] = {}
        self._kept: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, entry: Entry, vector: Vector, most: int) -> None:
        """Keep a question, and forget others until there are ``most``."""
        self.remove(entry.digest)
        questions = self._scopes.get(entry.scope)
        if questions is None:
            questions = self._scopes[entry.scope] = Questions(self._embedder)
        questions.add(entry.digest, entry.text, vector)
        self._kept[entry.digest] = (entry.scope, entry.ends_at_ms)
        while len(self._kept) > most:
            self.remove(next(iter(self._kept)))

    def remove(self, digest: str) -> None:
        """Forget a question; nothing where it is not kept."""
        scope, _ = self._kept.pop(digest, ("", 0))
        if not scope:
            return
        questions = self._scopes[scope]
        questions.remove(digest)
        if not len(questions):
            del self._scopes[scope]

    def matches(self, scope: str, text: str, vector: Vector, now_ms: int) -> list[Match]:
        """What the text may repeat, the surest first."""
        questions = self._scopes.get(scope)
        if questions is None:
            return []
        found = questions.matches(text, self._judge, vector)
        for match in found:
            if self._kept[match.key][1] <= now_ms:
                self.remove(match.key)
        return [match for match in found if match.key in self._kept]


class WorkerQuestions:
    """By tenant and route; what was not asked for longest is dropped where there is too much."""

    def __init__(self, embedder: Embedder, judge: Judge, most: int = WORKER_ENTRIES) -> None:
        self._embedder, self._judge, self._most = embedder, judge, most
        self._routes: OrderedDict[str, RouteQuestions] = OrderedDict()

    def of(self, name: str) -> RouteQuestions:
        """Those of one tenant's route."""
        found = self._routes.get(name)
        if found is None:
            found = self._routes[name] = RouteQuestions(self._embedder, self._judge)
        self._routes.move_to_end(name)
        return found

    def make_room(self) -> list[str]:
        """Drop whole routes until no more than the worker's share are left, but for the last; which were dropped."""
        dropped: list[str] = []
        total = sum(len(route) for route in self._routes.values())
        while total > self._most and len(self._routes) > 1:
            name, route = self._routes.popitem(last=False)
            total -= len(route)
            dropped.append(name)
        return dropped
