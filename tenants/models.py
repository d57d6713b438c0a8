"""Who may call (tenants, teams, keys, limits), who may operate (users, memberships), and what was changed."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from tenants.audit import AuditEntry
from tenants.invalidation import Invalidation
from tenants.keys import Scope
from tenants.rows import ConfigRow
from tenants.validators import validate_cidr, validate_time_zone

if TYPE_CHECKING:
    from django.contrib.auth.models import UserManager

__all__ = ["ApiKey", "AuditEntry", "Membership", "RateLimit", "Team", "Tenant", "User"]

SLUG = RegexValidator(
    r"^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\Z", "Write lower-case letters, digits and inner hyphens, such as 'acme-eu'."
)
ROUTE_NAME = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9._:-]*\Z", "Write letters, digits, '.', '_', ':' and '-', starting with a letter or digit."
)


class User(AbstractUser):
    """A person who signs in to the console."""

    email = models.EmailField("e-mail address")

    REQUIRED_FIELDS: ClassVar[list[str]] = ["email"]

    if TYPE_CHECKING:
        objects: ClassVar[UserManager[User]]

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="user_email_unique",
                violation_error_message="Another user has this e-mail address already.",
            ),
        ]


class OfTenant(models.QuerySet[Any]):
    """Rows that belong to a tenant."""

    def for_tenant(self, tenant: Tenant | uuid.UUID) -> Self:
        """Those of this tenant only."""
        return self.filter(tenant_id=tenant.pk if isinstance(tenant, Tenant) else tenant)


class Tenant(ConfigRow):
    """A customer: the boundary across which nothing is shared but the platform's own routes and models."""

    class PayloadStorage(models.TextChoices):
        """What of prompts and answers is kept in events and runs."""

        NONE = "none", "Nothing"
        REDACTED = "redacted", "Redacted"
        STORED = "stored", "Everything"

    class RedisOutage(models.TextChoices):
        """How calls are admitted while the shared counters are unreachable."""

        FAIL_OPEN = "fail_open", "Admit, under a local share of each limit"
        FAIL_CLOSED = "fail_closed", "Refuse"

    slug = models.CharField(
        max_length=63, unique=True, validators=[SLUG], help_text="Short name in addresses, files and metrics."
    )
    name = models.CharField(max_length=200)
    active = models.BooleanField(default=True, help_text="Every call of an inactive tenant is refused.")
    time_zone = models.CharField(
        max_length=64,
        default="UTC",
        validators=[validate_time_zone],
        help_text="IANA name; days, weeks and months of budgets begin at midnight here.",
    )
    default_route = models.CharField(
        max_length=128,
        blank=True,
        default="",
        validators=[ROUTE_NAME],
        help_text="Route for calls that name no model and match no other route. Empty: the default of the tenant's own "
        "routes, then the platform's.",
    )
    payload_storage = models.CharField(
        max_length=16,
        choices=PayloadStorage.choices,
        default=PayloadStorage.NONE,
        help_text="What of prompts and answers is kept in events and runs. 'Redacted' keeps nothing until a guardrail "
        "policy that redacts is active for the tenant.",
    )
    redis_outage = models.CharField(
        max_length=16,
        choices=RedisOutage.choices,
        default=RedisOutage.FAIL_OPEN,
        help_text="What happens to calls while Redis is unreachable.",
    )
    version = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="Grows with every change of the tenant's configuration."
    )

    audit_exclude = frozenset({"version"})

    objects = models.Manager["Tenant"]()

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(
                name="tenant_payload_storage_known", condition=Q(payload_storage__in=["none", "redacted", "stored"])
            ),
            models.CheckConstraint(
                name="tenant_redis_outage_known", condition=Q(redis_outage__in=["fail_open", "fail_closed"])
            ),
            models.CheckConstraint(
                name="tenant_slug_shape", condition=Q(slug__regex=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
            ),
        ]

    def __str__(self) -> str:
        return self.slug

    def audit_tenant_id(self) -> uuid.UUID:
        """Its own id."""
        return self.id


