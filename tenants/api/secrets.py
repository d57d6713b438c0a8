"""Stored secrets: a value goes in and never comes out."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import transaction
from django_filters import rest_framework as filters
from rest_framework import serializers

from tenants import secret_services
from tenants.models import StoredSecret
from tenants.rest.filters import TenantRowFilter
from tenants.rest.resources import ROW_ORDERINGS, Changeable, Creatable, Deletable, Readable
from tenants.rest.serializers import ROW_FIELDS, OwnTenantOrPlatform, RowSerializer
from tenants.roles import TenantPermission


class SecretSerializer(RowSerializer):
    """A provider's credential, without the credential."""

    fixed = ("tenant_id", "name")
    tenant_id = OwnTenantOrPlatform()
    value = serializers.CharField(
        write_only=True,
        max_length=secret_services.MAX_VALUE_LENGTH,
        trim_whitespace=False,
        help_text="The credential. It is encrypted and never shown; in changes, leave it out to keep it.",
    )
    reference = serializers.CharField(read_only=True, help_text="What a provider's `secret_ref` holds.")

    class Meta:
        model = StoredSecret
        fields = (*ROW_FIELDS, "tenant_id", "name", "reference", "description", "value_version", "set_at", "value")
        read_only_fields = ("value_version", "set_at")
        validators: ClassVar[list[Any]] = []

    def get_fields(self) -> dict[str, Any]:
        """The value has to be given once."""
        fields: dict[str, Any] = super().get_fields()
        fields["value"].required = self.instance is None
        return fields

    def create(self, validated_data: dict[str, Any]) -> StoredSecret:
        """A new secret."""
        return secret_services.create_secret(**validated_data)

    @transaction.atomic
    def update(self, instance: StoredSecret, validated_data: dict[str, Any]) -> StoredSecret:
        """What is told of the secret and, where one is sent, its new value."""
        value = validated_data.pop("value", None)
        secret = secret_services.update_secret(secret=instance, **validated_data)
        return secret if value is None else secret_services.replace_secret(secret=secret, value=value)


class SecretFilter(TenantRowFilter):
    """Filters of the list of secrets."""

    name = filters.CharFilter(label="Exactly this one.")


class SecretResource(Readable, Creatable, Changeable, Deletable):
    """Credentials of providers."""

    noun = "secret"
    about = "A provider's credential, kept encrypted and referred to as `db:NAME`. Its value is never shown."
    example: ClassVar[dict[str, Any]] = {"name": "openai", "description": "EU project", "value": "sk-…"}
    queryset = StoredSecret.objects.all()
    serializer_class = SecretSerializer
    write_permission = TenantPermission.MANAGE_SECRETS
    filterset_class = SecretFilter
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "name": "name"}
    search_fields = ("name", "description")

    def remove(self, row: StoredSecret) -> None:
        """Providers that refer to it go without a credential."""
        secret_services.delete_secret(secret=row)
