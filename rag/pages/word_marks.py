"""Which words of passages are those of a question: PostgreSQL says, which searches by the same forms of words."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.db import connection

from rag.collection_rows import Language
from rag.models import Document
from rag.pages.marked_text import CLOSES, OPENS, Piece, from_marks, without_marks

_HEADLINE = """
SELECT ts_headline(one.language::regconfig, one.text, asked.query, %s)
FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS one(language, text, at),
LATERAL (SELECT replace(plainto_tsquery(one.language::regconfig, %s)::text, ' & ', ' | ')::tsquery AS query) AS asked
ORDER BY one.at
"""
_CONFIGURATIONS = frozenset(one.value for one in Language) - {Language.AUTO.value}
_OPTIONS = f'HighlightAll=true, StartSel="{OPENS}", StopSel="{CLOSES}"'


def mark_words(question: str, passages: Sequence[tuple[str, str]], tenant_id: uuid.UUID) -> list[tuple[Piece, ...]]:
    """(document's id, text) of passages, with the words that the question has in some form marked. One query each."""
    if not passages:
        return []
    ids = {one for one, _ in passages}
    rows = Document.objects.for_tenant(tenant_id).filter(pk__in=ids).values_list("pk", "language")
    languages = {str(pk): language for pk, language in rows if language in _CONFIGURATIONS}
    with connection.cursor() as cursor:
        cursor.execute(
            _HEADLINE,
            [
                _OPTIONS,
                [languages.get(one, "simple") for one, _ in passages],
                [without_marks(text) for _, text in passages],
                question.replace("\x00", ""),
            ],
        )
        return [from_marks(text) for (text,) in cursor.fetchall()]
