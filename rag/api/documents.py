"""Documents, and how they come in, over the management API."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any, ClassVar

import msgspec
from django.core.exceptions import ValidationError as Refusal
from django.db import transaction
from django_filters import rest_framework as django_filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from rag import services
from rag.engine.reading.names import type_by_name
from rag.engine.reading.result import MAX_BYTES
from rag.ingest.locks import writing
from rag.models import Collection, Document, Ingest, IngestProblem
from tenants.rest.filters import TenantRowFilter, by_age
from tenants.rest.idempotency import idempotent
from tenants.rest.parsing import FormWithFilesParser, JsonObjectParser, UploadedPart
from tenants.rest.permissions import require
from tenants.rest.resources import ROW_ORDERINGS, Deletable, Readable
from tenants.rest.serializers import RelatedRow, StrictSerializer, valid
from tenants.roles import TenantPermission

MOST_PROBLEMS = 200


class DocumentSerializer(serializers.ModelSerializer[Document]):
    """A document as it stands."""

    collection_id = serializers.UUIDField()
    ingest_id = serializers.UUIDField(allow_null=True, help_text="With which it came last.")
    metadata = serializers.DictField()

    class Meta:
        model = Document
        fields = (
            *("id", "tenant_id", "collection_id", "external_id", "title", "uri", "media_type", "language", "metadata"),
            *("access_tags", "state", "error", "bytes", "characters", "chunk_count", "ingest_id", "created_at"),
            *("updated_at", "indexed_at"),
        )
        read_only_fields = fields


class NewDocumentSerializer(StrictSerializer):
    """A document to take; either ``text`` or ``content_base64``."""

    collection_id = RelatedRow(queryset=Collection.objects.all())
    external_id = serializers.CharField(max_length=512, help_text="The owner's own name for it.")
    text = serializers.CharField(required=False, trim_whitespace=False)
    content_base64 = serializers.CharField(required=False, help_text="Of a file, such as a PDF.")
    media_type = serializers.CharField(required=False, allow_blank=True, max_length=127)
    title = serializers.CharField(required=False, allow_blank=True, max_length=400)
    uri = serializers.CharField(required=False, allow_blank=True, max_length=2_000)
    metadata = serializers.DictField(required=False)
    access_tags = serializers.ListField(
        child=serializers.CharField(max_length=64),
        required=False,
        allow_null=True,
        max_length=32,
        help_text="`null`, or left out: those of the collection.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """With ``content``.

        Raises:
            ValidationError: there is no content, or twice, or it is no base64.
        """
        text, encoded = attrs.pop("text", None), attrs.pop("content_base64", None)
        if (text is None) == (encoded is None):
            raise ValidationError({"text": ["Send either text or content_base64."]})
        if text is not None:
            attrs["content"] = text.encode()
            attrs["media_type"] = attrs.get("media_type") or "text/plain"
            return attrs
        try:
            attrs["content"] = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValidationError({"content_base64": ["This is no base64."]}) from error
        attrs["media_type"] = attrs.get("media_type") or "application/octet-stream"
        return attrs


@extend_schema_field(OpenApiTypes.BINARY)
class PartField(serializers.Field[Any, Any, Any, Any]):
    """A file of a form."""

    def to_internal_value(self, data: Any) -> UploadedPart:
        """As it was parsed.

        Raises:
            ValidationError: it is a text.
        """
        if not isinstance(data, UploadedPart):
            raise ValidationError("Send a file here, with its name.")
        return data

    def to_representation(self, value: Any) -> Any:
        """Files are not given back."""
        return None


class UploadedDocumentSerializer(StrictSerializer):
    """A document to take, as a form with a file."""

    collection_id = RelatedRow(queryset=Collection.objects.all())
    file = PartField(help_text=f"At most {MAX_BYTES // 1_000_000} MB.")
    external_id = serializers.CharField(
        required=False, max_length=512, help_text="The owner's own name for it; left out: the file's."
    )
    media_type = serializers.CharField(
        required=False, allow_blank=True, max_length=127, help_text="Left out: by the file's name, else as it is sent."
    )
    title = serializers.CharField(required=False, allow_blank=True, max_length=400)
    uri = serializers.CharField(required=False, allow_blank=True, max_length=2_000)
    metadata = serializers.CharField(required=False, allow_blank=True, help_text="A flat JSON object, as a text.")
    access_tags = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="With commas between them; empty: none. Left out: those of the collection.",
    )

    def validate_metadata(self, value: str) -> dict[str, Any]:
        """As an object.

        Raises:
            ValidationError: it is none.
        """
        try:
            return msgspec.json.decode(value or "{}", type=dict[str, Any])
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise ValidationError(f"This is no JSON object: {error}.") from error

    def validate_access_tags(self, value: str) -> list[str]:
        """As a list."""
        return [tag.strip() for tag in value.split(",") if tag.strip()]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """With ``content``."""
        part: UploadedPart = attrs.pop("file")
        name = PurePath(part.name).name
        attrs["content"] = part.content
        attrs["external_id"] = attrs.get("external_id") or name
        attrs["media_type"] = attrs.get("media_type") or type_by_name(name, part.media_type)
        return attrs


class DocumentFormParser(FormWithFilesParser):
    """A file as large as they may be, and what is told of it."""

    max_bytes = MAX_BYTES + 100_000


class DocumentChangeSerializer(StrictSerializer):
    """What is known of a document beside its text."""

    title = serializers.CharField(required=False, allow_blank=True, max_length=400)
    uri = serializers.CharField(required=False, allow_blank=True, max_length=2_000)
    metadata = serializers.DictField(required=False)
    access_tags = serializers.ListField(
        child=serializers.CharField(max_length=64), required=False, allow_null=True, max_length=32
    )


class DocumentFilter(TenantRowFilter):
    """Filters of the list of documents."""

    collection_id = django_filters.UUIDFilter(field_name="collection_id", label="Of this collection only.")
    ingest_id = django_filters.UUIDFilter(field_name="ingest_id", label="That came with this ingest last.")
    state = django_filters.ChoiceFilter(choices=Document.State.choices, label="In this state only.")
    external_id = django_filters.CharFilter(field_name="external_id", max_length=512, label="Of this name.")


class OfCollection(Readable):
    """Rows that are changed under the lock of their collection."""

    def locked(self) -> Any:
        """The row of the address, for a change: after the lock that whoever writes documents takes first.

        Raises:
            Http404, PermissionDenied, PreconditionFailed, PreconditionRequired: as it says there.
        """
        writing(self.get_object().collection_id)
        return super().locked()


class DocumentResource(OfCollection, Deletable):
    """Documents."""

    noun = "document"
    about = "What a collection is searched for. While a new version is read, the one before it stays searchable."
    queryset = Document.objects.defer("text", "marks", "pending")
    parser_classes = (JsonObjectParser, DocumentFormParser)
    serializer_class = DocumentSerializer
    read_permission = TenantPermission.VIEW_DOCUMENTS
    write_permission = TenantPermission.MANAGE_DOCUMENTS
    filterset_class = DocumentFilter
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "external_id": "external_id"}
    search_fields = ("external_id", "title")

    def owner_of(self, row: Document) -> Any:
        """Its tenant."""
        return row.tenant_id

    def versions(self, row: Document) -> list[Any]:
        """It moves on by itself."""
        return [row.updated_at.isoformat(), row.state, row.chunk_count]

    def remove(self, row: Document) -> None:
        """With its chunks."""
        services.delete_document(document=row)

    @extend_schema(
        summary="Add or replace a document",
        description="A worker reads it. One with the `external_id` of another is its next version; what is as it was "
        "is not read again. As JSON, or as a form with a file.",
        request={"application/json": NewDocumentSerializer, "multipart/form-data": UploadedDocumentSerializer},
        responses={201: DocumentSerializer},
    )
    @idempotent
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Waiting until a worker has read it."""
        as_form = request.content_type.startswith(DocumentFormParser.media_type)
        sent = valid(UploadedDocumentSerializer if as_form else NewDocumentSerializer, request)
        collection: Collection = sent.pop("collection_id")
        require(request, TenantPermission.MANAGE_DOCUMENTS, collection.tenant_id)
        with told():
            row = services.put_document(collection=collection, **sent)
        return self.shown(self.saved(row), 201)

    @extend_schema(
        summary="Change what is known of a document",
        description="Title, address, metadata and access tags. They hold at once.",
        request={"application/json": DocumentChangeSerializer},
        responses={200: DocumentSerializer},
    )
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Its text stays."""
        with transaction.atomic(), told():
            row = self.locked()
            services.update_document(document=row, **valid(DocumentChangeSerializer, request))
            return self.shown(self.saved(row))

    @extend_schema(
        summary="Read a document again",
        description="From what came in, its address, or the text that is known.",
        request=None,
        responses={200: DocumentSerializer},
    )
    @action(detail=True, methods=["post"])
    def reindex(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A worker begins at once."""
        with transaction.atomic(), told():
            row: Document = self.locked()
            services.reindex_documents(collection=row.collection, documents=[row.pk])
            return self.shown(self.saved(row))


