"""How well a collection's searches find what they should: by keywords, by vectors, and by both."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError

from contracts.errors import GatewayError
from contracts.judged_questions import JudgedQuestion, registered_question_sets
from contracts.retrieval import ALL_ACCESS, Method, Passage
from rag.engine.judged import FoundPassage, Measures, mean, measured
from rag.models import Collection
from rag.pages.words import METHODS
from rag.retriever import search_now
from rag.selectors import named_documents

MOST_QUESTIONS: Final = 200
MOST_S: Final = 20.0
"""A page is not waited for longer; questions that were not asked by then are counted out."""
DEPTHS: Final = (5, 10, 20, 50)
MOST_WORST: Final = 8
_BETWEEN: Final = re.compile(r"\t|\s\|\s")


class RecallForm(forms.Form):
    """Questions with what should be found."""

    golden_set = forms.ChoiceField(
        label="Golden set",
        required=False,
        help_text="Items with context: each entry is the name or id of a document, or the words of a passage.",
    )
    lines = forms.CharField(
        label="Or questions of your own",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "class": "code-input"}),
        help_text="One a line: the question, a tab or “ | ”, and the name or id of the document that answers it. More "
        "documents follow in the same way.",
    )
    depth = forms.TypedChoiceField(
        label="Recall among the first", choices=[(one, str(one)) for one in DEPTHS], coerce=int, initial=10
    )

    def __init__(self, *args: Any, collection: Collection, reads: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.collection = collection
        kept = registered_question_sets()
        sets = kept.sets(collection.tenant_id) if kept is not None and reads else []
        self.fields["golden_set"].choices = [("", "None"), *sets]  # type: ignore[attr-defined]

    def clean_lines(self) -> list[JudgedQuestion]:
        """The questions.

        Raises:
            ValidationError: a line names no document.
        """
        found = []
        for number, line in enumerate(self.cleaned_data["lines"].replace("\r\n", "\n").split("\n"), start=1):
            if not line.strip():
                continue
            question, *expected = (part.strip() for part in _BETWEEN.split(line))
            names = tuple(one for one in expected if one)
            if not question or not names:
                raise ValidationError(f"Line {number}: write a question, a tab or “ | ”, and the name of a document.")
            found.append(JudgedQuestion(question, names))
        return found

    def clean(self) -> dict[str, Any]:
        """With the questions.

        Raises:
            ValidationError: there are none.
        """
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        asked: list[JudgedQuestion] = list(cleaned["lines"])
        if not asked and cleaned["golden_set"]:
            kept = registered_question_sets()
            assert kept is not None
            asked = kept.questions(self.collection.tenant_id, cleaned["golden_set"], MOST_QUESTIONS)
            if not asked:
                self.add_error("golden_set", "None of its items has context: nothing says what should be found.")
        elif not asked:
            self.add_error("lines", "Write questions, or choose a golden set.")
        cleaned["questions"] = asked[:MOST_QUESTIONS]
        return cleaned


@dataclass(frozen=True, slots=True)
class Judged:
    """One question with how each method answered it."""

    asked: JudgedQuestion
    measures: dict[str, Measures]
    first: Passage | None
    """What the collection's own method found first."""


@dataclass(frozen=True, slots=True)
class Report:
    """Means by method, and the questions that went worst."""

    rows: list[tuple[str, Measures, bool]]
    """Name of the method, means, whether its nDCG is the best."""
    worst: list[Judged]
    asked: int
    given: int
    unknown: list[str]
    """Names that no document has; they count as the words of a passage."""
    depth: int
    error: str = ""


def recall_report(collection: Collection, form: RecallForm) -> Report:
    """Ask each question by each method."""
    questions: list[JudgedQuestion] = form.cleaned_data["questions"]
    depth: int = form.cleaned_data["depth"]
    names = list(dict.fromkeys(name for one in questions for name in one.expected))
    documents = {name: str(pk) for name, pk in named_documents(collection, names).items()}
    judged: list[Judged] = []
    error = ""
    until = time.monotonic() + MOST_S
    for one in questions:
        if time.monotonic() > until:
            break
        try:
            judged.append(_judged(collection, one, documents, depth))
        except GatewayError as refusal:
            error = str(refusal)
            break
    worst = sorted(judged, key=lambda one: one.measures[Method.HYBRID.value].ndcg)[:MOST_WORST]
    unknown = [name for name in names if name not in documents and " " not in name]
    return Report(
        rows=_means(judged),
        worst=[one for one in worst if one.measures[Method.HYBRID.value].ndcg < 1],
        asked=len(judged),
        given=len(questions),
        unknown=unknown[:20],
        depth=depth,
        error=error,
    )


def _means(judged: list[Judged]) -> list[tuple[str, Measures, bool]]:
    means = {name: mean([one.measures[name] for one in judged]) for name in METHODS}
    gains = [one.ndcg for one in means.values()]
    return [(METHODS[name][0], one, min(gains) < one.ndcg == max(gains)) for name, one in means.items()]


def _judged(collection: Collection, asked: JudgedQuestion, documents: dict[str, str], depth: int) -> Judged:
    measures: dict[str, Measures] = {}
    first: Passage | None = None
    for name in METHODS:
        found = search_now(
            tenant=collection.tenant,
            collections=[collection.name],
            text=asked.question,
            access_tags=frozenset({ALL_ACCESS}),
            method=Method(name),
            top_k=max(depth, 10),
            filters={},
            explain=False,
        )
        ranked = [FoundPassage(one.document_id, one.text) for one in found.passages]
        measures[name] = measured(ranked, asked.expected, documents, depth)
        if name == Method.HYBRID.value and found.passages:
            first = found.passages[0]
    return Judged(asked, measures, first)
