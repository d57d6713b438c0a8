"""What changes golden sets: each function is one transaction with one audit entry.

Only the draft changes: the newest version, as long as no run has used it. Where the newest is frozen, a change makes
another version that begins as its copy.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from evaluation.engine.golden_files import MAX_ITEMS, Item, digest_of, item_of, keyed
from evaluation.models import GoldenItem, GoldenSet, GoldenVersion
from tenants.actor import current_actor
from tenants.audit import AuditEntry
from tenants.changes import delete_row, record, save_row, with_fields
from tenants.models import Tenant
from tenants.rows import new_uuid7

BATCH: Final = 1_000


class Origin(msgspec.Struct, frozen=True):
    """Whose call an item was made of, and when that was."""

    end_user: str = ""
    called_at: datetime | None = None


@transaction.atomic
def create_golden_set(*, tenant: Tenant, name: str, description: str = "") -> GoldenSet:
    """A new set with an empty first version.

    Raises:
        ValidationError: a field is not valid, or the tenant has a set of this name.
    """
    row = save_row(GoldenSet(tenant=tenant, name=name, description=description))
    GoldenVersion.objects.create(tenant=tenant, golden_set=row, number=1, author=current_actor().name)
    return row


def update_golden_set(*, golden_set: GoldenSet, **fields: Any) -> GoldenSet:
    """Change its name or description.

    Raises:
        ValidationError: a field is not valid.
    """
    return save_row(with_fields(golden_set, fields))


def delete_golden_set(*, golden_set: GoldenSet) -> None:
    """Delete the set with its versions, gates, and the runs over it."""
    delete_row(golden_set)


def newest_version(golden_set: GoldenSet) -> GoldenVersion:
    """The set's newest version: its draft, where it is not frozen."""
    found: GoldenVersion = versions_of(golden_set)[0]
    return found


def versions_of(golden_set: GoldenSet) -> QuerySet[GoldenVersion]:
    """The set's versions, the newest first."""
    rows = GoldenVersion.objects.filter(tenant=golden_set.tenant_id, golden_set=golden_set)
    # Said here: where figures are added to rows, the model's own order does not hold.
    return rows.order_by("-number")


def items_of(version: GoldenVersion) -> QuerySet[GoldenItem]:
    """The version's items, in order; among them those whose texts were erased."""
    return GoldenItem.objects.filter(tenant=version.tenant_id, version=version)


def usable_items_of(version: GoldenVersion) -> QuerySet[GoldenItem]:
    """Those that still say something."""
    return items_of(version).filter(erased_at=None)


@transaction.atomic
def put_items(
    *,
    golden_set: GoldenSet,
    items: Iterable[Item],
    source: str,
    replace: bool = False,
    origin: Origin | None = None,
) -> GoldenVersion:
    """Add items to the draft; one with the key of another takes its place. ``replace``: the draft has only these.

    ``origin`` says whose call they were made of. An item that takes the place of one that was made of a call, in any
    version of the set, remains that person's.

    Raises:
        ValidationError: one is not valid, or there would be too many.
    """
    given = {item.key: item for item in map(keyed, items)}
    origins = _origins(golden_set)
    draft = _draft(golden_set, empty=replace)
    known = dict(items_of(draft).filter(key__in=list(given)).values_list("key", "position"))
    items_of(draft).filter(key__in=list(known)).delete()
    if items_of(draft).count() + len(given) > MAX_ITEMS:
        raise ValidationError(f"A golden set has at most {MAX_ITEMS:,} items.")
    place = (items_of(draft).aggregate(last=Max("position"))["last"] or 0) + 1
    rows = []
    for key, item in given.items():
        rows.append(_row(draft, item, known.get(key, place), source, origin or origins.get(key) or Origin()))
        place += key not in known
    GoldenItem.objects.bulk_create(rows, batch_size=BATCH)
    _counted(draft)
    _told(golden_set, draft, {"items": len(given) - len(known), "changed": len(known), "source": source})
    return draft