class IngestSerializer(serializers.ModelSerializer[Ingest]):
    """Documents that came together, and how far they are."""

    collection_id = serializers.UUIDField()

    class Meta:
        model = Ingest
        fields = (
            *("id", "tenant_id", "collection_id", "source", "requested_by", "delete_missing", "state", "total", "done"),
            *("unchanged", "failed", "chunks", "created_at", "started_at", "ended_at"),
        )
        read_only_fields = fields


class NewIngestSerializer(StrictSerializer):
    """Addresses to fetch."""

    collection_id = RelatedRow(queryset=Collection.objects.all())
    urls = serializers.ListField(child=serializers.CharField(max_length=2_000), min_length=1, max_length=1_000)
    delete_missing = serializers.BooleanField(
        default=False, help_text="Whether documents are deleted whose address answers 404 or 410."
    )


class IngestProblemSerializer(serializers.ModelSerializer[IngestProblem]):
    """A document that could not be taken."""

    class Meta:
        model = IngestProblem
        fields = ("document", "code", "message")
        read_only_fields = fields


class IngestProblemsSerializer(serializers.Serializer[Any]):
    """The first 200."""

    problems = IngestProblemSerializer(many=True)


class IngestFilter(TenantRowFilter):
    """Filters of the list of ingests."""

    created_after, created_before = by_age("created_at", "Asked for")
    collection_id = django_filters.UUIDFilter(field_name="collection_id", label="Of this collection only.")
    state = django_filters.ChoiceFilter(choices=Ingest.State.choices, label="In this state only.")


