"""A document: its text in passages, the characters that a citation leads to, and what is known of it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import msgspec
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.generic import TemplateView, View

from console.forms import FormPage
from console.forms.views import go_to
from rag import services
from rag.models import Document
from rag.pages.marked_text import parse_range, stretches, window
from rag.pages.words import document_words
from rag.selectors import chunks_of
from tenants.pages.fields import AccessTagsField
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage


class OfDocument(WorkspacePage):
    """Beside a view of one document."""

    permission = TenantPermission.MANAGE_DOCUMENTS

    @cached_property
    def document(self) -> Document:
        """The one of the address; what waits to be read is left in the database."""
        rows = self.workspace.scope(Document.objects.select_related("tenant", "collection", "ingest").defer("pending"))
        found: Document = get_object_or_404(rows, pk=self.kwargs["pk"])
        return found

    def cancel_url(self) -> str:
        """Its page."""
        return self.workspace.url("document", pk=self.document.pk)


class DocumentPage(OfDocument, TemplateView):
    """The text; ``?at=120-340`` marks these characters, ``?chunk=12`` the passage of this number."""

    permission = TenantPermission.VIEW_DOCUMENTS

    def get_template_names(self) -> list[str]:
        """What changes alone, where htmx asks for it."""
        htmx = self.request.htmx  # type: ignore[attr-defined]
        part = htmx and htmx.target == "document"
        return [f"console/rag/{'_document' if part else 'document'}.html"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The part of the text in which the marked characters are, or that ``?from=`` names."""
        document, given = self.document, self.request.GET
        chunks = list(chunks_of(document))
        marked = parse_range(given.get("at", ""), len(document.text)) or self._chunk_range(chunks)
        begin = _number(given.get("from", ""))
        wanted = marked[0] if marked else begin
        shown = window([one.start for one in chunks], len(document.text), wanted)
        return super().get_context_data(
            document=document,
            words=document_words(document),
            chunks=chunks,
            marked=marked,
            lost=bool(given.get("at") or given.get("chunk")) and marked is None,
            shown=shown,
            earlier=max(0, shown[0] - 1) if shown[0] > 0 else None,
            later=shown[1] if shown[1] < len(document.text) else None,
            stretches=stretches(document.text, chunks, shown, marked),
            metadata=sorted(document.metadata.items()),
            editable=self.workspace.may(TenantPermission.MANAGE_DOCUMENTS),
            **kwargs,
        )

    def _chunk_range(self, chunks: list[Any]) -> tuple[int, int] | None:
        wanted = self.request.GET.get("chunk", "")
        if not wanted.isdecimal() or len(wanted) > 9:
            return None
        return next(((one.start, one.end) for one in chunks if one.position == int(wanted)), None)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0


class DocumentForm(forms.Form):
    """What people may say of a document; its text comes from where it came from."""

    title = forms.CharField(max_length=400, required=False)
    uri = forms.CharField(
        max_length=2_000, required=False, label="Address", help_text="Where a reader of an answer can open it."
    )
    access_tags = AccessTagsField(
        label="Access tags", help_text="Only keys with one of them find it. Empty: every key of the tenant does."
    )
    metadata = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "class": "code-input"}),
        help_text='A JSON object of texts, numbers, true and false, such as {"year": 2026}. Searches can be narrowed '
        "down by it.",
    )

    def clean_metadata(self) -> dict[str, Any]:
        """A flat object.

        Raises:
            ValidationError: it is none.
        """
        text = self.cleaned_data["metadata"].strip() or "{}"
        try:
            return msgspec.json.decode(text, type=dict[str, str | int | float | bool])
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise ValidationError(f"This is no flat JSON object: {error}.") from error


class DocumentEdit(OfDocument, FormPage):
    """Title, address, tags, metadata."""

    form_class = DocumentForm
    title = "About the document"

    def get_initial(self) -> dict[str, Any]:
        """As it is."""
        row = self.document
        written = msgspec.json.format(msgspec.json.encode(row.metadata)).decode() if row.metadata else ""
        return {"title": row.title, "uri": row.uri, "access_tags": row.access_tags, "metadata": written}

    def save(self, form: forms.Form) -> str:
        """With its passages, which searches look at."""
        row, said = self.document, form.cleaned_data
        before = {name: getattr(row, name) for name in said}
        # Tags that nobody touched go on being the collection's.
        services.update_document(document=row, **{name: said[name] for name in said if said[name] != before[name]})
        messages.success(self.request, "What is known of the document is saved.")
        return self.cancel_url()


class DocumentReindex(OfDocument, View):
    """Reads it once more."""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """In the background; what can be found now stays until then."""
        row = self.document
        try:
            services.reindex_documents(collection=row.collection, documents=[row.pk])
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
        else:
            messages.success(request, "The document is read once more. Until then it is found as it was.")
        return go_to(request, self.cancel_url())


class DocumentDelete(OfDocument, View):
    """Gone, with its passages."""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Answers that cite it keep their words."""
        name, collection = str(self.document), self.document.collection_id
        services.delete_document(document=self.document)
        messages.success(request, f"“{name}” is gone.")
        return go_to(request, self.workspace.url("collection", pk=collection))
