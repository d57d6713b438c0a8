"""Documents come in, and go: uploads, texts, addresses; the chosen ones are deleted, the failed ones tried again."""

from __future__ import annotations

import re
import uuid
from pathlib import PurePath
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.views.generic import View

from console.formats import counted
from console.forms import FormPage
from console.forms.views import go_to
from rag import services
from rag.engine.reading.names import type_by_name
from rag.ingest.documents import NewDocument
from rag.models import Document, Ingest
from rag.pages.collections import OfCollection
from rag.selectors import documents_of
from tenants.pages.fields import AccessTagsField

MOST_FILES: Final = 50
MOST_MB: Final = 20
MOST_MB_TOGETHER: Final = 100
"""They are held in memory while they are taken."""
SUFFIXES: Final = ".pdf,.docx,.html,.htm,.md,.markdown,.txt,.csv,.tsv"
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


class ManyFilesInput(forms.ClearableFileInput):
    """Several files at once."""

    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """A list of files."""

    def clean(self, data: Any, initial: Any = None) -> Any:
        """Each for itself.

        Raises:
            ValidationError: there are none, or too many.
        """
        files = [super(ManyFilesField, self).clean(one, initial) for one in (data or [None])]
        if len(files) > MOST_FILES:
            raise ValidationError(f"Choose at most {MOST_FILES} files at a time.")
        if sum(one.size for one in files) > MOST_MB_TOGETHER * 1_000_000:
            raise ValidationError(f"Together the files may have {MOST_MB_TOGETHER} MB: send them in several goes.")
        return files


class IncomingForm(forms.Form):
    """What all documents that come in may have."""

    access_tags = AccessTagsField(
        label="Access tags", help_text="With commas between them. Empty: as the collection says."
    )
    field_order: Any = None

    def tags(self) -> list[str] | None:
        """None: those of the collection."""
        return self.cleaned_data["access_tags"] or None


class UploadForm(IncomingForm):
    """Files."""

    files: Any = ManyFilesField(
        widget=ManyFilesInput(attrs={"accept": SUFFIXES, "multiple": True}),
        help_text=f"PDF, Word, HTML, Markdown, text or CSV; at most {MOST_FILES} at a time and {MOST_MB} MB each. A "
        "file whose name is there already becomes its new version.",
    )
    field_order = ("files", "access_tags")


class TextForm(IncomingForm):
    """A text that somebody writes or pastes."""

    title = forms.CharField(max_length=200)
    text = forms.CharField(
        strip=False,
        max_length=1_000_000,
        widget=forms.Textarea(attrs={"rows": 12}),
        help_text="Markdown is understood: headings become part of the passages below them.",
    )
    uri = forms.CharField(
        label="Address", required=False, max_length=2_000, help_text="Where a reader of an answer can open it."
    )
    field_order = ("title", "text", "uri", "access_tags")


class UrlsForm(forms.Form):
    """Addresses to fetch."""

    urls = forms.CharField(
        label="Addresses",
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "class": "code-input"}),
        help_text="One a line, http or https, of public servers. A page that did not change is not read again.",
    )
    delete_missing = forms.BooleanField(
        required=False,
        label="Delete documents whose address is gone",
        help_text="Where an address that was fetched before answers 404 or 410 now.",
    )


class Incoming(OfCollection, FormPage):
    """A form that has documents come in, and leads to how far they are."""

    def under_way(self, ingest: Ingest) -> str:
        """The ingest's page, which goes on by itself."""
        messages.success(self.request, "On its way. You may leave this page: it goes on.")
        return self.workspace.url("ingest", pk=self.collection.pk, ingest=ingest.pk)


class DocumentsUpload(Incoming):
    """Files."""

    template_name = "console/rag/upload.html"
    form_class = UploadForm
    title, submit_label = "Upload files", "Upload"

    def save(self, form: forms.Form) -> str:
        """All of them as one ingest."""
        assert isinstance(form, UploadForm)
        documents = [
            NewDocument(
                external_id=PurePath(file.name).name,
                content=file.read(),
                media_type=type_by_name(file.name, file.content_type or ""),
                access_tags=form.tags(),
            )
            for file in form.cleaned_data["files"]
        ]
        return self.under_way(services.start_ingest(collection=self.collection, source="upload", documents=documents))


class DocumentText(Incoming):
    """One text."""

    form_class = TextForm
    title, submit_label = "Add a text", "Add the text"

    def save(self, form: forms.Form) -> str:
        """As a document of its own."""
        assert isinstance(form, TextForm)
        cleaned = form.cleaned_data
        slug = _NOT_IN_NAMES.sub("-", cleaned["title"].lower()).strip("-") or "text"
        new = NewDocument(
            external_id=f"{slug[:80]}-{uuid.uuid4().hex[:6]}",
            content=cleaned["text"].replace("\r\n", "\n").encode(),
            media_type="text/markdown",
            title=cleaned["title"],
            uri=cleaned["uri"],
            access_tags=form.tags(),
        )
        return self.under_way(services.start_ingest(collection=self.collection, source="text", documents=[new]))


class DocumentUrls(Incoming):
    """Addresses."""

    form_class = UrlsForm
    title, submit_label = "Fetch addresses", "Fetch them"
    intro = "Each address becomes a document. Servers inside of networks are not asked: only public ones."

    def save(self, form: forms.Form) -> str:
        """In the background."""
        ingest = services.start_url_ingest(
            collection=self.collection,
            urls=form.cleaned_data["urls"].split(),
            delete_missing=form.cleaned_data["delete_missing"],
        )
        return self.under_way(ingest)


class OfChosen(OfCollection, View):
    """Something is done with the documents that were chosen."""

    def chosen(self) -> list[uuid.UUID]:
        """Their ids, of the collection's own."""
        given = []
        for one in self.request.POST.getlist("document")[:1_000]:
            try:
                given.append(uuid.UUID(one))
            except ValueError:
                continue
        return list(documents_of(self.collection).filter(pk__in=given).values_list("pk", flat=True))


class DocumentsDelete(OfChosen):
    """Deletes the chosen documents."""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """With their passages."""
        chosen = self.chosen()
        gone = services.delete_documents(
            collection=self.collection, documents=documents_of(self.collection).filter(pk__in=chosen)
        )
        if gone:
            messages.success(request, f"{counted(gone, 'document')} deleted.")
        else:
            messages.error(request, "Choose documents first.")
        return go_to(request, self.tab_url("documents"))


class DocumentsRetry(OfChosen):
    """Tries the chosen documents again, or all that failed."""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """In the background."""
        failed = documents_of(self.collection).filter(state=Document.State.FAILED)
        ids = self.chosen() or list(failed.values_list("pk", flat=True)[:1_000])
        try:
            ingest = services.reindex_documents(collection=self.collection, documents=ids)
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
            return go_to(request, self.tab_url("documents"))
        messages.success(request, "They are read once more.")
        return go_to(request, self.workspace.url("ingest", pk=self.collection.pk, ingest=ingest.pk))
