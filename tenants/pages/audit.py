"""The audit log: who changed what, when and from where; every entry with its before and after."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from functools import cached_property
from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.generic import TemplateView, View

from console.forms.views import go_to
from console.messages import toast
from console.tables import Column, Empty, Table, TablePage
from console.tables.paging import RowPage
from contracts.tenant_scope import across_tenants
from tenants.audit import AuditEntry
from tenants.audit_download import download
from tenants.audit_export import FORMATS, export
from tenants.audit_log import AuditFilter, with_words
from tenants.models import Tenant
from tenants.pages.audit_chain_state import chain_state
from tenants.pages.audit_changes import changes, names_in, object_label, object_labels, summary
from tenants.roles import TenantPermission
from tenants.tasks import verify_audit_log
from tenants.workspaces import WorkspacePage

PERIODS = (("1", "Last 24 hours"), ("7", "Last 7 days"), ("30", "Last 30 days"), ("90", "Last 90 days"))
ACTION_TONES = {
    "created": "good",
    "invited": "good",
    "updated": "info",
    "rotated": "info",
    "deleted": "bad",
    "revoked": "bad",
    "erased": "bad",
    "sign_in_failed": "warn",
    "locked_out": "bad",
}


class AuditEntryFilter(django_filters.FilterSet):
    """What the log is narrowed by."""

    action = django_filters.ChoiceFilter(choices=AuditEntry.Action.choices, label="Action")
    object_type = django_filters.ChoiceFilter(choices=lambda: list(object_labels().items()), label="Object")
    period = django_filters.ChoiceFilter(choices=PERIODS, method="in_period", label="Time")
    actor = django_filters.CharFilter(label="Person or program, exactly")
    since = django_filters.DateFilter(method="from_day", label="From")
    until = django_filters.DateFilter(method="to_day", label="To, that day included")
    source_ip = django_filters.CharFilter(label="Address")
    object_id = django_filters.CharFilter(label="Id of the object")

    class Meta:
        """Of entries."""

        model = AuditEntry
        fields = ("action", "object_type", "period", "actor", "since", "until", "source_ip", "object_id")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("since", "until"):
            self.form.fields[name].widget.input_type = "date"

    def in_period(self, rows: QuerySet[AuditEntry], _name: str, days: str) -> QuerySet[AuditEntry]:
        """Back from now."""
        return rows.filter(at__gte=timezone.now() - timedelta(days=int(days)))

    def from_day(self, rows: QuerySet[AuditEntry], _name: str, day: Any) -> QuerySet[AuditEntry]:
        """Since midnight, where the viewer is."""
        return rows.filter(at__gte=_midnight(day))

    def to_day(self, rows: QuerySet[AuditEntry], _name: str, day: Any) -> QuerySet[AuditEntry]:
        """Until midnight after that day, where the viewer is."""
        return rows.filter(at__lt=_midnight(day + timedelta(days=1)))


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


class AuditTable(Table):
    """Entries, the newest first."""

    name = "audit"
    caption, noun, nouns = "Audit log", "entry", "entries"
    columns = (
        Column("at", "When", kind="when", sort="id"),
        Column("actor", "Who", template="console/audit/_actor.html"),
        Column("action", "Action", template="console/audit/_action.html"),
        Column("object_name", "Object", template="console/audit/_object.html", primary=True),
        Column("summary", "What changed", template="console/audit/_summary.html"),
        Column("tenant", "Tenant", accessor="tenant_name", phone=False),
    )
    default_sort = "-at"
    search = ("actor", "object_name", "object_id", "source_ip")
    search_hint = "Name, person, address, word in a change"
    filterset = AuditEntryFilter
    quick_filters = ("action", "object_type", "period")
    keyset_field = "id"
    live = "config.object.changed"
    empty = Empty(
        "history", "Nothing has been changed yet", "Every change by a person or a program will be listed here."
    )

    def shown_columns(self) -> tuple[Column, ...]:
        """The tenant only where there are several."""
        return tuple(column for column in self.columns if self.workspace.is_platform or column.name != "tenant")

    def searched(self, rows: QuerySet[AuditEntry], text: str) -> QuerySet[AuditEntry]:
        """In names and addresses, and as words in what was changed; the latter from its index."""
        named = Q()
        for field in self.search:
            named |= Q(**{f"{field}__icontains": text})
        return rows.filter(named | Q(pk__in=with_words(self.all_rows.order_by(), text).values("pk")))

    def row_url(self, row: Any) -> str:
        """The entry's page."""
        return self.workspace.url("audit-entry", pk=row.pk)

    @cached_property
    def page(self) -> RowPage:
        """With what each entry says in words."""
        page = super().page
        tenants = tenant_names(page.rows) if self.workspace.is_platform else {}
        for row in page.rows:
            row.object_label = object_label(row.object_type)
            row.summary = summary(row)
            row.tone = ACTION_TONES.get(row.action, "neutral")
            row.tenant_name = tenants.get(row.tenant_ref, "deleted" if row.tenant_ref else "")
        return page


