"""Collections over the management API."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.core.exceptions import ValidationError as Refusal
from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from rag import services
from rag.ingest.locks import writing
from rag.ingest.reembedding import progress_of
from rag.models import Chunk, Collection, Document, EmbeddingIndex
from tenants.rest.idempotency import idempotent
from tenants.rest.resources import ROW_ORDERINGS, Changeable, Creatable, Deletable, Readable
from tenants.rest.serializers import ROW_FIELDS, OwnTenant, RowSerializer, StrictSerializer, valid
from tenants.roles import TenantPermission


class CollectionSerializer(RowSerializer):
    """Documents that are searched together."""

    fixed = ("tenant_id",)
    tenant_id = OwnTenant()
    documents = serializers.SerializerMethodField(help_text="How many it has.")
    chunks = serializers.SerializerMethodField(help_text="How many they are cut into.")

    class Meta:
        model = Collection
        fields = (
            *(*ROW_FIELDS, "tenant_id", "name", "description", "language", "access_tags", "chunk_tokens"),
            *("chunk_overlap", "embedding_model", "method", "top_k", "diversity", "reranker", "rerank_route"),
            *("rewrite_route", "timeout_ms", "context_tokens", "screening", "when_unsupported", "unsupported_text"),
            *("judge_route", "fail_open", "enabled", "documents", "chunks"),
        )
        validators: ClassVar[list[Any]] = []

    def get_documents(self, row: Collection) -> int:
        """In whatever state."""
        return Document.objects.for_tenant(row.tenant_id).filter(collection=row).count()

    def get_chunks(self, row: Collection) -> int:
        """That can be found."""
        return Chunk.objects.for_tenant(row.tenant_id).filter(collection=row).count()

    def create(self, validated_data: dict[str, Any]) -> Collection:
        """Without documents."""
        return services.create_collection(**validated_data)

    def update(self, instance: Collection, validated_data: dict[str, Any]) -> Collection:
        """Documents follow in the background where they have to."""
        return services.update_collection(collection=instance, **validated_data)


class ReembedSerializer(StrictSerializer):
    """By which model."""

    embedding_model = serializers.CharField(max_length=128, help_text="`static`, `minilm`, or `route:NAME`.")


class EmbeddingIndexSerializer(serializers.ModelSerializer[EmbeddingIndex]):
    """The vectors of a collection by one model."""

    vectors = serializers.SerializerMethodField(help_text="Chunks that have one.")
    chunks = serializers.SerializerMethodField(help_text="Chunks of the collection.")

    class Meta:
        model = EmbeddingIndex
        fields = (
            *("id", "model", "model_version", "dimensions", "state", "error", "searched_by", "vectors", "chunks"),
            *("created_at", "live_at"),
        )
        read_only_fields = fields

    def get_vectors(self, row: EmbeddingIndex) -> int:
        """So far."""
        return progress_of(row)[0]

    def get_chunks(self, row: EmbeddingIndex) -> int:
        """In all."""
        return progress_of(row)[1]


class IndexesSerializer(serializers.Serializer[Any]):
    """The newest first."""

    indexes = EmbeddingIndexSerializer(many=True)


class CollectionResource(Readable, Creatable, Changeable, Deletable):
    """Collections of documents."""

    noun = "collection"
    about = "Documents that are searched together, cut and embedded in the same way."
    example: ClassVar[dict[str, Any]] = {"name": "handbook", "description": "What everybody here has to know"}
    queryset = Collection.objects.all()
    serializer_class = CollectionSerializer
    read_permission = TenantPermission.VIEW_DOCUMENTS
    write_permission = TenantPermission.MANAGE_DOCUMENTS
    action_permissions: ClassVar[dict[str, TenantPermission]] = {"indexes": TenantPermission.VIEW_DOCUMENTS}
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "name": "name"}
    search_fields = ("name", "description")

    def locked(self) -> Collection:
        """The row of the address, for a change: after the lock that whoever writes documents takes first.

        Raises:
            Http404, PermissionDenied, PreconditionFailed, PreconditionRequired: as it says there.
        """
        writing(uuid.UUID(self.kwargs["pk"]))
        row: Collection = super().locked()
        return row

    def remove(self, row: Collection) -> None:
        """With all that is in it."""
        services.delete_collection(collection=row)

    @extend_schema(
        summary="Read the vectors of a collection",
        description="One index is in use; another one may be in the making, which takes its place once it is complete.",
        responses={200: IndexesSerializer},
        filters=False,
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def indexes(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Those in use and in the making."""
        row: Collection = self.get_object()
        return Response(IndexesSerializer({"indexes": _indexes(row)}).data)

    @extend_schema(
        summary="Embed a collection anew",
        description="By this model, beside the vectors in use; searches go on with those until all are there.",
        request=ReembedSerializer,
        responses={202: EmbeddingIndexSerializer},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def reembed(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A worker begins at once."""
        with transaction.atomic():
            row: Collection = self.locked()
            model = valid(ReembedSerializer, request)["embedding_model"]
            try:
                made = services.reembed(collection=row, model=model)
            except Refusal as refusal:
                raise ValidationError({"embedding_model": refusal.messages}) from refusal
            return Response(EmbeddingIndexSerializer(made).data, 202)


def _indexes(row: Collection) -> QuerySet[EmbeddingIndex]:
    rows: QuerySet[EmbeddingIndex] = EmbeddingIndex.objects.for_tenant(row.tenant_id).filter(collection=row)
    return rows.exclude(state=EmbeddingIndex.State.RETIRED)
