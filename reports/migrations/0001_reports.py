"""Schedules of reports, reports, and what was sent."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import tenants.created_together
import tenants.rows

# Table and column that refers to another, and that one: both are of the same tenant.
SAME = (
    ("reports_recipient", "schedule_id", "reports_reportschedule"),
    ("reports_recipient", "channel_id", "alerting_channel"),
    ("reports_report", "schedule_id", "reports_reportschedule"),
    ("reports_report", "run_id", "evaluation_evalrun"),
    ("reports_reportdelivery", "report_id", "reports_report"),
    ("reports_reportdelivery", "channel_id", "alerting_channel"),
)
OWNED = ("reports_reportschedule", "reports_report")
DO = "".join(f"ALTER TABLE {name} ADD CONSTRAINT {name}_tenant_id_unique UNIQUE (tenant_id, id);\n" for name in OWNED)
DO += "".join(
    f"ALTER TABLE {name} ADD CONSTRAINT {name}_{column}_same_tenant FOREIGN KEY (tenant_id, {column})"
    f" REFERENCES {other} (tenant_id, id) DEFERRABLE INITIALLY DEFERRED;\n"
    for name, column, other in SAME
)
UNDO = "".join(f"ALTER TABLE {name} DROP CONSTRAINT {name}_{column}_same_tenant;\n" for name, column, _ in SAME)
UNDO += "".join(f"ALTER TABLE {name} DROP CONSTRAINT {name}_tenant_id_unique;\n" for name in OWNED)


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("alerting", "0002_rows_of_one_tenant"),
        ("evaluation", "0005_schedules"),
        ("tenants", "0021_manage_evaluations"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        tenants.created_together.CreateTogether(
            migrations.CreateModel(
                name="ReportSchedule",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("created_at", models.DateTimeField(auto_now_add=True)),
                    ("updated_at", models.DateTimeField(auto_now=True)),
                    (
                        "every",
                        models.CharField(
                            choices=[
                                ("daily", "Daily"),
                                ("weekly", "Weekly"),
                                ("monthly", "Monthly"),
                                ("cron", "By a crontab"),
                            ],
                            default="daily",
                            max_length=8,
                        ),
                    ),
                    (
                        "hour",
                        models.PositiveSmallIntegerField(
                            default=6, validators=[django.core.validators.MaxValueValidator(23)]
                        ),
                    ),
                    (
                        "minute",
                        models.PositiveSmallIntegerField(
                            default=0, validators=[django.core.validators.MaxValueValidator(59)]
                        ),
                    ),
                    (
                        "weekday",
                        models.PositiveSmallIntegerField(
                            choices=[
                                (0, "Monday"),
                                (1, "Tuesday"),
                                (2, "Wednesday"),
                                (3, "Thursday"),
                                (4, "Friday"),
                                (5, "Saturday"),
                                (6, "Sunday"),
                            ],
                            default=0,
                        ),
                    ),
                    (
                        "day",
                        models.PositiveSmallIntegerField(
                            default=1,
                            help_text="Of the month, 1 to 28.",
                            validators=[
                                django.core.validators.MinValueValidator(1),
                                django.core.validators.MaxValueValidator(28),
                            ],
                        ),
                    ),
                    (
                        "cron",
                        models.CharField(
                            blank=True, default="", help_text="Five fields, such as 30 6 * * 1-5.", max_length=100
                        ),
                    ),
                    ("enabled", models.BooleanField(default=True)),
                    (
                        "since",
                        models.DateTimeField(
                            default=django.utils.timezone.now,
                            editable=False,
                            help_text="What was due until then is not made up for.",
                        ),
                    ),
                    ("next_at", models.DateTimeField(editable=False, null=True)),
                    (
                        "last_at",
                        models.DateTimeField(
                            editable=False, help_text="When it was due last, not when it was done.", null=True
                        ),
                    ),
                    ("name", models.CharField(max_length=64)),
                    (
                        "kind",
                        models.CharField(
                            choices=[
                                ("weekly", "The last seven days"),
                                ("daily", "The day before"),
                                ("monthly", "The last four weeks"),
                                ("evaluation", "Each evaluation run"),
                            ],
                            default="weekly",
                            max_length=10,
                        ),
                    ),
                    (
                        "sections",
                        django.contrib.postgres.fields.ArrayField(
                            base_field=models.CharField(max_length=32), blank=True, default=list, size=None
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            blank=True,
                            help_text="Empty: the platform's, over all tenants together.",
                            null=True,
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="report_schedules",
                            to="tenants.tenant",
                        ),
                    ),
                ],
                options={
                    "ordering": ("name", "id"),
                    "constraints": [
                        models.UniqueConstraint(
                            fields=("tenant", "name"),
                            name="report_schedule_name_of_owner",
                            nulls_distinct=False,
                            violation_error_message="There is a report of this name already.",
                        )
                    ],
                },
            ),
            migrations.CreateModel(
                name="Report",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    (
                        "slot",
                        models.DateTimeField(help_text="When it was due; empty: somebody asked for it.", null=True),
                    ),
                    (
                        "kind",
                        models.CharField(
                            choices=[
                                ("weekly", "The last seven days"),
                                ("daily", "The day before"),
                                ("monthly", "The last four weeks"),
                                ("evaluation", "Each evaluation run"),
                            ],
                            max_length=10,
                        ),
                    ),
                    ("title", models.CharField(max_length=120)),
                    (
                        "sections",
                        django.contrib.postgres.fields.ArrayField(
                            base_field=models.CharField(max_length=32), default=list, size=None
                        ),
                    ),
                    ("start", models.DateTimeField()),
                    ("end", models.DateTimeField()),
                    (
                        "state",
                        models.CharField(
                            choices=[("waiting", "Being made"), ("made", "Made"), ("failed", "Not made")],
                            default="waiting",
                            max_length=8,
                        ),
                    ),
                    ("send", models.BooleanField(default=True, help_text="Whether it is sent once it is made.")),
                    ("tries", models.PositiveSmallIntegerField(default=0)),
                    ("next_try_at", models.DateTimeField(default=django.utils.timezone.now)),
                    ("requested_by", models.CharField(max_length=200)),
                    ("requested_at", models.DateTimeField(default=django.utils.timezone.now)),
                    ("made_at", models.DateTimeField(null=True)),
                    ("error", models.CharField(blank=True, default="", max_length=200)),
                    ("todos", models.PositiveSmallIntegerField(default=0)),
                    ("content", models.JSONField(help_text="reports.engine.content.Content", null=True)),
                    (
                        "run",
                        models.ForeignKey(
                            null=True,
                            on_delete=django.db.models.deletion.SET_NULL,
                            related_name="reports",
                            to="evaluation.evalrun",
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            blank=True,
                            help_text="Empty: the platform's, over all tenants together.",
                            null=True,
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="reports",
                            to="tenants.tenant",
                        ),
                    ),
                    (
                        "schedule",
                        models.ForeignKey(
                            null=True,
                            on_delete=django.db.models.deletion.SET_NULL,
                            related_name="reports",
                            to="reports.reportschedule",
                        ),
                    ),
                ],
                options={
                    "ordering": ("-requested_at", "-id"),
                    "indexes": [
                        models.Index(
                            condition=models.Q(("state", "waiting")), fields=["next_try_at"], name="reports_to_make"
                        )
                    ],
                    "constraints": [
                        models.UniqueConstraint(fields=("schedule", "slot"), name="report_of_time_once"),
                        models.UniqueConstraint(
                            condition=models.Q(("send", True), ("slot", None)),
                            fields=("schedule", "run"),
                            name="report_of_run_once",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="Recipient",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    (
                        "channel",
                        models.ForeignKey(
                            blank=True,
                            null=True,
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="reports",
                            to="alerting.channel",
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            blank=True,
                            help_text="Empty: the platform's, over all tenants together.",
                            null=True,
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="report_recipients",
                            to="tenants.tenant",
                        ),
                    ),
                    (
                        "user",
                        models.ForeignKey(
                            blank=True,
                            null=True,
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="reports",
                            to=settings.AUTH_USER_MODEL,
                        ),
                    ),
                    (
                        "schedule",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="recipients",
                            to="reports.reportschedule",
                        ),
                    ),
                ],
                options={
                    "ordering": ("id",),
                    "constraints": [
                        models.UniqueConstraint(fields=("schedule", "channel"), name="report_recipient_channel_once"),
                        models.UniqueConstraint(fields=("schedule", "user"), name="report_recipient_user_once"),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("channel", None), ("user__isnull", False)),
                                models.Q(("channel__isnull", False), ("user", None)),
                                _connector="OR",
                            ),
                            name="report_recipient_is_one",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="ReportDelivery",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("to", models.CharField(help_text="What may be seen of where it goes.", max_length=160)),
                    (
                        "outcome",
                        models.CharField(
                            choices=[("waiting", "Waiting"), ("sent", "Delivered"), ("failed", "Not delivered")],
                            default="waiting",
                            max_length=8,
                        ),
                    ),
                    ("tries", models.PositiveSmallIntegerField(default=0)),
                    ("next_try_at", models.DateTimeField(default=django.utils.timezone.now)),
                    ("status", models.PositiveSmallIntegerField(help_text="Of the answer over HTTP.", null=True)),
                    ("error", models.CharField(blank=True, default="", max_length=200)),
                    ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                    ("ended_at", models.DateTimeField(null=True)),
                    (
                        "channel",
                        models.ForeignKey(
                            null=True,
                            on_delete=django.db.models.deletion.SET_NULL,
                            related_name="+",
                            to="alerting.channel",
                        ),
                    ),
                    (
                        "report",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="reports.report"
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            blank=True,
                            help_text="Empty: the platform's, over all tenants together.",
                            null=True,
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="report_deliveries",
                            to="tenants.tenant",
                        ),
                    ),
                    (
                        "user",
                        models.ForeignKey(
                            null=True,
                            on_delete=django.db.models.deletion.SET_NULL,
                            related_name="+",
                            to=settings.AUTH_USER_MODEL,
                        ),
                    ),
                ],
                options={
                    "verbose_name_plural": "report deliveries",
                    "ordering": ("-created_at", "-id"),
                    "indexes": [
                        models.Index(
                            condition=models.Q(("outcome", "waiting")),
                            fields=["next_try_at"],
                            name="report_delivery_due",
                        )
                    ],
                    "constraints": [
                        models.UniqueConstraint(fields=("report", "channel"), name="report_told_channel_once"),
                        models.UniqueConstraint(fields=("report", "user"), name="report_told_user_once"),
                    ],
                },
            ),
        ),
        migrations.RunSQL(DO, UNDO),
    ]
