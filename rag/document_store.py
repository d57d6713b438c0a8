"""Documents over the data plane: what callers send in, list and delete, in threads of its own."""

from __future__ import annotations

import base64
import binascii
import logging
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from asgiref.sync import sync_to_async
from django.core.exceptions import ValidationError
from django.db import Error as DatabaseError
from django.db import close_old_connections, transaction
from django.db.models import Q, QuerySet

from contracts.errors import InvalidRequest, PermissionDenied, ServiceUnavailable
from contracts.retrieval import ALL_ACCESS, DocumentPage, GivenDocument, StoredDocument
from rag.ingest.documents import NewDocument, check_document, delete_documents
from rag.ingest.starting import start_ingest
from rag.models import Collection, Document
from tenants.actor import acting_as

log = logging.getLogger(__name__)

T = TypeVar("T")
THREADS: Final = 2
BINARY: Final = "application/octet-stream"
_SHOWN: Final = (
    *("pk", "external_id", "title", "uri", "media_type", "state", "error", "characters", "chunk_count"),
    *("metadata", "access_tags", "updated_at"),
)


class PostgresDocumentStore:
    """:class:`contracts.retrieval.DocumentStore`."""

    def __init__(self, *, threads: int = THREADS) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="documents")

    async def upsert(
        self,
        tenant_id: str,
        collection: str,
        documents: Sequence[GivenDocument],
        *,
        access_tags: frozenset[str],
        actor: str,
    ) -> tuple[StoredDocument, ...]:
        """Take them in; they are read and indexed afterwards. All of them, or none.

        Raises:
            InvalidRequest: there is no such collection, or a document is not valid.
            PermissionDenied: one has the id of a document that the caller may not see, or a tag that it lacks.
            ServiceUnavailable: PostgreSQL cannot be asked.
        """
        return await self._asked(lambda: _upsert(tenant_id, collection, documents, access_tags), actor)

    async def page(
        self, tenant_id: str, collection: str, *, access_tags: frozenset[str], cursor: str, limit: int, state: str
    ) -> DocumentPage:
        """The next ones after ``cursor``, in the order of their ids.

        Raises:
            InvalidRequest: there is no such collection, or it is no cursor.
            ServiceUnavailable: PostgreSQL cannot be asked.
        """
        return await self._asked(lambda: _page(tenant_id, collection, access_tags, cursor, limit, state), "")

    async def delete(
        self, tenant_id: str, collection: str, ids: Sequence[str], *, access_tags: frozenset[str], actor: str
    ) -> tuple[str, ...]:
        """Those that were there, and are no more.

        Raises:
            InvalidRequest: there is no such collection.
            ServiceUnavailable: PostgreSQL cannot be asked.
        """
        return await self._asked(lambda: _delete(tenant_id, collection, ids, access_tags), actor)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _asked(self, work: Callable[[], T], actor: str) -> T:
        try:
            return await sync_to_async(_done, thread_sensitive=False, executor=self._threads)(work, actor)
        except DatabaseError as error:
            log.warning("Documents could not be stored or read: %s", error)
            raise ServiceUnavailable("Documents cannot be reached at the moment. Try again shortly.") from error


def _done(work: Callable[[], T], actor: str) -> T:
    close_old_connections()
    try:
        with acting_as(actor):
            return work()
    finally:
        close_old_connections()


def _collection(tenant_id: str, name: str) -> Collection:
    found: Collection | None = Collection.objects.for_tenant(uuid.UUID(tenant_id)).filter(name=name).first()
    if found is None:
        raise InvalidRequest(f"There is no collection {name!r}.", param="collection")
    return found


def _seen(collection: Collection, access_tags: frozenset[str]) -> QuerySet[Document]:
    """The collection's documents that the caller may see."""
    rows: QuerySet[Document] = Document.objects.for_tenant(collection.tenant_id).filter(collection=collection)
    if ALL_ACCESS in access_tags:
        return rows
    return rows.filter(Q(access_tags=[]) | Q(access_tags__overlap=sorted(access_tags)))


