"""The audit log's checks, what was deleted in time, and what was erased."""

from __future__ import annotations

from contracts.events.envelope import EventPayload


class AuditCheckpointCreated(EventPayload, frozen=True, kw_only=True):
    """How far the audit log had come, signed; keep it elsewhere, and cutting off the log's end shows."""

    event_type = "audit.checkpoint.created"
    layer = 5
    checkpoint_id: int
    sequence: int
    hash: str
    key_id: str
    """Which of the signing keys: the first 16 hexadecimal digits of its SHA-256."""
    signature: str


class AuditChainBroken(EventPayload, frozen=True, kw_only=True):
    """The audit log is not what was written: somebody altered, removed or added entries in the database."""

    event_type = "audit.chain.broken"
    layer = 5
    sequence: int
    """The first entry that does not fit."""
    problem: str
    problems: int
    """How many places do not fit."""


class RetentionApplied(EventPayload, frozen=True, kw_only=True):
    """Data of a tenant that was past its retention is gone; told when anything was."""

    event_type = "data.retention.applied"
    layer = 4
    payloads: int
    """Events that lost their prompt or answer."""
    events: int
    runs: int
    usage_records: int
    samples: int = 0
    """Of live evaluation: what was said taken out, or deleted."""


class EndUserErased(EventPayload, frozen=True, kw_only=True):
    """One end user was taken out of a tenant's data, on request or because events of theirs arrived late."""

    event_type = "data.user.erased"
    layer = 5
    pseudonym: str
    """What stands where the id stood."""
    events: int
    runs: int
    usage_records: int
    late: bool = False
    samples: int = 0
    """Of live evaluation, and items of golden sets, of which what was said is gone."""
