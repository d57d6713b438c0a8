"""Invitations into a tenant: sent, seen, sent again and revoked."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.actor import current_actor
from tenants.models import Invitation, Membership
from tenants.rest.filters import TenantRowFilter
from tenants.rest.idempotency import idempotent
from tenants.rest.principals import principal_of
from tenants.rest.resources import Creatable, Readable
from tenants.rest.serializers import ROW_FIELDS, EmptySerializer, OwnTenant, RowSerializer, request_of
from tenants.roles import TenantPermission
from tenants.signing_in import invitations

_STATES = ("open", "accepted", "withdrawn", "expired")


class InvitationSerializer(RowSerializer):
    """An address that was asked to join. The link in the mail is never shown."""

    tenant_id = OwnTenant()
    state = serializers.SerializerMethodField()

    class Meta:
        model = Invitation
        fields = (
            *ROW_FIELDS,
            "tenant_id",
            "email",
            "role",
            "state",
            "invited_by",
            "expires_at",
            "accepted_at",
            "withdrawn_at",
        )
        read_only_fields = ("invited_by", "expires_at", "accepted_at", "withdrawn_at")
        validators: ClassVar[list[Any]] = []

    def get_state(self, row: Invitation) -> str:
        """``open``, ``accepted``, ``withdrawn`` or ``expired``."""
        return row.state()

    def create(self, validated_data: dict[str, Any]) -> Invitation:
        """A new invitation, sent by mail; an open one of the same address ends."""
        request = request_of(self)
        tenant, role = validated_data["tenant"], validated_data["role"]
        principal_of(request).require_role_change(tenant, to=role, current=None)
        return invitations.issue(
            tenant=tenant,
            email=validated_data["email"],
            role=role,
            invited_by=current_actor().name[:150],
            site=site_of(request),
        )


class InvitationFilter(TenantRowFilter):
    """Filters of the list of invitations."""

    state = filters.ChoiceFilter(
        choices=[(state, state) for state in _STATES], method="in_state", label="Its state now."
    )
    email = filters.CharFilter(lookup_expr="iexact", label="To this address, in any case.")
    role = filters.ChoiceFilter(choices=Membership.Role.choices, label="Into exactly this role.")

    def in_state(self, rows: QuerySet[Invitation], _name: str, state: str) -> QuerySet[Invitation]:
        """Invitations in this state at the moment."""
        waiting = Q(accepted_at=None, withdrawn_at=None)
        ended = Q(expires_at__lte=timezone.now())
        conditions = {
            "accepted": Q(accepted_at__isnull=False),
            "withdrawn": Q(accepted_at=None, withdrawn_at__isnull=False),
            "expired": waiting & ended,
            "open": waiting & ~ended,
        }
        return rows.filter(conditions[state])


class InvitationResource(Readable, Creatable):
    """Who was asked to join which tenant. Kept, to tell who came by whom."""

    noun = "invitation"
    about = "An address that is asked by mail to join a tenant in a role; the link holds for seven days."
    example: ClassVar[dict[str, Any]] = {"email": "erika@example.com", "role": "developer"}
    queryset = Invitation._base_manager.select_related("tenant")
    serializer_class = InvitationSerializer
    read_permission = TenantPermission.MANAGE_MEMBERS
    write_permission = TenantPermission.MANAGE_MEMBERS
    filterset_class = InvitationFilter
    search_fields = ("email", "invited_by")

    @extend_schema(
        summary="Send an invitation again",
        description="The mail is sent again, with a link that holds for seven days from now. Refused with 400 once it "
        "was accepted or withdrawn.",
        request=EmptySerializer,
        responses={200: InvitationSerializer},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def resend(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Another mail to the same address."""
        EmptySerializer(data=request.data).is_valid(raise_exception=True)
        with transaction.atomic():
            row = self.locked()
            principal_of(request).require_role_change(row.tenant, to=row.role, current=None)
            return self.shown(self.saved(invitations.resend(invitation=row, site=site_of(request))))

    @extend_schema(
        summary="Revoke an invitation",
        description="The link holds no longer. Revoking it again changes nothing; refused with 400 once it was "
        "accepted.",
        request=EmptySerializer,
        responses={200: InvitationSerializer},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def revoke(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The end of an invitation."""
        EmptySerializer(data=request.data).is_valid(raise_exception=True)
        with transaction.atomic():
            return self.shown(self.saved(invitations.revoke(invitation=self.locked())))


def site_of(request: Request) -> str:
    """Where the link in the mail leads: PUBLIC_URL, or where none is set the address of the request."""
    return settings.PUBLIC_URL or request.build_absolute_uri("/")
