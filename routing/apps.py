"""Django application configuration."""

from django.apps import AppConfig


class RoutingConfig(AppConfig):
    name = "routing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Offer the names of routes and models to the forms of keys and budgets."""
        from routing.callable_names import names_for
        from tenants.callable_names import register

        register(names_for)
        self._navigation()

    @staticmethod
    def _navigation() -> None:
        from console.navigation import Entry
        from console.navigation import register as add

        add(
            Entry("Routes", "route", "routes", "Traffic", order=10),
            Entry("Providers", "plug", "providers", "Traffic", order=20),
            Entry("Models", "box", "models", "Traffic", order=30),
            Entry("Secrets", "lock", "secrets", "Traffic", order=40),
            Entry("Prices", "coin", "prices", "Money", order=60, permission="view_costs"),
        )
