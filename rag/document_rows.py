"""Documents, the chunks they are cut into, what chunks are searched by, and how documents came in."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from pgvector.django import HalfVectorField, SparseVectorField

from rag.collection_rows import TAG, Collection, EmbeddingIndex
from tenants.models import Tenant
from tenants.rows import OfTenant, new_uuid7

SPARSE_DIMENSIONS = 1_000_000_000


class Ingest(models.Model):
    """Documents that came together: an upload, a list of addresses, one request; and how far they are."""

    class State(models.TextChoices):
        """Where it stands."""

        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Under way"
        DONE = "done", "Done"
        STOPPED = "stopped", "Stopped"

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant: Any = models.ForeignKey(Tenant, models.CASCADE, related_name="ingests")
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="ingests")
    source = models.CharField(max_length=16, help_text="`upload`, `urls`, `api`, `settings`.")
    requested_by = models.CharField(max_length=200)
    delete_missing = models.BooleanField(
        default=False, help_text="Whether documents go whose address is gone (404 or 410)."
    )
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    total = models.PositiveIntegerField(default=0, help_text="Documents.")
    done = models.PositiveIntegerField(default=0, help_text="Read and indexed, or as they were.")
    unchanged = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    chunks = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = OfTenant.as_manager()

    class Meta:
        """The newest first."""

        ordering = ("-created_at", "-id")
        indexes = (models.Index(fields=["collection", "-created_at"], name="ingest_of_collection"),)

    def __str__(self) -> str:
        return f"{self.source} of {self.created_at:%Y-%m-%d %H:%M}"


class Document(models.Model):
    """One document: where it came from, its text as it is cited, and what callers may know about it."""

    class State(models.TextChoices):
        """Where it stands. While a new version is read, the one before it stays searchable."""

        WAITING = "waiting", "Waiting"
        READING = "reading", "Being read"
        READY = "ready", "Searchable"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant: Any = models.ForeignKey(Tenant, models.CASCADE, related_name="documents")
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="documents")
    external_id = models.CharField(max_length=512, help_text="The owner's own name for it: an address, a path, an id.")
    title = models.CharField(max_length=400, blank=True, default="")
    uri = models.CharField(max_length=2_000, blank=True, default="", help_text="Where a reader can open it.")
    media_type = models.CharField(max_length=127, default="text/plain")
    language = models.CharField(max_length=12, blank=True, default="", help_text="As it is searched by.")
    metadata = models.JSONField(default=dict, blank=True, help_text="A flat object: texts, numbers, true or false.")
    access_tags = ArrayField(models.CharField(max_length=64, validators=[TAG]), default=list, blank=True)
    own_tags = models.BooleanField(
        default=False, help_text="Whether it brought its tags; else they are its collection's."
    )
    content_hash = models.CharField(max_length=64, blank=True, default="", help_text="SHA-256 of what came in.")
    settings_hash = models.CharField(max_length=64, blank=True, default="", help_text="Of how it was cut.")
    text = models.TextField(blank=True, default="", help_text="Offsets of chunks count its characters.")
    marks = models.JSONField(default=list, blank=True, help_text="Headings and pages, by where they begin in the text.")
    pending = models.BinaryField(null=True, help_text="What came in, until it is read.")
    pending_hash = models.CharField(max_length=64, blank=True, default="")
    to_fetch = models.BooleanField(default=False, help_text="Whether it is to be fetched from its address.")
    etag = models.CharField(max_length=400, blank=True, default="", help_text="As its address named the version.")
    last_modified = models.CharField(max_length=64, blank=True, default="")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How often a worker began with what came in.")
    bytes = models.PositiveIntegerField(default=0)
    characters = models.PositiveIntegerField(default=0)
    chunk_count = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    error = models.CharField(max_length=400, blank=True, default="")
    ingest = models.ForeignKey(Ingest, models.SET_NULL, null=True, related_name="documents")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    indexed_at = models.DateTimeField(null=True)

    objects = OfTenant.as_manager()

    class Meta:
        """By name."""

        ordering = ("collection", "external_id")
        constraints = (
            models.UniqueConstraint(fields=["collection", "external_id"], name="document_of_collection_once"),
        )
        indexes = (
            models.Index(fields=["ingest", "state"], name="document_of_ingest"),
            models.Index(fields=["collection", "state", "-updated_at"], name="document_by_state"),
        )

    def __str__(self) -> str:
        return self.title or self.external_id


class IngestProblem(models.Model):
    """A document of an ingest that could not be taken, and why."""

    id = models.BigAutoField(primary_key=True)
    tenant: Any = models.ForeignKey(Tenant, models.CASCADE, related_name="ingest_problems")
    ingest = models.ForeignKey(Ingest, models.CASCADE, related_name="problems")
    document = models.CharField(max_length=512)
    code = models.CharField(max_length=40)
    message = models.CharField(max_length=400)

    objects = OfTenant.as_manager()

    class Meta:
        """In order."""

        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.document}: {self.message}"


class Chunk(models.Model):
    """A stretch of a document. Its text lies behind row-level security: a reader sees its own tenant's only."""

    id = models.BigAutoField(primary_key=True)
    tenant: Any = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="+")
    document = models.ForeignKey(Document, models.CASCADE, related_name="chunks")
    position = models.PositiveIntegerField(help_text="In its document, from 0.")
    start = models.PositiveIntegerField(help_text="Its first character in `Document.text`.")
    end = models.PositiveIntegerField(help_text="The one after its last.")
    heading = models.CharField(max_length=400, blank=True, default="", help_text="The headings that it stands under.")
    page = models.PositiveIntegerField(null=True, help_text="Of a PDF, from 1.")
    text = models.TextField()
    text_hash = models.CharField(max_length=64, help_text="Of text and headings: the same text keeps its vectors.")
    tokens = models.PositiveSmallIntegerField()
    words = models.PositiveSmallIntegerField(help_text="Lexemes with repetitions.")
    access_tags = ArrayField(models.CharField(max_length=64), default=list)
    metadata = models.JSONField(default=dict)
    lexemes = SearchVectorField(null=True)
    weights = SparseVectorField(
        dimensions=SPARSE_DIMENSIONS, null=True, help_text="BM25's part of each lexeme but for how rare it is."
    )

    objects = OfTenant.as_manager()

    class Meta:
        """As they stand in the document."""

        ordering = ("document", "position")
        constraints = (
            # Deferred: chunks that stay change places with each other.
            models.UniqueConstraint(
                fields=["document", "position"], name="chunk_position_once", deferrable=models.Deferrable.DEFERRED
            ),
        )
        indexes = (
            GinIndex(fields=["lexemes"], name="chunk_lexemes"),
            models.Index(fields=["collection", "document"], name="chunk_of_collection"),
        )

    def __str__(self) -> str:
        return f"{self.document_id} {self.start}–{self.end}"


