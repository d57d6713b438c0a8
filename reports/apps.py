"""Django application configuration."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "reports"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Put the pages into the sidebar; what is deleted is forgotten by beat."""
        from console.navigation import Entry
        from console.navigation import register as add
        from reports.models import ReportSchedule
        from tenants.scheduled import forget_deleted

        forget_deleted(ReportSchedule)
        add(Entry("Reports", "receipt", "reports", "Observe", order=75, permission="view_usage"))
