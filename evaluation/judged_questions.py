"""Golden sets as questions by which a search of documents is measured: an item's context is what should be found."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import ValidationError

from contracts.judged_questions import JudgedQuestion
from evaluation.engine.golden_files import text_of
from evaluation.golden_sets import newest_version, usable_items_of
from evaluation.models import GoldenSet

MOST_SETS = 200


class GoldenQuestions:
    """Implements :class:`contracts.judged_questions.QuestionSets`."""

    def sets(self, tenant_id: UUID) -> list[tuple[str, str]]:
        """Whether their items have context is seen when they are used."""
        rows = GoldenSet.objects.for_tenant(tenant_id).order_by("name")[:MOST_SETS]
        return [(str(row.pk), row.name) for row in rows]

    def questions(self, tenant_id: UUID, set_id: str, most: int) -> list[JudgedQuestion]:
        """Of the newest version."""
        try:
            row = GoldenSet.objects.for_tenant(tenant_id).filter(pk=set_id).first()
        except ValidationError:
            row = None
        if row is None:
            return []
        items = usable_items_of(newest_version(row)).exclude(context=[]).order_by("position", "key")[:most]
        return [JudgedQuestion(text_of(one.input), tuple(one.context)) for one in items]
