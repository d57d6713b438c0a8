"""The management API of this app."""

from reports.api.rows import ReportResource, ReportScheduleResource

RESOURCES = (
    ("reports/schedules", ReportScheduleResource),
    ("reports/reports", ReportResource),
)
"""Path below ``/api/v1/`` and viewset of each resource."""
