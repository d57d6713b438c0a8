"""Policies, their versions and cases, and what people found out about them."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import guardrails.validators
import tenants.created_together
import tenants.rows


class Migration(migrations.Migration):
    initial = True
    dependencies = [("tenants", "0003_database_rules")]
    # Whoever ran these steps of former versions has all of it; see manage.py migrate.
    replaces = [
        ("guardrails", "0001_policies"),
        ("guardrails", "0003_cases_of_policies"),
    ]

    operations = [
        tenants.created_together.CreateTogether(
            migrations.CreateModel(
                name="Policy",
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
                    ("description", models.CharField(blank=True, default="", max_length=300)),
                    (
                        "mode",
                        models.CharField(
                            choices=[("off", "off"), ("shadow", "shadow"), ("enforce", "enforce")],
                            default="off",
                            help_text="Shadow: events tell what it would do, and calls go on as if it were not there.",
                            max_length=8,
                        ),
                    ),
                    (
                        "order",
                        models.PositiveIntegerField(
                            default=100, help_text="Of several policies that apply to a call, the lowest goes first."
                        ),
                    ),
                    (
                        "routes",
                        django.contrib.postgres.fields.ArrayField(
                            base_field=models.CharField(
                                max_length=128,
                                validators=[
                                    django.core.validators.RegexValidator(
                                        "^[A-Za-z0-9][A-Za-z0-9._:-]*\\Z",
                                        "Write letters, digits, '.', '_', ':' and '-', starting with a letter or digit.",
                                    )
                                ],
                            ),
                            blank=True,
                            default=list,
                            help_text="Names of the routes to whose calls it applies. Empty: all.",
                            size=None,
                        ),
                    ),
                    (
                        "keys",
                        django.contrib.postgres.fields.ArrayField(
                            base_field=models.UUIDField(),
                            blank=True,
                            default=list,
                            help_text="Ids of the API keys to whose calls it applies. Empty: all.",
                            size=None,
                        ),
                    ),
                    (
                        "rules",
                        models.JSONField(
                            blank=True,
                            default=list,
                            help_text="The draft: the rules in order, as the next version would have them.",
                            validators=[guardrails.validators.validate_rules],
                        ),
                    ),
                    (
                        "live_version",
                        models.PositiveIntegerField(
                            blank=True,
                            help_text="Number of the version in force. Empty: none was published yet.",
                            null=True,
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            blank=True,
                            help_text="Empty: it applies to the calls of every tenant.",
                            null=True,
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="policies",
                            to="tenants.tenant",
                        ),
                    ),
                ],
                options={
                    "verbose_name_plural": "policies",
                    "ordering": ("order", "name", "id"),
                    "constraints": [
                        models.UniqueConstraint(
                            fields=("tenant", "name"),
                            name="policy_name_of_owner",
                            nulls_distinct=False,
                            violation_error_message="There is a policy of this name already.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("mode", "off"), ("live_version__isnull", False), _connector="OR"),
                            name="policy_in_force_is_published",
                            violation_error_message="Publish a version before the policy is switched on.",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="PolicyVersion",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("number", models.PositiveIntegerField(help_text="From 1, without gaps.")),
                    ("rules", models.JSONField(default=list, validators=[guardrails.validators.validate_rules])),
                    (
                        "note",
                        models.CharField(blank=True, default="", help_text="What changed, and why.", max_length=300),
                    ),
                    ("author", models.CharField(max_length=200)),
                    ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    (
                        "policy",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="versions", to="guardrails.policy"
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            blank=True,
                            null=True,
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="policy_versions",
                            to="tenants.tenant",
                        ),
                    ),
                    (
                        "failing_cases",
                        models.PositiveIntegerField(
                            db_default=0,
                            default=0,
                            help_text="Cases that failed, and were accepted to, when it was published.",
                        ),
                    ),
                ],
                options={
                    "ordering": ("-number",),
                    "constraints": [models.UniqueConstraint(fields=("policy", "number"), name="version_of_policy")],
                },
            ),
            migrations.CreateModel(
                name="PolicyCase",
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
                        "expect",
                        models.CharField(
                            choices=[("harmless", "harmless"), ("found", "found")],
                            help_text="Harmless: no rule may find anything. Found: one must.",
                            max_length=8,
                        ),
                    ),
                    (
                        "stage",
                        models.CharField(
                            choices=[
                                ("input", "input"),
                                ("output", "output"),
                                ("retrieved", "retrieved"),
                                ("tool_call", "tool_call"),
                                ("tool_result", "tool_result"),
                            ],
                            max_length=12,
                        ),
                    ),
                    ("text", models.TextField(max_length=20000)),
                    ("text_hash", models.CharField(editable=False, help_text="SHA-256 of the text.", max_length=64)),
                    (
                        "rule_id",
                        models.CharField(
                            blank=True,
                            default="",
                            help_text="The rule that must, or must not, find something. Empty: any.",
                            max_length=64,
                        ),
                    ),
                    (
                        "note",
                        models.CharField(
                            blank=True, default="", help_text="Why, or where it comes from.", max_length=300
                        ),
                    ),
                    ("added_by", models.CharField(max_length=200)),
                    (
                        "policy",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="cases", to="guardrails.policy"
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            blank=True,
                            null=True,
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="policy_cases",
                            to="tenants.tenant",
                        ),
                    ),
                ],
                options={
                    "ordering": ("created_at", "id"),
                    "constraints": [
                        models.UniqueConstraint(
                            fields=("policy", "stage", "rule_id", "text_hash"),
                            name="policy_case_once",
                            violation_error_message="There is a case with this text already.",
                        )
                    ],
                },
            ),
            migrations.CreateModel(
                name="DryRun",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("rules", models.JSONField(help_text="The draft as it was when it was asked for.")),
                    ("requested_by", models.CharField(max_length=200)),
                    ("requested_at", models.DateTimeField(default=django.utils.timezone.now)),
                    (
                        "state",
                        models.CharField(
                            choices=[
                                ("waiting", "Waiting"),
                                ("running", "Running"),
                                ("done", "Done"),
                                ("failed", "Failed"),
                            ],
                            default="waiting",
                            max_length=8,
                        ),
                    ),
                    ("wanted", models.PositiveIntegerField(help_text="At most so many calls, the newest first.")),
                    ("looked_at", models.PositiveIntegerField(default=0)),
                    (
                        "without_text",
                        models.PositiveIntegerField(default=0, help_text="Calls of which no text is stored."),
                    ),
                    (
                        "counts",
                        models.JSONField(
                            default=dict, help_text="Calls by the strongest action: block, redact, mask ..."
                        ),
                    ),
                    ("by_rule", models.JSONField(default=dict, help_text="Calls by the rules that matched.")),
                    (
                        "examples",
                        models.JSONField(
                            default=list, help_text="The first calls that something would have happened to."
                        ),
                    ),
                    ("error", models.CharField(default="", max_length=200)),
                    ("ended_at", models.DateTimeField(null=True)),
                    (
                        "tenant",
                        models.ForeignKey(
                            blank=True,
                            null=True,
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="policy_dry_runs",
                            to="tenants.tenant",
                        ),
                    ),
                    (
                        "policy",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="dry_runs", to="guardrails.policy"
                        ),
                    ),
                    (
                        "ask_models",
                        models.BooleanField(
                            db_default=False,
                            default=False,
                            help_text="Whether rules that ask models do so, which costs money.",
                        ),
                    ),
                ],
                options={
                    "ordering": ("-requested_at",),
                },
            ),
            migrations.CreateModel(
                name="FalsePositive",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("created_at", models.DateTimeField(auto_now_add=True)),
                    ("updated_at", models.DateTimeField(auto_now=True)),
                    ("rule_id", models.CharField(max_length=64)),
                    (
                        "text_hash",
                        models.CharField(
                            help_text="SHA-256 of the text, so that the same one is known again.", max_length=64
                        ),
                    ),
                    (
                        "text",
                        models.TextField(blank=True, default="", help_text="Only where the tenant stores payloads."),
                    ),
                    ("note", models.CharField(blank=True, default="", max_length=300)),
                    ("correlation_id", models.CharField(blank=True, default="", max_length=64)),
                    ("marked_by", models.CharField(max_length=200)),
                    (
                        "tenant",
                        models.ForeignKey(
                            blank=True,
                            null=True,
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="false_positives",
                            to="tenants.tenant",
                        ),
                    ),
                    (
                        "policy",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="false_positives",
                            to="guardrails.policy",
                        ),
                    ),
                ],
                options={
                    "ordering": ("-created_at",),
                    "constraints": [
                        models.UniqueConstraint(
                            fields=("policy", "rule_id", "text_hash"),
                            name="false_positive_once",
                            violation_error_message="This is marked already.",
                        )
                    ],
                },
            ),
        ),
    ]
