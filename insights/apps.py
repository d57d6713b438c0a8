"""Django application configuration."""

from django.apps import AppConfig


class InsightsConfig(AppConfig):
    name = "insights"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Put the pages into the sidebar."""
        from console.navigation import Entry
        from console.navigation import register as add

        add(Entry("Savings", "report-money", "savings", "Money", order=40, permission="view_costs"))
