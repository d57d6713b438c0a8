"""All URLs of the control plane."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView

from console.url_tables import collected
from controlplane.favicon import favicon
from tenants.pages.home import Chooser, home
from tenants.workspaces import NoPage

# Second factors and limits on attempts hold for the admin, too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

# Every address of a workspace that no page has is answered in its frame.
_no_page = [re_path(r"^(?P<rest>.+)/$", NoPage.as_view())]
console_pages = (collected("console_urlpatterns") + _no_page, "console")
portal_pages = (collected("portal_urlpatterns") + _no_page, "portal")

urlpatterns = [
    path("", home, name="home"),
    path("console/", include(console_pages)),
    path("t/", Chooser.as_view(), name="workspaces"),
    path("t/<slug:tenant>/", include(portal_pages)),
    path("favicon.ico", favicon),
    path("account/reports/", include("reports.urls")),
    path("account/", include("tenants.signing_in.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("controlplane.management_urls")),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("api/redoc", SpectacularRedocView.as_view(url_name="schema"), name="redoc"),
    path("", include("gateway.urls")),
]

handler400 = "controlplane.api_errors.bad_request"
handler403 = "controlplane.api_errors.permission_denied"
handler404 = "controlplane.api_errors.page_not_found"
handler500 = "controlplane.api_errors.server_error"
handler429 = "tenants.signing_in.pages.too_many_requests"
