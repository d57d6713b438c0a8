"""API keys of applications and service keys of programs that manage Breakwater. Their clear text is shown once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from tenants import service_keys, services
from tenants.key_lifecycle import DEFAULT_OVERLAP
from tenants.keys import Scope, ServiceScope
from tenants.models import ApiKey, ServiceKey, Team
from tenants.rest.filters import InstantFilter, TenantRowFilter
from tenants.rest.idempotency import idempotent
from tenants.rest.resources import ROW_ORDERINGS, Changeable, Creatable, Readable
from tenants.rest.serializers import (
    ROW_FIELDS,
    EmptySerializer,
    OwnTenant,
    OwnTenantOrPlatform,
    RelatedRow,
    RowSerializer,
    StrictSerializer,
)
from tenants.roles import TenantPermission

MAX_OVERLAP = timedelta(days=30)
_STATES = ("active", "expired", "revoked")
_KEPT_FIELDS = (
    *ROW_FIELDS,
    "name",
    "prefix",
    "last_four",
    "state",
    "scopes",
    "ip_allow",
    "expires_at",
    "revoked_at",
    "last_used_at",
    "created_by",
    "rotated_from_id",
)
_NARROWED = ("allowed_routes", "allowed_models", "access_tags")
_READ_ONLY = ("prefix", "last_four", "revoked_at", "last_used_at", "created_by")
_CLEAR_KEY = "The credential itself. It is shown here and never again: keep it now."


class IssuedKeySerializer(RowSerializer):
    """What both kinds of key have in common."""

    fixed = ("tenant_id",)
    state = serializers.SerializerMethodField()
    rotated_from_id = serializers.UUIDField(
        read_only=True, allow_null=True, help_text="The key that this one replaces."
    )
    issued = ""
    """The clear text of the key that was just made."""

    def get_state(self, row: Any) -> str:
        """``active``, ``expired`` or ``revoked``."""
        return str(row.state())


class ApiKeySerializer(IssuedKeySerializer):
    """An application's credential."""

    tenant_id = OwnTenant()
    team_id = RelatedRow(
        source="team",
        queryset=Team.objects.all(),
        required=False,
        allow_null=True,
        help_text="Whose limits and budgets the key shares.",
    )
    scopes = serializers.ListField(
        child=serializers.ChoiceField([(scope.value, scope.name) for scope in Scope]),
        required=False,
        min_length=1,
        help_text="What the key may be used for; all of it unless said otherwise.",
    )

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = (*_KEPT_FIELDS, "tenant_id", "team_id", *_NARROWED)
        read_only_fields = _READ_ONLY
        validators: ClassVar[list[Any]] = []

    def create(self, validated_data: dict[str, Any]) -> ApiKey:
        """The new key; its clear text is in :attr:`issued`."""
        row, self.issued = services.create_key(**validated_data)
        return row


class CreatedApiKeySerializer(ApiKeySerializer):
    """The answer that shows a key's clear text."""

    clear_key = serializers.CharField(read_only=True, help_text=_CLEAR_KEY)

    class Meta(ApiKeySerializer.Meta):
        fields = (*ApiKeySerializer.Meta.fields, "clear_key")


class ServiceKeySerializer(IssuedKeySerializer):
    """A program's credential for this API."""

    tenant_id = OwnTenantOrPlatform()
    scopes = serializers.ListField(
        child=serializers.ChoiceField([(scope.value, scope.name) for scope in ServiceScope]),
        required=False,
        min_length=1,
        help_text="`manage` changes everything that the key sees, `manage:read` looks at it; the latter unless said "
        "otherwise.",
    )

    class Meta:
        model = ServiceKey
        fields: tuple[str, ...] = (*_KEPT_FIELDS, "tenant_id")
        read_only_fields = _READ_ONLY
        validators: ClassVar[list[Any]] = []

    def create(self, validated_data: dict[str, Any]) -> ServiceKey:
        """The new key; its clear text is in :attr:`issued`."""
        row, self.issued = service_keys.create_service_key(**validated_data)
        return row


class CreatedServiceKeySerializer(ServiceKeySerializer):
    """The answer that shows a key's clear text."""

    clear_key = serializers.CharField(read_only=True, help_text=_CLEAR_KEY)

    class Meta(ServiceKeySerializer.Meta):
        fields = (*ServiceKeySerializer.Meta.fields, "clear_key")


class RotationSerializer(StrictSerializer):
    """How a key is rotated."""

    overlap_s = serializers.IntegerField(
        min_value=0,
        max_value=int(MAX_OVERLAP.total_seconds()),
        default=int(DEFAULT_OVERLAP.total_seconds()),
        help_text="For how many seconds the old key goes on working.",
    )


class IssuedKeyFilter(TenantRowFilter):
    """Filters of lists of keys."""

    state = filters.ChoiceFilter(
        choices=[(state, state) for state in _STATES], method="in_state", label="Its state now."
    )
    prefix = filters.CharFilter(label="How the key begins, such as `bw_4k2m9x7c`.")
    expires_before = InstantFilter(field_name="expires_at", lookup_expr="lt", label="Ends earlier.")

    def in_state(self, rows: QuerySet[Any], _name: str, state: str) -> QuerySet[Any]:
        """Keys in this state at the moment."""
        ended = Q(expires_at__lte=timezone.now())
        conditions = {
            "revoked": Q(revoked_at__isnull=False),
            "expired": Q(revoked_at=None) & ended,
            "active": Q(revoked_at=None) & (Q(expires_at=None) | ~ended),
        }
        return rows.filter(conditions[state])


