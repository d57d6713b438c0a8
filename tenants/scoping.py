"""Views of one tenant: 404 for a tenant that the user may not see, 403 for what they may not do with it.

The URL carries the tenant's slug or id as ``<tenant>``; the view gets the row.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth.mixins import AccessMixin
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from tenants.models import Tenant
from tenants.permissions import TenantPermission, tenant_for

if TYPE_CHECKING:
    from django.views.generic import View

    ViewBase = View
else:
    ViewBase = object


class TenantScoped(AccessMixin, ViewBase):
    """For class-based pages: ``self.tenant`` is the tenant named in the URL.

    ``permission`` is what every method needs; ``write_permission``, where set, is needed by all but GET, HEAD and
    OPTIONS. Whoever is not signed in is sent to the login page.
    """

    permission: ClassVar[str] = TenantPermission.VIEW_TENANT
    write_permission: ClassVar[str] = ""
    tenant: Tenant

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Find the tenant, then the method."""
        if not request.user.is_authenticated:
            return self.handle_no_permission()
        reading = request.method in ("GET", "HEAD", "OPTIONS")
        permission = self.permission if reading or not self.write_permission else self.write_permission
        self.tenant = tenant_for(request.user, permission, kwargs.pop("tenant"))
        return super().dispatch(request, *args, **kwargs)


def tenant_scoped(
    permission: str = TenantPermission.VIEW_TENANT,
) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """For function views: ``view(request, tenant=...)`` gets the row for the slug or id in the URL."""
    needed = TenantPermission(permission)

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def scoped(request: HttpRequest, *args: Any, tenant: str, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            return view(request, *args, tenant=tenant_for(request.user, needed, tenant), **kwargs)

        return scoped

    return decorate
