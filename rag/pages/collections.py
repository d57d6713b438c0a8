"""Collections: the list, and what makes, changes and ends one."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.generic import View

from console.forms import FormPage
from console.forms.typed_name import TypedNameForm
from console.forms.views import go_to
from console.tables import Column, Empty, Table, TablePage
from rag import services
from rag.models import Collection
from rag.pages.collection_form import CollectionForm, ReembedForm
from rag.selectors import with_figures
from tenants.models import Tenant
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage


class CollectionTable(Table):
    """Collections with what is in them."""

    name = "collections"
    caption, noun = "Collections of documents", "collection"
    columns = (
        Column("name", "Collection", template="console/rag/_collection_name.html", sort="name", primary=True),
        Column("tenant", "Tenant", accessor="tenant.name", sort="tenant__name"),
        Column("state", "State", accessor="enabled", template="console/rag/_collection_state.html"),
        Column("documents", "Documents", kind="number", accessor="document_count", sort="document_count"),
        Column("chunks", "Passages", kind="number", accessor="chunk_count", sort="chunk_count", phone=False),
        Column(
            "model", "Vectors", accessor="embedding_model", template="console/rag/_collection_model.html", phone=False
        ),
        Column("last_ingest", "Last documents", kind="when", accessor="last_ingest_at", sort="last_ingest_at"),
    )
    default_sort = "name"
    search = ("name", "description")
    search_hint = "Name or description"
    live = "rag.ingest.completed rag.index.replaced config.object.changed"
    empty = Empty(
        "book",
        "No documents yet",
        "A collection holds documents that are searched together. Answers of calls with mode “rag” rest on their "
        "passages and cite them.",
        "Create the first collection",
        "collection-create",
        "manage_documents",
    )

    def row_url(self, row: Collection) -> str:
        """Its page."""
        return self.workspace.url("collection", pk=row.pk)

    def shown_columns(self) -> tuple[Column, ...]:
        """Whose a collection is, is known in a tenant."""
        return tuple(column for column in self.columns if column.name != "tenant" or self.workspace.is_platform)


class CollectionList(WorkspacePage, TablePage):
    """All collections of the workspace."""

    permission = TenantPermission.VIEW_DOCUMENTS
    template_name = "console/rag/collections.html"
    table_class = CollectionTable

    def get_rows(self) -> QuerySet[Collection]:
        """With figures."""
        return with_figures(self.workspace.scope(Collection.objects.select_related("tenant")))


class OfCollection(WorkspacePage):
    """Beside a view of one collection."""

    permission = TenantPermission.MANAGE_DOCUMENTS

    @cached_property
    def collection(self) -> Collection:
        """The one of the address."""
        rows = self.workspace.scope(Collection.objects.select_related("tenant"))
        found: Collection = get_object_or_404(rows, pk=self.kwargs["pk"])
        return found

    def tab_url(self, tab: str) -> str:
        """One tab of its page."""
        return f"{self.workspace.url('collection', pk=self.collection.pk)}?tab={tab}"

    def cancel_url(self) -> str:
        """Its page."""
        return self.workspace.url("collection", pk=self.collection.pk)


class CollectionCreate(WorkspacePage, FormPage):
    """A new, empty collection."""

    permission = TenantPermission.MANAGE_DOCUMENTS
    template_name = "console/rag/collection_form.html"
    form_class: Any = CollectionForm
    title, submit_label = "Create a collection", "Create the collection"
    intro = "Only the name is needed: the rest is set to what suits most documents, and can be changed later."

    @property
    def tenant(self) -> Tenant:
        """Whose it will be.

        Raises:
            Http404: a collection belongs to a tenant.
        """
        if self.workspace.tenant is None:
            raise Http404
        return self.workspace.tenant

    def get_form_kwargs(self) -> dict[str, Any]:
        """Routes of the tenant are on offer."""
        return {**super().get_form_kwargs(), "tenant": self.tenant}

    def save(self, form: forms.Form) -> str:
        """Then its page, which says how documents come in."""
        assert isinstance(form, CollectionForm)
        row = services.create_collection(tenant=self.tenant, **form.row_fields())
        messages.success(self.request, f"“{row.name}” is there. Add its first documents.")
        return self.workspace.url("collection", pk=row.pk)

    def cancel_url(self) -> str:
        """The list."""
        return self.workspace.url("collections")


class CollectionEdit(OfCollection, FormPage):
    """Its settings."""

    template_name = "console/rag/collection_form.html"
    form_class: Any = CollectionForm
    title = "Settings of the collection"

    def get_form_kwargs(self) -> dict[str, Any]:
        """As it is."""
        return {**super().get_form_kwargs(), "tenant": self.collection.tenant, "collection": self.collection}

    def save(self, form: forms.Form) -> str:
        """Through the service, which cuts documents anew where that changes."""
        assert isinstance(form, CollectionForm)
        services.update_collection(collection=self.collection, **form.row_fields())
        messages.success(self.request, "The settings are saved.")
        return self.tab_url("settings")


class CollectionDelete(OfCollection, FormPage):
    """For good, with all documents."""

    form_class = TypedNameForm
    title, submit_label, danger = "Delete the collection", "Delete it", True
    intro = "Its documents, passages and vectors go with it, and calls that name it are refused. This cannot be undone."

    def get_form_kwargs(self) -> dict[str, Any]:
        """The name has to be typed."""
        return {**super().get_form_kwargs(), "expected": self.collection.name}

    def save(self, form: forms.Form) -> str:
        """Gone."""
        name = self.collection.name
        services.delete_collection(collection=self.collection)
        messages.success(self.request, f"“{name}” is gone, with its documents.")
        return self.workspace.url("collections")


class CollectionSwitch(OfCollection, View):
    """On or off."""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """The other of the two."""
        row = services.update_collection(collection=self.collection, enabled=not self.collection.enabled)
        words = "is searched again." if row.enabled else "is not searched any more. Its documents stay."
        messages.success(request, f"“{row.name}” {words}")
        return go_to(request, self.tab_url("settings"))


class CollectionReembed(OfCollection, FormPage):
    """Vectors by another model, made beside those in use."""

    form_class = ReembedForm
    title, submit_label = "Embed anew", "Make the vectors"
    intro = (
        "New vectors are made beside those in use and take their place when they are complete: searches go on all the "
        "while, and documents that come in meanwhile get both."
    )

    def get_form_kwargs(self) -> dict[str, Any]:
        """Whose model is on offer depends on the tenant."""
        return {**super().get_form_kwargs(), "collection": self.collection}

    def save(self, form: forms.Form) -> str:
        """In the background."""
        services.reembed(collection=self.collection, model=form.cleaned_data["model"])
        messages.success(self.request, "The vectors are on their way. You may leave this page: it goes on.")
        return self.tab_url("settings")
