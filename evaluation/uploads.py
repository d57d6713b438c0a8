"""Files that become items: read, shown with what is wrong in them, and then taken or dropped."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Final

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from evaluation.engine.golden_files import Item, read
from evaluation.golden_sets import put_items
from evaluation.models import GoldenSet, GoldenUpload, GoldenVersion
from tenants.actor import current_actor

MAX_BYTES: Final = 20_000_000
KEPT: Final = timedelta(days=1)
"""How long an upload waits to be taken."""
MOST_ERRORS: Final = 500


def read_upload(*, golden_set: GoldenSet, name: str, content: bytes) -> GoldenUpload:
    """Read a file, without changing the set.

    Raises:
        ValidationError: it is too large, or not UTF-8.
    """
    if len(content) > MAX_BYTES:
        raise ValidationError(f"A file has at most {MAX_BYTES // 1_000_000} MB.")
    try:
        text = content.decode("utf-8-sig").replace("\x00", "")
    except UnicodeDecodeError as error:
        raise ValidationError(f"The file is not UTF-8: byte {error.start:,} is none of it.") from error
    found = read(text, name=name)
    drop_untaken(golden_set.tenant_id)
    row: GoldenUpload = GoldenUpload.objects.create(
        tenant_id=golden_set.tenant_id,
        golden_set=golden_set,
        file_name=name[:200],
        items=msgspec.to_builtins(found.items),
        errors=[list(error) for error in found.errors[:MOST_ERRORS]],
        uploaded_by=current_actor().name,
    )
    return row


def drop_untaken(tenant_id: uuid.UUID) -> int:
    """Delete what nobody took in time; returns how many uploads that were."""
    deleted, _ = GoldenUpload.objects.for_tenant(tenant_id).filter(uploaded_at__lt=timezone.now() - KEPT).delete()
    return int(deleted)


@transaction.atomic
def take_upload(*, upload: GoldenUpload, replace: bool = False) -> GoldenVersion:
    """Put what could be read of the file into the set's draft.

    Raises:
        ValidationError: nothing could be read, or there would be too many items.
    """
    if not upload.items:
        raise ValidationError("Nothing of this file can be taken.")
    items = msgspec.convert(upload.items, list[Item])
    version = put_items(golden_set=upload.golden_set, items=items, source="upload", replace=replace)
    upload.delete()
    return version
