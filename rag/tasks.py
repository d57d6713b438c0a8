"""What this app does in the background."""

from __future__ import annotations

import uuid
from typing import Any, Final

from celery import Celery, current_app, shared_task
from celery.signals import worker_ready

from tenants.actor import acting_as

SLICE_S: Final = 60.0
"""An index gives its worker back after this long, so that other tasks have their turn."""
LOOK_AFTER_EVERY_S: Final = 30.0
KEEP_INDEXES_EVERY_S: Final = 120.0
LATE_S: Final = 60.0
"""After so long without a sign a document is given to another worker; one that is being read keeps its own."""
LATE_AT_START_S: Final = 5.0
"""The same where a worker has just started: what was handed to the one before it comes back to nobody else."""


@shared_task(name="rag.index_document")  # type: ignore[untyped-decorator]
def index_document(document_id: str) -> str:
    """Read a document and make it searchable; what came of it."""
    from rag.ingest.indexing import index_document as work

    with acting_as("rag.index_document"):
        return work(document_id)


@shared_task(name="rag.fill_index")  # type: ignore[untyped-decorator]
def fill_index(index_id: str) -> None:
    """Make an index's missing vectors for a while, and leave the rest to the next task."""
    from rag.ingest.reembedding import work_on_index

    if work_on_index(uuid.UUID(index_id), for_s=SLICE_S):
        fill_index.delay(index_id)


@shared_task(name="rag.drop_index")  # type: ignore[untyped-decorator]
def drop_index(index_id: str) -> int:
    """Delete what another index has replaced."""
    from rag.ingest.reembedding import drop_retired

    return drop_retired(uuid.UUID(index_id))


@shared_task(name="rag.drop_search_indexes")  # type: ignore[untyped-decorator]
def drop_search_indexes() -> int:
    """Drop PostgreSQL's indexes of vectors that are gone; how many."""
    from rag.ingest.upkeep import drop_orphans

    return drop_orphans()


@shared_task(name="rag.keep_search_indexes")  # type: ignore[untyped-decorator]
def keep_search_indexes() -> int:
    """Give collections that have grown or shrunk the index that they want; how many were looked at."""
    from rag.ingest.upkeep import ensure_all

    return ensure_all()


@shared_task(name="rag.look_after_documents")  # type: ignore[untyped-decorator]
def look_after_documents(late_s: float = LATE_S) -> int:
    """Have somebody go on with documents and indexes whose worker died, or that are to be tried again; how many."""
    from rag.ingest.indexing import abandoned, waiting_too_long
    from rag.ingest.reembedding import drop_retired, unfinished

    documents = dict.fromkeys([*abandoned(), *waiting_too_long(late_s)])
    indexes = unfinished()
    for document_id in documents:
        index_document.apply_async((str(document_id),), expires=LOOK_AFTER_EVERY_S)
    for index_id in indexes:
        fill_index.apply_async((str(index_id),), expires=LOOK_AFTER_EVERY_S)
    drop_retired()
    return len(documents) + len(indexes)


@worker_ready.connect  # type: ignore[untyped-decorator]
def _take_over(**_: Any) -> None:
    """A worker that starts goes on with what one that was killed left."""
    look_after_documents.apply_async((LATE_AT_START_S,), expires=LOOK_AFTER_EVERY_S)


@current_app.on_after_finalize.connect  # type: ignore[untyped-decorator]
def _schedule(sender: Celery, **_: Any) -> None:
    sender.add_periodic_task(
        LOOK_AFTER_EVERY_S, look_after_documents.s(), name="Look after documents", expires=LOOK_AFTER_EVERY_S
    )
    sender.add_periodic_task(
        KEEP_INDEXES_EVERY_S,
        keep_search_indexes.s(),
        name="Keep search indexes of documents",
        expires=KEEP_INDEXES_EVERY_S,
    )
