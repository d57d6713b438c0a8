"""Saved views of the explorer: a member's own, in one workspace."""

from __future__ import annotations

import uuid

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.views.generic import View

from console.forms.views import go_to
from gateway.models import SavedView
from tenants.audit import AuditEntry
from tenants.changes import record
from tenants.permissions import TenantPermission
from tenants.workspaces import Workspace, WorkspacePage

MOST_VIEWS = 50
"""Of one member in one workspace."""
_NOT_KEPT = ("after", "page", "format")


class SavedViewForm(forms.Form):
    """A name and a query string."""

    name = forms.CharField(max_length=60)
    query = forms.CharField(max_length=2_000, required=False)

    def clean_query(self) -> str:
        """Without what belongs to one page of rows."""
        query = QueryDict(self.cleaned_data["query"], mutable=True)
        for name in _NOT_KEPT:
            query.pop(name, None)
        return query.urlencode()


def views_of(workspace: Workspace) -> QuerySet[SavedView]:
    """The viewer's own in this workspace, by name."""
    return SavedView.objects.filter(user_id=_viewer(workspace), tenant=workspace.tenant).order_by("name")


def _viewer(workspace: Workspace) -> int:
    """Pages are seen by people who are signed in."""
    assert workspace.user.pk is not None
    return workspace.user.pk


@transaction.atomic
def save_view(workspace: Workspace, name: str, query: str) -> SavedView:
    """Save the filters; those of the same name are replaced."""
    before = views_of(workspace).filter(name=name).first()
    view = before or SavedView(user_id=_viewer(workspace), tenant=workspace.tenant, name=name)
    old = {} if before is None else {"query": before.query}
    view.query = query
    view.save()
    action = AuditEntry.Action.CREATED if before is None else AuditEntry.Action.UPDATED
    _record(view, action, old, {"query": query})
    return view


@transaction.atomic
def delete_view(view: SavedView) -> None:
    """Delete it."""
    key = view.pk
    view.delete()
    view.pk = key
    _record(view, AuditEntry.Action.DELETED, {"query": view.query}, {})


def _record(view: SavedView, action: AuditEntry.Action, before: dict[str, str], after: dict[str, str]) -> None:
    record(view, action, name=view.name, tenant_id=view.tenant_id, before=before, after=after)


class SavedViewCreate(WorkspacePage, View):
    """Saves the filters that are set."""

    permission = TenantPermission.VIEW_RUNS

    def post(self, request: HttpRequest) -> HttpResponse:
        """Back to the explorer as it was."""
        form = SavedViewForm(request.POST)
        if not form.is_valid():
            messages.error(request, "The view was not saved: give it a name of at most 60 characters.")
            return go_to(request, self.workspace.url("requests"))
        name, query = form.cleaned_data["name"].strip(), form.cleaned_data["query"]
        if views_of(self.workspace).exclude(name=name).count() >= MOST_VIEWS:
            messages.error(request, f"You have {MOST_VIEWS} views here. Delete one first.")
        else:
            save_view(self.workspace, name, query)
            messages.success(request, f"The view “{name}” is saved.")
        return go_to(request, f"{self.workspace.url('requests')}{'?' if query else ''}{query}")


class SavedViewDelete(WorkspacePage, View):
    """Deletes one of the viewer's own."""

    permission = TenantPermission.VIEW_RUNS

    def post(self, request: HttpRequest, view: uuid.UUID) -> HttpResponse:
        """Back to the explorer."""
        found = views_of(self.workspace).filter(pk=view).first()
        if found is None:
            raise Http404("There is no such view.")
        delete_view(found)
        messages.success(request, f"The view “{found.name}” is gone.")
        return go_to(request, self.workspace.url("requests"))
