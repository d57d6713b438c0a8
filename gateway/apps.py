"""Django application configuration."""

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "gateway"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell pages of tenants how much of their limits and budgets is used; take over the file of policies."""
        from gateway.live_use import RedisLiveUse
        from tenants.live_use import register

        register(RedisLiveUse())
        self._model_questions()
        self._configuration_files()
        self._navigation()

    @staticmethod
    def _model_questions() -> None:
        from gateway.model_questions import TenantAsker
        from guardrails.model_callers import register

        register(TenantAsker)

    @staticmethod
    def _configuration_files() -> None:
        from gateway.guardrails_file import GuardrailsFile
        from routing.configuration.files import register

        register(GuardrailsFile())

    @staticmethod
    def _navigation() -> None:
        from gateway.pages.navigation import register_entries

        register_entries()
