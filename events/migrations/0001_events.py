"""Events, the runs read from them, and how far the collector is.

Django cannot create partitioned tables. Partitions are made by ``events.collector.partitions``.
"""

from django.db import migrations, models

# Indexes with a condition are for what is rare, or asked for by itself: attempts of the last hour, what befell
# providers, budgets' thresholds, hits of guardrails' rules. They grow at their end only and cost the collector little.
EVENTS = """
CREATE TABLE events_event (
    event_id uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    event_type text NOT NULL,
    schema_version smallint NOT NULL,
    layer smallint NOT NULL,
    service_name text NOT NULL,
    env text NOT NULL,
    tenant_id text NOT NULL,
    trace_id text NOT NULL,
    span_id text NOT NULL,
    correlation_id text NOT NULL,
    payload jsonb NOT NULL,
    PRIMARY KEY (event_id, occurred_at)
) PARTITION BY RANGE (occurred_at);
CREATE INDEX events_event_run ON events_event (correlation_id) WHERE correlation_id <> '';
CREATE INDEX events_event_tenant ON events_event (tenant_id, occurred_at);
CREATE INDEX events_event_attempt ON events_event (occurred_at)
    WHERE event_type IN ('llm.attempt.completed', 'llm.attempt.failed');
CREATE INDEX events_event_rare ON events_event (event_type, occurred_at)
    WHERE event_type IN ('breaker.state.changed', 'llm.attempt.failed', 'provider.test.completed', 'secret.value.accessed');
CREATE INDEX events_event_crossing ON events_event (tenant_id, occurred_at)
    WHERE event_type = 'budget.threshold.crossed';
CREATE INDEX events_event_hittenant ON events_event (tenant_id, occurred_at)
    WHERE event_type = 'guardrail.rule.matched';
CREATE INDEX events_event_hitpolicy ON events_event ((payload ->> 'policy_id'), occurred_at)
    WHERE event_type = 'guardrail.rule.matched';
CREATE INDEX events_event_hitrule ON events_event ((payload ->> 'policy_id'), (payload ->> 'rule_id'), occurred_at)
    WHERE event_type = 'guardrail.rule.matched';
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    # Whoever ran these steps of former versions has all of it; see manage.py migrate.
    replaces = [
        ("events", "0001_initial"),
        ("events", "0005_attempts_by_time"),
        ("events", "0007_budget_crossings"),
    ]

    operations = [
        migrations.RunSQL(EVENTS, "DROP TABLE events_event"),
        migrations.CreateModel(
            name="EventRecord",
            fields=[
                ("event_id", models.UUIDField(primary_key=True, serialize=False)),
                ("occurred_at", models.DateTimeField()),
                ("event_type", models.CharField(max_length=128)),
                ("schema_version", models.SmallIntegerField()),
                ("layer", models.SmallIntegerField()),
                ("service_name", models.CharField(max_length=128)),
                ("env", models.CharField(max_length=64)),
                ("tenant_id", models.CharField(max_length=64)),
                ("trace_id", models.CharField(max_length=64)),
                ("span_id", models.CharField(max_length=32)),
                ("correlation_id", models.CharField(max_length=128)),
                ("payload", models.JSONField()),
            ],
            options={
                "verbose_name": "event",
                "db_table": "events_event",
                "ordering": ["-event_id"],
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="QuarantinedEvent",
            fields=[
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("reason", models.CharField(max_length=64)),
                ("detail", models.TextField()),
                ("source", models.CharField(max_length=128)),
                ("line", models.BinaryField()),
                ("received_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["-received_at"],
                "indexes": [models.Index(fields=["received_at"], name="quarantine_received")],
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                ("correlation_id", models.TextField(primary_key=True, serialize=False)),
                ("tenant_id", models.TextField()),
                ("trace_id", models.TextField()),
                (
                    "state",
                    models.SmallIntegerField(
                        choices=[(0, "running"), (1, "lost"), (2, "rejected"), (3, "completed"), (4, "failed")],
                        default=0,
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("endpoint", models.TextField(null=True)),
                ("operation", models.TextField(null=True)),
                ("mode", models.TextField(null=True)),
                ("key_id", models.TextField(null=True)),
                ("team_id", models.TextField(null=True)),
                ("end_user", models.TextField(null=True)),
                ("tags", models.JSONField(null=True)),
                ("requested_model", models.TextField(null=True)),
                ("route", models.TextField(null=True)),
                ("provider", models.TextField(null=True)),
                ("model", models.TextField(null=True)),
                ("stream", models.BooleanField(null=True)),
                ("finish_reason", models.TextField(null=True)),
                ("error_code", models.TextField(null=True)),
                ("error_message", models.TextField(null=True)),
                ("http_status", models.IntegerField(null=True)),
                ("input_tokens", models.BigIntegerField(null=True)),
                ("output_tokens", models.BigIntegerField(null=True)),
                ("cached_input_tokens", models.BigIntegerField(null=True)),
                ("cache_write_tokens", models.BigIntegerField(null=True)),
                ("reasoning_tokens", models.BigIntegerField(null=True)),
                ("usage_estimated", models.BooleanField(null=True)),
                ("cost_nanousd", models.BigIntegerField(null=True)),
                ("duration_ms", models.FloatField(null=True)),
                ("overhead_ms", models.FloatField(null=True)),
                ("first_token_ms", models.FloatField(null=True)),
                ("attempts", models.IntegerField(null=True)),
                ("fallback_used", models.BooleanField(null=True)),
                ("degraded", models.BooleanField(null=True)),
            ],
            options={
                "ordering": ["-started_at"],
                "indexes": [
                    models.Index(fields=["tenant_id", "-started_at"], name="run_tenant_started"),
                    models.Index(fields=["-started_at"], name="run_started"),
                    models.Index(condition=models.Q(("state", 0)), fields=["started_at"], name="run_unfinished"),
                    models.Index(
                        condition=models.Q(("state__in", [2, 4])),
                        fields=["tenant_id", "-started_at"],
                        name="run_trouble_tenant",
                    ),
                    models.Index(condition=models.Q(("state__in", [2, 4])), fields=["-started_at"], name="run_trouble"),
                ],
            },
        ),
        migrations.CreateModel(
            name="SpoolPosition",
            fields=[
                ("spool_id", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("segment", models.BigIntegerField(default=0)),
                ("offset", models.BigIntegerField(default=0)),
                ("ahead", models.JSONField(default=list)),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["updated_at"], name="spool_updated")],
            },
        ),
    ]
