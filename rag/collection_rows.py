"""Collections: what is searched together, by the same settings; and the vectors that a collection has."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from contracts.retrieval import Method
from tenants.models import Tenant
from tenants.rows import ConfigRow, OfTenant, new_uuid7

NAME = RegexValidator(
    r"\A[a-z0-9][a-z0-9_-]{0,63}\Z",
    "Lower-case letters, digits, - and _; it begins with a letter or a digit.",
)
TAG = RegexValidator(r"\A[A-Za-z0-9][A-Za-z0-9:._-]{0,63}\Z", "A tag has letters, digits and : . _ -, at most 64.")
METHODS = [(one.value, one.value) for one in Method]
STATIC = "static"
MINILM = "minilm"
LOCAL_MODELS = {
    STATIC: (256, "Static vectors: thousands of chunks a second, fair at meaning"),
    MINILM: (384, "MiniLM: tens of chunks a second a core, good at meaning"),
}
"""Models on the processor: their dimensions, and what they are for."""


def route_in(model: str) -> str:
    """Of ``route:NAME`` the name; empty where the model is a local one."""
    kind, _, name = model.partition(":")
    return name if kind == "route" else ""


class Language(models.TextChoices):
    """PostgreSQL's configurations of full-text search, by what they are of."""

    AUTO = "auto", "Found out for each document"
    SIMPLE = "simple", "Any: words as they are written"
    ARABIC = "arabic", "Arabic"
    DANISH = "danish", "Danish"
    DUTCH = "dutch", "Dutch"
    ENGLISH = "english", "English"
    FINNISH = "finnish", "Finnish"
    FRENCH = "french", "French"
    GERMAN = "german", "German"
    GREEK = "greek", "Greek"
    HUNGARIAN = "hungarian", "Hungarian"
    ITALIAN = "italian", "Italian"
    NORWEGIAN = "norwegian", "Norwegian"
    PORTUGUESE = "portuguese", "Portuguese"
    ROMANIAN = "romanian", "Romanian"
    RUSSIAN = "russian", "Russian"
    SPANISH = "spanish", "Spanish"
    SWEDISH = "swedish", "Swedish"
    TURKISH = "turkish", "Turkish"


