"""Hits of guardrails of all tenants are found by their time."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("events", "0003_calls_by_the_minute")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX events_event_hit ON events_event (occurred_at) WHERE event_type = 'guardrail.rule.matched'",
            "DROP INDEX events_event_hit",
        )
    ]
