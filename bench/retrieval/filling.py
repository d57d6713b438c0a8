"""A database of the bench's own, and documents in it as they lie there once they are read."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.ledger import database

if TYPE_CHECKING:
    from rag.models import Collection
    from tenants.models import Tenant


@contextmanager
def installed(keep: str = "") -> Iterator[None]:
    """Django with an empty, migrated database (or one of this name that is kept), and Redis for what would be done in
    the background.
    """
    with database(keep) as address, _redis() as redis:
        os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = address, redis
        os.environ.setdefault("BREAKWATER_ENV", "test")
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
        import django
        from django.core.management import call_command
        from django.db import connections

        django.setup()
        logging.disable(logging.WARNING)
        call_command("migrate", verbosity=0)
        try:
            yield
        finally:
            connections.close_all()


@contextmanager
def _redis() -> Iterator[str]:
    if os.environ.get("REDIS_URL"):
        yield os.environ["REDIS_URL"]
        return
    from controlplane.embedded.layout import Layout
    from controlplane.embedded.redis import EmbeddedRedis
    from controlplane.embedded.session import running

    with tempfile.TemporaryDirectory(prefix="bench-redis-") as folder:
        layout = Layout(Path(folder))
        with running([EmbeddedRedis(layout, durable=False)], layout.logs):
            yield layout.redis_url()


def make_tenant() -> Tenant:
    from tenants.models import Tenant

    return Tenant.objects.create(name="Bench", slug="bench")


def fill(tenant: Tenant, name: str, model: str, documents: dict[str, tuple[str, str]], **fields: Any) -> Collection:
    """A collection of documents of one chunk each, by their ids."""
    from django.db import transaction

    from rag.embedding import embedder_of
    from rag.models import Chunk, ChunkVector, Collection, Document, EmbeddingIndex
    from rag.search.indexing import index_chunks

    collection = Collection.objects.create(
        tenant=tenant, name=name, embedding_model=model, timeout_ms=30_000, language="english", **fields
    )
    embedder = embedder_of(model)
    index = EmbeddingIndex.objects.create(
        tenant=tenant, collection=collection, model=model, dimensions=embedder.dimensions, state="live"
    )
    for ids in _batches(list(documents), 64):
        vectors = embedder.embed([documents[one][1] for one in ids])
        with transaction.atomic():
            for one, vector in zip(ids, vectors, strict=True):
                title, text = documents[one]
                document = Document.objects.create(
                    tenant=tenant, collection=collection, external_id=one, title=title[:400], text=text,
                    language="english", state="ready",
                )  # fmt: skip
                chunk = Chunk.objects.create(
                    tenant=tenant, collection=collection, document=document, position=0, start=0, end=len(text),
                    text=text, text_hash=hashlib.sha256(text.encode()).hexdigest(), tokens=len(text) // 4, words=0,
                )  # fmt: skip
                index_chunks(document)
                ChunkVector.objects.create(
                    tenant=tenant, index=index, chunk=chunk, document=document, vector=vector.tolist()
                )
    return collection


def _batches(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
