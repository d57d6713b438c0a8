"""What calls do by the minute, and histograms of their latencies."""

from django.db import migrations

# Grains: 0 minute, 1 quarter of an hour, 2 hour, 3 day. Kinds: 0 all, 1 tenant, 2 route, 3 model, 4 key, 5 failures by
# code, 6 refusals by code, 7 guardrails' events by type, 8 rules by policy, mode, outcome and rule, 9 lookups of kept
# answers.
TRAFFIC = (
    """
CREATE TABLE events_traffic (
    scope text COLLATE "C" NOT NULL,
    kind smallint NOT NULL,
    grain smallint NOT NULL,
    start timestamptz NOT NULL,
    part text COLLATE "C" NOT NULL,
    requests bigint NOT NULL,
    errors bigint NOT NULL,
    cached_answers bigint NOT NULL,
    fallbacks bigint NOT NULL,
    retries bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cost_nanousd bigint NOT NULL,
    price_unknown bigint NOT NULL,
    duration_us bigint NOT NULL,
    PRIMARY KEY (scope, kind, grain, start, part)
) PARTITION BY LIST (grain);
CREATE TABLE events_traffic_latency (
    scope text COLLATE "C" NOT NULL,
    grain smallint NOT NULL,
    start timestamptz NOT NULL,
    measured smallint NOT NULL,
    bucket smallint NOT NULL,
    calls bigint NOT NULL,
    PRIMARY KEY (scope, grain, start, measured, bucket)
) PARTITION BY LIST (grain);
"""
    + "".join(
        f"CREATE TABLE {table}_{grain} PARTITION OF {table} FOR VALUES IN ({grain}) WITH (fillfactor = 70);\n"
        for table in ("events_traffic", "events_traffic_latency")
        for grain in range(4)
    )
    # Days are kept; what is finer goes by its age.
    + "".join(
        f"CREATE INDEX {table}_{grain}_old ON {table}_{grain} (start);\n"
        for table in ("events_traffic", "events_traffic_latency")
        for grain in range(3)
    )
)
TRAFFIC_UNDO = "DROP TABLE events_traffic, events_traffic_latency"


class Migration(migrations.Migration):
    dependencies = [("events", "0002_ledger")]
    # Whoever ran these steps of former versions has all of it; see manage.py migrate.
    replaces = [
        ("events", "0006_traffic"),
        ("events", "0008_rules_and_kept_answers"),
    ]

    operations = [
        migrations.RunSQL(TRAFFIC, TRAFFIC_UNDO),
    ]
