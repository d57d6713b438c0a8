"""One ingest: how far it is, live, and what could not be taken."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.generic import TemplateView, View

from console.forms.views import go_to
from rag import services
from rag.models import Document, Ingest, IngestProblem
from rag.pages.collections import OfCollection
from rag.pages.words import document_words, ingest_words, source_words
from rag.selectors import documents_of, ingests_of
from tenants.roles import TenantPermission

MOST_SHOWN = 100


class IngestPage(OfCollection, TemplateView):
    """One ingest of the collection."""

    permission = TenantPermission.VIEW_DOCUMENTS

    def get_template_names(self) -> list[str]:
        """What changes alone, where htmx asks for it."""
        htmx = self.request.htmx  # type: ignore[attr-defined]
        part = htmx and htmx.target == "ingest"
        return [f"console/rag/{'_ingest' if part else 'ingest'}.html"]

    @cached_property
    def ingest(self) -> Ingest:
        """The one of the address."""
        found: Ingest = get_object_or_404(ingests_of(self.collection), pk=self.kwargs["ingest"])
        return found

    def get_context_data(self, **_kwargs: Any) -> dict[str, Any]:
        """Its documents, those that failed first, and its problems."""
        row = self.ingest
        problems = IngestProblem.objects.for_tenant(row.tenant_id).filter(ingest=row)
        documents = documents_of(self.collection).filter(ingest=row)
        failed = list(documents.filter(state=Document.State.FAILED)[:MOST_SHOWN])
        others = list(documents.exclude(state=Document.State.FAILED).order_by("-updated_at")[:MOST_SHOWN])
        return super().get_context_data(
            ingest=row,
            collection=self.collection,
            words=ingest_words(row),
            source=source_words(row.source),
            problems=list(problems[:MOST_SHOWN]),
            failed=failed,
            documents=[(one, document_words(one)) for one in [*failed, *others]],
            most=MOST_SHOWN,
            took=(row.ended_at - row.started_at).total_seconds() * 1000 if row.ended_at and row.started_at else None,
            editable=self.workspace.may(TenantPermission.MANAGE_DOCUMENTS),
        )


class IngestStop(OfCollection, View):
    """Reads no further document of the ingest."""

    def post(self, request: HttpRequest, pk: Any, ingest: Any) -> HttpResponse:
        """What is in place stays."""
        row = get_object_or_404(ingests_of(self.collection), pk=ingest)
        try:
            services.stop_ingest(ingest=row)
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
        else:
            messages.success(request, "The ingest is stopped. What it had put in place stays.")
        return go_to(request, self.workspace.url("ingest", pk=self.collection.pk, ingest=row.pk))
