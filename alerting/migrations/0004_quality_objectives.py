"""Objectives and rules over scores of live calls."""

from typing import Any

import django.core.validators
from django.db import migrations, models
from django.db.models import Q

EVALUATOR: Any = {
    "blank": True,
    "default": "",
    "help_text": "Of scores: whose, by name; live evaluations ask it.",
    "max_length": 100,
}
SIGNALS = [
    ("error_rate", "Error rate"),
    ("latency_p50", "Latency, median"),
    ("latency_p95", "Latency, p95"),
    ("latency_p99", "Latency, p99"),
    ("latency_mean", "Latency, mean"),
    ("first_token_p95", "First token, p95"),
    ("requests", "Calls a minute"),
    ("input_tokens", "Input tokens a minute"),
    ("output_tokens", "Output tokens a minute"),
    ("output_length", "Output tokens a call"),
    ("cost", "Cost a minute"),
    ("cost_per_call", "Cost a call"),
    ("fallback_rate", "Fallback rate"),
    ("retry_rate", "Retries a call"),
    ("cache_hit_rate", "Kept answers"),
    ("refusal_rate", "Refusal rate"),
    ("guardrail_rate", "Guardrail hits a call"),
    ("blocked_rate", "Blocked by guardrails"),
    ("score", "Score"),
]


class Migration(migrations.Migration):
    dependencies = [("alerting", "0003_anomalies")]

    operations = [
        migrations.AddField("alertrule", "evaluator", models.CharField(**EVALUATOR)),
        migrations.AddField("slo", "evaluator", models.CharField(**EVALUATOR)),
        migrations.AlterField(
            "alertrule", "signal", models.CharField(blank=True, choices=SIGNALS, default="", max_length=32)
        ),
        migrations.AlterField(
            "slo",
            "kind",
            models.CharField(
                choices=[
                    ("availability", "Availability"),
                    ("latency", "Latency"),
                    ("cost", "Cost a call"),
                    ("score", "Score of answers"),
                ],
                default="availability",
                max_length=12,
            ),
        ),
        migrations.AlterField(
            "slo",
            "limit",
            models.FloatField(
                blank=True,
                help_text="Of latency: milliseconds that a good call takes at most. Of cost: nano-dollars a call. Of "
                "scores: what a good one has at least, 0.05 to 1 in steps of 0.05.",
                null=True,
                validators=[django.core.validators.MinValueValidator(0)],
            ),
        ),
        migrations.AlterConstraint(
            "slo",
            "slo_limit_of_its_kind",
            models.CheckConstraint(
                condition=Q(kind="availability", limit=None) | (~Q(kind="availability") & Q(limit__isnull=False)),
                name="slo_limit_of_its_kind",
                violation_error_message="Latency, cost and scores take a limit, availability has none.",
            ),
        ),
    ]
