"""Django application configuration."""

from django.apps import AppConfig


class AlertingConfig(AppConfig):
    name = "alerting"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Put the pages into the sidebar, and open incidents on the overview."""
        from alerting.open_incidents import OpenIncidents
        from alerting.probe import probe_alerting
        from console.navigation import Entry
        from console.navigation import register as add
        from contracts.incidents import register_incident_source
        from contracts.probes import register_probe

        register_incident_source(OpenIncidents())
        register_probe("alert_rules", probe_alerting)
        add(
            Entry("Incidents", "bell", "incidents", "Observe", order=60, permission="view_usage"),
            Entry("Objectives", "target", "slos", "Observe", order=65, permission="view_usage"),
            Entry("Alert rules", "bolt", "alert-rules", "Observe", order=70, permission="view_usage"),
        )
