"""Django application configuration."""

from django.apps import AppConfig


class ControlplaneConfig(AppConfig):
    name = "controlplane"

    def ready(self) -> None:
        """Make our Celery app the current one, so that ``task.delay()`` finds its broker in every process."""
        import controlplane.celery  # noqa: F401 - imported for its effect, after the apps are loaded