class Team(ConfigRow):
    """A group of keys within a tenant that shares limits."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="teams")
    name = models.CharField(max_length=200)

    objects = OfTenant.as_manager()

    class Meta:
        ordering = ["tenant", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name"],
                name="team_name_unique",
                violation_error_message="The tenant has a team of this name already.",
            ),
            # Redundant for uniqueness: the composite foreign keys of keys and limits refer to it.
            models.UniqueConstraint(fields=["tenant", "id"], name="team_tenant_id_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(ConfigRow):
    """What a user may do in a tenant."""

    class Role(models.TextChoices):
        """Roles, from all to least."""

        OWNER = "owner"
        ADMIN = "admin"
        DEVELOPER = "developer"
        VIEWER = "viewer"
        BILLING = "billing"

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)

    objects = OfTenant.as_manager()

    class Meta:
        ordering = ["tenant", "user"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "tenant"],
                name="membership_unique",
                violation_error_message="The user is a member of this tenant already.",
            ),
            models.CheckConstraint(
                name="membership_role_known",
                condition=Q(role__in=["owner", "admin", "developer", "viewer", "billing"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.tenant}"

    def invalidations(self) -> list[Invalidation]:
        """None: the data plane does not know users."""
        return []


class ApiKeySet(OfTenant):
    """Queries over keys."""

    def usable(self, at: datetime) -> Self:
        """Neither revoked nor expired at this instant."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=at), revoked_at=None)


class ApiKey(ConfigRow):
    """A credential of an application. Only its SHA-256 is stored."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="keys")
    team = models.ForeignKey(
        Team, models.RESTRICT, related_name="keys", null=True, blank=True, help_text="Whose limits the key shares."
    )
    name = models.CharField(max_length=200, help_text="What the key is for, such as 'checkout service, production'.")
    key_hash = models.CharField(
        max_length=64, unique=True, editable=False, help_text="SHA-256 of the key, in hexadecimal."
    )
    prefix = models.CharField(max_length=16, editable=False, db_index=True)
    last_four = models.CharField(max_length=4, editable=False)
    scopes = ArrayField(
        models.CharField(max_length=16, choices=[(scope.value, scope.value) for scope in Scope]),
        default=list,
        help_text="What the key may be used for.",
    )
    allowed_routes = ArrayField(
        models.CharField(max_length=128), default=list, blank=True, help_text="Route names; empty allows all."
    )
    allowed_models = ArrayField(
        models.CharField(max_length=200), default=list, blank=True, help_text="Model names; empty allows all."
    )
    ip_allow = ArrayField(
        models.CharField(max_length=43, validators=[validate_cidr]),
        default=list,
        blank=True,
        help_text="Address blocks (CIDR) that may use the key; empty allows all.",
    )
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.CharField(max_length=150, blank=True, default="", editable=False)

    audit_exclude = frozenset({"key_hash", "last_used_at"})

    objects = ApiKeySet.as_manager()

    class Meta:
        verbose_name = "API key"
        verbose_name_plural = "API keys"
        ordering = ["tenant", "-created_at"]
        constraints = [
            models.CheckConstraint(name="api_key_hash_is_sha256_hex", condition=Q(key_hash__regex=r"^[0-9a-f]{64}$")),
            models.CheckConstraint(
                name="api_key_has_known_scopes",
                condition=Q(scopes__contained_by=[scope.value for scope in Scope], scopes__len__gt=0),
                violation_error_message="Give the key at least one scope, of the known ones.",
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="api_key_tenant_id_unique"),
        ]
        indexes = [models.Index(fields=["tenant", "revoked_at"], name="api_key_by_state")]

    def __str__(self) -> str:
        return f"{self.name} ({self.shown})"

    def clean(self) -> None:
        """A key's team is one of its own tenant."""
        if self.team is not None and self.team.tenant_id != self.tenant_id:
            raise ValidationError({"team": "The team belongs to another tenant."})

    @property
    def shown(self) -> str:
        """The part of the key by which people recognise it."""
        return f"{self.prefix}…{self.last_four}"

    def state(self, at: datetime | None = None) -> str:
        """``active``, ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= (at or timezone.now()):
            return "expired"
        return "active"

    def invalidations(self) -> list[Invalidation]:
        """The key's own spec."""
        return [Invalidation(scope="key", id=str(self.id), key_hash=self.key_hash)]


