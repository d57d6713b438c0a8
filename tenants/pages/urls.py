"""Pages of tenants below ``/console/`` and ``/t/<tenant>/``."""

from django.urls import path

from tenants.pages import access_urls, tenant_urls
from tenants.pages.style_guide import StyleGuide, StyleGuideForm

console_urlpatterns = [
    *access_urls.console_urlpatterns,
    *tenant_urls.console_urlpatterns,
    path("style-guide/", StyleGuide.as_view(), name="style-guide"),
    path("style-guide/form/", StyleGuideForm.as_view(), name="style-guide-form"),
]
portal_urlpatterns = [
    *access_urls.portal_urlpatterns,
    *tenant_urls.portal_urlpatterns,
]