@transaction.atomic
def save_item(*, golden_set: GoldenSet, key: str, plain: dict[str, Any], source: str = "console") -> GoldenVersion:
    """Change the draft's item of this key, or add one.

    Raises:
        ValidationError: it is not valid.
    """
    try:
        item = item_of({**plain, "key": key or plain.get("key") or ""})
    except ValueError as problem:
        raise ValidationError(str(problem)) from problem
    return put_items(golden_set=golden_set, items=[item], source=source)


@transaction.atomic
def remove_items(*, golden_set: GoldenSet, keys: Sequence[str]) -> GoldenVersion:
    """Take items out of the draft.

    Raises:
        ValidationError: it has none of them.
    """
    draft = _draft(golden_set)
    gone, _ = items_of(draft).filter(key__in=list(keys)).delete()
    if not gone:
        raise ValidationError("The set has no such item.")
    _counted(draft)
    _told(golden_set, draft, {"removed": gone})
    return draft


@transaction.atomic
def freeze(version: GoldenVersion) -> GoldenVersion:
    """Let nothing change in it any more: a run uses it. Its row stays locked until the transaction ends."""
    row: GoldenVersion = GoldenVersion.objects.for_tenant(version.tenant_id).select_for_update().get(pk=version.pk)
    if row.frozen_at is None:
        row.frozen_at = timezone.now()
        row.save(update_fields=["frozen_at"])
    return row


def as_item(row: GoldenItem) -> Item:
    """The row as files have it."""
    return Item(
        key=row.key,
        input=row.input,
        expected=row.expected,
        context=row.context,
        rubric=row.rubric,
        tags=row.tags,
        split=row.split,
    )


def _draft(golden_set: GoldenSet, *, empty: bool = False) -> GoldenVersion:
    """The version that may be changed, locked; ``empty``: without items."""
    GoldenSet.objects.for_tenant(golden_set.tenant_id).select_for_update().get(pk=golden_set.pk)
    # Locked as well: a run that begins freezes it.
    newest: GoldenVersion = versions_of(golden_set).select_for_update().order_by("-number")[0]
    if newest.frozen_at is None:
        if empty:
            items_of(newest).delete()
        return newest
    made = GoldenVersion.objects.create(
        tenant_id=golden_set.tenant_id,
        golden_set=golden_set,
        number=newest.number + 1,
        items=0 if empty else newest.items,
        author=current_actor().name,
    )
    if not empty:
        _copy(newest, made)
    return made


def _copy(old: GoldenVersion, new: GoldenVersion) -> None:
    batch: list[GoldenItem] = []
    for row in items_of(old).iterator(chunk_size=BATCH):
        row.pk, row.version, row._state.adding = new_uuid7(), new, True
        batch.append(row)
        if len(batch) == BATCH:
            GoldenItem.objects.bulk_create(batch)
            batch = []
    GoldenItem.objects.bulk_create(batch)


def _origins(golden_set: GoldenSet) -> dict[str, Origin]:
    """Whose calls items of the set were made of, by their keys; erased ones left out."""
    rows = GoldenItem.objects.for_tenant(golden_set.tenant_id).filter(version__golden_set=golden_set, erased_at=None)
    made_of_calls = rows.exclude(end_user="").values_list("key", "end_user", "called_at")
    return {key: Origin(end_user, called_at) for key, end_user, called_at in made_of_calls}


def _row(version: GoldenVersion, item: Item, position: int, source: str, origin: Origin) -> GoldenItem:
    return GoldenItem(
        tenant_id=version.tenant_id,
        version=version,
        key=item.key,
        position=position,
        input=item.input,
        expected=item.expected,
        context=item.context,
        rubric=item.rubric,
        tags=item.tags,
        split=item.split,
        source=source,
        digest=digest_of(item),
        end_user=origin.end_user,
        called_at=origin.called_at,
    )


def _counted(version: GoldenVersion) -> None:
    version.items = items_of(version).count()
    version.save(update_fields=["items"])


def _told(golden_set: GoldenSet, version: GoldenVersion, after: dict[str, Any]) -> None:
    """Who did it; the texts of items stay out of the audit log."""
    owner: uuid.UUID = golden_set.tenant_id
    record(
        golden_set,
        AuditEntry.Action.UPDATED,
        name=golden_set.name,
        tenant_id=owner,
        before={},
        after={"version": version.number, **after},
    )
