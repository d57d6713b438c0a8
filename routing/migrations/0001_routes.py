"""Providers, their models and prices, and the routes over them."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import routing.validators
import tenants.created_together
import tenants.rows
import tenants.validators


class Migration(migrations.Migration):
    initial = True
    dependencies = [("tenants", "0003_database_rules")]
    # Whoever ran these steps of former versions has all of it; see manage.py migrate.
    replaces = [
        ("routing", "0001_initial"),
        ("routing", "0007_answers_to_other_words"),
    ]

    operations = [
        tenants.created_together.CreateTogether(
            migrations.CreateModel(
                name="Provider",
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
                        "name",
                        models.CharField(
                            help_text="First half of 'provider/model' in calls and files.",
                            max_length=64,
                            validators=[
                                django.core.validators.RegexValidator(
                                    "^[A-Za-z0-9][A-Za-z0-9._-]*\\Z",
                                    "Write letters, digits, '.', '_' and '-', starting with a letter or digit; '/' separates provider and model.",
                                )
                            ],
                        ),
                    ),
                    (
                        "kind",
                        models.CharField(
                            help_text="The wire format, and so the adapter that speaks it.",
                            max_length=32,
                            validators=[routing.validators.validate_kind],
                        ),
                    ),
                    (
                        "base_url",
                        models.CharField(
                            blank=True,
                            default="",
                            help_text="Such as https://api.openai.com/v1; the adapter appends its paths. Empty: the kind's public address.",
                            max_length=500,
                            validators=[routing.validators.validate_base_url],
                            verbose_name="base address",
                        ),
                    ),
                    (
                        "secret_ref",
                        models.CharField(
                            blank=True,
                            default="",
                            help_text="Where the credential is: db:NAME (a stored secret of the same owner); for the platform's providers also env:NAME, vault:MOUNT/PATH#FIELD, aws:SECRET-ID#FIELD or azure:VAULT/SECRET. Empty: none is sent.",
                            max_length=200,
                            validators=[tenants.validators.validate_secret_reference],
                            verbose_name="secret reference",
                        ),
                    ),
                    (
                        "headers",
                        models.JSONField(
                            blank=True,
                            default=dict,
                            help_text='Sent with every call, as a JSON object: {"OpenAI-Organization": "org-..."}. No credentials.',
                            validators=[routing.validators.validate_headers],
                            verbose_name="extra headers",
                        ),
                    ),
                    (
                        "connect_timeout_ms",
                        models.PositiveIntegerField(default=5000, verbose_name="connect timeout (ms)"),
                    ),
                    (
                        "timeout_ms",
                        models.PositiveIntegerField(
                            default=60000,
                            help_text="To the last byte of a whole answer; on a stream, between two chunks.",
                            verbose_name="attempt timeout (ms)",
                        ),
                    ),
                    (
                        "first_token_timeout_ms",
                        models.PositiveIntegerField(
                            default=30000,
                            help_text="On a stream, until the first piece of the answer.",
                            verbose_name="first-token timeout (ms)",
                        ),
                    ),
                    (
                        "max_in_flight",
                        models.PositiveIntegerField(
                            default=100, help_text="Calls at a time, per gateway instance and target."
                        ),
                    ),
                    (
                        "max_queue",
                        models.PositiveIntegerField(
                            default=100,
                            help_text="Calls that may wait for a free slot; further ones move on to the next target.",
                        ),
                    ),
                    (
                        "options",
                        models.JSONField(
                            blank=True,
                            default=dict,
                            help_text="What this kind needs beyond the rest, as a JSON object (Azure's api-version, the sandbox's latency).",
                            validators=[routing.validators.validate_options],
                        ),
                    ),
                    (
                        "enabled",
                        models.BooleanField(
                            default=True, help_text="A disabled provider's models are skipped everywhere."
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            blank=True,
                            help_text="Empty: every tenant may use it.",
                            null=True,
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="providers",
                            to="tenants.tenant",
                        ),
                    ),
                ],
                options={
                    "ordering": ["name", "id"],
                    "constraints": [
                        models.UniqueConstraint(
                            fields=("tenant", "name"),
                            name="provider_name_unique",
                            nulls_distinct=False,
                            violation_error_message="There is a provider of this name already.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("connect_timeout_ms__gt", 0), ("first_token_timeout_ms__gt", 0), ("timeout_ms__gt", 0)
                            ),
                            name="provider_timeouts_positive",
                            violation_error_message="Timeouts are at least 1 ms.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("max_in_flight__gt", 0)),
                            name="provider_max_in_flight_positive",
                            violation_error_message="At least one call at a time; to send none, disable the provider.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(("name__regex", "^[A-Za-z0-9][A-Za-z0-9._-]*$")),
                            name="provider_name_shape",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="Model",
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
                        "name",
                        models.CharField(
                            help_text="What callers write, alone or as 'provider/name'.",
                            max_length=128,
                            validators=[
                                django.core.validators.RegexValidator(
                                    "^[A-Za-z0-9@][A-Za-z0-9@._:/+-]*\\Z",
                                    "Write the name as callers will send it, without spaces.",
                                )
                            ],
                        ),
                    ),
                    (
                        "wire_name",
                        models.CharField(
                            blank=True,
                            default="",
                            help_text="What the provider calls it. Empty: the same.",
                            max_length=200,
                        ),
                    ),
                    (
                        "capabilities",
                        django.contrib.postgres.fields.ArrayField(
                            base_field=models.CharField(
                                choices=[
                                    ("chat", "chat"),
                                    ("streaming", "streaming"),
                                    ("tools", "tools"),
                                    ("json_schema", "json_schema"),
                                    ("vision", "vision"),
                                    ("embeddings", "embeddings"),
                                    ("reasoning", "reasoning"),
                                    ("audio", "audio"),
                                ],
                                max_length=16,
                            ),
                            default=list,
                            help_text="A call that needs more than this skips the model.",
                            size=None,
                        ),
                    ),
                    (
                        "context_window",
                        models.PositiveIntegerField(
                            blank=True, help_text="Tokens, input and output together.", null=True
                        ),
                    ),
                    ("max_output_tokens", models.PositiveIntegerField(blank=True, null=True)),
                    ("enabled", models.BooleanField(default=True)),
                    (
                        "provider",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="models", to="routing.provider"
                        ),
                    ),
                ],
                options={
                    "ordering": ["provider", "name"],
                    "constraints": [
                        models.UniqueConstraint(
                            fields=("provider", "name"),
                            name="model_name_unique",
                            violation_error_message="The provider has a model of this name already.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                (
                                    "capabilities__contained_by",
                                    [
                                        "chat",
                                        "streaming",
                                        "tools",
                                        "json_schema",
                                        "vision",
                                        "embeddings",
                                        "reasoning",
                                        "audio",
                                    ],
                                ),
                                ("capabilities__len__gt", 0),
                            ),
                            name="model_capabilities_known",
                            violation_error_message="Give the model at least one capability, of the known ones.",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="Route",
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
                        "name",
                        models.CharField(
                            help_text="What callers put in 'model'.",
                            max_length=128,
                            validators=[
                                django.core.validators.RegexValidator(
                                    "^[A-Za-z0-9][A-Za-z0-9._:-]*\\Z",
                                    "Write letters, digits, '.', '_', ':' and '-', starting with a letter or digit.",
                                )
                            ],
                        ),
                    ),
                    (
                        "strategy",
                        models.CharField(
                            choices=[
                                ("priority", "priority"),
                                ("weighted", "weighted"),
                                ("least_latency", "least latency"),
                                ("lowest_cost", "lowest cost"),
                                ("least_busy", "least busy"),
                            ],
                            default="priority",
                            help_text="How the targets are ordered for each call.",
                            max_length=16,
                        ),
                    ),
                    (
                        "match_modes",
                        django.contrib.postgres.fields.ArrayField(
                            base_field=models.CharField(max_length=32),
                            blank=True,
                            default=list,
                            help_text="Modes of calls; empty matches any.",
                            size=None,
                        ),
                    ),
                    (
                        "match_tags",
                        models.JSONField(
                            blank=True,
                            default=dict,
                            help_text='Tags a call must carry, as a JSON object: {"team": "search"}; an empty value matches any.',
                            validators=[routing.validators.validate_match_pairs],
                        ),
                    ),
                    (
                        "match_headers",
                        models.JSONField(
                            blank=True,
                            default=dict,
                            help_text='Headers a call must carry, as a JSON object: {"x-region": "eu"}; an empty value matches any.',
                            validators=[routing.validators.validate_match_pairs],
                        ),
                    ),
                    (
                        "order",
                        models.PositiveIntegerField(
                            default=100, help_text="Among routes that match a call without a model, the lowest wins."
                        ),
                    ),
                    (
                        "is_default",
                        models.BooleanField(
                            default=False,
                            help_text="Serves calls that name no model and match no other route.",
                            verbose_name="default",
                        ),
                    ),
                    (
                        "retry_max_attempts",
                        models.PositiveSmallIntegerField(
                            default=3,
                            help_text="Over all targets together, the first included.",
                            verbose_name="attempts",
                        ),
                    ),
                    (
                        "retry_per_target",
                        models.PositiveSmallIntegerField(default=2, verbose_name="attempts per target"),
                    ),
                    (
                        "retry_base_ms",
                        models.PositiveIntegerField(
                            default=100,
                            help_text="Upper end of the first random pause; it doubles each time.",
                            verbose_name="first back-off (ms)",
                        ),
                    ),
                    ("retry_cap_ms", models.PositiveIntegerField(default=2000, verbose_name="longest back-off (ms)")),
                    (
                        "sticky_by_user",
                        models.BooleanField(
                            default=False, help_text="Keep an end user on one target while it is healthy."
                        ),
                    ),
                    (
                        "total_timeout_ms",
                        models.PositiveIntegerField(default=120000, verbose_name="total timeout (ms)"),
                    ),
                    (
                        "max_latency_ms",
                        models.PositiveIntegerField(
                            blank=True,
                            help_text="Targets whose recent p95 is above it go last, and the whole call is cut off at it.",
                            null=True,
                            verbose_name="latency ceiling (ms)",
                        ),
                    ),
                    (
                        "hedge",
                        models.BooleanField(
                            default=False,
                            help_text="Start a second attempt on the next target once the first is slower than its own p95.",
                        ),
                    ),
                    ("enabled", models.BooleanField(default=True)),
                    (
                        "tenant",
                        models.ForeignKey(
                            blank=True,
                            help_text="Empty: every tenant may use it. A tenant's own route hides the platform's of the same name.",
                            null=True,
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="routes",
                            to="tenants.tenant",
                        ),
                    ),
                    ("cache_generation", models.PositiveIntegerField(default=0, editable=False)),
                    (
                        "cache_hit_percent",
                        models.PositiveSmallIntegerField(
                            default=0,
                            help_text="Of what the answer cost when it was made.",
                            validators=[django.core.validators.MaxValueValidator(100)],
                            verbose_name="price of a hit (%)",
                        ),
                    ),
                    (
                        "cache_max_entries",
                        models.PositiveIntegerField(
                            default=10000,
                            help_text="For each tenant; what was not used for longest goes first.",
                            validators=[
                                django.core.validators.MinValueValidator(1),
                                django.core.validators.MaxValueValidator(1000000),
                            ],
                            verbose_name="most answers",
                        ),
                    ),
                    (
                        "cache_max_mib",
                        models.PositiveIntegerField(
                            default=64,
                            help_text="For each tenant, as stored.",
                            validators=[
                                django.core.validators.MinValueValidator(1),
                                django.core.validators.MaxValueValidator(10240),
                            ],
                            verbose_name="most MiB",
                        ),
                    ),
                    (
                        "cache_mode",
                        models.CharField(
                            choices=[
                                ("off", "No answers are kept"),
                                ("exact", "Calls that ask exactly the same"),
                                ("semantic", "Also questions that mean the same"),
                                ("shadow", "Exactly the same; others are only compared"),
                            ],
                            default="off",
                            max_length=16,
                            verbose_name="cache",
                        ),
                    ),
                    (
                        "cache_only_unsampled",
                        models.BooleanField(
                            default=False,
                            help_text="Calls that give no temperature are left out too: providers take 1 then.",
                            verbose_name="only calls with temperature 0",
                        ),
                    ),
                    (
                        "cache_ttl_s",
                        models.PositiveIntegerField(
                            default=3600,
                            help_text="At most 30 days. Answers about the present are kept for a minute at most.",
                            validators=[
                                django.core.validators.MinValueValidator(1),
                                django.core.validators.MaxValueValidator(2592000),
                            ],
                            verbose_name="kept for (s)",
                        ),
                    ),
                    (
                        "cache_confidence_percent",
                        models.PositiveSmallIntegerField(
                            default=90,
                            help_text="How sure it has to be that a question in other words asks the same. Feedback moves it for a tenant.",
                            validators=[
                                django.core.validators.MinValueValidator(1),
                                django.core.validators.MaxValueValidator(99),
                            ],
                            verbose_name="confidence (%)",
                        ),
                    ),
                ],
                options={
                    "ordering": ["order", "name", "id"],
                    "constraints": [
                        models.UniqueConstraint(
                            fields=("tenant", "name"),
                            name="route_name_unique",
                            nulls_distinct=False,
                            violation_error_message="There is a route of this name already.",
                        ),
                        models.UniqueConstraint(
                            condition=models.Q(("is_default", True)),
                            fields=("tenant",),
                            name="route_default_unique",
                            nulls_distinct=False,
                            violation_error_message="There is a default route already; unset that one first.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("strategy__in", ["priority", "weighted", "least_latency", "lowest_cost", "least_busy"])
                            ),
                            name="route_strategy_known",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("retry_cap_ms__gte", models.F("retry_base_ms")),
                                ("retry_max_attempts__gt", 0),
                                ("retry_per_target__gt", 0),
                            ),
                            name="route_retry_sane",
                            violation_error_message="At least one attempt, and the longest back-off is no shorter than the first.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("total_timeout_ms__gt", 0),
                                models.Q(("max_latency_ms", None), ("max_latency_ms__gt", 0), _connector="OR"),
                            ),
                            name="route_timeouts_positive",
                            violation_error_message="Timeouts are at least 1 ms.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                ("cache_confidence_percent__range", (1, 99)),
                                ("cache_hit_percent__lte", 100),
                                ("cache_max_entries__gt", 0),
                                ("cache_max_mib__gt", 0),
                                ("cache_mode__in", ["off", "exact", "semantic", "shadow"]),
                                ("cache_ttl_s__gt", 0),
                            ),
                            name="route_cache_sane",
                            violation_error_message="The cache's time and sizes are greater than 0, a hit costs at most 100 %, and no confidence is below 1 % or above 99 %.",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="Target",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("created_at", models.DateTimeField(auto_now_add=True)),
                    ("updated_at", models.DateTimeField(auto_now=True)),
                    ("priority", models.PositiveIntegerField(default=0, help_text="Lower goes first.")),
                    (
                        "weight",
                        models.PositiveIntegerField(default=1, help_text="Share of calls under strategy 'weighted'."),
                    ),
                    (
                        "drop_params",
                        django.contrib.postgres.fields.ArrayField(
                            base_field=models.CharField(
                                max_length=64, validators=[routing.validators.validate_droppable]
                            ),
                            blank=True,
                            default=list,
                            help_text="Fields to leave out when the provider has no equivalent; any other such field is refused.",
                            size=None,
                        ),
                    ),
                    ("enabled", models.BooleanField(default=True)),
                    ("breaker_window_s", models.PositiveIntegerField(blank=True, null=True, verbose_name="window (s)")),
                    (
                        "breaker_minimum_calls",
                        models.PositiveIntegerField(blank=True, null=True, verbose_name="calls before it may open"),
                    ),
                    (
                        "breaker_failure_rate",
                        models.FloatField(
                            blank=True,
                            help_text="0.5 opens the circuit when half of the calls in the window fail.",
                            null=True,
                            validators=[
                                django.core.validators.MinValueValidator(0.01),
                                django.core.validators.MaxValueValidator(1.0),
                            ],
                            verbose_name="failure rate",
                        ),
                    ),
                    (
                        "breaker_slow_call_ms",
                        models.PositiveIntegerField(
                            blank=True,
                            help_text="0 turns the rule about slow calls off.",
                            null=True,
                            verbose_name="slow from (ms)",
                        ),
                    ),
                    (
                        "breaker_slow_call_rate",
                        models.FloatField(
                            blank=True,
                            null=True,
                            validators=[
                                django.core.validators.MinValueValidator(0.01),
                                django.core.validators.MaxValueValidator(1.0),
                            ],
                            verbose_name="slow-call rate",
                        ),
                    ),
                    (
                        "breaker_open_s",
                        models.FloatField(
                            blank=True,
                            null=True,
                            validators=[django.core.validators.MinValueValidator(0.1)],
                            verbose_name="open for (s)",
                        ),
                    ),
                    (
                        "breaker_half_open_probes",
                        models.PositiveIntegerField(blank=True, null=True, verbose_name="probes when half open"),
                    ),
                    (
                        "model",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.RESTRICT, related_name="targets", to="routing.model"
                        ),
                    ),
                    (
                        "route",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="targets", to="routing.route"
                        ),
                    ),
                ],
                options={
                    "ordering": ["route", "priority", "-weight", "id"],
                    "constraints": [
                        models.UniqueConstraint(
                            fields=("route", "model"),
                            name="target_unique",
                            violation_error_message="The route has this target already.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(
                                    ("breaker_failure_rate", None),
                                    models.Q(("breaker_failure_rate__gt", 0), ("breaker_failure_rate__lte", 1)),
                                    _connector="OR",
                                ),
                                models.Q(
                                    ("breaker_slow_call_rate", None),
                                    models.Q(("breaker_slow_call_rate__gt", 0), ("breaker_slow_call_rate__lte", 1)),
                                    _connector="OR",
                                ),
                            ),
                            name="target_breaker_rates",
                            violation_error_message="Rates lie between 0 and 1.",
                        ),
                        models.CheckConstraint(
                            condition=models.Q(
                                models.Q(("breaker_window_s", None), ("breaker_window_s__gt", 0), _connector="OR"),
                                models.Q(
                                    ("breaker_minimum_calls", None), ("breaker_minimum_calls__gt", 0), _connector="OR"
                                ),
                                models.Q(
                                    ("breaker_half_open_probes", None),
                                    ("breaker_half_open_probes__gt", 0),
                                    _connector="OR",
                                ),
                                models.Q(("breaker_open_s", None), ("breaker_open_s__gt", 0), _connector="OR"),
                            ),
                            name="target_breaker_counts",
                            violation_error_message="The breaker's window, counts and pause are greater than 0.",
                        ),
                    ],
                },
            ),
            migrations.CreateModel(
                name="ModelPrice",
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
                        "valid_from",
                        models.DateTimeField(
                            blank=True,
                            help_text="The instant from which calls cost this. Empty: always did.",
                            null=True,
                        ),
                    ),
                    (
                        "valid_until",
                        models.DateTimeField(
                            blank=True,
                            help_text="The instant from which they no longer do. Empty: until further notice.",
                            null=True,
                        ),
                    ),
                    ("input", models.PositiveBigIntegerField(help_text="Nano-USD per million tokens.")),
                    ("output", models.PositiveBigIntegerField(help_text="Nano-USD per million tokens.")),
                    (
                        "cached_input",
                        models.PositiveBigIntegerField(
                            blank=True, help_text="Nano-USD per million tokens; empty: as input.", null=True
                        ),
                    ),
                    (
                        "cache_write",
                        models.PositiveBigIntegerField(
                            blank=True, help_text="Nano-USD per million tokens; empty: as input.", null=True
                        ),
                    ),
                    (
                        "reasoning",
                        models.PositiveBigIntegerField(
                            blank=True, help_text="Nano-USD per million tokens; empty: as output.", null=True
                        ),
                    ),
                    (
                        "audio_input",
                        models.PositiveBigIntegerField(
                            blank=True, help_text="Nano-USD per million tokens; empty: as input.", null=True
                        ),
                    ),
                    (
                        "audio_output",
                        models.PositiveBigIntegerField(
                            blank=True, help_text="Nano-USD per million tokens; empty: as output.", null=True
                        ),
                    ),
                    (
                        "image_input",
                        models.PositiveBigIntegerField(
                            blank=True, help_text="Nano-USD per million tokens; empty: as input.", null=True
                        ),
                    ),
                    (
                        "image_output",
                        models.PositiveBigIntegerField(
                            blank=True, help_text="Nano-USD per million tokens; empty: as output.", null=True
                        ),
                    ),
                    (
                        "request",
                        models.PositiveBigIntegerField(
                            default=0, help_text="Nano-USD per call, on top of the tokens.", verbose_name="each call"
                        ),
                    ),
                    (
                        "model",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="prices", to="routing.model"
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            blank=True,
                            help_text="For this tenant only. Empty: for everybody.",
                            null=True,
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="model_prices",
                            to="tenants.tenant",
                        ),
                    ),
                ],
                options={
                    "verbose_name": "price",
                    "ordering": (
                        "model",
                        models.OrderBy(models.F("tenant"), nulls_first=True),
                        models.OrderBy(models.F("valid_from"), nulls_first=True),
                    ),
                    "indexes": [models.Index(fields=["model", "tenant", "valid_from"], name="model_price_by_time")],
                    "constraints": [
                        models.CheckConstraint(
                            condition=models.Q(
                                ("valid_from", None),
                                ("valid_until", None),
                                ("valid_until__gt", models.F("valid_from")),
                                _connector="OR",
                            ),
                            name="model_price_ends_after_it_begins",
                            violation_error_message="A price ends after it begins.",
                        )
                    ],
                },
            ),
            migrations.CreateModel(
                name="AnswerJudgement",
                fields=[
                    (
                        "id",
                        models.UUIDField(
                            default=tenants.rows.new_uuid7, editable=False, primary_key=True, serialize=False
                        ),
                    ),
                    ("correlation_id", models.CharField(max_length=64)),
                    ("right", models.BooleanField()),
                    ("confidence", models.FloatField()),
                    ("similarity", models.FloatField()),
                    ("actor", models.CharField(max_length=200)),
                    ("comment", models.CharField(blank=True, default="", max_length=500)),
                    ("created_at", models.DateTimeField(auto_now_add=True)),
                    (
                        "route",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="answer_judgements",
                            to="routing.route",
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="answer_judgements",
                            to="tenants.tenant",
                        ),
                    ),
                ],
                options={
                    "ordering": ["id"],
                    "constraints": [
                        models.UniqueConstraint(fields=("tenant", "correlation_id"), name="answer_judged_once")
                    ],
                },
            ),
            migrations.CreateModel(
                name="RouteConfidence",
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
                        "confidence",
                        models.FloatField(
                            validators=[
                                django.core.validators.MinValueValidator(0.0),
                                django.core.validators.MaxValueValidator(1.0),
                            ]
                        ),
                    ),
                    ("right", models.PositiveIntegerField(default=0)),
                    ("wrong", models.PositiveIntegerField(default=0)),
                    (
                        "route",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE, related_name="confidences", to="routing.route"
                        ),
                    ),
                    (
                        "tenant",
                        models.ForeignKey(
                            on_delete=django.db.models.deletion.CASCADE,
                            related_name="route_confidences",
                            to="tenants.tenant",
                        ),
                    ),
                ],
                options={
                    "constraints": [
                        models.UniqueConstraint(fields=("tenant", "route"), name="route_confidence_unique"),
                        models.CheckConstraint(
                            condition=models.Q(("confidence__gte", 0), ("confidence__lte", 1)),
                            name="route_confidence_share",
                        ),
                    ],
                },
            ),
        ),
    ]