class ApiKeyFilter(IssuedKeyFilter):
    """Filters of the list of API keys."""

    team_id = filters.UUIDFilter(label="The team's keys only.")


class IssuedKeyResource(Readable, Creatable, Changeable):
    """Verbs of both kinds of key. Keys are revoked, never deleted: usage and audit entries go on naming them."""

    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "name": "name"}
    search_fields = ("name", "prefix", "created_by")

    def rotated(self, row: Any, overlap: timedelta) -> tuple[Any, str]:
        """The successor and its clear text."""
        raise NotImplementedError

    def revoked(self, row: Any) -> Any:
        """The row, refused from now on."""
        raise NotImplementedError

    def add(self, serializer: BaseSerializer[Any]) -> tuple[Any, dict[str, Any]]:
        """The key, and its clear text this once."""
        assert isinstance(serializer, IssuedKeySerializer)
        row = serializer.save()
        return row, {"clear_key": serializer.issued}

    def rotate_row(self, request: Request) -> Response:
        """Make a successor; the answer shows its clear text this once."""
        rotation = RotationSerializer(data=request.data)
        rotation.is_valid(raise_exception=True)
        with transaction.atomic():
            overlap = timedelta(seconds=rotation.validated_data["overlap_s"])
            row, clear = self.rotated(self.locked(), overlap)
            response = self.shown(self.saved(row), status.HTTP_201_CREATED, clear_key=clear)
        response["Location"] = self.address_of(row)
        return response

    def revoke_row(self, request: Request) -> Response:
        """Refuse the key from now on."""
        EmptySerializer(data=request.data).is_valid(raise_exception=True)
        with transaction.atomic():
            return self.shown(self.saved(self.revoked(self.locked())))


@extend_schema_view(create=extend_schema(responses={201: CreatedApiKeySerializer}))
class ApiKeyResource(IssuedKeyResource):
    """Credentials of applications."""

    noun = "API key"
    about = "A credential with which an application calls the data plane. Only its SHA-256 is kept."
    example: ClassVar[dict[str, Any]] = {"name": "checkout service, production", "scopes": ["chat", "models"]}
    queryset = ApiKey.objects.all()
    serializer_class = ApiKeySerializer
    write_permission = TenantPermission.MANAGE_KEYS
    filterset_class = ApiKeyFilter

    def rotated(self, row: ApiKey, overlap: timedelta) -> tuple[ApiKey, str]:
        """With the same rights, limits and budgets."""
        return services.rotate_key(key=row, overlap=overlap)

    def revoked(self, row: ApiKey) -> ApiKey:
        """Dead on every worker within a second."""
        return services.revoke_key(key=row)

    @extend_schema(
        summary="Rotate an API key",
        description="A successor with the same rights, limits and budgets; the old key ends after `overlap_s`. The "
        "answer shows the successor's clear text this once.",
        request=RotationSerializer,
        responses={201: CreatedApiKeySerializer},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def rotate(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A successor for a key that may have leaked or grown old."""
        return self.rotate_row(request)

    @extend_schema(
        summary="Revoke an API key",
        description="Every worker refuses the key within a second. Revoking it again changes nothing.",
        request=EmptySerializer,
        responses={200: ApiKeySerializer},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def revoke(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The end of a key."""
        return self.revoke_row(request)


@extend_schema_view(create=extend_schema(responses={201: CreatedServiceKeySerializer}))
class ServiceKeyResource(IssuedKeyResource):
    """Credentials for this API."""

    noun = "service key"
    about = "A credential for this API: of one tenant, or (`tenant_id` null) of the whole installation."
    example: ClassVar[dict[str, Any]] = {"name": "terraform", "scopes": ["manage"], "ip_allow": ["203.0.113.0/24"]}
    queryset = ServiceKey.objects.all()
    serializer_class = ServiceKeySerializer
    # A key may do what an owner may, so those who hand them out must be trusted as much.
    write_permission = TenantPermission.MANAGE_MEMBERS
    filterset_class = IssuedKeyFilter

    def rotated(self, row: ServiceKey, overlap: timedelta) -> tuple[ServiceKey, str]:
        """With the same rights."""
        return service_keys.rotate_service_key(key=row, overlap=overlap)

    def revoked(self, row: ServiceKey) -> ServiceKey:
        """Refused from its next request on."""
        return service_keys.revoke_service_key(key=row)

    @extend_schema(
        summary="Rotate a service key",
        description="A successor with the same rights; the old key ends after `overlap_s`. The answer shows the "
        "successor's clear text this once.",
        request=RotationSerializer,
        responses={201: CreatedServiceKeySerializer},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def rotate(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A successor for a key that may have leaked or grown old."""
        return self.rotate_row(request)

    @extend_schema(
        summary="Revoke a service key",
        description="The key is refused from its next request on. Revoking it again changes nothing.",
        request=EmptySerializer,
        responses={200: ServiceKeySerializer},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def revoke(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The end of a key."""
        return self.revoke_row(request)