class ChunkVector(models.Model):
    """A chunk's vector in one index."""

    id = models.BigAutoField(primary_key=True)
    tenant: Any = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    index = models.ForeignKey(EmbeddingIndex, models.CASCADE, related_name="vectors")
    chunk = models.ForeignKey(Chunk, models.CASCADE, related_name="vectors")
    document = models.ForeignKey(Document, models.CASCADE, related_name="+")
    access_tags = ArrayField(models.CharField(max_length=64), default=list)
    metadata = models.JSONField(default=dict)
    vector = HalfVectorField()

    objects = OfTenant.as_manager()

    class Meta:
        """One of a chunk in an index."""

        constraints = (models.UniqueConstraint(fields=["index", "chunk"], name="chunk_vector_once"),)

    def __str__(self) -> str:
        return f"{self.chunk_id} in {self.index_id}"


class Lexeme(models.Model):
    """In how many chunks of a collection a lexeme stands."""

    id = models.BigAutoField(primary_key=True)
    tenant: Any = models.ForeignKey(Tenant, models.CASCADE, related_name="+")
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="+")
    lexeme = models.CharField(max_length=2_048)
    chunks = models.IntegerField(default=0)

    objects = OfTenant.as_manager()

    class Meta:
        """Each once."""

        constraints = (
            models.UniqueConstraint(fields=["collection", "lexeme"], name="lexeme_of_collection_once"),
            models.CheckConstraint(condition=Q(chunks__gte=0), name="lexeme_counts_chunks"),
        )

    def __str__(self) -> str:
        return self.lexeme
