"""Providers, the models there, and what those cost."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.viewsets import GenericViewSet

from contracts.specs import Capability
from routing.model_prices import KINDS
from routing.models import Model, ModelPrice, Provider
from routing.services import CHAT_CAPABILITIES
from tenants.rest.filters import BooleanFilter, InstantFilter, RowFilter, TenantRowFilter
from tenants.rest.money import MoneyRowSerializer
from tenants.rest.principals import principal_of
from tenants.rest.resources import ROW_ORDERINGS, Changeable, Creatable, Deletable, Readable
from tenants.rest.serializers import ROW_FIELDS, OwnTenantOrPlatform, RelatedRow, RowSerializer
from tenants.roles import TenantPermission

NAME_ORDERINGS = {**ROW_ORDERINGS, "name": "name"}


class ProviderSerializer(RowSerializer):
    """An account at an upstream."""

    fixed = ("tenant_id",)
    tenant_id = OwnTenantOrPlatform()
    headers = serializers.DictField(
        child=serializers.CharField(allow_blank=True),
        required=False,
        help_text="Sent with every call. No credentials.",
    )
    options = serializers.DictField(
        required=False, help_text="What this kind needs beyond the rest, such as Azure's `api_version`."
    )

    class Meta:
        model = Provider
        fields = (
            *ROW_FIELDS,
            "tenant_id",
            "name",
            "kind",
            "base_url",
            "secret_ref",
            "headers",
            "connect_timeout_ms",
            "timeout_ms",
            "first_token_timeout_ms",
            "max_in_flight",
            "max_queue",
            "options",
            "enabled",
        )
        validators: ClassVar[list[Any]] = []

    def owner_of(self, attrs: Mapping[str, Any]) -> uuid.UUID | None:
        """Where the gateway connects to, and with which credential, is up to the platform."""
        return None


class ProviderFilter(TenantRowFilter):
    """Filters of the list of providers."""

    name = filters.CharFilter(label="Exactly this one.")
    kind = filters.CharFilter(label="The wire format.")
    enabled = BooleanFilter(label="Switched on or off.")


class ProviderResource(Readable, Creatable, Changeable, Deletable):
    """Accounts at upstreams. Tenants see their own; the platform sets all of them up.

    A provider says where the gateway connects to and which credential it sends there: in a tenant's hands that would be
    a way into the platform's network and to its credentials.
    """

    noun = "provider"
    about = (
        "An account at an upstream: where it is, what it speaks, how hard it may be used. Set up by the platform; "
        "a tenant sees its own and sets their credentials as secrets."
    )
    example: ClassVar[dict[str, Any]] = {
        "name": "openai",
        "kind": "openai",
        "base_url": "https://api.openai.com/v1",
        "secret_ref": "env:OPENAI_API_KEY",
    }
    queryset = Provider.objects.all()
    serializer_class = ProviderSerializer
    write_permission = TenantPermission.MANAGE_ROUTES
    filterset_class = ProviderFilter
    ordering_fields = NAME_ORDERINGS
    search_fields = ("name", "kind", "base_url")

    def owner_of(self, row: Any) -> uuid.UUID | None:
        """The platform, whoever may use the provider."""
        return None


class ModelSerializer(RowSerializer):
    """A model at a provider."""

    fixed = ("provider_id",)
    provider_id = RelatedRow(source="provider", queryset=Provider.objects.all(), help_text="Where the model is.")
    provider = serializers.CharField(source="provider.name", read_only=True)
    capabilities = serializers.ListField(
        child=serializers.ChoiceField([item.value for item in Capability]),
        min_length=1,
        default=list(CHAT_CAPABILITIES),
        help_text="A call that needs more than this skips the model.",
    )

    class Meta:
        model = Model
        fields = (
            *ROW_FIELDS,
            "provider_id",
            "provider",
            "name",
            "wire_name",
            "capabilities",
            "context_window",
            "max_output_tokens",
            "enabled",
        )
        validators: ClassVar[list[Any]] = []

    def owner_of(self, attrs: Mapping[str, Any]) -> uuid.UUID | None:
        """The provider's owner."""
        owner: uuid.UUID | None = attrs["provider"].tenant_id
        return owner


