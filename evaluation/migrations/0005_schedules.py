"""Runs by the calendar."""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import tenants.created_together
import tenants.rows

SAME = (
    ("runschedule", "golden_set_id", "goldenset"),
    ("runschedule", "version_id", "goldenversion"),
    ("runschedule", "gate_id", "gate"),
    ("scheduledrun", "schedule_id", "runschedule"),
    ("scheduledrun", "run_id", "evalrun"),
)
OWNED = ("gate", "runschedule")
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
    dependencies = [("evaluation", "0004_drift")]

    operations = [
        tenants.created_together.CreateTogether(
        migrations.CreateModel(
            name="RunSchedule",
            fields=[
                ("id", models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("every", models.CharField(choices=[("daily", "Daily"), ("weekly", "Weekly"), ("monthly", "Monthly"), ("cron", "By a crontab")], default="daily", max_length=8)),
                ("hour", models.PositiveSmallIntegerField(default=6, validators=[django.core.validators.MaxValueValidator(23)])),
                ("minute", models.PositiveSmallIntegerField(default=0, validators=[django.core.validators.MaxValueValidator(59)])),
                ("weekday", models.PositiveSmallIntegerField(choices=[(0, "Monday"), (1, "Tuesday"), (2, "Wednesday"), (3, "Thursday"), (4, "Friday"), (5, "Saturday"), (6, "Sunday")], default=0)),
                ("day", models.PositiveSmallIntegerField(default=1, help_text="Of the month, 1 to 28.", validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(28)])),
                ("cron", models.CharField(blank=True, default="", help_text="Five fields, such as 30 6 * * 1-5.", max_length=100)),
                ("enabled", models.BooleanField(default=True)),
                ("since", models.DateTimeField(default=django.utils.timezone.now, editable=False, help_text="What was due until then is not made up for.")),
                ("next_at", models.DateTimeField(editable=False, null=True)),
                ("last_at", models.DateTimeField(editable=False, help_text="When it was due last, not when it was done.", null=True)),
                ("name", models.CharField(max_length=100)),
                ("split", models.CharField(blank=True, default="", max_length=32)),
                ("variants", models.JSONField(default=list, help_text="As a run takes them, with ids of policies.")),
                ("evaluators", models.JSONField(blank=True, default=list, help_text="Ids.")),
                ("concurrency", models.PositiveSmallIntegerField(default=4, help_text="Items at once.", validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(32)])),
                ("max_output_tokens", models.PositiveIntegerField(default=1024, validators=[django.core.validators.MinValueValidator(1)])),
                ("budget_nanousd", models.BigIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(0)])),
                ("judge_budget_nanousd", models.BigIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(0)])),
                ("author", models.CharField(editable=False, max_length=200)),
                ("gate", models.ForeignKey(blank=True, help_text="Each run is held to it, against the run before.", null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="schedules", to="evaluation.gate")),
                ("golden_set", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="schedules", to="evaluation.goldenset")),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="run_schedules", to="tenants.tenant")),
                ("version", models.ForeignKey(blank=True, help_text="Empty: the newest, whatever it is by then.", null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="evaluation.goldenversion")),
            ],
            options={
                "ordering": ("name", "id"),
                "constraints": [models.UniqueConstraint(fields=("tenant", "name"), name="run_schedule_of_tenant", violation_error_message="There is a schedule of this name already.")],
            },
        ),
        migrations.CreateModel(
            name="ScheduledRun",
            fields=[
                ("id", models.UUIDField(default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False)),
                ("slot", models.DateTimeField(help_text="When it was due.")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, help_text="When that was looked at.")),
                ("error", models.CharField(blank=True, default="", help_text="Why no run was started.", max_length=300)),
                ("compared_at", models.DateTimeField(help_text="When the gate was asked, or found to have no say.", null=True)),
                ("gate_outcome", models.JSONField(help_text="What the gate said; null: nothing.", null=True)),
                ("gate_note", models.CharField(blank=True, default="", help_text="Why the gate has no say.", max_length=300)),
                ("run", models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="scheduled_as", to="evaluation.evalrun")),
                ("schedule", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="times", to="evaluation.runschedule")),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="scheduled_runs", to="tenants.tenant")),
            ],
            options={
                "ordering": ("-slot",),
                "indexes": [models.Index(condition=models.Q(("compared_at", None)), fields=["at"], name="scheduled_runs_to_compare")],
                "constraints": [models.UniqueConstraint(fields=("schedule", "slot"), name="scheduled_run_once")],
            },
        ),
        ),
        migrations.RunSQL(DO, UNDO),
    ]
