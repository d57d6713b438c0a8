"""Golden sets: the list, one set with its items and versions, and what is done with them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import msgspec
from django import forms
from django.contrib import messages
from django.db.models import Count, Max, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.views.generic import TemplateView, View

from console.forms import FormPage
from console.forms.typed_name import TypedNameForm
from console.tables import Column, Empty, Table, TablePage
from evaluation.differences import differences
from evaluation.engine.golden_files import text_of, written
from evaluation.golden_sets import (
    as_item,
    create_golden_set,
    delete_golden_set,
    items_of,
    newest_version,
    update_golden_set,
    usable_items_of,
    versions_of,
)
from evaluation.models import MAX_NAME_LENGTH, EvalRun, Gate, GoldenItem, GoldenSet, GoldenVersion
from evaluation.pages.words import run_words
from tenants.audit import AuditEntry
from tenants.audit_log import note
from tenants.roles import TenantPermission
from tenants.workspaces import Workspace, WorkspacePage

TABS = (("items", "Items"), ("versions", "Versions"), ("runs", "Runs"), ("gates", "Gates"))
MOST_RUNS = 50


def golden_set_in(workspace: Workspace, pk: Any) -> GoldenSet:
    """One of the workspace's.

    Raises:
        Http404: there is none.
    """
    found: GoldenSet = get_object_or_404(workspace.scope(GoldenSet.objects.select_related("tenant")), pk=pk)
    return found


class GoldenSetTable(Table):
    """Sets with how many items the newest version has, and how the last run ended."""

    name = "golden-sets"
    caption, noun = "Golden sets", "golden set"
    columns = (
        Column("name", "Golden set", template="console/evaluation/_set_name.html", sort="name", primary=True),
        Column("tenant", "Tenant", accessor="tenant.name", sort="tenant__name"),
        Column("items", "Items", kind="number", accessor="newest_items", sort="newest_items", help="Newest version"),
        Column("version", "Version", accessor=lambda row: f"v{row.newest_number}", sort="newest_number"),
        Column("runs", "Runs", kind="number", accessor="run_count", sort="run_count"),
        Column("last_run", "Last run", kind="when", accessor="last_run_at", sort="last_run_at"),
    )
    default_sort = "name"
    search = ("name", "description")
    search_hint = "Name or description"
    live = "config.object.changed evaluation.run.ended"
    empty = Empty(
        "flask",
        "No golden sets yet",
        "A golden set is a list of questions with what a good answer is like. Upload one, collect real requests, and "
        "every change of a prompt, model or route can be held to it before it goes live.",
        "Create a golden set",
        "golden-set-create",
        "manage_evaluations",
    )

    def row_url(self, row: GoldenSet) -> str:
        """The set's page."""
        return self.workspace.url("golden-set", pk=row.pk)

    def shown_columns(self) -> tuple[Column, ...]:
        """Whose a set is, is known in a tenant."""
        return tuple(column for column in self.columns if column.name != "tenant" or self.workspace.is_platform)


class GoldenSetList(WorkspacePage, TablePage):
    """All sets of the workspace."""

    permission = TenantPermission.VIEW_RUNS
    template_name = "console/evaluation/sets.html"
    table_class = GoldenSetTable

    def get_rows(self) -> QuerySet[GoldenSet]:
        """With figures of the newest version."""
        newest = GoldenVersion.objects.filter(golden_set=OuterRef("pk"), tenant=OuterRef("tenant")).order_by("-number")
        runs = EvalRun.objects.filter(version__golden_set=OuterRef("pk"), tenant=OuterRef("tenant")).order_by()
        counted = runs.values("version__golden_set").annotate(n=Count("pk"), last=Max("requested_at"))
        return self.workspace.scope(
            GoldenSet.objects.select_related("tenant").annotate(
                newest_items=Subquery(newest.values("items")[:1]),
                newest_number=Subquery(newest.values("number")[:1]),
                run_count=Subquery(counted.values("n")),
                last_run_at=Subquery(counted.values("last")),
            )
        )


class GoldenSetForm(forms.Form):
    """Name and description."""

    name = forms.CharField(max_length=MAX_NAME_LENGTH)
    description = forms.CharField(max_length=300, required=False, help_text="What its questions are about.")


