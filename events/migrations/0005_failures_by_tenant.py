"""A tenant's calls that failed are found by their time: rules of what failures cost count them by their tags."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("events", "0004_hits_by_time")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX events_usage_failed ON events_usage (tenant_id, occurred_at) WHERE status = 'failed'",
            "DROP INDEX events_usage_failed",
        )
    ]
