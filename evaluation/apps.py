"""Django application configuration."""

from django.apps import AppConfig


class EvaluationConfig(AppConfig):
    name = "evaluation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Put the pages into the sidebar."""
        from console.navigation import Entry
        from console.navigation import register as add

        add(Entry("Golden sets", "flask", "golden-sets", "Quality", order=20, permission="view_runs"))
        add(Entry("Evaluation runs", "progress", "eval-runs", "Quality", order=22, permission="view_runs"))
        add(Entry("Evaluators", "scale", "evaluators", "Quality", order=24, permission="view_runs"))
