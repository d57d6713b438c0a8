"""Questions of which it is known what answers them: who keeps them registers here, who measures a search asks."""

from __future__ import annotations

from typing import Final, Protocol
from uuid import UUID

import msgspec


class JudgedQuestion(msgspec.Struct, frozen=True):
    """A question and what should be found for it."""

    question: str
    expected: tuple[str, ...]
    """Ids or names of documents, or the words of passages."""


class QuestionSets(Protocol):
    """Sets of such questions that tenants keep."""

    def sets(self, tenant_id: UUID) -> list[tuple[str, str]]:
        """(id, name) of the tenant's, by name."""

    def questions(self, tenant_id: UUID, set_id: str, most: int) -> list[JudgedQuestion]:
        """The first ``most`` of a set that say what should be found; none where the tenant has no such set."""


_registered: Final[list[QuestionSets]] = []


def register_question_sets(sets: QuestionSets) -> None:
    """Have searches measured with these; what was registered before is replaced."""
    _registered[:] = [sets]


def registered_question_sets() -> QuestionSets | None:
    """What is registered; None where nobody keeps such sets."""
    return _registered[0] if _registered else None
