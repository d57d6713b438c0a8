"""The two workspaces: the platform (all tenants, for operators and auditors) and one tenant (for its members, by role).

A page is a view with :class:`WorkspacePage`; one that makes sense in both workspaces is in both URL tables. It asks
``request.workspace`` what may be done, where things are, and narrows every query with :meth:`Workspace.scope`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.contrib.auth.mixins import AccessMixin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.urls import reverse
from django.views.generic import View
from django_htmx.http import HttpResponseClientRedirect

from console.errors import refused
from console.workspace import CONSOLE, PORTAL, Choice
from contracts.tenant_scope import across_tenants
from tenants.models import Tenant, User
from tenants.permissions import Person, permitted, tenant_for, tenants_of
from tenants.roles import LABELS, TenantPermission

if TYPE_CHECKING:
    ViewBase = View
else:
    ViewBase = object

Row = TypeVar("Row", bound=Model)

MOST_CHOICES = 12
"""How many tenants the switcher lists without a search."""


class Workspace:
    """Where a page is and who looks at it; ``tenant`` is None on the platform."""

    def __init__(self, user: Person, tenant: Tenant | None = None) -> None:
        self.user = user
        self.tenant = tenant
        self._may: dict[str, bool] = {}

    @property
    def namespace(self) -> str:
        """``console`` on the platform, ``portal`` in a tenant."""
        return CONSOLE if self.tenant is None else PORTAL

    @property
    def is_platform(self) -> bool:
        """Whether all tenants are shown."""
        return self.tenant is None

    @property
    def name(self) -> str:
        """As people call it."""
        return "All tenants" if self.tenant is None else self.tenant.name

    @property
    def key(self) -> str:
        """Names the workspace in caches and browsers: a tenant's id, or ``platform``."""
        return "platform" if self.tenant is None else str(self.tenant.pk)

    def may(self, permission: str) -> bool:
        """Whether the user may do this here; on the platform: with every tenant.

        Raises:
            ValueError: there is no such permission.
        """
        if self.tenant is not None:
            return TenantPermission(permission) in self._permitted
        if permission not in self._may:
            self._may[permission] = may_everywhere(self.user, permission)
        return self._may[permission]

    @cached_property
    def _permitted(self) -> frozenset[TenantPermission]:
        # A page asks for many permissions, of which the sidebar alone asks for several.
        assert self.tenant is not None
        return permitted(self.user, self.tenant)

    def require(self, permission: str) -> None:
        """Nothing, where the user may do this here.

        Raises:
            PermissionDenied: they may not.
            ValueError: there is no such permission.
        """
        if not self.may(permission):
            raise PermissionDenied(f"Your role does not allow you to {LABELS[TenantPermission(permission)]} here.")

    @cached_property
    def may_enter_platform(self) -> bool:
        """Whether the user sees all tenants."""
        return may_everywhere(self.user, TenantPermission.VIEW_TENANT)

    def url(self, name: str, /, **kwargs: Any) -> str:
        """The address of the page of this name, in this workspace.

        Raises:
            NoReverseMatch: the workspace has no such page.
        """
        if self.tenant is not None:
            kwargs["tenant"] = self.tenant.slug
        return reverse(f"{self.namespace}:{name}", kwargs=kwargs)

    def scope(self, rows: QuerySet[Row], field: str = "tenant_id") -> QuerySet[Row]:
        """Those of the tenant; all on the platform.

        ``field`` leads to the tenant's id where the rows hang on another.
        """
        if self.tenant is None:
            return rows
        if rows.model is Tenant and field == "tenant_id":
            field = "pk"
        # Events and runs keep the tenant's id as text.
        return rows.filter(**{field: str(self.tenant.pk)})

    def choices(self, search: str = "") -> Sequence[Choice]:
        """Where the user may go, at most :data:`MOST_CHOICES` tenants by name, narrowed by ``search``."""
        with across_tenants("the tenants that this person may go to"):
            mine = tenants_of(self.user).order_by("name")
            if search:
                mine = mine.filter(name__icontains=search) | mine.filter(slug__icontains=search)
            rows = list(mine[:MOST_CHOICES])
        return [Choice(row.name, row.slug, Workspace(self.user, row).url("home"), row == self.tenant) for row in rows]


def may_everywhere(user: Person, permission: str) -> bool:
    """Whether the user may do this with every tenant.

    Raises:
        ValueError: there is no such permission.
    """
    return user.is_active and user.has_perm(f"tenants.{TenantPermission(permission)}")


class WorkspacePage(AccessMixin, ViewBase):
    """For class-based pages of either workspace; sets ``self.workspace`` and ``request.workspace``.

    Whoever is not signed in goes to the login page. A tenant that the user may not see, and any ``Http404``, is the
    shell's 404; ``PermissionDenied`` is its 403, with the reason. On the platform queries may read across tenants.
    """

    permission: ClassVar[str] = TenantPermission.VIEW_TENANT
    """What one must be allowed to do to see the page."""
    write_permission: ClassVar[str] = ""
    """Where set: what one must be allowed to do for all but GET, HEAD and OPTIONS."""
    workspace: Workspace

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Find the workspace, then the method."""
        if not request.user.is_authenticated:
            return self._to_sign_in(request)
        try:
            self.workspace = _workspace_at(request.user, kwargs.pop("tenant", None))
            request.workspace = self.workspace  # type: ignore[attr-defined]
            with across_tenants("operators see all tenants") if self.workspace.is_platform else nullcontext():
                self._admit(request)
                return self.rendered(super().dispatch(request, *args, **kwargs))
        except Http404 as missing:
            return refused(request, 404, str(missing))
        except PermissionDenied as denied:
            return refused(request, 403, str(denied))

    def _to_sign_in(self, request: HttpRequest) -> HttpResponseBase:
        response = self.handle_no_permission()
        if getattr(request, "htmx", False):
            # A fragment's place is not one for the sign-in page.
            return HttpResponseClientRedirect(response.headers["Location"])
        return response

    def _admit(self, request: HttpRequest) -> None:
        self.workspace.require(self.permission)
        if self.write_permission and request.method not in ("GET", "HEAD", "OPTIONS"):
            self.workspace.require(self.write_permission)

    @staticmethod
    def rendered(response: HttpResponseBase) -> HttpResponseBase:
        """With its template rendered: inside, where queries of templates are the page's own."""
        if isinstance(response, SimpleTemplateResponse):
            return response.render()
        return response


def _workspace_at(user: User | Any, reference: str | None) -> Workspace:
    if reference is not None:
        return Workspace(user, tenant_for(user, TenantPermission.VIEW_TENANT, reference))
    if not may_everywhere(user, TenantPermission.VIEW_TENANT):
        # That there is a console is no secret, what is in it is.
        raise PermissionDenied("The console is for those who run the platform. Your own pages are one click away.")
    return Workspace(user)


class NoPage(WorkspacePage, View):
    """Every address of a workspace that no page has."""

    def get(self, _request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        """Nothing is here."""
        raise Http404

    post = get
