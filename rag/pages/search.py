"""Trying a search: what a caller with these access tags would be given, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from django import forms
from django.core.exceptions import ValidationError

from contracts.errors import GatewayError
from contracts.retrieval import ALL_ACCESS, Method, Passage, Retrieved
from rag.models import Collection
from rag.pages.marked_text import Piece
from rag.pages.word_marks import mark_words
from rag.pages.words import METHODS, found_facts
from rag.retriever import search_now
from tenants.pages.fields import AccessTagsField, explained

MOST = 50


class SearchForm(forms.Form):
    """A question, and by what it is searched for. All of it is in the address."""

    q = forms.CharField(label="Question", max_length=2_000, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    method = forms.ChoiceField(
        required=False,
        choices=[("", "As the collection says"), *((key, words[0]) for key, words in METHODS.items())],
    )
    top_k = forms.IntegerField(label="Passages", required=False, min_value=1, max_value=MOST)
    sees = forms.ChoiceField(
        label="Found with",
        required=False,
        initial="all",
        choices=[
            ("all", explained("All documents", "As a key with * does.")),
            ("tags", explained("What a key with these tags sees", "Documents with one of them, and those without.")),
        ],
        widget=forms.RadioSelect,
    )
    tags = AccessTagsField(label="Access tags")
    filters = forms.CharField(
        required=False,
        max_length=2_000,
        widget=forms.TextInput(attrs={"spellcheck": "false", "placeholder": '{"year": {"gte": 2024}}'}),
        help_text="On metadata, as JSON: a value, a list of values, or bounds.",
    )

    def __init__(self, data: Any, *, collection: Collection, tags: list[str]) -> None:
        # An address may leave out what is not chosen.
        super().__init__({"sees": "all", **data.dict()} if data is not None else None)
        self.fields["top_k"].widget.attrs["placeholder"] = str(collection.top_k)
        self.fields["tags"].widget.attrs["data-shown-with"] = "sees=tags"
        if tags:
            self.fields["tags"].help_text = f"Documents have: {', '.join(tags[:20])}{'…' if len(tags) > 20 else ''}."

    def clean_filters(self) -> dict[str, Any]:
        """An object.

        Raises:
            ValidationError: it is none.
        """
        text = self.cleaned_data["filters"].strip() or "{}"
        try:
            return msgspec.json.decode(text, type=dict[str, Any])
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise ValidationError(f"This is no JSON object: {error}.") from error

    def access(self) -> frozenset[str]:
        """What the caller may see."""
        if self.cleaned_data.get("sees") == "tags":
            return frozenset(self.cleaned_data["tags"])
        return frozenset({ALL_ACCESS})


@dataclass(frozen=True, slots=True)
class Shown:
    """A passage with its matched words marked."""

    passage: Passage
    pieces: tuple[Piece, ...]
    facts: list[tuple[str, str, str]]

    @property
    def at(self) -> str:
        """Its characters, as the document's page takes them."""
        return f"{self.passage.start}-{self.passage.end}"


@dataclass(frozen=True, slots=True)
class Searched:
    """What was found, or why nothing could be looked for."""

    retrieved: Retrieved | None
    passages: list[Shown]
    error: str = ""

    @property
    def timings(self) -> list[tuple[str, float]]:
        """Milliseconds of each part."""
        return [] if self.retrieved is None else list(self.retrieved.timings_ms.items())


def searched(collection: Collection, form: SearchForm) -> Searched:
    """Search as a caller with these tags would."""
    cleaned = form.cleaned_data
    try:
        found = search_now(
            tenant=collection.tenant,
            collections=[collection.name],
            text=cleaned["q"],
            access_tags=form.access(),
            method=Method(cleaned["method"]) if cleaned["method"] else None,
            top_k=cleaned["top_k"],
            filters=cleaned["filters"],
            explain=True,
        )
    except GatewayError as refusal:
        return Searched(None, [], error=str(refusal))
    marked = mark_words(cleaned["q"], [(one.document_id, one.text) for one in found.passages], collection.tenant_id)
    shown = [Shown(one, pieces, found_facts(one.found)) for one, pieces in zip(found.passages, marked, strict=True)]
    return Searched(found, shown)
