"""What the collector has written: events, the runs they add up to, what they cost, and how far each spool was read.

Rows are written by :mod:`events.collector` with SQL, never through these models; pages and selectors read them.
"""

from __future__ import annotations

from django.db import models


class EventRecord(models.Model):
    """One event. The table is partitioned by UTC day; its key is (``event_id``, ``occurred_at``)."""

    event_id = models.UUIDField(primary_key=True)
    occurred_at = models.DateTimeField()
    event_type = models.CharField(max_length=128)
    schema_version = models.SmallIntegerField()
    layer = models.SmallIntegerField()
    service_name = models.CharField(max_length=128)
    env = models.CharField(max_length=64)
    tenant_id = models.CharField(max_length=64)
    trace_id = models.CharField(max_length=64)
    span_id = models.CharField(max_length=32)
    correlation_id = models.CharField(max_length=128)
    payload = models.JSONField()

    class Meta:
        managed = False  # Django cannot create partitioned tables; the migration does
        db_table = "events_event"
        ordering = ["-event_id"]  # UUIDv7: by time
        verbose_name = "event"

    def __str__(self) -> str:
        return f"{self.event_type} {self.event_id}"


class RunState(models.IntegerChoices):
    """How far a call has come. Of two claims about one run, the higher one is right, in whatever order they arrive."""

    RUNNING = 0, "running"
    LOST = 1, "lost"  # started long ago and never ended: its worker died
    REJECTED = 2, "rejected"
    COMPLETED = 3, "completed"
    FAILED = 4, "failed"


class Run(models.Model):
    """One call, merged from its ``llm.request.*`` events in whatever order they arrive. Durations in ms."""

    correlation_id = models.TextField(primary_key=True)
    tenant_id = models.TextField()
    trace_id = models.TextField()
    state = models.SmallIntegerField(choices=RunState.choices, default=RunState.RUNNING)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    endpoint = models.TextField(null=True)
    operation = models.TextField(null=True)
    mode = models.TextField(null=True)
    key_id = models.TextField(null=True)
    team_id = models.TextField(null=True)
    end_user = models.TextField(null=True)
    tags = models.JSONField(null=True)
    requested_model = models.TextField(null=True)
    route = models.TextField(null=True)
    provider = models.TextField(null=True)
    model = models.TextField(null=True)
    stream = models.BooleanField(null=True)
    finish_reason = models.TextField(null=True)
    error_code = models.TextField(null=True)
    error_message = models.TextField(null=True)
    http_status = models.IntegerField(null=True)
    input_tokens = models.BigIntegerField(null=True)
    output_tokens = models.BigIntegerField(null=True)
    cached_input_tokens = models.BigIntegerField(null=True)
    cache_write_tokens = models.BigIntegerField(null=True)
    reasoning_tokens = models.BigIntegerField(null=True)
    usage_estimated = models.BooleanField(null=True)
    cost_nanousd = models.BigIntegerField(null=True)
    duration_ms = models.FloatField(null=True)
    overhead_ms = models.FloatField(null=True)
    first_token_ms = models.FloatField(null=True)
    attempts = models.IntegerField(null=True)
    fallback_used = models.BooleanField(null=True)
    degraded = models.BooleanField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["tenant_id", "-started_at"], name="run_tenant_started"),
            models.Index(fields=["-started_at"], name="run_started"),
            models.Index(fields=["started_at"], condition=models.Q(state=0), name="run_unfinished"),
            models.Index(
                fields=["tenant_id", "-started_at"], condition=models.Q(state__in=[2, 4]), name="run_trouble_tenant"
            ),
            models.Index(fields=["-started_at"], condition=models.Q(state__in=[2, 4]), name="run_trouble"),
        ]
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return self.correlation_id


class UsageRecord(models.Model):
    """One ended call as it is billed: append-only, partitioned by UTC day, its key is (``event_id``, ``occurred_at``).

    The database refuses UPDATE and DELETE, but for :mod:`events.ledger.retention`.
    """

    class Status(models.TextChoices):
        """How the call ended."""

        COMPLETED = "completed", "completed"
        FAILED = "failed", "failed"

    event_id = models.UUIDField(primary_key=True)
    occurred_at = models.DateTimeField()
    """The call's end: the instant by which it belongs to a budget's window and to a month's statement."""
    correlation_id = models.TextField()
    tenant_id = models.TextField()
    team_id = models.TextField(null=True)
    key_id = models.TextField()
    end_user = models.TextField(null=True)
    route = models.TextField(null=True)
    provider = models.TextField(null=True)
    model = models.TextField(null=True)
    tags = models.JSONField(null=True)
    operation = models.TextField()
    endpoint = models.TextField()
    status = models.TextField(choices=Status.choices)
    error_code = models.TextField(null=True)
    input_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    cached_input_tokens = models.BigIntegerField()
    cache_write_tokens = models.BigIntegerField()
    reasoning_tokens = models.BigIntegerField()
    audio_input_tokens = models.BigIntegerField()
    audio_output_tokens = models.BigIntegerField()
    image_input_tokens = models.BigIntegerField()
    image_output_tokens = models.BigIntegerField()
    usage_estimated = models.BooleanField()
    cost_nanousd = models.BigIntegerField(null=True)
    """None where the price is unknown, and then ``price_unknown``: never 0 for want of a price."""
    price_unknown = models.BooleanField()
    cached_answer = models.BooleanField(default=False)
    """Answered from a cache, no provider asked."""
    duration_us = models.BigIntegerField()
    """Microseconds: whole numbers, so that sums are exact."""
    first_token_us = models.BigIntegerField(null=True)
    retries = models.IntegerField(default=0)
    """Attempts beyond the first."""
    fallback_used = models.BooleanField(default=False)

    class Meta:
        managed = False  # partitioned, see EventRecord
        db_table = "events_usage"
        ordering = ["-event_id"]
        verbose_name = "usage record"

    def __str__(self) -> str:
        return f"{self.correlation_id} {self.cost_nanousd}"


class SpoolPosition(models.Model):
    """How far a spool's events are in PostgreSQL, written in the same transaction as they are."""

    spool_id = models.CharField(max_length=64, primary_key=True)
    segment = models.BigIntegerField(default=0)
    offset = models.BigIntegerField(default=0)
    ahead = models.JSONField(default=list)
    """``[[segment, offset], [segment, offset]]`` pairs: ranges written before what precedes them."""
    updated_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["updated_at"], name="spool_updated")]

    def __str__(self) -> str:
        return f"{self.spool_id} {self.segment}:{self.offset}"


class QuarantinedEvent(models.Model):
    """A line from the bus that is not an event we know how to keep; nothing else waits for it."""

    digest = models.CharField(max_length=64, primary_key=True)
    """SHA-256 of the line, in hex: redelivery adds no second row."""
    reason = models.CharField(max_length=64)
    detail = models.TextField()
    source = models.CharField(max_length=128)
    line = models.BinaryField()
    received_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["received_at"], name="quarantine_received")]
        ordering = ["-received_at"]

    def __str__(self) -> str:
        return f"{self.reason} {self.digest[:12]}"
