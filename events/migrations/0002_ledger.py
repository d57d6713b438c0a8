"""The usage ledger, its rollups and their margins (sums by one dimension alone).

Django cannot create partitioned tables; partitions are made by ``events.collector.partitions``, each with a unique index
of its own on (correlation_id, tenant_id), which a partitioned table cannot have.
"""

from django.db import migrations, models

# What no call can have used or cost (nine million dollars) is no figure: the sums of all calls of a tenant, of which
# every later call is a part, stay far from what their columns hold.
LEDGER = f"""
CREATE TABLE events_usage (
    event_id uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    correlation_id text COLLATE "C" NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    team_id text COLLATE "C",
    key_id text COLLATE "C" NOT NULL,
    end_user text COLLATE "C",
    route text COLLATE "C",
    provider text COLLATE "C",
    model text COLLATE "C",
    tags jsonb,
    operation text NOT NULL,
    endpoint text NOT NULL,
    status text NOT NULL CHECK (status IN ('completed', 'failed')),
    error_code text,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cached_input_tokens bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    audio_input_tokens bigint NOT NULL,
    audio_output_tokens bigint NOT NULL,
    image_input_tokens bigint NOT NULL,
    image_output_tokens bigint NOT NULL,
    usage_estimated boolean NOT NULL,
    cost_nanousd bigint,
    price_unknown boolean NOT NULL,
    cached_answer boolean NOT NULL DEFAULT false,
    duration_us bigint NOT NULL,
    first_token_us bigint,
    retries integer NOT NULL DEFAULT 0,
    fallback_used boolean NOT NULL DEFAULT false,
    PRIMARY KEY (event_id, occurred_at),
    CHECK (price_unknown = (cost_nanousd IS NULL)),
    CHECK ((status = 'failed') = (error_code IS NOT NULL))
) PARTITION BY RANGE (occurred_at);
ALTER TABLE events_usage ADD CONSTRAINT events_usage_plausible CHECK (greatest(
    input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, reasoning_tokens, audio_input_tokens,
    audio_output_tokens, image_input_tokens, image_output_tokens, cost_nanousd, duration_us
) <= {2**53}) NOT VALID;
CREATE INDEX events_usage_tenant ON events_usage (tenant_id, occurred_at);
"""
LEDGER_UNDO = "DROP TABLE events_usage"

# Two ways past: `SET LOCAL breakwater.ledger = 'purge'` allows DELETE, 'erase' allows to change end_user and nothing else.
APPEND_ONLY = """
CREATE FUNCTION events_usage_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('breakwater.ledger', true) = 'purge' THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND current_setting('breakwater.ledger', true) = 'erase'
        AND to_jsonb(NEW) - 'end_user' = to_jsonb(OLD) - 'end_user' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the usage ledger is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER events_usage_append_only BEFORE UPDATE OR DELETE ON events_usage
    FOR EACH ROW EXECUTE FUNCTION events_usage_refuse();
"""
APPEND_ONLY_UNDO = """
DROP TRIGGER events_usage_append_only ON events_usage;
DROP FUNCTION events_usage_refuse();
"""

MEASURES = """
    requests bigint NOT NULL,
    errors bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cached_input_tokens bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    audio_input_tokens bigint NOT NULL,
    audio_output_tokens bigint NOT NULL,
    image_input_tokens bigint NOT NULL,
    image_output_tokens bigint NOT NULL,
    cost_nanousd bigint NOT NULL,
    price_unknown bigint NOT NULL,
    estimated bigint NOT NULL,
    cached_answers bigint NOT NULL,
    duration_us bigint NOT NULL,
"""


def partition(table: str, of: str, values: str, full: int = 70) -> str:
    """SQL for a partition with room in its pages: rows of the current hour get a new version with every batch."""
    return f"CREATE TABLE {table} PARTITION OF {of} FOR VALUES IN ({values}) WITH (fillfactor = {full});\n"


