"""What end users did by day is read from the index alone: of a page by user and something else, hardly two rows are
neighbours in the table."""

from django.db import migrations

_SUMS = (
    "series_id, requests, errors, input_tokens, output_tokens, cached_input_tokens, cache_write_tokens,"
    " reasoning_tokens, audio_input_tokens, audio_output_tokens, image_input_tokens, image_output_tokens, cost_nanousd,"
    " price_unknown, estimated, cached_answers, duration_us"
)
_USER = "(tenant_id, end_user, grain, start)"


class Migration(migrations.Migration):
    dependencies = [("events", "0005_failures_by_tenant")]
    # Indexes are made while calls are billed. One that was left half-made is dropped first.
    atomic = False

    operations = [
        migrations.RunSQL(
            [
                "DROP INDEX CONCURRENTLY IF EXISTS events_usage_days_of_user",
                "CREATE INDEX CONCURRENTLY events_usage_days_of_user ON events_usage_by_user_daily"
                f" {_USER} INCLUDE ({_SUMS})",
                "DROP INDEX CONCURRENTLY IF EXISTS events_usage_quarters_of_user",
                f"CREATE INDEX CONCURRENTLY events_usage_quarters_of_user ON events_usage_by_user_quarterly {_USER}",
                "DROP INDEX IF EXISTS events_usage_of_user",
            ],
            [
                # The first: it would become a part of the one that is made.
                "DROP INDEX events_usage_quarters_of_user",
                f"CREATE INDEX events_usage_of_user ON events_usage_by_user {_USER}",
                "DROP INDEX events_usage_days_of_user",
            ],
        )
    ]