@transaction.atomic
def _upsert(
    tenant_id: str, name: str, documents: Sequence[GivenDocument], access_tags: frozenset[str]
) -> tuple[StoredDocument, ...]:
    collection = _collection(tenant_id, name)
    new = [_new_document(one, f"documents[{place}]") for place, one in enumerate(documents)]
    ids = [one.external_id for one in new]
    theirs = Document.objects.for_tenant(collection.tenant_id).filter(collection=collection, external_id__in=ids)
    hidden = set(theirs.values_list("external_id", flat=True))
    hidden -= set(_seen(collection, access_tags).filter(external_id__in=ids).values_list("external_id", flat=True))
    for place, one in enumerate(new):
        _check_access(one, collection, access_tags, f"documents[{place}]", taken=one.external_id in hidden)
    start_ingest(collection=collection, source="api", documents=new)
    stored = {row.external_id: row for row in theirs.only(*_SHOWN)}
    return tuple(_stored(stored[one]) for one in ids)


def _check_access(one: NewDocument, collection: Collection, mine: frozenset[str], where: str, *, taken: bool) -> None:
    if ALL_ACCESS in mine:
        return
    if taken:
        raise PermissionDenied("This API key may not change the document with this id.", param=f"{where}.id")
    if one.access_tags is None:
        if collection.access_tags and not mine & set(collection.access_tags):
            raise PermissionDenied("This API key lacks the collection's access tags.", param=f"{where}.access_tags")
    elif lacking := set(one.access_tags) - mine:
        told = f"This API key lacks the access tag {min(lacking)!r}."
        raise PermissionDenied(told, param=f"{where}.access_tags")


def _new_document(given: GivenDocument, where: str) -> NewDocument:
    new = NewDocument(
        external_id=given.id,
        content=_content(given, where),
        media_type=given.media_type or ("text/plain" if given.text is not None else BINARY),
        title=given.title,
        uri=given.uri,
        metadata=given.metadata,
        access_tags=given.access_tags,
    )
    try:
        check_document(new)
    except ValidationError as problem:
        field = next(iter(problem.error_dict)) if hasattr(problem, "error_dict") else ""
        named = {"": where, "external_id": f"{where}.id"}.get(field, f"{where}.{field}")
        raise InvalidRequest(" ".join(problem.messages), param=named) from problem
    return new


def _content(given: GivenDocument, where: str) -> bytes:
    if given.text is not None:
        return given.text.encode()
    try:
        return base64.b64decode(given.content_base64 or "", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("This is no base64.", param=f"{where}.content_base64") from error


def _page(tenant_id: str, name: str, access_tags: frozenset[str], cursor: str, limit: int, state: str) -> DocumentPage:
    rows = _seen(_collection(tenant_id, name), access_tags)
    if state:
        rows = rows.filter(state=state)
    if cursor:
        rows = rows.filter(external_id__gt=_read_cursor(cursor))
    found = list(rows.order_by("external_id").only(*_SHOWN)[: limit + 1])
    shown = found[:limit]
    following = _cursor(shown[-1].external_id) if len(found) > limit else ""
    return DocumentPage(documents=tuple(map(_stored, shown)), next_cursor=following)


def _delete(tenant_id: str, name: str, ids: Sequence[str], access_tags: frozenset[str]) -> tuple[str, ...]:
    collection = _collection(tenant_id, name)
    with transaction.atomic():
        rows = _seen(collection, access_tags).filter(external_id__in=list(ids))
        there = set(rows.values_list("external_id", flat=True))
        delete_documents(collection=collection, documents=rows)
    return tuple(one for one in ids if one in there)


def _cursor(external_id: str) -> str:
    return base64.urlsafe_b64encode(external_id.encode()).decode().rstrip("=")


def _read_cursor(text: str) -> str:
    try:
        found = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("This is not a cursor.", param="cursor") from error
    if "\x00" in found:
        raise InvalidRequest("This is not a cursor.", param="cursor")
    return found


def _stored(row: Document) -> StoredDocument:
    shown: dict[str, Any] = {
        "id": row.external_id,
        "document_id": str(row.pk),
        "chunks": row.chunk_count,
        "access_tags": tuple(row.access_tags),
        "updated_at": row.updated_at.isoformat(),
    }
    same = ("title", "uri", "media_type", "state", "error", "characters", "metadata")
    return StoredDocument(**shown, **{name: getattr(row, name) for name in same})
