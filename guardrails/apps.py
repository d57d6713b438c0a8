"""Django application configuration."""

from django.apps import AppConfig


class GuardrailsConfig(AppConfig):
    name = "guardrails"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Put the pages into the sidebar."""
        from console.navigation import Entry
        from console.navigation import register as add

        add(Entry("Guardrails", "shield-half", "policies", "Traffic", order=35))
