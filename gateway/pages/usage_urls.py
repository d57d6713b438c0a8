"""Addresses of usage and cost."""

from django.urls import path

from gateway.pages.usage import UsageExport, UsagePage
from gateway.pages.usage_statements import StatementList, StatementOfMonth
from gateway.pages.usage_tenants import TenantsExport
from gateway.pages.usage_what_if import WhatIfPage

console_usage = [
    path("usage/", UsagePage.as_view(), name="usage"),
    path("usage/export/<str:kind>/", TenantsExport.as_view(), name="usage-export"),
]
portal_usage = [
    path("usage/", UsagePage.as_view(), name="usage"),
    path("usage/export/<str:kind>/", UsageExport.as_view(), name="usage-export"),
    path("usage/what-if/", WhatIfPage.as_view(), name="usage-what-if"),
    path("statements/", StatementList.as_view(), name="statements"),
    path("statements/<int:year>/<int:month>/", StatementOfMonth.as_view(), name="statement"),
]
