"""One collection: its documents, how they came in, a search to try, how well it finds, its settings."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from console.tables import Column, Empty, Table, TablePage
from rag.models import Collection, Document, EmbeddingIndex
from rag.pages.collections import OfCollection
from rag.pages.recall import RecallForm, recall_report
from rag.pages.search import SearchForm, searched
from rag.pages.words import degraded_words, index_words, ingest_words, model_missing, model_name, source_words
from rag.selectors import documents_of, indexes_of, ingests_of, tags_of, with_figures
from tenants.roles import TenantPermission

TABS = (
    ("documents", "Documents"),
    ("ingests", "Ingests"),
    ("search", "Search"),
    ("recall", "Recall"),
    ("settings", "Settings"),
)
MOST_INGESTS = 50


class DocumentFilter(django_filters.FilterSet):
    """By state and access tag."""

    state = django_filters.ChoiceFilter(choices=Document.State.choices, label="State", empty_label="Any state")
    tag = django_filters.CharFilter(label="Access tag", method="with_tag", widget=forms.TextInput(attrs={"size": 12}))

    class Meta:
        """Of documents."""

        model = Document
        fields = ("state",)

    def with_tag(self, rows: QuerySet[Document], _name: str, value: str) -> QuerySet[Document]:
        """Those that have it."""
        return rows.filter(access_tags__contains=[value.strip()])


class DocumentTable(Table):
    """Documents of one collection."""

    name = "documents"
    caption, noun = "Documents", "document"
    columns = (
        Column("chosen", "Choose", accessor="pk", template="console/rag/_document_chosen.html", export=False),
        Column("title", "Document", template="console/rag/_document_name.html", sort="external_id", primary=True),
        Column("state", "State", template="console/rag/_document_state.html", sort="state"),
        Column("tags", "Access", accessor="access_tags", template="console/rag/_document_tags.html", phone=False),
        Column("chunks", "Passages", kind="number", accessor="chunk_count", sort="chunk_count"),
        Column("size", "Size", kind="bytes", accessor="bytes", sort="bytes", phone=False),
        Column("updated_at", "Updated", kind="when", sort="updated_at"),
    )
    default_sort = "-updated_at"
    search = ("external_id", "title", "uri")
    search_hint = "Name, title or address"
    filterset = DocumentFilter
    kept = ("tab",)
    live = "rag.document.* rag.ingest.*"
    live_throttle_ms = 2_000
    empty = Empty("file-text", "No documents yet", "Upload files, paste a text, or name addresses to fetch.")

    def row_url(self, row: Document) -> str:
        """Its page."""
        return self.workspace.url("document", pk=row.pk)

    def shown_columns(self) -> tuple[Column, ...]:
        """Boxes are for who may do something with what is chosen."""
        manages = self.workspace.may(TenantPermission.MANAGE_DOCUMENTS)
        return tuple(column for column in self.columns if column.name != "chosen" or manages)


class CollectionPage(OfCollection, TablePage):
    """One collection; ``tab`` says which part. A POST measures recall."""

    permission = TenantPermission.VIEW_DOCUMENTS
    template_name = "console/rag/collection.html"
    table_class = DocumentTable

    def get_rows(self) -> QuerySet[Document]:
        """Without their texts."""
        return documents_of(self.collection)

    @property
    def tab(self) -> str:
        """Which part is shown."""
        wanted = self.request.GET.get("tab", "")
        return wanted if wanted in dict(TABS) else "documents"

    def get_template_names(self) -> list[str]:
        """What changes alone, where htmx asks for it."""
        htmx = self.request.htmx  # type: ignore[attr-defined]
        parts = {"ingests": "console/rag/_ingests.html", "indexes": "console/rag/_indexes.html"}
        if htmx and htmx.target in parts:
            return [parts[htmx.target]]
        return super().get_template_names()

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The page with what recall is."""
        return self.render_to_response(self.get_context_data(table=self.get_table(), **kwargs))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What all tabs show, and what the current one does."""
        rows = with_figures(Collection.objects.for_tenant(self.collection.tenant_id).select_related("tenant"))
        collection = rows.get(pk=self.collection.pk)
        part = {
            "ingests": self._ingests,
            "search": self._search,
            "recall": self._recall,
            "settings": self._settings,
        }.get(self.tab, dict)()
        return super().get_context_data(
            collection=collection,
            editable=self.workspace.may(TenantPermission.MANAGE_DOCUMENTS),
            model_name=model_name(collection.live_model),
            building=model_name(collection.building_model) if collection.building_model else "",
            tabs=TABS,
            tab=self.tab,
            **part,
            **kwargs,
        )

    def _ingests(self) -> dict[str, Any]:
        rows = ingests_of(self.collection)[:MOST_INGESTS]
        return {"ingests": [(row, ingest_words(row), source_words(row.source)) for row in rows]}

    def _search(self) -> dict[str, Any]:
        given = self.request.GET if self.request.GET.get("q", "").strip() else None
        tags = tags_of(self.collection.tenant_id, self.collection)
        form = SearchForm(given, collection=self.collection, tags=tags)
        found = searched(self.collection, form) if given is not None and form.is_valid() else None
        why = degraded_words(found.retrieved.degraded) if found and found.retrieved and found.retrieved.degraded else ""
        return {"search_form": form, "found": found, "degraded": why}

    def _recall(self) -> dict[str, Any]:
        posted = self.request.POST if self.request.method == "POST" else None
        form = RecallForm(posted, collection=self.collection, reads=self.workspace.may(TenantPermission.VIEW_PAYLOADS))
        report = recall_report(self.collection, form) if posted is not None and form.is_valid() else None
        return {"recall_form": form, "report": report}

    def _settings(self) -> dict[str, Any]:
        rows = list(indexes_of(self.collection)[:10])
        shown = [(row, index_words(row), model_name(row.model)) for row in rows]
        going_on = any(row.state == EmbeddingIndex.State.BUILDING for row in rows)
        missing = model_missing(self.collection.embedding_model)
        return {"indexes": shown, "index_building": going_on, "model_missing": missing}