def tenant_names(entries: Any) -> dict[str, str]:
    """Names of the entries' tenants that are still there, by id."""
    wanted = {entry.tenant_ref for entry in entries if entry.tenant_ref}
    return {str(key): name for key, name in Tenant.objects.filter(pk__in=wanted).values_list("pk", "name")}


class AuditLog(WorkspacePage, TablePage):
    """The log, and whether its chain holds."""

    permission = TenantPermission.VIEW_AUDIT
    template_name = "console/audit/list.html"
    table_class = AuditTable

    def get_rows(self) -> QuerySet[AuditEntry]:
        """Of the workspace."""
        return self.workspace.scope(AuditEntry.objects.all(), "tenant_ref")

    def get_template_names(self) -> list[str]:
        """The chain's state alone where that is read anew."""
        if self.request.htmx and self.request.htmx.target == "chain-state":  # type: ignore[attr-defined]
            return ["console/audit/_chain.html"]
        return super().get_template_names()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the chain's state and the exports of what is shown."""
        query = self.request.GET.copy()
        for name in ("page", "after", "format", "sort"):
            query.pop(name, None)
        exports = [(f"{self.workspace.url('audit-export')}?{_with(query, format_)}", format_) for format_ in FORMATS]
        may_check = self.workspace.is_platform and self.workspace.may(TenantPermission.CHANGE_SETTINGS)
        return super().get_context_data(chain=chain_state(), exports=exports, may_check=may_check, **kwargs)


def _with(query: Any, format_: str) -> str:
    changed = query.copy()
    changed["format"] = format_
    return str(changed.urlencode())


class AuditExport(WorkspacePage, View):
    """The entries that the page's search and filters leave, as a file; an entry of the log itself."""

    permission = TenantPermission.EXPORT_AUDIT

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Streamed, oldest first."""
        format_ = request.GET.get("format", "")
        rows = self.workspace.scope(AuditEntry.objects.all(), "tenant_ref")
        table = AuditTable(rows, request, self.workspace)
        asked = {chip.label: chip.value for chip in table.chips}
        tenant = self.workspace.tenant
        chosen = AuditFilter(tenant_id=tenant.pk if tenant is not None else None)
        return download(
            request,
            export(chosen, format_ if format_ in FORMATS else "csv", rows=table.found, asked=asked),
            format_ if format_ in FORMATS else "csv",
        )


class AuditEntryPage(WorkspacePage, TemplateView):
    """One entry: what was there before, and after."""

    permission = TenantPermission.VIEW_AUDIT
    template_name = "console/audit/entry.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """In words, and as it is stored."""
        rows = self.workspace.scope(AuditEntry.objects.all(), "tenant_ref")
        entry = get_object_or_404(rows, pk=self.kwargs["pk"])
        tenant = None
        if self.workspace.is_platform and entry.tenant_ref:
            tenant = Tenant.objects.filter(pk=entry.tenant_ref).first()
        siblings = rows.filter(object_type=entry.object_type, object_id=entry.object_id)
        return super().get_context_data(
            entry=entry,
            object_label=object_label(entry.object_type),
            tone=ACTION_TONES.get(entry.action, "neutral"),
            changes=changes(entry, names_in(entry)),
            stored={"before": entry.before, "after": entry.after},
            tenant=tenant,
            earlier=siblings.filter(pk__lt=entry.pk).order_by("-pk").first() if entry.object_id else None,
            later=siblings.filter(pk__gt=entry.pk).order_by("pk").first() if entry.object_id else None,
            **kwargs,
        )


class AuditCheck(WorkspacePage, View):
    """Check the whole chain now; the log says every night whether it holds."""

    permission = TenantPermission.CHANGE_SETTINGS

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """In the background: a long log takes its time."""
        with across_tenants("the audit log is one chain over all tenants"):
            verify_audit_log.delay()
        if request.htmx:  # type: ignore[attr-defined]
            return toast(HttpResponse(status=204), "The log is being checked. The result appears here.")
        return go_to(request, self.workspace.url("audit"))
