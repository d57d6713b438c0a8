"""How audit entries are chained, and the check that nobody has altered, removed or added one.

There is one chain over the whole installation. An entry's ``digest`` is the SHA-256 of the canonical JSON of its
fields; its ``hash`` the SHA-256 of the canonical JSON of its place, its id, its digest and the hash before it, so an
entry cannot change without every later hash changing. The trigger ``tenants_auditentry_seal`` gives out the places at
the end of the transaction: writers wait for each other only while they commit, whatever they have locked before.

Canonical JSON follows RFC 8785 (JSON Canonicalization Scheme): sorted names, no white space, UTF-8, numbers without
needless digits. Two things differ: whole numbers keep all their digits, as money needs more than 53 bits, and names
are sorted by code point.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Protocol

from django.core.serializers.json import DjangoJSONEncoder

GENESIS: Final = "0" * 64
"""What stands before the first entry."""

_VERSION: Final = 1


class Chained(Protocol):
    """The fields of an audit entry that its digest covers."""

    at: datetime
    actor: str
    source_ip: str
    action: str
    object_type: str
    object_id: str
    object_name: str
    tenant_ref: str
    before: Any
    after: Any


def canonical_json(value: Any) -> bytes:
    """The one way to write this value down; also after it has been through a JSON column.

    Raises:
        ValueError: a number is not finite.
    """
    # The parser that Django's JSONField uses, so that whole numbers of any size come out alike.
    plain = json.loads(json.dumps(value, cls=DjangoJSONEncoder))  # noqa: TID251
    return json.dumps(
        _normal(plain), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest_of(entry: Chained) -> str:
    """SHA-256, in hexadecimal, of what the entry says."""
    return _sha256(
        {
            "action": str(entry.action),
            "actor": entry.actor,
            "after": entry.after,
            "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "before": entry.before,
            "object_id": entry.object_id,
            "object_name": entry.object_name,
            "object_type": entry.object_type,
            "source_ip": entry.source_ip,
            "tenant_ref": entry.tenant_ref,
            "v": _VERSION,
        }
    )


def hash_of(*, sequence: int, entry_id: int, previous_hash: str, digest: str) -> str:
    """SHA-256, in hexadecimal, of an entry in its place; the trigger computes the same."""
    return _sha256({"digest": digest, "id": entry_id, "previous": previous_hash, "sequence": sequence})


def _sha256(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(value)).hexdigest()


def _normal(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _normal(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_normal(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        # PostgreSQL's jsonb gives 1e23 back as 100000000000000000000000, which is not int(1e23).
        return int(Decimal(repr(value)))
    return value


def breaks(entries: Iterable[Any], *, head: tuple[int, str]) -> Iterator[tuple[int, str]]:
    """Each place where the chain does not hold, as (sequence, what is wrong), in order; nothing when all is well.

    ``entries`` come in the order of their places; ``head`` is the place and hash at which the chain should end.
    """
    expected, previous = 1, GENESIS
    for entry in entries:
        if entry.sequence != expected:
            missing = f"{expected}" if entry.sequence == expected + 1 else f"{expected} to {entry.sequence - 1}"
            yield expected, f"entry {missing} is missing"
        wrong = _wrong(entry, previous if entry.sequence == expected else None)
        if wrong:
            yield entry.sequence, wrong
        expected, previous = entry.sequence + 1, entry.hash
    if expected - 1 != head[0]:
        yield expected, f"the chain ends at {expected - 1} and should end at {head[0]}: entries at its end are missing"
    elif previous != head[1]:
        yield head[0], "the chain's end has another hash than was noted"


def _wrong(entry: Any, previous: str | None) -> str:
    """What is wrong with the entry itself, and with its link when what should precede it is known."""
    if entry.digest != digest_of(entry):
        return "a field was altered: the digest does not fit"
    link = hash_of(sequence=entry.sequence, entry_id=entry.id, previous_hash=entry.previous_hash, digest=entry.digest)
    if entry.hash != link:
        return "the hash does not fit the entry"
    if previous is not None and entry.previous_hash != previous:
        return "the entry does not follow the one before it"
    return ""
