"""Addresses of the pages of reports, the same in both workspaces."""

from django.urls import path

from reports.pages.reports import ReportFile, ReportList, ReportPage, ReportSend
from reports.pages.schedules import (
    ReportMake,
    ReportScheduleCreate,
    ReportScheduleDelete,
    ReportScheduleEdit,
    ReportScheduleList,
    ReportSchedulePage,
    ReportScheduleSwitch,
)

_SCHEDULE = "reports/schedules/<uuid:pk>/"
_both = [
    path("reports/", ReportList.as_view(), name="reports"),
    path("reports/schedules/", ReportScheduleList.as_view(), name="report-schedules"),
    path("reports/schedules/new/", ReportScheduleCreate.as_view(), name="report-schedule-create"),
    path(_SCHEDULE, ReportSchedulePage.as_view(), name="report-schedule"),
    path(f"{_SCHEDULE}edit/", ReportScheduleEdit.as_view(), name="report-schedule-edit"),
    path(f"{_SCHEDULE}switch/", ReportScheduleSwitch.as_view(), name="report-schedule-switch"),
    path(f"{_SCHEDULE}make/", ReportMake.as_view(), name="report-make"),
    path(f"{_SCHEDULE}delete/", ReportScheduleDelete.as_view(), name="report-schedule-delete"),
    path("reports/<uuid:pk>/", ReportPage.as_view(), name="report"),
    path("reports/<uuid:pk>/pdf/", ReportFile.as_view(), name="report-pdf"),
    path("reports/<uuid:pk>/send/", ReportSend.as_view(), name="report-send"),
]
console_urlpatterns = _both
portal_urlpatterns = _both
