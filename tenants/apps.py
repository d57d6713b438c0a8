"""Django application configuration."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Keep permissions what memberships say, and note what happens at the door."""
        from allauth.account.signals import user_logged_in

        from tenants import permission_signals
        from tenants.signing_in import adapters, codes, record, second_factor, sessions

        permission_signals.connect()
        # Sessions begin before their beginning is recorded.
        sessions.connect()
        record.connect()
        second_factor.connect()
        codes.connect()
        self._navigation()
        user_logged_in.connect(adapters.follow_issuer, dispatch_uid="tenants.follow_issuer")

    @staticmethod
    def _navigation() -> None:
        from console.navigation import Entry, register
        from console.workspace import CONSOLE, PORTAL

        register(
            Entry("Overview", "layout-dashboard", "home", order=0, where=frozenset({CONSOLE})),
            Entry("Overview", "layout-dashboard", "home", order=0, where=frozenset({PORTAL})),
            Entry("Tenants", "building-community", "tenants", "Tenants", order=0, where=frozenset({CONSOLE})),
            Entry("Members", "users", "members", "People", order=0, where=frozenset({PORTAL})),
            Entry("Teams", "users-group", "teams", "People", order=10, where=frozenset({PORTAL})),
            Entry("Settings", "settings", "settings", "Settings", order=0, where=frozenset({PORTAL})),
            Entry("Audit log", "history", "audit", "Settings", 50, "view_audit", frozenset({PORTAL})),
            Entry("Audit log", "history", "audit", "System", 50, "view_audit", frozenset({CONSOLE})),
            Entry("API keys", "key", "keys", "Build", order=30),
            Entry("Service keys", "robot", "service-keys", "Build", order=60),
            Entry("Rate limits", "gauge", "limits", "Traffic", order=60),
            Entry("Budgets", "wallet", "budgets", "Money", 30, "view_costs"),
            Entry("Style guide", "palette", "style-guide", "System", order=90, where=frozenset({CONSOLE})),
        )
