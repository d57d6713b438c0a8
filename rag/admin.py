"""Collections and documents in the admin: raw rows to look at.

They are changed in the console, whose services also cut, embed, count and tell; what documents say is read there.
"""

# The admin theme comes without type information.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from django.contrib import admin
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from rag.models import Collection, Document, EmbeddingIndex, Ingest, IngestProblem
from tenants.admin_rows import ReadOnlyAdminMixin

OF_TENANT = ("tenant", AutocompleteSelectFilter)


@admin.register(Collection)
class CollectionAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """Collections with their settings."""

    list_display = ("name", "tenant", "embedding_model", "method", "enabled", "documents_at", "updated_at")
    list_filter = ("enabled", OF_TENANT)
    list_select_related = ("tenant",)
    search_fields = ("name", "description", "tenant__slug")


@admin.register(EmbeddingIndex)
class EmbeddingIndexAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """The vectors of collections."""

    list_display = ("collection", "model", "model_version", "dimensions", "state", "searched_by", "error", "live_at")
    list_filter = (("state", ChoicesDropdownFilter), OF_TENANT)
    list_select_related = ("collection",)
    search_fields = ("collection__name", "model")


@admin.register(Document)
class DocumentAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """Documents without what they say."""

    list_display = ("external_id", "collection", "state", "error", "attempts", "chunk_count", "bytes", "updated_at")
    list_filter = (("state", ChoicesDropdownFilter), OF_TENANT)
    list_select_related = ("collection",)
    search_fields = ("external_id", "title", "uri", "collection__name")
    exclude = ("text", "marks", "pending")

    def get_queryset(self, request):  # type: ignore[no-untyped-def]
        """Without texts, which may be large."""
        return super().get_queryset(request).defer("text", "marks", "pending")


@admin.register(Ingest)
class IngestAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """Documents that came together."""

    list_display = ("collection", "source", "state", "total", "done", "failed", "requested_by", "created_at")
    list_filter = (("state", ChoicesDropdownFilter), OF_TENANT)
    list_select_related = ("collection",)
    search_fields = ("collection__name", "requested_by")


@admin.register(IngestProblem)
class IngestProblemAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """What could not be taken."""

    list_display = ("document", "code", "message", "ingest")
    list_filter = (OF_TENANT,)
    list_select_related = ("ingest",)
    search_fields = ("document", "code")
