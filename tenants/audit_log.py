"""The audit log as a whole: noting what is no change of a row, checking the chain, signed checkpoints, search."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import BooleanField, F, Func, Q, QuerySet, TextField, Value

from contracts.events import AuditChainBroken, AuditCheckpointCreated, EventContext
from contracts.tenant_scope import across_tenants
from events.models import EventRecord
from tenants.audit import AuditChain, AuditCheckpoint, AuditEntry
from tenants.audit_chain import GENESIS, breaks, canonical_json
from tenants.audit_writer import write_entry
from tenants.emitting import emit

_CHUNK: Final = 2_000


def note(
    action: AuditEntry.Action,
    *,
    object_type: str,
    object_id: str = "",
    object_name: str = "",
    tenant_id: uuid.UUID | None = None,
    details: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Write an entry about what is no change of configuration: an export, an erasure, a secret that was read."""
    return write_entry(
        action,
        object_type=object_type,
        object_id=object_id,
        object_name=object_name,
        tenant_id=tenant_id,
        before={},
        after=details or {},
    )


# --- the chain -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Verification:
    """What the check of the whole log found; ``problems`` are (sequence, what is wrong), the first one first."""

    entries: int = 0
    checkpoints: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)


@across_tenants("the audit log is one chain over all tenants")
def verify(*, anchor: tuple[int, str] | None = None) -> Verification:
    """Check every entry, the links between them, the log's end and all checkpoints.

    ``anchor`` is a place and its hash that was kept elsewhere, such as from ``audit.checkpoint.created``.
    """
    head = AuditChain.objects.filter(pk=1).first() or AuditChain(sequence=0, hash=GENESIS)
    checkpoints = list(AuditCheckpoint.objects.order_by("id"))
    wanted = {checkpoint.sequence for checkpoint in checkpoints} | {place for place, _ in _anchors(anchor)}
    hashes: dict[int, str] = {}
    found = Verification(entries=head.sequence, checkpoints=len(checkpoints))
    entries = AuditEntry.objects.filter(sequence__lte=head.sequence).order_by("sequence").iterator(chunk_size=_CHUNK)
    found.problems += breaks(_noting(entries, wanted, hashes), head=(head.sequence, head.hash))
    found.problems += _problems_of_checkpoints(checkpoints, hashes)
    found.problems += [
        (place, "the entry is not the one that a checkpoint kept elsewhere tells of")
        for place, kept in _anchors(anchor)
        if hashes.get(place) != kept
    ]
    found.problems += _entries_outside(head)
    found.problems.sort(key=lambda problem: problem[0])
    return found


def _noting(entries: Iterator[AuditEntry], wanted: set[int], hashes: dict[int, str]) -> Iterator[AuditEntry]:
    for entry in entries:
        if entry.sequence in wanted:
            hashes[entry.sequence] = entry.hash
        yield entry


def _entries_outside(head: AuditChain) -> list[tuple[int, str]]:
    """Committed entries that the chain does not know of: put in with the trigger switched off."""
    unsealed = AuditEntry.objects.filter(sequence=None, at__lt=datetime.now(UTC)).count()
    newest = AuditChain.objects.filter(pk=1).values_list("sequence", flat=True).first() or 0
    beyond = AuditEntry.objects.filter(sequence__gt=max(newest, head.sequence)).count()
    stray = unsealed + beyond
    return [(head.sequence + 1, f"{stray} entries were put in past the chain")] if stray else []


def _anchors(given: tuple[int, str] | None) -> list[tuple[int, str]]:
    """What is known of the chain from outside its own tables: the caller's anchor, and the newest event of one."""
    event = (
        EventRecord.objects.filter(tenant_id="", event_type=AuditCheckpointCreated.event_type)
        .order_by("-occurred_at")
        .values_list("payload", flat=True)
        .first()
    )
    known = [(int(event["sequence"]), str(event["hash"]))] if event else []
    return known + ([given] if given else [])


# --- checkpoints ---------------------------------------------------------------------------------------


