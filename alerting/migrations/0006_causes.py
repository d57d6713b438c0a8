"""Why an incident happened: what was found out, deployments that were told of, and who writes summaries."""

from typing import Any

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import tenants.rows

_ID = ("id", models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False))


def _owner(name: str) -> tuple[str, Any]:
    return (
        "tenant",
        models.ForeignKey(
            blank=True,
            help_text="Empty: the platform's, over all tenants together.",
            null=True,
            on_delete=django.db.models.deletion.CASCADE,
            related_name=name,
            to="tenants.tenant",
        ),
    )


SAME = """
ALTER TABLE alerting_incidentcauses ADD CONSTRAINT incidentcauses_incident_same_tenant
    FOREIGN KEY (tenant_id, incident_id) REFERENCES alerting_incident (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;
"""
SAME_UNDO = "ALTER TABLE alerting_incidentcauses DROP CONSTRAINT incidentcauses_incident_same_tenant;"


class Migration(migrations.Migration):
    dependencies = [("alerting", "0005_actions"), ("tenants", "0021_manage_evaluations")]

    operations = [
        migrations.CreateModel(
            name="Deployment",
            fields=[
                _ID,
                ("service", models.CharField(help_text="What was deployed, such as `checkout`.", max_length=100)),
                ("version", models.CharField(max_length=100)),
                ("environment", models.CharField(blank=True, default="", max_length=64)),
                ("note", models.CharField(blank=True, default="", max_length=300)),
                (
                    "link",
                    models.URLField(
                        blank=True,
                        default="",
                        max_length=500,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^https?://", "An address that begins with http:// or https://."
                            )
                        ],
                    ),
                ),
                ("deployed_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("recorded_by", models.CharField(blank=True, default="", editable=False, max_length=200)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                _owner("deployments"),
            ],
            options={
                "ordering": ("-deployed_at", "-id"),
                "indexes": [models.Index(fields=["tenant", "-deployed_at"], name="deployment_by_time")],
            },
        ),
        migrations.CreateModel(
            name="IncidentCauses",
            fields=[
                _ID,
                (
                    "evidence",
                    models.JSONField(default=dict, help_text="As alerting.causes.evidence.Evidence has it."),
                ),
                ("computed_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "final",
                    models.BooleanField(
                        default=False, help_text="The incident was over: nothing is worked out any more."
                    ),
                ),
                (
                    "summary",
                    models.TextField(blank=True, default="", help_text="Written by a model.", max_length=4000),
                ),
                ("summary_model", models.CharField(blank=True, default="", max_length=200)),
                ("summary_at", models.DateTimeField(null=True)),
                (
                    "summary_asked_at",
                    models.DateTimeField(help_text="Before the model was asked: it is asked once.", null=True),
                ),
                ("summary_nanousd", models.BigIntegerField(default=0)),
                (
                    "summary_error",
                    models.CharField(blank=True, default="", help_text="Why there is no summary.", max_length=300),
                ),
                (
                    "incident",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="causes", to="alerting.incident"
                    ),
                ),
                _owner("+"),
            ],
            options={
                "verbose_name_plural": "incident causes",
                "ordering": ("-id",),
                "indexes": [models.Index(fields=["tenant", "summary_asked_at"], name="causes_by_asking")],
            },
        ),
        migrations.CreateModel(
            name="SummaryWriter",
            fields=[
                _ID,
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("route", models.CharField(help_text="Route or model that is asked.", max_length=200)),
                (
                    "budget_nanousd",
                    models.BigIntegerField(
                        default=1_000_000_000,
                        help_text="At most so much in a calendar month (UTC).",
                        validators=[django.core.validators.MinValueValidator(1)],
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                (
                    "tenant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="summary_writer",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(budget_nanousd__gt=0), name="summary_writer_has_a_budget")
                ],
            },
        ),
        migrations.RunSQL(SAME, SAME_UNDO),
    ]
