"""Pages of the project below ``/console/`` and ``/t/<tenant>/``."""

from django.urls import path

from controlplane.pages.health import SystemHealth
from controlplane.pages.overview import Overview
from controlplane.pages.runbook import Runbook

console_urlpatterns = [
    path("", Overview.as_view(), name="home"),
    path("health/", SystemHealth.as_view(), name="health"),
    path("runbook/", Runbook.as_view(), name="runbook"),
]
portal_urlpatterns = [path("", Overview.as_view(), name="home")]