class Collection(ConfigRow):
    """Documents that are searched together. How they are cut and embedded is a property of the collection."""

    class WhenUnsupported(models.TextChoices):
        """What is answered where nothing that was found supports an answer."""

        SAY_SO = "say_so", "Say that the documents do not answer it"
        ANSWER = "answer", "Let the model answer all the same"

    class Reranker(models.TextChoices):
        """What puts the best of what was found first."""

        NONE = "none", "None"
        LOCAL = "local", "On the processor"
        MODEL = "model", "A model, through the gateway"

    class Screening(models.TextChoices):
        """What happens to a passage that looks like an instruction to the model."""

        DROP = "drop", "Leave it out"
        FLAG = "flag", "Keep it, fenced, and tell"

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="collections")
    name = models.CharField(max_length=64, validators=[NAME], help_text="As callers write it: retrieval.collections.")
    description = models.CharField(max_length=400, blank=True, default="")
    language = models.CharField(max_length=12, choices=Language, default=Language.AUTO)
    access_tags = ArrayField(
        models.CharField(max_length=64, validators=[TAG]),
        default=list,
        blank=True,
        help_text="Of documents that bring none. Empty: every key of the tenant finds them.",
    )

    chunk_tokens = models.PositiveSmallIntegerField(
        default=200, validators=[MinValueValidator(32), MaxValueValidator(2_000)], help_text="At most, of one chunk."
    )
    chunk_overlap = models.PositiveSmallIntegerField(
        default=30, validators=[MaxValueValidator(500)], help_text="Tokens that a chunk has of the one before it."
    )
    embedding_model = models.CharField(
        max_length=128, default=STATIC, help_text="`static`, `minilm`, or `route:NAME` for a provider's."
    )

    method = models.CharField(
        max_length=8, choices=[(one.value, one.value) for one in Method], default=Method.HYBRID.value
    )
    top_k = models.PositiveSmallIntegerField(
        default=8, validators=[MinValueValidator(1), MaxValueValidator(100)], help_text="Passages that are given."
    )
    diversity = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="How much passages that say the same keep each other out (MMR); 0: not at all.",
    )
    reranker = models.CharField(max_length=8, choices=Reranker, default=Reranker.NONE)
    rerank_route = models.CharField(max_length=128, blank=True, default="")
    rewrite_route = models.CharField(
        max_length=128, blank=True, default="", help_text="Whose model puts questions into other words. Empty: none."
    )
    timeout_ms = models.PositiveIntegerField(
        default=2_000, validators=[MinValueValidator(50), MaxValueValidator(30_000)], help_text="For finding passages."
    )

    context_tokens = models.PositiveIntegerField(
        default=3_000, validators=[MinValueValidator(100)], help_text="At most, of passages in a prompt."
    )
    screening = models.CharField(max_length=8, choices=Screening, default=Screening.DROP)
    when_unsupported = models.CharField(max_length=8, choices=WhenUnsupported, default=WhenUnsupported.SAY_SO)
    unsupported_text = models.CharField(
        max_length=400, blank=True, default="I could not find an answer to that in the documents."
    )
    judge_route = models.CharField(
        max_length=128,
        blank=True,
        default="",
        help_text="Whose model says how far answers rest on passages, beside the local signals. Empty: none.",
    )
    fail_open = models.BooleanField(
        default=False, help_text="Whether a call is answered without passages where none can be looked for."
    )
    enabled = models.BooleanField(default=True)
    documents_at = models.DateTimeField(
        null=True, editable=False, help_text="When what can be found was last changed: kept answers go by it."
    )

    audit_exclude: ClassVar[frozenset[str]] = frozenset({"documents_at"})

    objects = OfTenant.as_manager()

    class Meta:
        """By name."""

        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="collection_name_of_tenant",
                violation_error_message="There is a collection of this name already.",
            ),
        )

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """What belongs together fits together.

        Raises:
            ValidationError: it does not.
        """
        super().clean()
        if self.chunk_overlap * 2 > self.chunk_tokens:
            raise ValidationError({"chunk_overlap": "At most half of a chunk."})
        if self.embedding_model not in LOCAL_MODELS and not self.embedding_route:
            raise ValidationError({"embedding_model": f"One of {', '.join(LOCAL_MODELS)}, or route:NAME."})
        if self.reranker == self.Reranker.MODEL and not self.rerank_route:
            raise ValidationError({"rerank_route": "Name the route whose model reranks."})

    @property
    def embedding_route(self) -> str:
        """The route whose model embeds; empty where it is a local one."""
        return route_in(self.embedding_model)


class EmbeddingIndex(models.Model):
    """The vectors of a collection by one model: made beside those in use, and put in their place when complete."""

    class State(models.TextChoices):
        """Where it stands."""

        BUILDING = "building", "Being made"
        LIVE = "live", "In use"
        RETIRED = "retired", "Replaced"

    id = models.UUIDField(primary_key=True, default=new_uuid7, editable=False)
    tenant: Any = models.ForeignKey(Tenant, models.CASCADE, related_name="embedding_indexes")
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="indexes")
    model = models.CharField(max_length=128, help_text="As `Collection.embedding_model`.")
    model_version = models.CharField(max_length=128, blank=True, default="", help_text="As the model names itself.")
    dimensions = models.PositiveSmallIntegerField(null=True, help_text="Known with the first vector.")
    state = models.CharField(max_length=8, choices=State, default=State.BUILDING)
    error = models.CharField(max_length=400, blank=True, default="", help_text="Why it cannot be searched or made.")
    searched_by = models.CharField(
        max_length=8, default="exact", help_text="`exact`, or `hnsw` once it is large enough for an index of its own."
    )
    created_at = models.DateTimeField(default=timezone.now)
    live_at = models.DateTimeField(null=True)

    objects = OfTenant.as_manager()

    class Meta:
        """The newest first; one is in use."""

        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(fields=["collection"], condition=Q(state="live"), name="embedding_index_live_once"),
            models.UniqueConstraint(
                fields=["collection"], condition=Q(state="building"), name="embedding_index_building_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.model} ({self.state})"