class RateLimit(ConfigRow):
    """At most ``value`` requests, tokens or calls at a time, for a tenant, a team, a key or each end user."""

    class Level(models.TextChoices):
        """Who is counted."""

        TENANT = "tenant"
        TEAM = "team"
        KEY = "key", "API key"
        USER = "user", "each end user"

    class Metric(models.TextChoices):
        """What is counted."""

        REQUESTS = "requests"
        TOKENS = "tokens"
        CONCURRENCY = "concurrency", "calls at a time"

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="rate_limits")
    level = models.CharField(max_length=8, choices=Level.choices)
    team = models.ForeignKey(
        Team, models.CASCADE, related_name="rate_limits", null=True, blank=True, help_text="For level 'team' only."
    )
    key = models.ForeignKey(
        ApiKey, models.CASCADE, related_name="rate_limits", null=True, blank=True, help_text="For level 'key' only."
    )
    metric = models.CharField(max_length=16, choices=Metric.choices)
    value = models.PositiveBigIntegerField(help_text="The most that is admitted in one window.")
    window_s = models.PositiveIntegerField(
        "window (s)", default=60, help_text="Seconds; 0 for calls at a time, which know no window."
    )

    objects = OfTenant.as_manager()

    class Meta:
        ordering = ["tenant", "level", "metric", "window_s"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "level", "team", "key", "metric", "window_s"],
                name="rate_limit_unique",
                nulls_distinct=False,
                violation_error_message="There is a limit of this kind already; change its value instead.",
            ),
            models.CheckConstraint(
                name="rate_limit_subject_matches_level",
                condition=Q(level__in=["tenant", "user"], team=None, key=None)
                | Q(level="team", team__isnull=False, key=None)
                | Q(level="key", team=None, key__isnull=False),
                violation_error_message="Level 'team' needs a team, level 'key' a key, and the others neither.",
            ),
            models.CheckConstraint(
                name="rate_limit_window_matches_metric",
                condition=Q(metric="concurrency", window_s=0) | Q(metric__in=["requests", "tokens"], window_s__gt=0),
                violation_error_message="Calls at a time take a window of 0; requests and tokens one of at least 1 s.",
            ),
            models.CheckConstraint(
                name="rate_limit_value_positive",
                condition=Q(value__gt=0),
                violation_error_message="A limit is at least 1; to refuse everything, revoke the key instead.",
            ),
        ]

    def __str__(self) -> str:
        window = f" per {self.window_s} s" if self.window_s else ""
        return f"{self.value} {self.get_metric_display()}{window} ({self.get_level_display()})"

    def clean(self) -> None:
        """What is limited belongs to the limit's own tenant."""
        if self.team is not None and self.team.tenant_id != self.tenant_id:
            raise ValidationError({"team": "The team belongs to another tenant."})
        if self.key is not None and self.key.tenant_id != self.tenant_id:
            raise ValidationError({"key": "The key belongs to another tenant."})

    def invalidations(self) -> list[Invalidation]:
        """The specs that carry the limit: of the key, of every key in the team, or of the tenant."""
        if self.key is not None:
            return self.key.invalidations()
        if self.team is not None:
            return [invalidation for key in self.team.keys.all() for invalidation in key.invalidations()]
        return super().invalidations()
