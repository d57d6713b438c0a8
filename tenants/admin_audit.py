"""The audit log, to search and read."""

# The admin theme comes without type information.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from datetime import UTC
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery, UUIDField, Value
from django.db.models.functions import Cast, NullIf
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import AllValuesCheckboxFilter, ChoicesCheckboxFilter, RangeDateTimeFilter
from unfold.decorators import action, display

from tenants.admin_rows import ReadOnlyAdminMixin
from tenants.audit import AuditEntry
from tenants.audit_download import download
from tenants.audit_export import export
from tenants.audit_log import AuditFilter, with_words
from tenants.models import Tenant

ACTIONS = {
    "created": "success",
    "updated": "info",
    "deleted": "danger",
    "revoked": "danger",
    "rotated": "warning",
    "erased": "danger",
    "exported": "warning",
    "read": "warning",
    "sign_in_failed": "danger",
    "locked_out": "danger",
    "invited": "info",
}


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """Who changed what, when and from where."""

    list_display = (
        "show_at",
        "actor",
        "show_action",
        "object_type",
        "object_name",
        "tenant_slug",
        "source_ip",
        "changed",
    )
    list_display_links = ("show_at", "object_name")
    list_filter = (
        ("action", ChoicesCheckboxFilter),
        ("object_type", AllValuesCheckboxFilter),
        ("at", RangeDateTimeFilter),
    )
    list_filter_submit = True
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("actor", "object_name", "object_id", "tenant_ref", "source_ip")
    search_help_text = "Actor, name or id of the object, tenant, address, or words that were changed"
    actions = ("export_csv", "export_json_lines")
    fields = (
        "show_at",
        "actor",
        "source_ip",
        "show_action",
        "object_type",
        "object_name",
        "object_id",
        "tenant_slug",
        "diff",
        "sequence",
        "hash",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the name of the tenant, as long as there is one."""
        tenant_id = Cast(NullIf(OuterRef("tenant_ref"), Value("")), UUIDField())
        rows: QuerySet[Any] = super().get_queryset(request)
        slug = Subquery(Tenant.objects.filter(pk=tenant_id).values("slug")[:1])
        with_slug: QuerySet[Any] = rows.annotate(slug=slug)
        return with_slug

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        """Also what was changed in the tenant of exactly this short name, and entries whose before or after has it."""
        found, duplicates = super().get_search_results(request, queryset, search_term)
        if not search_term.strip():
            return found, duplicates
        also = Q(pk__in=with_words(AuditEntry.objects.all(), search_term).values("pk"))
        tenant = Tenant.objects.filter(slug=search_term.strip()).first()
        if tenant is not None:
            also |= Q(tenant_ref=str(tenant.pk))
        return found | queryset.filter(also), duplicates

    @action(description="Export as CSV")
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Any]) -> StreamingHttpResponse:
        """The selected entries, or all that the filters leave."""
        return _download(request, queryset, "csv")

    @action(description="Export as JSON lines")
    def export_json_lines(self, request: HttpRequest, queryset: QuerySet[Any]) -> StreamingHttpResponse:
        """The selected entries, or all that the filters leave, with everything that the chain is made of."""
        return _download(request, queryset, "jsonl")

    @display(description="At (UTC)", ordering="at")
    def show_at(self, entry: AuditEntry) -> str:
        """To the second: the order of changes matters."""
        return entry.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")

    @display(description="Action", ordering="action", label=ACTIONS)
    def show_action(self, entry: AuditEntry) -> str:
        """A badge."""
        return entry.action

    @display(description="Tenant")
    def tenant_slug(self, entry: Any) -> str:
        """Its short name, or its id once it is gone."""
        return entry.slug or entry.tenant_ref or "platform"

    @display(description="Fields")
    def changed(self, entry: AuditEntry) -> str:
        """The names of what was updated."""
        return ", ".join(entry.after) if entry.before else ""

    @display(description="Change")
    def diff(self, entry: AuditEntry) -> SafeString:
        """Field by field, before and after."""
        names = sorted({*entry.before, *entry.after})
        rows = format_html_join(
            "",
            '<tr><th class="pr-6 text-left">{}</th><td class="pr-6">{}</td><td>{}</td></tr>',
            ((name, _shown(entry.before, name), _shown(entry.after, name)) for name in names),
        )
        titles = format_html_join("", '<th class="pr-6 text-left">{}</th>', [("Field",), ("Before",), ("After",)])
        head = format_html("<tr>{}</tr>", titles)
        return format_html("<table><thead>{}</thead><tbody>{}</tbody></table>", head, rows)


def _download(request: HttpRequest, rows: QuerySet[Any], format_: str) -> StreamingHttpResponse:
    chosen = AuditEntry.objects.filter(pk__in=rows.values("pk"))
    return download(request, export(AuditFilter(), format_, chosen), format_)


def _shown(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    return "–" if value is None or value == "" else str(value)
