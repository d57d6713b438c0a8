"""Django application configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import AppConfig

if TYPE_CHECKING:
    from rag.document_store import PostgresDocumentStore
    from rag.retriever import PostgresRetriever


class RagConfig(AppConfig):
    name = "rag"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Put the pages into the sidebar, and give gateways what finds passages and judges answers."""
        from console.navigation import Entry
        from console.navigation import register as add
        from contracts.retrieval import RetrievalParts, register_retrieval
        from rag.engine.support.assessor import SupportAssessor

        add(Entry("Documents", "book", "collections", "Build", order=40, permission="view_documents"))
        register_retrieval(RetrievalParts(_retriever, SupportAssessor(), _document_store, _collection_names))


def _collection_names(tenant_id: str) -> list[str]:
    """Of those that are searched."""
    from uuid import UUID

    from rag.models import Collection

    return list(Collection.objects.for_tenant(UUID(tenant_id)).filter(enabled=True).values_list("name", flat=True))


def _retriever() -> PostgresRetriever:
    """Made where a gateway starts, for it knows the tables."""
    from rag.retriever import PostgresRetriever

    return PostgresRetriever()


def _document_store() -> PostgresDocumentStore:
    """As above."""
    from rag.document_store import PostgresDocumentStore

    return PostgresDocumentStore()
