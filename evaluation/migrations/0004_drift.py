"""Drift monitors."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import tenants.created_together
import tenants.rows

OWNED = ("driftmonitor", "driftcheck")
SAME = (
    ("driftstate", "monitor_id", "driftmonitor"),
    ("driftcheck", "monitor_id", "driftmonitor"),
    ("driftfinding", "check_id", "driftcheck"),
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
    dependencies = [("evaluation", "0003_live_evaluation")]

    operations = [
        tenants.created_together.CreateTogether(
            migrations.CreateModel(
                name="DriftMonitor",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("created_at", models.DateTimeField(auto_now_add=True)),
                    ("updated_at", models.DateTimeField(auto_now=True)),
                    ("name", models.CharField(max_length=64)),
                    ("enabled", models.BooleanField(default=True)),
                    (
                        "signals",
                        django.contrib.postgres.fields.ArrayField(
                            base_field=models.CharField(
                                choices=[
                                    ("latency", "Latency"),
                                    ("first_token", "Time to first token"),
                                    ("cost", "Cost"),
                                    ("input_length", "Prompt length"),
                                    ("output_length", "Answer length"),
                                    ("failures", "Failures"),
                                    ("finish", "Why answers end"),
                                    ("guardrails", "Guardrail hits"),
                                    ("refusals", "Refusals"),
                                    ("input_language", "Prompt language"),
                                    ("output_language", "Answer language"),
                                    ("input_meaning", "What prompts are about"),
                                    ("output_meaning", "What answers are about"),
                                ],
                                max_length=32,
                            ),
                            size=None,
                        ),
                    ),
                    (
                        "segment_by",
                        models.CharField(
                            blank=True,
                            choices=[
                                ("", "All calls together"),
                                ("route", "Route"),
                                ("model", "Model"),
                                ("provider", "Provider"),
                                ("key", "API key"),
                                ("tag", "Value of a tag"),
                            ],
                            default="",
                            max_length=8,
                        ),
                    ),
                    (
                        "segment_tag",
                        models.CharField(blank=True, default="", help_text="Name of the tag.", max_length=64),
                    ),
                    (
                        "route",
                        models.CharField(
                            blank=True, default="", help_text="Only its calls; empty: all.", max_length=200
                        ),
                    ),
                    (
                        "model",
                        models.CharField(
                            blank=True, default="", help_text="Only calls that it answered.", max_length=200
                        ),
                    ),
                    (
                        "key_id",
                        models.CharField(
                            blank=True, default="", help_text="Only calls with this API key.", max_length=64
                        ),
                    ),
                    (
                        "window_minutes",
                        models.PositiveIntegerField(
                            default=1440,
                            validators=[
                                django.core.validators.MinValueValidator(60),
                                django.core.validators.MaxValueValidator(10080),
                            ],
                        ),
                    ),
                    (
                        "reference",
                        models.CharField(
                            choices=[
                                ("previous", "What came right before"),
                                ("daily", "The same hours of earlier days"),
                                ("weekly", "The same hours of earlier weeks"),
                                ("fixed", "A period that stays"),
                            ],
                            default="daily",
                            max_length=8,
                        ),
                    ),
                    (
                        "periods",
                        models.PositiveSmallIntegerField(
                            default=7,
                            help_text="So many windows, days or weeks before.",
                            validators=[
                                django.core.validators.MinValueValidator(1),
                                django.core.validators.MaxValueValidator(28),
                            ],
                        ),
                    ),
                    ("reference_start", models.DateTimeField(blank=True, null=True)),
                    ("reference_end", models.DateTimeField(blank=True, null=True)),
                    (
                        "least_values",
                        models.PositiveIntegerField(
                            default=100,
                            help_text="Calls that the window and its reference need each; with fewer nothing is told.",
                            validators=[
                                django.core.validators.MinValueValidator(20),
                                django.core.validators.MaxValueValidator(100000),
                            ],
                        ),
                    ),
                    (
                        "level",
                        models.FloatField(
                            default=0.05,
                            help_text="Share of findings that may be chance, over all signals and segments.",
                            validators=[
                                django.core.validators.MinValueValidator(0.0001),
                                django.core.validators.MaxValueValidator(0.2),
                            ],
                        ),
                    ),
                    (
                        "least_effects",
                        models.JSONField(
                            blank=True,
                            default=dict,
                            help_text="By signal, from which effect on it matters, 0 to 1; others have a default.",
                        ),
                    ),
                    (
                        "every_minutes",
                        models.PositiveIntegerField(
                            default=60,
                            help_text="How often it looks.",
                            validators=[
                                django.core.validators.MinValueValidator(5),
                                django.core.validators.MaxValueValidator(1440),
                            ],
                        ),
                    ),
                    (
                        "confirm",
                        models.PositiveSmallIntegerField(
                            default=2,
                            help_text="Looks in a row that have to find the same before it counts, and none before it is over.",
                            validators=[
                                django.core.validators.MinValueValidator(1),
                                django.core.validators.MaxValueValidator(24),
                            ],
                        ),
                    ),
                    (
                        "severity",
                        models.CharField(
                            blank=True,
                            choices=[
                                ("", "No incident"),
                                ("info", "Info"),
                                ("warning", "Warning"),
                                ("critical", "Critical"),
                            ],
                            default="warning",
                            max_length=8,
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="drift_monitors",
                            to="tenants.tenant",
                        ),
                    ),
                ],
                options={
                    "ordering": ("name", "id"),
                    "constraints": [
                        models.UniqueConstraint(
                            fields=("tenant", "name"),
                            name="drift_monitor_of_tenant",
                            violation_error_message="There is a monitor of this name already.",
                        )
                    ],
                },
            ),
            migrations.CreateModel(
                name="DriftCheck",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("window_start", models.DateTimeField()),
                    ("window_end", models.DateTimeField()),
                    (
                        "spans",
                        models.JSONField(
                            default=list, help_text="Of the reference: pairs of Unix seconds, the newest first."
                        ),
                    ),
                    (
                        "outcome",
                        models.CharField(
                            choices=[("steady", "As it was"), ("drifted", "Drifted"), ("cannot_tell", "Cannot tell")],
                            max_length=12,
                        ),
                    ),
                    ("why", models.CharField(blank=True, default="", help_text="Why it cannot tell.", max_length=300)),
                    ("calls", models.PositiveIntegerField(default=0, help_text="Of the window that were looked at.")),
                    ("reference_calls", models.PositiveIntegerField(default=0)),
                    ("samples", models.PositiveIntegerField(default=0)),
                    ("reference_samples", models.PositiveIntegerField(default=0)),
                    ("tests", models.PositiveIntegerField(default=0, help_text="That were made, and corrected for.")),
                    ("drifted", models.PositiveIntegerField(default=0, help_text="Of them that found drift.")),
                    ("took_ms", models.PositiveIntegerField(default=0)),
                    ("looked_at", models.DateTimeField(default=django.utils.timezone.now)),
                    (
                        "tenant",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="drift_checks",
                            to="tenants.tenant",
                        ),
                    ),
                    (
                        "monitor",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="checks",
                            to="evaluation.driftmonitor",
                        ),
                    ),
                ],
                options={
                    "ordering": ("-window_end", "-id"),
                    "indexes": [
                        models.Index(fields=["tenant", "monitor", "-window_end"], name="drift_checks_of_monitor"),
                        models.Index(fields=["looked_at"], name="drift_checks_old"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="DriftFinding",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    (
                        "signal",
                        models.CharField(
                            choices=[
                                ("latency", "Latency"),
                                ("first_token", "Time to first token"),
                                ("cost", "Cost"),
                                ("input_length", "Prompt length"),
                                ("output_length", "Answer length"),
                                ("failures", "Failures"),
                                ("finish", "Why answers end"),
                                ("guardrails", "Guardrail hits"),
                                ("refusals", "Refusals"),
                                ("input_language", "Prompt language"),
                                ("output_language", "Answer language"),
                                ("input_meaning", "What prompts are about"),
                                ("output_meaning", "What answers are about"),
                            ],
                            max_length=32,
                        ),
                    ),
                    ("segment", models.CharField(blank=True, default="", max_length=200)),
                    (
                        "test",
                        models.CharField(blank=True, default="", help_text="Empty: too few values.", max_length=16),
                    ),
                    ("statistic", models.FloatField(null=True)),
                    ("effect", models.FloatField(help_text="0 to 1; its unit follows from the signal.", null=True)),
                    ("least", models.FloatField(help_text="From which effect on it matters.")),
                    (
                        "usual",
                        models.FloatField(
                            help_text="The effect that earlier periods have among themselves.", null=True
                        ),
                    ),
                    ("index", models.FloatField(help_text="Population stability index.", null=True)),
                    ("p", models.FloatField(null=True)),
                    ("q", models.FloatField(help_text="p after correction for all tests of the look.", null=True)),
                    ("values", models.PositiveIntegerField(default=0)),
                    ("reference_values", models.PositiveIntegerField(default=0)),
                    ("drifted", models.BooleanField(default=False)),
                    (
                        "lasting",
                        models.PositiveIntegerField(
                            default=0, help_text="Looks in a row that found it, with this one."
                        ),
                    ),
                    ("figures", models.JSONField(default=dict, help_text="Pairs: before, now.")),
                    ("shape", models.JSONField(default=dict, help_text="Both distributions.")),
                    (
                        "examples",
                        models.JSONField(
                            default=list, help_text="Calls that are unlike those before: id, score, value."
                        ),
                    ),
                    (
                        "check_row",
                        models.ForeignKey(
                            db_column="check_id",
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="findings",
                            to="evaluation.driftcheck",
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="drift_findings",
                            to="tenants.tenant",
                        ),
                    ),
                ],
                options={
                    "ordering": ("id",),
                    "constraints": [
                        models.UniqueConstraint(fields=("check_row", "signal", "segment"), name="drift_finding_once"),
                        models.CheckConstraint(condition=models.Q(("least__gte", 0)), name="drift_least_effect"),
                    ],
                },
            ),
            migrations.CreateModel(
                name="DriftState",
                fields=[
                    (
                        "monitor",
                        models.OneToOneField(
                            on_delete=django.db.models.deletion.CASCADE,
                            primary_key=True,
                            related_name="state",
                            serialize=False,
                            to="evaluation.driftmonitor",
                        ),
                    ),
                    (
                        "phase",
                        models.CharField(
                            choices=[
                                ("unknown", "Not looked yet"),
                                ("steady", "As it was"),
                                ("suspected", "Perhaps"),
                                ("drifted", "Drifted"),
                                ("cannot_tell", "Cannot tell"),
                            ],
                            default="unknown",
                            max_length=12,
                        ),
                    ),
                    ("since", models.DateTimeField(null=True)),
                    (
                        "drifted_at",
                        models.DateTimeField(
                            help_text="When what goes on now was found; empty: nothing goes on.", null=True
                        ),
                    ),
                    (
                        "alert",
                        models.CharField(blank=True, default="", help_text="What was opened for it.", max_length=64),
                    ),
                    ("looked_at", models.DateTimeField(null=True)),
                    ("next_look_at", models.DateTimeField(default=django.utils.timezone.now)),
                    ("worker", models.CharField(blank=True, default="", max_length=64)),
                    ("leased_until", models.DateTimeField(null=True)),
                    ("error", models.CharField(blank=True, default="", max_length=200)),
                    (
                        "tenant",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tenants.tenant"
                        ),
                    ),
                ],
                options={
                    "indexes": [models.Index(fields=["next_look_at"], name="drift_looks_due")],
                },
            ),
        ),
        migrations.RunSQL(DO, UNDO),
    ]