class ModelFilter(RowFilter):
    """Filters of the list of models."""

    tenant_id = filters.UUIDFilter(field_name="provider__tenant_id", label="At the tenant's own providers only.")
    provider_id = filters.UUIDFilter(label="At this provider only.")
    name = filters.CharFilter(label="Exactly this one.")
    enabled = BooleanFilter(label="Switched on or off.")


class ModelResource(Readable, Creatable, Changeable, Deletable):
    """Models at providers."""

    noun = "model"
    about = "A model at a provider, under the name by which callers know it."
    example: ClassVar[dict[str, Any]] = {
        "provider_id": "01934f6e-8a6e-7c3a-9b1e-3f0d2c4b5a69",
        "name": "gpt-4o-mini",
        "capabilities": ["chat", "streaming", "tools", "json_schema"],
        "context_window": 128_000,
        "max_output_tokens": 16_384,
    }
    queryset = Model.objects.select_related("provider")
    serializer_class = ModelSerializer
    write_permission = TenantPermission.MANAGE_ROUTES
    tenant_path = "provider__tenant"
    filterset_class = ModelFilter
    ordering_fields = NAME_ORDERINGS
    search_fields = ("name", "wire_name", "provider__name")


class ModelPriceSerializer(MoneyRowSerializer):
    """What a model costs per million tokens, from one instant until another."""

    fixed = ("model_id", "tenant_id")
    amounts: ClassVar[dict[str, str]] = {kind: kind for kind in KINDS}
    model_id = RelatedRow(
        source="model", queryset=Model.objects.all(), tenant_path="provider__tenant", help_text="What is priced."
    )
    model = serializers.CharField(source="model.__str__", read_only=True, help_text="`provider/model`.")
    tenant_id = OwnTenantOrPlatform()

    class Meta:
        model = ModelPrice
        fields = (*ROW_FIELDS, "model_id", "model", "tenant_id", "valid_from", "valid_until", *KINDS)
        validators: ClassVar[list[Any]] = []

    def owner_of(self, attrs: Mapping[str, Any]) -> uuid.UUID | None:
        """The tenant whose price it is, or else the owner of the model."""
        tenant = attrs.get("tenant")
        owner: uuid.UUID | None = attrs["model"].provider.tenant_id if tenant is None else tenant.pk
        return owner


class ModelPriceFilter(TenantRowFilter):
    """Filters of the list of prices."""

    model_id = filters.UUIDFilter(label="Of this model only.")
    valid_at = InstantFilter(method="at", label="Those that hold at this instant.")

    def at(self, rows: QuerySet[ModelPrice], _name: str, instant: Any) -> QuerySet[ModelPrice]:
        """Begun by then, and not yet over."""
        return rows.filter(
            Q(valid_from=None) | Q(valid_from__lte=instant), Q(valid_until=None) | Q(valid_until__gt=instant)
        )


class ModelPriceResource(Readable, Creatable, Changeable, Deletable):
    """What models cost, for everybody or for one tenant. Set by the platform."""

    noun = "price"
    about = (
        "What a model costs per million tokens from `valid_from` until `valid_until`, for one tenant or (`tenant_id` "
        "null) for everybody. No two prices of a model and tenant hold at once."
    )
    example: ClassVar[dict[str, Any]] = {
        "model_id": "01934f6e-8a6e-7c3a-9b1e-3f0d2c4b5a69",
        "valid_from": "2026-01-01T00:00:00Z",
        "input_usd": "0.15",
        "cached_input_usd": "0.075",
        "output_usd": "0.60",
    }
    queryset = ModelPrice.objects.select_related("model__provider", "tenant")
    serializer_class = ModelPriceSerializer
    read_permission = TenantPermission.VIEW_COSTS
    write_permission = TenantPermission.MANAGE_PRICES
    filterset_class = ModelPriceFilter

    def get_queryset(self) -> QuerySet[Any]:
        """Tenants see their own prices and everybody's of their own models."""
        rows: QuerySet[Any] = GenericViewSet.get_queryset(self)
        if getattr(self, "swagger_fake_view", False):
            return rows
        tenants = principal_of(self.request).tenants(self.read_permission)
        if tenants is None:
            return rows
        return rows.filter(Q(tenant__in=tenants) | Q(tenant=None, model__provider__tenant__in=tenants))