class GoldenSetCreate(WorkspacePage, FormPage):
    """A new, empty set."""

    permission = TenantPermission.MANAGE_EVALUATIONS
    form_class = GoldenSetForm
    title, submit_label = "Create a golden set", "Create the golden set"
    intro = "Its items come from a file, from real requests, over the API, or one by one."

    def save(self, form: forms.Form) -> str:
        """Then its page, which says how items come in."""
        if self.workspace.tenant is None:
            raise Http404
        row = create_golden_set(tenant=self.workspace.tenant, **form.cleaned_data)
        messages.success(self.request, f"“{row.name}” is there. Add its first items.")
        return self.workspace.url("golden-set", pk=row.pk)

    def cancel_url(self) -> str:
        """The list."""
        return self.workspace.url("golden-sets")


class OfSet(WorkspacePage):
    """Beside a view of one set."""

    permission = TenantPermission.MANAGE_EVALUATIONS

    @cached_property
    def golden_set(self) -> GoldenSet:
        """The one of the address."""
        return golden_set_in(self.workspace, self.kwargs["pk"])

    def cancel_url(self) -> str:
        """Its page."""
        return self.workspace.url("golden-set", pk=self.golden_set.pk)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Whose page it is."""
        return super().get_context_data(golden_set=self.golden_set, **kwargs)  # type: ignore[misc,no-any-return]

    @cached_property
    def version(self) -> GoldenVersion:
        """The one of the address, or the newest."""
        wanted = self.request.GET.get("version", "")
        if wanted.isdecimal() and len(wanted) < 9:
            found: GoldenVersion = get_object_or_404(versions_of(self.golden_set), number=int(wanted))
            return found
        return newest_version(self.golden_set)


class GoldenSetEdit(OfSet, FormPage):
    """Name and description."""

    form_class = GoldenSetForm
    title = "Settings of the golden set"

    def get_initial(self) -> dict[str, Any]:
        """As it is."""
        return {"name": self.golden_set.name, "description": self.golden_set.description}

    def save(self, form: forms.Form) -> str:
        """Through the service."""
        update_golden_set(golden_set=self.golden_set, **form.cleaned_data)
        return self.cancel_url()


class GoldenSetDelete(OfSet, FormPage):
    """For good, with its runs."""

    form_class = TypedNameForm
    title, submit_label, danger = "Delete the golden set", "Delete it", True
    intro = "Its versions, runs, results and gates go with it. This cannot be undone."

    def get_form_kwargs(self) -> dict[str, Any]:
        """The name has to be typed."""
        return {**super().get_form_kwargs(), "expected": self.golden_set.name}

    def save(self, form: forms.Form) -> str:
        """Gone."""
        delete_golden_set(golden_set=self.golden_set)
        messages.success(self.request, f"“{self.golden_set.name}” is gone.")
        return self.workspace.url("golden-sets")


class ItemTable(Table):
    """Items of one version."""

    name = "golden-items"
    caption, noun = "Items", "item"
    columns = (
        Column("key", "Key", kind="code", primary=True),
        Column("input", "Input", template="console/evaluation/_item_input.html", primary=True),
        Column("expected", "Expected", template="console/evaluation/_item_expected.html", phone=False),
        Column("tags", "Tags", template="console/evaluation/_item_tags.html", export=False),
        Column("split", "Split", sort="split"),
        Column("source", "From", template="console/evaluation/_item_source.html", phone=False),
    )
    default_sort = ""
    search = ("key", "expected", "input")
    search_hint = "Input, expected answer or key"
    kept = ("tab", "version")
    empty = Empty("list-details", "No items yet", "Upload a CSV or JSON lines file, or add the first one by hand.")

    def row_url(self, row: GoldenItem) -> str:
        """The item's page."""
        if not self._reads() or row.erased_at is not None:
            return ""
        return self.workspace.url("golden-item", pk=self.rows_of_set, key=row.key) + f"?version={self.number}"

    def shown_columns(self) -> tuple[Column, ...]:
        """Texts may be what callers wrote: whoever may not read those sees keys."""
        hidden = ("key",) if self._reads() else ("input", "expected")
        return tuple(column for column in self.columns if column.name not in hidden)

    def _reads(self) -> bool:
        return self.workspace.may(TenantPermission.VIEW_PAYLOADS)

    rows_of_set: Any = None
    number: int = 0


