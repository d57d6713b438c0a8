"""Online evaluation."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import pgvector.django.halfvec
from django.db import migrations, models

import tenants.created_together
import tenants.rows

OWNED = ("evaluator", "liveevaluation", "livesample")
SAME = (
    ("liveevaluator", "evaluation_id", "liveevaluation"),
    ("liveevaluator", "evaluator_id", "evaluator"),
    ("livescore", "evaluation_id", "liveevaluation"),
    ("livescore", "sample_id", "livesample"),
)
DO = "".join(
    f"ALTER TABLE evaluation_{name} ADD CONSTRAINT {name}_tenant_id_unique UNIQUE (tenant_id, id);\n" for name in OWNED
) + "".join(
    f"ALTER TABLE evaluation_{name} ADD CONSTRAINT {name}_{other}_same_tenant FOREIGN KEY (tenant_id, {column})"
    f" REFERENCES evaluation_{other} (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;\n"
    for name, column, other in SAME
)
UNDO = "".join(
    f"ALTER TABLE evaluation_{name} DROP CONSTRAINT {name}_{other}_same_tenant;\n" for name, _, other in SAME
) + "".join(f"ALTER TABLE evaluation_{name} DROP CONSTRAINT {name}_tenant_id_unique;\n" for name in OWNED)


class Migration(migrations.Migration):
    dependencies = [
        ("evaluation", "0002_rows_of_one_tenant"),
        ("tenants", "0021_manage_evaluations"),
        ("controlplane", "0001_vector_extension"),
    ]

    operations = [
        tenants.created_together.CreateTogether(
            migrations.CreateModel(
                name="LiveEvaluation",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("created_at", models.DateTimeField(auto_now_add=True)),
                    ("updated_at", models.DateTimeField(auto_now=True)),
                    ("name", models.CharField(max_length=100)),
                    ("enabled", models.BooleanField(default=True)),
                    (
                        "routes",
                        django.contrib.postgres.fields.ArrayField(
                            base_field=models.CharField(max_length=200),
                            blank=True,
                            default=list,
                            help_text="By name; empty: all.",
                            size=None,
                        ),
                    ),
                    (
                        "model_names",
                        django.contrib.postgres.fields.ArrayField(
                            base_field=models.CharField(max_length=200),
                            blank=True,
                            default=list,
                            help_text="Of those that answered; empty: all.",
                            size=None,
                        ),
                    ),
                    (
                        "modes",
                        django.contrib.postgres.fields.ArrayField(
                            base_field=models.CharField(max_length=32),
                            blank=True,
                            default=list,
                            help_text="Empty: all.",
                            size=None,
                        ),
                    ),
                    (
                        "tags",
                        models.JSONField(
                            blank=True, default=dict, help_text="Calls have all of these; empty: any call."
                        ),
                    ),
                    (
                        "rate",
                        models.FloatField(
                            default=0.05,
                            help_text="Share of the calls, 0 to 1.",
                            validators=[
                                django.core.validators.MinValueValidator(0.0),
                                django.core.validators.MaxValueValidator(1.0),
                            ],
                        ),
                    ),
                    (
                        "min_per_hour",
                        models.PositiveIntegerField(
                            default=20,
                            help_text="Of each route, so that quiet ones are seen too.",
                            validators=[django.core.validators.MaxValueValidator(10000)],
                        ),
                    ),
                    (
                        "max_per_hour",
                        models.PositiveIntegerField(
                            default=1000,
                            help_text="Of each route.",
                            validators=[
                                django.core.validators.MinValueValidator(1),
                                django.core.validators.MaxValueValidator(100000),
                            ],
                        ),
                    ),
                    (
                        "deep_rate",
                        models.FloatField(
                            default=0.2,
                            help_text="Share of the sampled calls that costly evaluators score, 0 to 1.",
                            validators=[
                                django.core.validators.MinValueValidator(0.0),
                                django.core.validators.MaxValueValidator(1.0),
                            ],
                        ),
                    ),
                    (
                        "judge_budget_nanousd",
                        models.BigIntegerField(
                            default=1000000000,
                            help_text="For judges, by day (UTC).",
                            validators=[django.core.validators.MinValueValidator(0)],
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="live_evaluations",
                            to="tenants.tenant",
                        ),
                    ),
                ],
                options={
                    "ordering": ("name", "id"),
                    "constraints": [
                        models.UniqueConstraint(
                            fields=("tenant", "name"),
                            name="live_evaluation_of_tenant",
                            violation_error_message="There is a live evaluation of this name already.",
                        )
                    ],
                },
            ),
            migrations.CreateModel(
                name="LiveEvaluator",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    (
                        "evaluation",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="asked",
                            to="evaluation.liveevaluation",
                        ),
                    ),
                    (
                        "evaluator",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.RESTRICT,
                            related_name="asked_live",
                            to="evaluation.evaluator",
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="live_evaluators",
                            to="tenants.tenant",
                        ),
                    ),
                ],
                options={
                    "constraints": [
                        models.UniqueConstraint(fields=("evaluation", "evaluator"), name="live_evaluator_once")
                    ],
                },
            ),
            migrations.CreateModel(
                name="LiveLoss",
                fields=[
                    ("id", models.BigAutoField(primary_key=True, serialize=False)),
                    ("hour", models.DateTimeField()),
                    (
                        "reason",
                        models.CharField(
                            choices=[
                                ("away", "Redis was away"),
                                ("full", "the queue was full"),
                                ("late", "too old when their turn came"),
                                ("broken", "could not be read"),
                            ],
                            max_length=8,
                        ),
                    ),
                    ("calls", models.PositiveBigIntegerField(default=0)),
                    (
                        "tenant",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="live_losses", to="tenants.tenant"
                        ),
                    ),
                ],
                options={
                    "constraints": [
                        models.UniqueConstraint(fields=("tenant", "hour", "reason"), name="live_loss_of_hour")
                    ],
                },
            ),
            migrations.CreateModel(
                name="LiveSample",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("run_id", models.CharField(help_text="The call's correlation id.", max_length=64)),
                    ("at", models.DateTimeField(help_text="When the call ended.")),
                    ("route", models.CharField(blank=True, default="", max_length=200)),
                    ("model", models.CharField(blank=True, default="", help_text="That answered.", max_length=200)),
                    ("provider", models.CharField(blank=True, default="", max_length=200)),
                    ("key_id", models.CharField(blank=True, default="", max_length=64)),
                    (
                        "end_user",
                        models.TextField(
                            help_text="As the call named it, or the pseudonym of who was erased.", null=True
                        ),
                    ),
                    ("mode", models.CharField(blank=True, default="", max_length=32)),
                    ("tags", models.JSONField(default=dict)),
                    (
                        "input_language",
                        models.CharField(blank=True, default="", help_text="ISO 639; empty: unknown.", max_length=8),
                    ),
                    (
                        "output_language",
                        models.CharField(blank=True, default="", help_text="ISO 639; empty: unknown.", max_length=8),
                    ),
                    ("refused", models.BooleanField(default=False, help_text="Whether the model declined to answer.")),
                    ("input_chars", models.PositiveIntegerField(default=0)),
                    ("output_chars", models.PositiveIntegerField(default=0)),
                    ("input_embedding", pgvector.django.halfvec.HalfVectorField(dimensions=256, null=True)),
                    ("output_embedding", pgvector.django.halfvec.HalfVectorField(dimensions=256, null=True)),
                    ("input_text", models.TextField(null=True)),
                    ("output_text", models.TextField(null=True)),
                    (
                        "taken_at",
                        models.DateTimeField(default=django.utils.timezone.now, help_text="When it was scored."),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="live_samples",
                            to="tenants.tenant",
                        ),
                    ),
                ],
                options={
                    "ordering": ("-at", "-id"),
                    "indexes": [models.Index(fields=["tenant", "-at"], name="live_samples_by_time")],
                    "constraints": [models.UniqueConstraint(fields=("tenant", "run_id"), name="live_sample_of_run")],
                },
            ),
            migrations.CreateModel(
                name="LiveScore",
                fields=[
                    ("id", models.BigAutoField(primary_key=True, serialize=False)),
                    ("evaluator", models.CharField(help_text="Its name.", max_length=100)),
                    ("kind", models.CharField(max_length=64)),
                    ("at", models.DateTimeField(help_text="When the call ended.")),
                    ("value", models.FloatField(help_text="0 to 1.", null=True)),
                    ("label", models.CharField(blank=True, default="", max_length=64)),
                    ("why", models.CharField(blank=True, default="", max_length=500)),
                    (
                        "cost_nanousd",
                        models.BigIntegerField(help_text="What judges cost; null: nobody was asked.", null=True),
                    ),
                    ("scored_at", models.DateTimeField(default=django.utils.timezone.now)),
                    (
                        "evaluation",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="scores",
                            to="evaluation.liveevaluation",
                        ),
                    ),
                    (
                        "sample",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="scores",
                            to="evaluation.livesample",
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="live_scores", to="tenants.tenant"
                        ),
                    ),
                ],
                options={
                    "indexes": [
                        models.Index(fields=["tenant", "evaluation", "evaluator", "-at"], name="live_scores_by_time"),
                        models.Index(
                            condition=models.Q(("cost_nanousd__isnull", False)),
                            fields=["tenant", "evaluation", "scored_at"],
                            name="live_scores_paid",
                        ),
                    ],
                    "constraints": [
                        models.UniqueConstraint(fields=("sample", "evaluation", "evaluator"), name="live_score_once")
                    ],
                },
            ),
        ),
        migrations.RunSQL(DO, UNDO),
    ]