# Grains: 0 quarter of an hour, 1 hour, 2 day, 3 six hours, 4 five days, 5 thirty days. Sums by tag and series have no
# hours, which hardly were fewer rows than quarters.
# Series and tags have no foreign keys pointing at them: they are never deleted, and checking would cost each batch.
ROLLUPS = (
    f"""
CREATE TABLE events_usage_series (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id text COLLATE "C" NOT NULL,
    team_id text COLLATE "C" NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    route text COLLATE "C" NOT NULL,
    provider text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL,
    UNIQUE (tenant_id, key_id, team_id, route, provider, model)
);
CREATE TABLE events_usage_tag (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    UNIQUE (tenant_id, name, value)
);
CREATE TABLE events_usage_rollup (
    tenant_id text COLLATE "C" NOT NULL,
    grain smallint NOT NULL,
    start timestamptz NOT NULL,
    series_id bigint NOT NULL,
{MEASURES}
    PRIMARY KEY (tenant_id, grain, start, series_id)
) PARTITION BY LIST (grain);
CREATE TABLE events_usage_by_user (
    tenant_id text COLLATE "C" NOT NULL,
    grain smallint NOT NULL,
    start timestamptz NOT NULL,
    end_user text COLLATE "C" NOT NULL,
    series_id bigint NOT NULL,
{MEASURES}
    PRIMARY KEY (tenant_id, grain, start, end_user, series_id)
) PARTITION BY LIST (grain);
CREATE TABLE events_usage_by_tag (
    tenant_id text COLLATE "C" NOT NULL,
    grain smallint NOT NULL,
    start timestamptz NOT NULL,
    tag_id bigint NOT NULL,
    series_id bigint NOT NULL,
{MEASURES}
    PRIMARY KEY (tenant_id, grain, start, tag_id, series_id)
) PARTITION BY LIST (grain);
"""
    + partition("events_usage_quarterly", "events_usage_rollup", "0")
    + partition("events_usage_hourly", "events_usage_rollup", "1")
    + partition("events_usage_daily", "events_usage_rollup", "2")
    + partition("events_usage_six_hourly", "events_usage_rollup", "3")
    + partition("events_usage_five_daily", "events_usage_rollup", "4")
    + partition("events_usage_thirty_daily", "events_usage_rollup", "5")
    + partition("events_usage_by_user_quarterly", "events_usage_by_user", "0", full=90)
    + partition("events_usage_by_user_daily", "events_usage_by_user", "2")
    + partition("events_usage_by_tag_quarterly", "events_usage_by_tag", "0")
    + partition("events_usage_by_tag_daily", "events_usage_by_tag", "2")
    + partition("events_usage_by_tag_six_hourly", "events_usage_by_tag", "3")
    + partition("events_usage_by_tag_five_daily", "events_usage_by_tag", "4")
    + partition("events_usage_by_tag_thirty_daily", "events_usage_by_tag", "5")
    + """
CREATE INDEX events_usage_of_user ON events_usage_by_user (tenant_id, end_user, grain, start);
CREATE INDEX events_usage_of_series ON events_usage_by_user_daily (tenant_id, series_id, start);
"""
)
ROLLUPS_UNDO = """
DROP TABLE events_usage_by_tag, events_usage_by_user, events_usage_rollup, events_usage_tag, events_usage_series;
"""

# Kinds: 0 all, 1 team, 2 key, 3 route, 4 provider, 5 model, 6 user, 7 tag.
MARGINS = (
    f"""
CREATE TABLE events_usage_margin (
    tenant_id text COLLATE "C" NOT NULL,
    kind smallint NOT NULL,
    grain smallint NOT NULL,
    start timestamptz NOT NULL,
    part text COLLATE "C" NOT NULL,
{MEASURES}
    PRIMARY KEY (tenant_id, kind, grain, start, part)
) PARTITION BY LIST (kind);
"""
    + partition("events_usage_margin_of_calls", "events_usage_margin", "0, 1, 2, 3, 4, 5")
    + partition("events_usage_margin_of_users", "events_usage_margin", "6")
    + partition("events_usage_margin_of_tags", "events_usage_margin", "7")
)
MARGINS_UNDO = "DROP TABLE events_usage_margin"

# PostgreSQL's own ``sum`` of bigint adds up 128-bit numbers and makes a numeric of them, which doubles the time of
# questions with thousands of groups and sixteen sums. No sum of plausible calls leaves the bigint; one that did is
# refused, not wrong.
SUM = """
CREATE AGGREGATE events_usage_sum (bigint) (SFUNC = int8pl, STYPE = bigint, COMBINEFUNC = int8pl, PARALLEL = SAFE);
"""
SUM_UNDO = "DROP AGGREGATE events_usage_sum (bigint)"


class Migration(migrations.Migration):
    dependencies = [("events", "0001_events")]
    # Whoever ran these steps of former versions has all of it; see manage.py migrate.
    replaces = [
        ("events", "0002_usage_ledger"),
        ("events", "0003_usage_margins"),
        ("events", "0004_usage_sum"),
    ]

    operations = [
        migrations.RunSQL(LEDGER, LEDGER_UNDO),
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_UNDO),
        migrations.RunSQL(ROLLUPS, ROLLUPS_UNDO),
        migrations.RunSQL(MARGINS, MARGINS_UNDO),
        migrations.RunSQL(SUM, SUM_UNDO),
        migrations.CreateModel(
            name="UsageRecord",
            fields=[
                ("event_id", models.UUIDField(primary_key=True, serialize=False)),
                ("occurred_at", models.DateTimeField()),
                ("correlation_id", models.TextField()),
                ("tenant_id", models.TextField()),
                ("team_id", models.TextField(null=True)),
                ("key_id", models.TextField()),
                ("end_user", models.TextField(null=True)),
                ("route", models.TextField(null=True)),
                ("provider", models.TextField(null=True)),
                ("model", models.TextField(null=True)),
                ("tags", models.JSONField(null=True)),
                ("operation", models.TextField()),
                ("endpoint", models.TextField()),
                ("status", models.TextField(choices=[("completed", "completed"), ("failed", "failed")])),
                ("error_code", models.TextField(null=True)),
                ("input_tokens", models.BigIntegerField()),
                ("output_tokens", models.BigIntegerField()),
                ("cached_input_tokens", models.BigIntegerField()),
                ("cache_write_tokens", models.BigIntegerField()),
                ("reasoning_tokens", models.BigIntegerField()),
                ("audio_input_tokens", models.BigIntegerField()),
                ("audio_output_tokens", models.BigIntegerField()),
                ("image_input_tokens", models.BigIntegerField()),
                ("image_output_tokens", models.BigIntegerField()),
                ("usage_estimated", models.BooleanField()),
                ("cost_nanousd", models.BigIntegerField(null=True)),
                ("price_unknown", models.BooleanField()),
                ("cached_answer", models.BooleanField(default=False)),
                ("duration_us", models.BigIntegerField()),
            ],
            options={
                "verbose_name": "usage record",
                "db_table": "events_usage",
                "ordering": ["-event_id"],
                "managed": False,
            },
        ),
    ]
