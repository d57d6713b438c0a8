"""Tenants, their teams, and the people who operate them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import transaction
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from contracts.errors import PermissionDenied
from tenants.models import Membership, Team, Tenant, User
from tenants.rest.filters import BooleanFilter, RowFilter, TenantRowFilter
from tenants.rest.idempotency import idempotent
from tenants.rest.permissions import require
from tenants.rest.principals import principal_of
from tenants.rest.resources import ROW_ORDERINGS, Changeable, Creatable, Deletable, Readable
from tenants.rest.serializers import ROW_FIELDS, EmptySerializer, OwnTenant, RowSerializer, request_of
from tenants.roles import TenantPermission
from tenants.services import clear_caches


class TenantSerializer(RowSerializer):
    """A tenant and its settings."""

    class Meta:
        model = Tenant
        fields = (
            *ROW_FIELDS,
            "slug",
            "name",
            "active",
            "time_zone",
            "plan",
            "default_route",
            "payload_storage",
            "payload_retention_days",
            "event_retention_days",
            "ledger_retention_days",
            "redis_outage",
            "cache_max_mib",
            "cached_tools",
            "version",
        )
        read_only_fields = ("version",)
        validators: ClassVar[list[Any]] = []

    def owner_of(self, attrs: Mapping[str, Any]) -> uuid.UUID | None:
        """Tenants are made by the platform."""
        return None

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Only the platform suspends and renames a tenant."""
        attrs = super().validate(attrs)
        if self.instance is None or principal_of(request_of(self)).may(TenantPermission.CHANGE_SETTINGS, None):
            return attrs
        for name in ("active", "slug", "plan", "cache_max_mib"):
            if name in attrs and attrs[name] != getattr(self.instance, name):
                raise PermissionDenied(f"Only operators of the platform change {name!r}.", param=name)
        return attrs


class TenantFilter(RowFilter):
    """Filters of the list of tenants."""

    slug = filters.CharFilter(label="Exactly this one.")
    active = BooleanFilter(label="Suspended or not.")


class TenantResource(Readable, Creatable, Changeable, Deletable):
    """Customers. The platform makes and deletes them; their owners and admins change their settings."""

    noun = "tenant"
    about = "A customer: the boundary across which nothing is shared but the platform's own routes and models."
    example: ClassVar[dict[str, Any]] = {"slug": "acme-eu", "name": "Acme Europe", "time_zone": "Europe/Berlin"}
    queryset = Tenant.objects.all()
    serializer_class = TenantSerializer
    write_permission = TenantPermission.CHANGE_SETTINGS
    tenant_path = "pk"
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "slug": "slug", "name": "name"}
    search_fields = ("slug", "name")
    filterset_class = TenantFilter

    @extend_schema(
        summary="Clear the caches of a tenant",
        description="Kept answers of all routes and kept results of tools; the next calls go to a provider again.",
        request=EmptySerializer,
        responses={200: TenantSerializer},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    @transaction.atomic
    def clear_caches(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Everything that is kept of the tenant's calls."""
        return self.shown(self.saved(clear_caches(tenant=self.locked())))

    def remove(self, row: Tenant) -> None:
        """Only the platform deletes a tenant."""
        require(self.request, TenantPermission.CHANGE_SETTINGS, None)
        super().remove(row)


class TeamSerializer(RowSerializer):
    """A team."""

    fixed = ("tenant_id",)
    tenant_id = OwnTenant()

    class Meta:
        model = Team
        fields = (*ROW_FIELDS, "tenant_id", "name")
        validators: ClassVar[list[Any]] = []


class TeamResource(Readable, Creatable, Changeable, Deletable):
    """Groups of keys."""

    noun = "team"
    about = "A group of keys within a tenant that shares limits and budgets."
    example: ClassVar[dict[str, Any]] = {"name": "Search"}
    queryset = Team.objects.all()
    serializer_class = TeamSerializer
    write_permission = TenantPermission.MANAGE_TEAMS
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "name": "name"}
    search_fields = ("name",)


class MembershipSerializer(RowSerializer):
    """What a user may do in a tenant."""

    fixed = ("tenant_id", "user")
    tenant_id = OwnTenant()
    user = serializers.SlugRelatedField(
        slug_field="username",
        queryset=User.objects.all(),
        help_text="The user's name at sign-in.",
        error_messages={"does_not_exist": "There is no such user."},
    )
    email = serializers.EmailField(source="user.email", read_only=True)

    class Meta:
        model = Membership
        fields = (*ROW_FIELDS, "tenant_id", "user", "email", "role")
        validators: ClassVar[list[Any]] = []

    def create(self, validated_data: dict[str, Any]) -> Membership:
        """A new member."""
        self._require(validated_data["tenant"], to=validated_data.get("role", Membership.Role.VIEWER), current=None)
        return super().create(validated_data)  # type: ignore[no-any-return]

    def update(self, instance: Membership, validated_data: dict[str, Any]) -> Membership:
        """A member with another role."""
        self._require(instance.tenant, to=validated_data.get("role", instance.role), current=instance.role)
        return super().update(instance, validated_data)  # type: ignore[no-any-return]

    def _require(self, tenant: Tenant, *, to: str, current: str | None) -> None:
        if to != current:
            principal_of(request_of(self)).require_role_change(tenant, to=to, current=current)


class MembershipFilter(TenantRowFilter):
    """Filters of the list of memberships."""

    user = filters.CharFilter(field_name="user__username", label="The user's name at sign-in.")
    role = filters.ChoiceFilter(choices=Membership.Role.choices, label="Exactly this role.")


class MembershipResource(Readable, Creatable, Changeable, Deletable):
    """Who operates a tenant."""

    noun = "membership"
    about = "What a user may do in a tenant: `owner`, `admin`, `developer`, `viewer` or `billing`."
    example: ClassVar[dict[str, Any]] = {"user": "erika", "role": "developer"}
    queryset = Membership.objects.select_related("user", "tenant")
    serializer_class = MembershipSerializer
    write_permission = TenantPermission.MANAGE_MEMBERS
    filterset_class = MembershipFilter
    search_fields = ("user__username", "user__email")

    def remove(self, row: Membership) -> None:
        """Owners are removed by owners."""
        principal_of(self.request).require_role_change(row.tenant, to=None, current=row.role)
        super().remove(row)
