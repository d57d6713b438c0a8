"""Who may call (tenants, teams, keys, limits), who may operate (users, memberships), and what was changed."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import connection, models, transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.functional import cached_property

from contracts.tenant_scope import across_tenants
from tenants.audit import AuditEntry
from tenants.budgets import Budget
from tenants.erased_users import MAX_RETENTION_DAYS, ErasedEndUser, Erasure, retention_days
from tenants.grants import TenantGrant
from tenants.invalidation import Invalidation
from tenants.invitation_rows import Invitation
from tenants.issued_keys import KEY_HASH_SHAPE, IssuedKey, usable_at
from tenants.kept_answers import TENANT_CACHE_CONSTRAINT, HasCaches
from tenants.keys import Scope
from tenants.notifications import BudgetNotice, NotificationAddress
from tenants.rest.kept_answers import KeptAnswer
from tenants.roles import LABELS, TenantPermission
from tenants.rows import ConfigRow, OfTenant
from tenants.secret_store import StoredSecret
from tenants.service_key_rows import ServiceKey
from tenants.subjects import SUBJECT_MATCHES_LEVEL, SUBJECT_MESSAGE, AboutSubject, OfSubject, SubjectLevel
from tenants.validators import ACCESS_TAG, ROUTE_NAME, validate_time_zone

if TYPE_CHECKING:
    from django.contrib.auth.models import UserManager

__all__ = [
    "ApiKey",
    "AuditEntry",
    "Budget",
    "BudgetNotice",
    "ErasedEndUser",
    "Erasure",
    "Invitation",
    "KeptAnswer",
    "Membership",
    "NotificationAddress",
    "RateLimit",
    "ServiceKey",
    "StoredSecret",
    "Team",
    "Tenant",
    "TenantGrant",
    "User",
]

SLUG = RegexValidator(
    r"^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\Z", "Write lower-case letters, digits and inner hyphens, such as 'acme-eu'."
)

PLAN = RegexValidator(
    r"^[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?\Z", "Write lower-case letters, digits, inner hyphens and underscores."
)

LONGEST_WAIT_MS = 60_000
"""How long a call may wait for a place at most: clients give up about then."""


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

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Addresses are kept in lower case, in which sign-ins, resets and issuers' claims are looked up."""
        self.email = self.email.lower()
        super().save(*args, **kwargs)


