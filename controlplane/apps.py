"""Django application configuration."""

from django.apps import AppConfig


class ControlplaneConfig(AppConfig):
    name = "controlplane"

    def ready(self) -> None:
        """Make our Celery app the current one for ``task.delay()``, and give changes of configuration their outlet."""
        import controlplane.celery  # noqa: F401 - imported for its effect, after the apps are loaded
        from controlplane.settings.env import TEST, env
        from events.emit import ProcessEmitter
        from tenants.emitting import set_emitter

        # Tests set an emitter of their own where they look at events.
        if env.environment != TEST:
            set_emitter(ProcessEmitter())
        self._navigation()
        self._raw_rows()

    @staticmethod
    def _navigation() -> None:
        from console.navigation import Entry, register
        from console.workspace import CONSOLE

        register(Entry("System health", "heart-rate-monitor", "health", "System", 10, where=frozenset({CONSOLE})))

    @staticmethod
    def _raw_rows() -> None:
        from console.raw_rows import register
        from controlplane.raw_rows import PAGES
        from tenants.workspaces import may_everywhere

        register(PAGES, may_everywhere)