@transaction.atomic
def create_checkpoint() -> AuditCheckpoint:
    """Sign how far the chain has come, and emit it, so that it is known outside of this database too."""
    head = AuditChain.objects.filter(pk=1).first() or AuditChain(sequence=0, hash=GENESIS)
    key = settings.AUDIT_SIGNING_KEYS[0]
    checkpoint = AuditCheckpoint(sequence=head.sequence, hash=head.hash, key_id=_key_id(key))
    checkpoint.signature = _signature(key, checkpoint)
    checkpoint.save(force_insert=True)
    event = AuditCheckpointCreated(
        checkpoint_id=checkpoint.pk,
        sequence=checkpoint.sequence,
        hash=checkpoint.hash,
        key_id=checkpoint.key_id,
        signature=checkpoint.signature,
    )
    transaction.on_commit(lambda: emit(event, EventContext()), robust=True)
    return checkpoint


def verify_and_tell() -> Verification:
    """Check the log; what is wrong is emitted. A log that holds gets a new checkpoint."""
    found = verify()
    if found.problems:
        sequence, problem = found.problems[0]
        emit(AuditChainBroken(sequence=sequence, problem=problem, problems=len(found.problems)), EventContext())
    else:
        create_checkpoint()
    return found


def _problems_of_checkpoints(
    checkpoints: list[AuditCheckpoint], hashes: Mapping[int, str]
) -> Iterator[tuple[int, str]]:
    keys = {_key_id(key): key for key in settings.AUDIT_SIGNING_KEYS}
    for checkpoint in checkpoints:
        key = keys.get(checkpoint.key_id)
        if key is None:
            yield (
                checkpoint.sequence,
                f"checkpoint {checkpoint.pk} is signed with a key that is not in AUDIT_SIGNING_KEYS",
            )
        elif not hmac.compare_digest(_signature(key, checkpoint), checkpoint.signature):
            yield checkpoint.sequence, f"checkpoint {checkpoint.pk} has a false signature"
        if hashes.get(checkpoint.sequence, GENESIS if checkpoint.sequence == 0 else "") != checkpoint.hash:
            yield checkpoint.sequence, f"the entry is not the one that checkpoint {checkpoint.pk} was signed for"


def _signature(key: str, checkpoint: AuditCheckpoint) -> str:
    signed = {
        "at": checkpoint.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "hash": checkpoint.hash,
        "key_id": checkpoint.key_id,
        "sequence": checkpoint.sequence,
    }
    return hmac.new(key.encode(), canonical_json(signed), hashlib.sha256).hexdigest()


def _key_id(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]


# --- search --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries; every condition that is set must hold. ``until`` is exclusive."""

    tenant_id: uuid.UUID | None = None
    actor: str = ""
    action: str = ""
    object_type: str = ""
    source_ip: str = ""
    since: datetime | None = None
    until: datetime | None = None
    words: str = ""
    """Words that the changed fields' names and values must all hold."""

    def condition(self) -> Q:
        """For a queryset of entries."""
        conditions = {
            "tenant_ref": str(self.tenant_id) if self.tenant_id else "",
            "actor": self.actor,
            "action": self.action,
            "object_type": self.object_type,
            "source_ip": self.source_ip,
            "at__gte": self.since,
            "at__lt": self.until,
        }
        return Q(**{name: value for name, value in conditions.items() if value})


def search(rows: QuerySet[AuditEntry], chosen: AuditFilter) -> QuerySet[AuditEntry]:
    """The entries of ``rows`` that were asked for."""
    found = rows.filter(chosen.condition())
    return with_words(found, chosen.words) if chosen.words else found


def with_words(rows: QuerySet[AuditEntry], words: str) -> QuerySet[AuditEntry]:
    """Entries whose before or after holds all these words; answered from the index ``audit_words``."""
    asked = Func(Value(words), template="plainto_tsquery('simple', %(expressions)s)", output_field=TextField())
    told = Func(_words_of("before"), _words_of("after"), template="(%(expressions)s)", arg_joiner=" || ")
    return rows.filter(Func(told, asked, template="%(expressions)s", arg_joiner=" @@ ", output_field=BooleanField()))


def _words_of(column: str) -> Func:
    """As ``audit_words`` has them. The query names the column: inside another one it is not the outer one's."""
    template = """jsonb_to_tsvector('simple', %(expressions)s, '["all"]')"""
    return Func(F(column), template=template, output_field=TextField())