class GoldenSetPage(OfSet, TablePage):
    """One set; ``tab`` says which part, ``version`` which version."""

    permission = TenantPermission.VIEW_RUNS
    template_name = "console/evaluation/set.html"
    table_class = ItemTable

    def get_rows(self) -> QuerySet[GoldenItem]:
        """Of the version that is shown; texts only for who may read what callers wrote."""
        return items_of(self.version)

    def get_table(self) -> Table:
        """Which knows where its rows lead."""
        table = super().get_table()
        assert isinstance(table, ItemTable)
        table.rows_of_set, table.number = self.golden_set.pk, self.version.number
        return table

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What all tabs show, and what the current one does."""
        tab = self.request.GET.get("tab", "")
        tab = tab if tab in dict(TABS) else "items"
        part = {"versions": self._versions, "runs": self._runs, "gates": self._gates}.get(tab, dict)()
        return super().get_context_data(
            version=self.version,
            newest=newest_version(self.golden_set),
            reads=self.workspace.may(TenantPermission.VIEW_PAYLOADS),
            editable=self.workspace.may(TenantPermission.MANAGE_EVALUATIONS),
            tabs=TABS,
            tab=tab,
            **part,
            **kwargs,
        )

    def _versions(self) -> dict[str, Any]:
        rows = list(versions_of(self.golden_set).annotate(run_count=Count("runs")))
        return {"versions": list(zip(rows, [*rows[1:], None], strict=False))}

    def _runs(self) -> dict[str, Any]:
        rows = EvalRun.objects.filter(tenant=self.golden_set.tenant_id, version__golden_set=self.golden_set)
        return {"runs": [run_words(row) for row in rows.select_related("version")[:MOST_RUNS]]}

    def _gates(self) -> dict[str, Any]:
        return {"gates": Gate.objects.filter(tenant=self.golden_set.tenant_id, golden_set=self.golden_set)}


class GoldenSetDiff(OfSet, TemplateView):
    """What one version has that another has not."""

    permission = TenantPermission.VIEW_PAYLOADS
    template_name = "console/evaluation/diff.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """From ``old`` to ``new``, both numbers of versions."""
        old, new = (
            get_object_or_404(versions_of(self.golden_set), number=self._number(name)) for name in ("old", "new")
        )
        found = differences(old, new)
        return super().get_context_data(
            old=old,
            new=new,
            found=found,
            added=[(row, text_of(row.input)) for row in found.added_items],
            removed=[(row, text_of(row.input)) for row in found.removed_items],
            changed=[
                (one, text_of(one.after.input), [(n, _plain(one.before, n), _plain(one.after, n)) for n in one.fields])
                for one in found.changed_items
            ],
            **kwargs,
        )

    def _number(self, name: str) -> int:
        wanted = self.request.GET.get(name, "")
        if not wanted.isdecimal() or len(wanted) > 8:
            raise Http404("Choose two versions.")
        return int(wanted)


def _plain(row: GoldenItem, name: str) -> str:
    value = getattr(row, name)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


class GoldenSetExport(OfSet, View):
    """A version as JSON lines."""

    permission = TenantPermission.VIEW_PAYLOADS

    def get(self, request: HttpRequest, pk: Any) -> StreamingHttpResponse:
        """A file to save; noted, because it holds what people wrote."""
        wanted = request.GET.get("version", "")
        version = newest_version(self.golden_set)
        if wanted.isdecimal() and len(wanted) < 9:
            version = get_object_or_404(versions_of(self.golden_set), number=int(wanted))
        note(
            AuditEntry.Action.EXPORTED,
            object_type="goldenset",
            object_id=str(self.golden_set.pk),
            object_name=self.golden_set.name,
            tenant_id=self.golden_set.tenant_id,
            details={"version": version.number, "items": version.items},
        )
        # Read within the request: a stream outlives the page's scope.
        rows = list(usable_items_of(version))
        response = StreamingHttpResponse(_lines(rows), content_type="application/jsonl; charset=utf-8")
        name = f"golden-set-{self.golden_set.pk}-v{version.number}.jsonl"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response


def _lines(rows: list[GoldenItem]) -> Iterator[bytes]:
    yield from written([as_item(row) for row in rows])
