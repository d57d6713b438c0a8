"""What an alert does by itself."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import tenants.rows

UNIQUE = (
    ("routing_route", "route_tenant_id_unique", "tenant_id, id"),
    ("routing_target", "target_route_id_unique", "route_id, id"),
    ("alerting_alert", "alert_tenant_id_unique", "tenant_id, id"),
    ("alerting_alertaction", "alertaction_tenant_id_unique", "tenant_id, id"),
)
SAME = (
    ("alertaction", "tenant_id, rule_id", "alerting_alertrule (tenant_id, id)"),
    ("alertaction", "tenant_id, channel_id", "alerting_channel (tenant_id, id)"),
    ("alertaction", "tenant_id, policy_id", "guardrails_policy (tenant_id, id)"),
    ("alertaction", "tenant_id, route_id", "routing_route (tenant_id, id)"),
    ("alertaction", "route_id, target_id", "routing_target (route_id, id)"),
    ("actionrun", "tenant_id, action_id", "alerting_alertaction (tenant_id, id)"),
    ("actionrun", "tenant_id, alert_id", "alerting_alert (tenant_id, id)"),
    ("actionrun", "tenant_id, incident_id", "alerting_incident (tenant_id, id)"),
)


def _name(table: str, columns: str) -> str:
    return f"{table}_{columns.partition(', ')[2]}_same_owner"


DO = "".join(f"ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE ({columns});\n" for table, name, columns in UNIQUE)
DO += "".join(
    f"ALTER TABLE alerting_{table} ADD CONSTRAINT {_name(table, columns)} FOREIGN KEY ({columns})"
    f" REFERENCES {other} DEFERRABLE INITIALLY DEFERRED;\n"
    for table, columns, other in SAME
)
UNDO = "".join(f"ALTER TABLE alerting_{table} DROP CONSTRAINT {_name(table, columns)};\n" for table, columns, _ in SAME)
UNDO += "".join(f"ALTER TABLE {table} DROP CONSTRAINT {name};\n" for table, name, _ in UNIQUE)


class Migration(migrations.Migration):
    dependencies = [
        ("alerting", "0004_quality_objectives"),
        ("guardrails", "0002_database_rules"),
        ("routing", "0002_database_rules"),
    ]

    operations = [
        migrations.AlterField(
            model_name="incidententry",
            name="kind",
            field=models.CharField(
                choices=[
                    ("opened", "Opened"),
                    ("reopened", "Began again"),
                    ("alert_fired", "Alert fired"),
                    ("alert_resolved", "Alert over"),
                    ("acknowledged", "Acknowledged"),
                    ("assigned", "Owner"),
                    ("severity", "Severity"),
                    ("note", "Note"),
                    ("escalated", "Escalated"),
                    ("silenced", "Silenced"),
                    ("action", "Action"),
                    ("action_undone", "Action undone"),
                    ("resolved", "Resolved"),
                ],
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="AlertAction",
            fields=[
                (
                    "id",
                    models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("name", models.CharField(max_length=64)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("drain_target", "Drain a target"),
                            ("open_breaker", "Open a target's circuit"),
                            ("degrade_route", "Switch a route to degraded mode"),
                            ("roll_back_policy", "Roll back a guardrail policy"),
                            ("call_hook", "Call a rollback hook"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "from_severity",
                    models.CharField(
                        choices=[("info", "Info"), ("warning", "Warning"), ("critical", "Critical")],
                        default="critical",
                        help_text="Alerts below it are left alone.",
                        max_length=8,
                    ),
                ),
                (
                    "keep",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(),
                        blank=True,
                        default=list,
                        help_text="Of degraded mode: ids of the targets of one route that serve it then, and no others.",
                        size=None,
                    ),
                ),
                ("dry_run", models.BooleanField(default=True, help_text="Only say what would be done.")),
                ("enabled", models.BooleanField(default=True)),
                (
                    "after_minutes",
                    models.PositiveSmallIntegerField(
                        default=5,
                        help_text="So long the alert has to hold.",
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1440),
                        ],
                    ),
                ),
                (
                    "max_per_hour",
                    models.PositiveSmallIntegerField(
                        default=1,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(60),
                        ],
                    ),
                ),
                (
                    "max_per_day",
                    models.PositiveSmallIntegerField(
                        default=3,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                    ),
                ),
                (
                    "cooldown_minutes",
                    models.PositiveSmallIntegerField(
                        default=30,
                        help_text="Between two times, and after an undo.",
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(10080),
                        ],
                    ),
                ),
                (
                    "open_minutes",
                    models.PositiveSmallIntegerField(
                        default=10,
                        help_text="Of circuits: then calls probe the target.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(120),
                        ],
                    ),
                ),
                ("undo_on_clear", models.BooleanField(default=False, help_text="Undo it when the alert is over.")),
                ("configured_by", models.CharField(blank=True, default="", editable=False, max_length=200)),
                (
                    "channel",
                    models.ForeignKey(
                        blank=True,
                        help_text="The webhook that is called.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="alerting.channel",
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        blank=True,
                        help_text="To roll back by a version.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="guardrails.policy",
                    ),
                ),
                (
                    "route",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="routing.route",
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: any of the owner's.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="actions",
                        to="alerting.alertrule",
                    ),
                ),
                (
                    "target",
                    models.ForeignKey(
                        blank=True,
                        help_text="To drain, or whose circuit opens.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="routing.target",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: the platform's, over all tenants together.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alert_actions",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "ordering": ("name", "id"),
            },
        ),
        migrations.CreateModel(
            name="ActionRun",
            fields=[
                (
                    "id",
                    models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(help_text="The action's, as it was called.", max_length=64)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("drain_target", "Drain a target"),
                            ("open_breaker", "Open a target's circuit"),
                            ("degrade_route", "Switch a route to degraded mode"),
                            ("roll_back_policy", "Roll back a guardrail policy"),
                            ("call_hook", "Call a rollback hook"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("started", "Under way"),
                            ("done", "Done"),
                            ("would", "Dry run"),
                            ("refused", "Not done"),
                            ("failed", "Failed"),
                            ("undone", "Undone"),
                            ("superseded", "Changed since"),
                        ],
                        max_length=10,
                    ),
                ),
                ("text", models.CharField(help_text="What was done, or why it was not.", max_length=500)),
                ("before", models.JSONField(default=dict, help_text="What it changed, as it was.")),
                ("after", models.JSONField(default=dict, help_text="The same, as it left it.")),
                (
                    "audit_id",
                    models.BigIntegerField(default=0, help_text="The audit log up to then: what comes later is newer."),
                ),
                ("undo_on_clear", models.BooleanField(default=False)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("undone_at", models.DateTimeField(null=True)),
                ("undone_by", models.CharField(blank=True, default="", max_length=200)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "alert",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="action_runs", to="alerting.alert"
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="action_runs", to="alerting.incident"
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: the platform's, over all tenants together.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alert_action_runs",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "action",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="runs",
                        to="alerting.alertaction",
                    ),
                ),
            ],
            options={
                "ordering": ("-at", "-id"),
            },
        ),
        migrations.AddConstraint(
            model_name="alertaction",
            constraint=models.UniqueConstraint(
                fields=("tenant", "name"),
                name="alert_action_name_of_owner",
                nulls_distinct=False,
                violation_error_message="There is an action of this name already.",
            ),
        ),
        migrations.AddIndex(
            model_name="actionrun",
            index=models.Index(condition=models.Q(("state", "started")), fields=["state"], name="action_run_open"),
        ),
        migrations.AddConstraint(
            model_name="actionrun",
            constraint=models.UniqueConstraint(fields=("action", "alert"), name="action_of_alert_once"),
        ),
        migrations.RunSQL(DO, UNDO),
    ]
