"""Who a limit or budget is about: a tenant as a whole, one of its teams or keys, or each of its end users."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from tenants.invalidation import Invalidation
from tenants.rows import ConfigRow, OfTenant

if TYPE_CHECKING:
    from tenants.models import ApiKey, Team, Tenant

SUBJECT_MATCHES_LEVEL = (
    Q(level__in=["tenant", "user"], team=None, key=None)
    | Q(level="team", team__isnull=False, key=None)
    | Q(level="key", team=None, key__isnull=False)
)
SUBJECT_MESSAGE = "Level 'team' needs a team, level 'key' a key, and the others neither."


class SubjectLevel(models.TextChoices):
    """Who is counted."""

    TENANT = "tenant"
    TEAM = "team"
    KEY = "key", "API key"
    USER = "user", "each end user"


class OfSubject(OfTenant):
    """Rows about a tenant, a team, a key or end users."""

    def of_key(self, key: ApiKey) -> Self:
        """Those that follow the key wherever it is used: its own, those of the keys it followed, and its team's."""
        subject = Q(key_id__in=key.account_key_ids)
        if key.team_id is not None:
            subject |= Q(team_id=key.team_id)
        return self.for_tenant(key.tenant_id).filter(subject)

    def of_whole_tenant(self, tenant: Tenant | uuid.UUID) -> Self:
        """Those on the tenant as a whole and on each of its end users."""
        return self.for_tenant(tenant).filter(level__in=[SubjectLevel.TENANT, SubjectLevel.USER])


class AboutSubject(ConfigRow):
    """Base of rows with ``tenant``, ``level`` and, as the level needs them, ``team`` or ``key``."""

    if TYPE_CHECKING:
        tenant_id: uuid.UUID
        level: str
        team: Team | None
        team_id: uuid.UUID | None
        key: ApiKey | None
        key_id: uuid.UUID | None

    class Meta:
        """No table of its own."""

        abstract = True

    @property
    def subject_id(self) -> str:
        """The id of what is counted; empty for end users, as each call names its own."""
        ids = {"tenant": self.tenant_id, "team": self.team_id, "key": self.key_id, "user": ""}
        return str(ids[self.level])

    def clean(self) -> None:
        """The team or key belongs to the row's own tenant."""
        if self.team is not None and self.team.tenant_id != self.tenant_id:
            raise ValidationError({"team": "The team belongs to another tenant."})
        if self.key is not None and self.key.tenant_id != self.tenant_id:
            raise ValidationError({"key": "The key belongs to another tenant."})

    def invalidations(self) -> list[Invalidation]:
        """The specs that carry the row: of the key and its line, of every key in the team, or of the tenant."""
        if self.key is not None:
            return [invalidation for key in self.key.account_keys() for invalidation in key.invalidations()]
        if self.team is not None:
            return [invalidation for key in self.team.keys.all() for invalidation in key.invalidations()]
        return super().invalidations()
