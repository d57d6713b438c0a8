"""Django application configuration."""

from django.apps import AppConfig


class EvaluationConfig(AppConfig):
    name = "evaluation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Put the pages into the sidebar, and tell gateways which calls to hand on."""
        from console.navigation import Entry
        from console.navigation import register as add
        from contracts.judged_questions import register_question_sets
        from contracts.live_samples import register_live_specs, register_score_names
        from contracts.prompt_sums import register_prompt_reader
        from evaluation.golden_keeping import GoldenKeeping
        from evaluation.judged_questions import GoldenQuestions
        from evaluation.live.compile import live_specs, score_names
        from evaluation.live.keeping import SampleKeeping
        from evaluation.live.prompts import read_prompts
        from evaluation.schedules.rows import RunSchedule
        from tenants.kept_data import register_kept_data
        from tenants.scheduled import forget_deleted

        forget_deleted(RunSchedule)
        register_live_specs(live_specs)
        register_score_names(score_names)
        register_prompt_reader(read_prompts)
        register_kept_data(SampleKeeping())
        register_kept_data(GoldenKeeping())
        register_question_sets(GoldenQuestions())
        add(Entry("Golden sets", "flask", "golden-sets", "Quality", order=20, permission="view_runs"))
        add(Entry("Evaluation runs", "progress", "eval-runs", "Quality", order=22, permission="view_runs"))
        add(Entry("Evaluators", "scale", "evaluators", "Quality", order=24, permission="view_runs"))
        add(Entry("Live evaluation", "activity", "live-evaluations", "Quality", order=26, permission="view_runs"))
        add(Entry("Drift", "wave-sine", "drift-monitors", "Quality", order=28, permission="view_runs"))