class Tenant(HasCaches, ConfigRow):
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
    plan = models.CharField(
        max_length=64,
        blank=True,
        default="",
        validators=[PLAN],
        help_text="What the tenant has subscribed to, such as 'free': rules of guardrails can ask for it.",
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
        help_text="What of prompts and answers is kept in events and runs. 'Redacted' replaces personal data with a "
        "clear shape and credentials by placeholders before anything is written.",
    )
    payload_retention_days = retention_days("Prompts and answers that are kept go after this many days.")
    event_retention_days = retention_days("Events and runs go after this many days.")
    ledger_retention_days = retention_days("Single usage records go after this many days; sums by day stay.")
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
        # Django itself has view_tenant.
        permissions = [
            (permission.value, label)
            for permission, label in LABELS.items()
            if permission is not TenantPermission.VIEW_TENANT
        ]
        constraints = [
            models.CheckConstraint(
                name="tenant_payload_storage_known", condition=Q(payload_storage__in=["none", "redacted", "stored"])
            ),
            models.CheckConstraint(
                name="tenant_redis_outage_known", condition=Q(redis_outage__in=["fail_open", "fail_closed"])
            ),
            *(
                models.CheckConstraint(
                    name=f"tenant_{field}_bounded",
                    condition=Q(**{field: None}) | Q(**{f"{field}__range": (1, MAX_RETENTION_DAYS)}),
                )
                for field in ("payload_retention_days", "event_retention_days", "ledger_retention_days")
            ),
            TENANT_CACHE_CONSTRAINT,
            models.CheckConstraint(
                name="tenant_slug_shape", condition=Q(slug__regex=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
            ),
        ]

    def __str__(self) -> str:
        return self.slug

    def audit_tenant_id(self) -> uuid.UUID:
        """Its own id."""
        return self.id

    def invalidations(self) -> list[Invalidation]:
        """Its own spec, and those of keys with budgets, whose windows begin in the tenant's time zone."""
        keys = self.keys.filter(Q(budgets__isnull=False) | Q(team__budgets__isnull=False)).distinct()
        return [*super().invalidations(), *(each for key in keys for each in key.invalidations())]


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

    def clean(self) -> None:
        """A membership stays with its user and tenant, and the last owner stays owner."""
        with across_tenants("the stored state of the very row that is being saved"):
            stored = Membership._base_manager.filter(pk=self.pk).first()
        if stored is None:
            return
        if (stored.user_id, stored.tenant_id) != (self.user_id, self.tenant_id):
            raise ValidationError("A membership cannot move; remove it and add another.")
        if stored.role == self.Role.OWNER != self.role:
            self.require_another_owner()

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Remove the member.

        Raises:
            ValidationError: it is the tenant's last owner.
        """
        with transaction.atomic():
            held = Membership._base_manager.filter(tenant_id=self.tenant_id, pk=self.pk)
            if held.filter(role=self.Role.OWNER).exists():
                self.require_another_owner()
            return super().delete(*args, **kwargs)

    def require_another_owner(self) -> None:
        """Nothing, where the tenant has an owner besides this one.

        Raises:
            ValidationError: it has none.
        """
        if transaction.get_connection().in_atomic_block:
            # Two owners who remove each other at the same time take turns.
            Tenant.objects.select_for_update().get(pk=self.tenant_id)
        others = Membership._base_manager.filter(tenant_id=self.tenant_id, role=self.Role.OWNER).exclude(pk=self.pk)
        if not others.exists():
            raise ValidationError("A tenant keeps at least one owner: make somebody else owner first.")

    def invalidations(self) -> list[Invalidation]:
        """None: the data plane does not know users."""
        return []


_KEYS_OF_ACCOUNT = "SELECT id FROM tenants_apikey WHERE tenant_id = %s AND (id = %s OR predecessors[1] = %s)"


class ApiKeySet(OfTenant):
    """Queries over keys."""

    def usable(self, at: datetime) -> Self:
        """Neither revoked nor expired at this instant."""
        return self.filter(usable_at(at))

    def of_account(self, tenant_id: uuid.UUID, account_id: uuid.UUID) -> Self:
        """The keys that followed each other in this account."""
        return self.for_tenant(tenant_id).filter(Q(pk=account_id) | Q(predecessors__0=account_id))


class ApiKey(IssuedKey):
    """A credential of an application. Only its SHA-256 is stored."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="keys")
    team = models.ForeignKey(
        Team, models.RESTRICT, related_name="keys", null=True, blank=True, help_text="Whose limits the key shares."
    )
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
    access_tags = ArrayField(
        models.CharField(max_length=64, validators=[ACCESS_TAG]),
        default=list,
        blank=True,
        help_text="Documents with one of these tags are found, besides those without any; * stands for all.",
    )
    predecessors = ArrayField(
        models.UUIDField(),
        default=list,
        blank=True,
        editable=False,
        help_text="Ids of the keys that this one followed by rotation, the first one first.",
    )
    playground_user = models.ForeignKey(
        User,
        models.SET_NULL,
        related_name="playground_keys",
        null=True,
        blank=True,
        editable=False,
        help_text="Whose calls from the playground the key makes; nobody ever sees the key itself.",
    )

    objects = ApiKeySet.as_manager()

    class Meta:
        verbose_name = "API key"
        verbose_name_plural = "API keys"
        ordering = ["tenant", "-created_at"]
        constraints = [
            models.CheckConstraint(name="api_key_hash_is_sha256_hex", condition=Q(key_hash__regex=KEY_HASH_SHAPE)),
            models.CheckConstraint(
                name="api_key_has_known_scopes",
                condition=Q(scopes__contained_by=[scope.value for scope in Scope], scopes__len__gt=0),
                violation_error_message="Give the key at least one scope, of the known ones.",
            ),
            models.UniqueConstraint(fields=["tenant", "id"], name="api_key_tenant_id_unique"),
            models.UniqueConstraint(
                fields=["tenant", "playground_user"],
                name="api_key_playground_unique",
                condition=Q(playground_user__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["tenant", "revoked_at"], name="api_key_by_state")]

    def clean(self) -> None:
        """A key's team is one of its own tenant."""
        if self.team is not None and self.team.tenant_id != self.tenant_id:
            raise ValidationError({"team": "The team belongs to another tenant."})

    @property
    def account_id(self) -> uuid.UUID:
        """What the key's own limits and budgets are counted under: the first key of those that followed each other."""
        return self.predecessors[0] if self.predecessors else self.pk

    def account_keys(self) -> ApiKeySet:
        """All keys that followed each other with this one: they are counted together."""
        return ApiKey.objects.of_account(self.tenant_id, self.account_id)

    @cached_property
    def account_key_ids(self) -> list[uuid.UUID]:
        """Ids of :meth:`account_keys`, as of when they were first asked for."""
        # For each key that a worker loads: the ORM would take longer to write the statement than PostgreSQL to run it.
        with connection.cursor() as cursor:
            cursor.execute(_KEYS_OF_ACCOUNT, (self.tenant_id, self.account_id, self.account_id))
            return [key_id for (key_id,) in cursor.fetchall()]

    def invalidations(self) -> list[Invalidation]:
        """The key's own spec."""
        return [Invalidation(scope="key", id=str(self.id), key_hash=self.key_hash)]


class RateLimit(AboutSubject):
    """At most ``value`` requests, tokens or calls at a time, for a tenant, a team, a key or each end user."""

    class Metric(models.TextChoices):
        """What is counted."""

        REQUESTS = "requests"
        TOKENS = "tokens"
        CONCURRENCY = "concurrency", "calls at a time"

    Level = SubjectLevel

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="rate_limits")
    level = models.CharField(max_length=8, choices=SubjectLevel.choices)
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
    max_wait_ms = models.PositiveIntegerField(
        "longest wait (ms)",
        default=0,
        validators=[MaxValueValidator(LONGEST_WAIT_MS)],
        help_text="For calls at a time: how long a call may wait for one to end. 0: it is refused at once.",
    )

    objects = OfSubject.as_manager()

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
                condition=SUBJECT_MATCHES_LEVEL,
                violation_error_message=SUBJECT_MESSAGE,
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
            models.CheckConstraint(
                name="rate_limit_wait_matches_metric",
                condition=Q(max_wait_ms=0) | Q(metric="concurrency", max_wait_ms__lte=LONGEST_WAIT_MS),
                violation_error_message="Only calls at a time can be waited for, and for 60,000 ms at most.",
            ),
        ]

    def __str__(self) -> str:
        window = f" per {self.window_s} s" if self.window_s else ""
        return f"{self.value} {self.get_metric_display()}{window} ({self.get_level_display()})"
