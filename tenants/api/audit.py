"""The audit log: who changed what. It can be read, searched and exported, and never changed."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from tenants import audit_export, audit_log
from tenants.audit import AuditEntry
from tenants.audit_download import download
from tenants.rest.filters import InstantFilter
from tenants.rest.principals import principal_of
from tenants.rest.resources import Readable
from tenants.roles import TenantPermission

_FORMATS = sorted(audit_export.FORMATS)
_EXPORTED_CONDITIONS = ("actor", "action", "object_type", "source_ip", "since", "until", "words")


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    """One entry."""

    tenant_id = serializers.CharField(
        source="tenant_ref", help_text="The tenant that was changed; empty for what belongs to the platform."
    )
    before = serializers.DictField(help_text="The changed fields as they were.")
    after = serializers.DictField(help_text="The changed fields as they became.")

    class Meta:
        model = AuditEntry
        fields = (
            "id",
            "at",
            "actor",
            "source_ip",
            "action",
            "object_type",
            "object_id",
            "object_name",
            "tenant_id",
            "before",
            "after",
            "sequence",
            "digest",
            "previous_hash",
            "hash",
        )


class AuditEntryFilter(filters.FilterSet):
    """Filters of the audit log."""

    tenant_id = filters.UUIDFilter(method="of_tenant", label="What was changed in this tenant only.")
    actor = filters.CharFilter(label="Who, exactly.")
    action = filters.ChoiceFilter(choices=AuditEntry.Action.choices, label="What was done.")
    object_type = filters.CharFilter(label="Of what, such as `apikey`.")
    object_id = filters.CharFilter(label="Of which.")
    source_ip = filters.CharFilter(label="From which address.")
    since = InstantFilter(field_name="at", lookup_expr="gte", label="Then or later.")
    until = InstantFilter(field_name="at", lookup_expr="lt", label="Earlier.")
    words = filters.CharFilter(method="with_words", label="Words that the changed fields before or after all hold.")
    format = filters.ChoiceFilter(
        choices=[(name, name) for name in _FORMATS], method="as_is", label="Of an export only; `jsonl` unless said."
    )

    def of_tenant(self, rows: QuerySet[AuditEntry], _name: str, tenant_id: uuid.UUID) -> QuerySet[AuditEntry]:
        """Entries name their tenant as text."""
        return rows.filter(tenant_ref=str(tenant_id))

    def with_words(self, rows: QuerySet[AuditEntry], _name: str, words: str) -> QuerySet[AuditEntry]:
        """From the index of words."""
        return audit_log.with_words(rows, words)

    def as_is(self, rows: QuerySet[AuditEntry], _name: str, _value: str) -> QuerySet[AuditEntry]:
        """Says how, not which."""
        return rows


class AuditEntryResource(Readable):
    """Who changed what, when and from where."""

    noun = "audit entry"
    plural = "audit entries"
    about = "One change: who, when, from where, of what, and the changed fields before and after."
    queryset = AuditEntry.objects.all()
    serializer_class = AuditEntrySerializer
    read_permission = TenantPermission.VIEW_AUDIT
    action_permissions: ClassVar[dict[str, TenantPermission]] = {"export": TenantPermission.EXPORT_AUDIT}
    filterset_class = AuditEntryFilter
    ordering_fields: ClassVar[dict[str, str]] = {"at": "pk"}
    default_ordering = "-at"
    search_fields = ("actor", "object_name", "object_id", "source_ip")
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Any]:
        """The entries that the caller may see."""
        rows: QuerySet[Any] = GenericViewSet.get_queryset(self)
        if getattr(self, "swagger_fake_view", False):
            return rows
        tenants = principal_of(self.request).tenants(self.needed_permission())
        return rows if tenants is None else rows.filter(tenant_ref__in=[str(tenant) for tenant in tenants])

    def versions(self, row: Any) -> list[Any]:
        """Entries never change; their place in the chain is given when their transaction ends."""
        return [row.sequence]

    @extend_schema(
        summary="Export audit entries",
        description="All that match, oldest first, as CSV or as one JSON object a line. The export is an audit entry "
        "itself. Callers that act for several tenants name one.",
        responses={
            (200, "application/x-ndjson"): OpenApiTypes.STR,
            (200, "text/csv"): OpenApiTypes.STR,
        },
    )
    @action(detail=False, methods=["get"], pagination_class=None)
    def export(self, request: Request) -> StreamingHttpResponse:
        """The log as a file."""
        rows = self.filter_queryset(self.get_queryset())
        form = AuditEntryFilter(request.query_params, queryset=rows).form
        form.is_valid()
        asked = form.cleaned_data
        chosen = audit_log.AuditFilter(
            tenant_id=asked["tenant_id"] or self._only_tenant(),
            **{name: asked[name] for name in _EXPORTED_CONDITIONS if asked[name]},
        )
        format_ = asked["format"] or "jsonl"
        return download(request._request, audit_export.export(chosen, format_, rows), format_)

    def _only_tenant(self) -> uuid.UUID | None:
        tenants = principal_of(self.request).tenants(TenantPermission.EXPORT_AUDIT)
        if tenants is None:
            return None
        if len(tenants) > 1:
            raise ValidationError({"tenant_id": ["Name the tenant whose log to export."]})
        return next(iter(tenants))
