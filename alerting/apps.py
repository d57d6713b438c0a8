"""Django application configuration."""

from django.apps import AppConfig


class AlertingConfig(AppConfig):
    name = "alerting"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Put the pages into the sidebar, and open incidents on the overview."""
        from alerting.file import ObservabilityFile
        from alerting.findings import FindingIncidents
        from alerting.open_incidents import OpenIncidents
        from alerting.probe import CHECKED, probe_alerting
        from console.navigation import Entry
        from console.navigation import register as add
        from contracts.findings import register_finding_listener
        from contracts.incidents import register_incident_source
        from contracts.probes import register_gauge, register_probe
        from routing.configuration.files import register as register_file

        register_file(ObservabilityFile())
        register_incident_source(OpenIncidents())
        register_finding_listener(FindingIncidents())
        register_probe("alert_rules", probe_alerting)
        register_gauge(CHECKED)
        add(
            Entry("Incidents", "bell", "incidents", "Observe", order=60, permission="view_usage"),
            Entry("Objectives", "target", "slos", "Observe", order=65, permission="view_usage"),
            Entry("Alert rules", "bolt", "alert-rules", "Observe", order=70, permission="view_usage"),
        )
