"""The form of a collection: what most people set comes first, the rest is folded."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from rag.collection_rows import LOCAL_MODELS, STATIC, route_in
from rag.models import Collection
from rag.pages.words import METHODS, ROUTE_WORDS, model_choices, model_missing
from tenants.callable_names import callable_names
from tenants.models import Tenant
from tenants.pages.fields import AccessTagsField, InSections, explained, shown_with

BY_ROUTE = "route"


def model_fields(names: list[str], *, current: str = STATIC) -> dict[str, forms.Field]:
    """The two fields by which an embedding model is chosen."""
    kind = BY_ROUTE if current.startswith("route:") else current
    choices = [(value, explained(name, text)) for value, name, text in model_choices()]
    choices.append((BY_ROUTE, explained("A provider's model", ROUTE_WORDS)))
    route = forms.ChoiceField(
        label="Route of the embedding model",
        required=False,
        choices=[("", "Choose a route"), *((one, one) for one in names)],
        initial=route_in(current),
        widget=forms.Select(attrs=shown_with(f"embedding={BY_ROUTE}")),
    )
    embedding = forms.ChoiceField(
        label="Meaning is searched by", choices=choices, initial=kind, widget=forms.RadioSelect
    )
    return {"embedding": embedding, "embedding_route": route}


def chosen_model(cleaned: dict[str, Any]) -> str:
    """As :attr:`Collection.embedding_model` has it.

    Raises:
        ValidationError: no route was named, or the model is not installed here.
    """
    kind = cleaned.get("embedding") or STATIC
    if kind == BY_ROUTE:
        if not cleaned.get("embedding_route"):
            raise ValidationError({"embedding_route": "Choose the route whose model embeds."})
        return f"route:{cleaned['embedding_route']}"
    if model_missing(kind):
        raise ValidationError({"embedding": "This model is not installed here: choose another."})
    return str(kind)


class CollectionForm(InSections, forms.ModelForm):  # type: ignore[type-arg]
    """A collection's settings. The model of its vectors is chosen once; later it is changed by embedding anew."""

    access_tags = AccessTagsField(
        label="Access tags of documents that bring none",
        help_text="With commas between them. Only keys with one of a document's tags find it. Empty: every key does.",
    )
    rerank_route = forms.ChoiceField(required=False, label="Route that reranks")
    rewrite_route = forms.ChoiceField(
        required=False,
        label="Route that rewrites questions",
        help_text="Its model makes “And in Germany?” a question that stands by itself, and adds other wordings. "
        "Costs one short call a search.",
    )

    judge_route = forms.ChoiceField(
        required=False,
        label="Route that judges answers",
        help_text="Its model says of each sentence whether the passages bear it out, and is weighed with what is found "
        "without one. Costs one call an answer, which callers wait for.",
    )

    sections: ClassVar[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
        ("", "", ("name", "description", "access_tags")),
        ("Vectors", "By which the meaning of passages is compared.", ("embedding", "embedding_route")),
    )
    folded: ClassVar[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
        (
            "How documents are cut",
            "Changing it cuts documents anew, one after the other.",
            ("chunk_tokens", "chunk_overlap", "language"),
        ),
        (
            "How passages are found",
            "What callers get who do not say otherwise.",
            ("method", "top_k", "diversity", "reranker", "rerank_route", "rewrite_route", "timeout_ms"),
        ),
        (
            "How answers rest on them",
            "For calls with mode “rag”.",
            ("context_tokens", "screening", "when_unsupported", "unsupported_text", "judge_route", "fail_open"),
        ),
    )

    class Meta:
        """All settings but the state and the model of vectors."""

        model = Collection
        fields = (
            *("name", "description", "language", "access_tags", "chunk_tokens", "chunk_overlap", "method", "top_k"),
            *("diversity", "reranker", "rerank_route", "rewrite_route", "timeout_ms", "context_tokens", "screening"),
            *("when_unsupported", "unsupported_text", "judge_route", "fail_open"),
        )
        labels: ClassVar[dict[str, str]] = {
            "chunk_tokens": "Tokens of a passage",
            "chunk_overlap": "Overlap, tokens",
            "top_k": "Passages",
            "timeout_ms": "Time limit, milliseconds",
            "context_tokens": "Tokens of passages in a prompt",
            "screening": "A passage that looks like an instruction to the model",
            "when_unsupported": "Where nothing that was found answers the question",
            "unsupported_text": "What is answered then",
            "fail_open": "Answer without passages where none can be looked for",
        }
        help_texts: ClassVar[dict[str, str]] = {
            "name": "As callers write it, such as “handbook”: lower-case letters, digits, - and _.",
            "description": "What its documents are, for people.",
            "language": "Of its documents: decides which forms of a word are one word.",
            "chunk_tokens": "At most, of one passage. Short ones are found more exactly, long ones say more.",
            "chunk_overlap": "Of the passage before, so that nothing is torn apart. At most half of a passage.",
            "top_k": "How many are given.",
            "diversity": "0 to 1: how much passages that say the same keep each other out. 0: not at all.",
            "reranker": "Puts the best of what was found first.",
            "timeout_ms": "Vectors that take longer are left out, and the answer says so.",
            "screening": "Passages are always fenced off from instructions. Left out is safer; flagged loses nothing.",
            "unsupported_text": "Without asking a model.",
            "fail_open": "Otherwise such calls are refused (503).",
        }
        widgets: ClassVar[dict[str, forms.Widget | type[forms.Widget]]] = {
            "description": forms.TextInput(),
            "method": forms.RadioSelect,
            "screening": forms.RadioSelect,
            "when_unsupported": forms.RadioSelect,
            "unsupported_text": forms.TextInput(attrs=shown_with("when_unsupported=say_so")),
        }

    def __init__(self, *args: Any, tenant: Tenant, collection: Collection | None = None, **kwargs: Any) -> None:
        if collection is not None:
            given = {name: getattr(collection, name) for name in self._meta.fields or ()}
            kwargs["initial"] = {**given, **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)
        known = callable_names(tenant.pk)
        names = list(dict.fromkeys([*known.routes, *known.models]))
        self._offer_routes(names, collection)
        self.fields["method"].choices = [(key, explained(*words)) for key, words in METHODS.items()]  # type: ignore[attr-defined]
        if collection is None:
            self.fields.update(model_fields(names))

    def _offer_routes(self, names: list[str], collection: Collection | None) -> None:
        """Routes that are there, and those that the row names already."""
        self.fields["rerank_route"].widget.attrs.update(shown_with("reranker=model"))
        for name in ("rerank_route", "rewrite_route", "judge_route"):
            kept = getattr(collection, name, "")
            offered = dict.fromkeys([*names, *([kept] if kept else [])])
            self.fields[name].choices = [("", "None"), *((one, one) for one in offered)]  # type: ignore[attr-defined]

    @property
    def folded_parts(self) -> list[tuple[str, str, list[forms.BoundField], bool]]:
        """What most people leave as it is; a part with an error is open."""
        return [
            (title, text, fields, any(field.errors for field in fields))
            for title, text, names in self.folded
            if (fields := [self[name] for name in names])
        ]

    def clean(self) -> dict[str, Any]:
        """With the model by which it is embedded."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("reranker") == Collection.Reranker.MODEL and not cleaned.get("rerank_route"):
            self.add_error("rerank_route", "Choose the route whose model reranks.")
        if "embedding" in self.fields:
            cleaned["embedding_model"] = chosen_model(cleaned)
        return cleaned

    def row_fields(self) -> dict[str, Any]:
        """What goes into the row."""
        extra = {"embedding", "embedding_route"}
        return {name: value for name, value in self.cleaned_data.items() if name not in extra}


class ReembedForm(forms.Form):
    """Another model for a collection's vectors."""

    def __init__(self, *args: Any, collection: Collection, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.collection = collection
        known = callable_names(collection.tenant_id)
        names = list(dict.fromkeys([*known.routes, *known.models]))
        other = next(
            (one for one in LOCAL_MODELS if one != collection.embedding_model and not model_missing(one)), STATIC
        )
        self.fields.update(model_fields(names, current=other))

    def clean(self) -> dict[str, Any]:
        """With the model."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        cleaned["model"] = chosen_model(cleaned)
        return cleaned