class IngestResource(OfCollection):
    """Ingests."""

    noun = "ingest"
    about = "Documents that came together: how many, how far they are, and which could not be taken."
    queryset = Ingest.objects.all()
    serializer_class = IngestSerializer
    read_permission = TenantPermission.VIEW_DOCUMENTS
    write_permission = TenantPermission.MANAGE_DOCUMENTS
    action_permissions: ClassVar[dict[str, TenantPermission]] = {"problems": TenantPermission.VIEW_DOCUMENTS}
    filterset_class = IngestFilter

    def owner_of(self, row: Ingest) -> Any:
        """Its tenant."""
        return row.tenant_id

    def versions(self, row: Ingest) -> list[Any]:
        """It moves on by itself."""
        return [row.state, row.done, row.failed, row.chunks]

    @extend_schema(
        summary="Fetch addresses",
        description="Each is a document by its address. Public addresses only, also behind redirects; what has not "
        "changed there since the last time is not read again.",
        request=NewIngestSerializer,
        responses={201: IngestSerializer},
    )
    @idempotent
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Workers begin at once."""
        sent = valid(NewIngestSerializer, request)
        collection: Collection = sent.pop("collection_id")
        require(request, TenantPermission.MANAGE_DOCUMENTS, collection.tenant_id)
        with told():
            row = services.start_url_ingest(collection=collection, **sent)
        return self.shown(self.saved(row), 201)

    @extend_schema(
        summary="Stop an ingest",
        description="No further document of it is read; what is in place stays. Those that are left are failed ones "
        "that can be read again; the version before of each stays searchable.",
        request=None,
        responses={200: IngestSerializer},
    )
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """At once."""
        with transaction.atomic(), told():
            row: Ingest = self.locked()
            return self.shown(services.stop_ingest(ingest=row))

    @extend_schema(summary="List the problems of an ingest", responses={200: IngestProblemsSerializer}, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def problems(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """In order."""
        row: Ingest = self.get_object()
        found = IngestProblem.objects.for_tenant(row.tenant_id).filter(ingest=row)[:MOST_PROBLEMS]
        return Response(IngestProblemsSerializer({"problems": found}).data)


@contextmanager
def told() -> Iterator[None]:
    """Within the block, refusals of services become those of the API.

    Raises:
        ValidationError: a service refused.
    """
    try:
        yield
    except Refusal as refusal:
        said = refusal.message_dict if hasattr(refusal, "error_dict") else {"non_field_errors": refusal.messages}
        raise ValidationError(said) from refusal
