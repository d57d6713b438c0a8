"""Rows as JSON objects, and JSON objects as rows."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar

from django.core.exceptions import NON_FIELD_ERRORS
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.fields import empty
from rest_framework.request import Request

from tenants.changes import save_row, with_fields
from tenants.models import Tenant
from tenants.rest.permissions import visible
from tenants.rest.principals import principal_of
from tenants.roles import TenantPermission
from tenants.rows import ConfigRow

Row = TypeVar("Row", bound=ConfigRow)

ROW_FIELDS = ("id", "created_at", "updated_at")


_JSON_TYPES: tuple[tuple[type[serializers.Field[Any, Any, Any, Any]], str, type | tuple[type, ...]], ...] = (
    (serializers.BooleanField, "true or false", bool),
    (serializers.IntegerField, "a whole number", int),
    (serializers.FloatField, "a number", (int, float)),
    (serializers.CharField, "a text, in quotes", str),
)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know instead of overlooking a slip of the pen, and values of another JSON type
    instead of guessing what ``"no"`` or ``0`` in place of a text may mean.
    """

    def to_internal_value(self, data: Any) -> Any:
        """The known fields' values.

        Raises:
            ValidationError: also for unknown fields and values of the wrong JSON type, each by name.
        """
        if isinstance(data, Mapping):
            problems: dict[str, list[str]] = {}
            for name, value in data.items():
                if name not in self.fields:
                    problems[name] = ["There is no such field."]
                elif wanted := _wanted_instead(self.fields[name], value):
                    problems[name] = [f"Write {wanted}."]
            if problems:
                raise ValidationError(problems)
        return super().to_internal_value(data)


def valid(kind: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """What was sent, as the serializer reads it.

    Raises:
        ValidationError: it is not valid.
    """
    serializer = kind(data=request.data, context={"request": request})
    serializer.is_valid(raise_exception=True)
    sent: dict[str, Any] = serializer.validated_data
    return sent


def _wanted_instead(field: Any, value: Any) -> str:
    """What the field takes, where the value (or one in it) is of another JSON type; empty where it is not."""
    if value is None or field.read_only:
        return ""
    if isinstance(field, serializers.ListField | serializers.DictField):
        values = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
        return next((wanted for item in values if (wanted := _wanted_instead(field.child, item))), "")
    for kind, wanted, types in _JSON_TYPES:
        if isinstance(field, kind):
            right = isinstance(value, types) and (types is bool or not isinstance(value, bool))
            return "" if right else wanted
    return ""


class EmptySerializer(StrictSerializer):
    """The body of an action of which nothing needs to be said."""


class RelatedRow(serializers.PrimaryKeyRelatedField[Any]):
    """Another row by its id, among those that the caller sees: one of somebody else's is as unknown as none."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "does_not_exist": "There is nothing with this id that you may use here.",
        "incorrect_type": "Write an id, as a text.",
    }

    def __init__(self, *, tenant_path: str = "tenant", **kwargs: Any) -> None:
        self._path = tenant_path
        super().__init__(pk_field=serializers.UUIDField(), **kwargs)

    def run_validation(self, data: Any = empty) -> Any:
        """An empty text is no id; it would be taken for null, as forms send it."""
        if data == "":
            self.fail("incorrect_type")
        return super().run_validation(data)

    def get_queryset(self) -> QuerySet[Any]:
        """The rows that the caller sees."""
        rows: QuerySet[Any] = super().get_queryset()  # type: ignore[assignment]
        principal = principal_of(self.context["request"])
        return visible(rows, self._path, principal.tenants(TenantPermission.VIEW_TENANT))


class OwnTenant(RelatedRow):
    """The tenant that a new row belongs to. May be left out by those who act for exactly one."""

    requires_context = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            tenant_path="pk",
            source="tenant",
            queryset=Tenant.objects.all(),
            required=False,
            help_text="Whose this is. May be left out by callers that act for one tenant only.",
            **kwargs,
        )

    def get_default(self) -> Any:
        """The caller's only tenant."""
        tenants = principal_of(self.context["request"]).tenants(TenantPermission.VIEW_TENANT)
        if tenants is None or len(tenants) != 1:
            self.fail("required")
        return Tenant.objects.get(pk__in=tenants)


class OwnTenantOrPlatform(OwnTenant):
    """The same for rows that may belong to the platform, which is ``null``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_null=True, **kwargs)
        self.help_text = (
            "Whose this is; `null`: the platform's, shared by all tenants. Without it: the tenant of callers that act "
            "for one only, else the platform's."
        )

    def get_default(self) -> Any:
        """The caller's only tenant; the platform for those who work for it."""
        if principal_of(self.context["request"]).of_platform:
            return None
        return super().get_default()


class RowSerializer(StrictSerializer, serializers.ModelSerializer[Any]):
    """A configuration row. Saving goes through :mod:`tenants.changes`, so that it is validated, audited and announced.

    ``Meta.fixed`` names fields that are given once, on creation. In changes, these and read-only fields may be sent
    back as they were read, and not otherwise. PUT replaces: what it leaves out takes its default.
    """

    fixed: ClassVar[tuple[str, ...]] = ()

    def get_fields(self) -> dict[str, Any]:
        """In changes, without those that are fixed."""
        fields: dict[str, Any] = super().get_fields()
        if self.instance is not None:
            for name in self.fixed:
                fields[name].read_only = True
                fields[name].required = False
        return fields

    def to_internal_value(self, data: Any) -> Any:
        """The known fields' values.

        Raises:
            ValidationError: also for unknown fields, and for fields that cannot be changed.
        """
        values = super().to_internal_value(data)
        self._refuse_changes_of_what_is_fixed(data)
        return values

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """PUT: the defaults of what is left out."""
        if self.instance is None or self.partial:
            return attrs
        for source in {str(field.source) for field in self._writable_fields} - attrs.keys():
            model_field = self._model_field(source)
            if model_field is not None and model_field.has_default():
                attrs[source] = model_field.get_default()
            elif model_field is not None and model_field.null:
                attrs[source] = None
        return attrs

    def save(self, **kwargs: Any) -> Any:
        """The saved row.

        Raises:
            ValidationError: the row is not valid, by the names that the API has for its fields.
        """
        with self.field_errors():
            return super().save(**kwargs)

    def create(self, validated_data: dict[str, Any]) -> Any:
        """A new row."""
        return save_row(self._model(**validated_data))

    def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        """The row with its changes."""
        return save_row(with_fields(instance, validated_data))

    @contextmanager
    def field_errors(self) -> Iterator[None]:
        """Within the block, errors of the model's fields become errors of the API's."""
        try:
            yield
        except DjangoValidationError as error:
            names = {field.source: name for name, field in self.fields.items()}
            found = error.message_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.messages}
            general = "non_field_errors"
            raise ValidationError(
                {general if name == NON_FIELD_ERRORS else names.get(name, name): told for name, told in found.items()}
            ) from error

    def owner_of(self, attrs: Mapping[str, Any]) -> uuid.UUID | None:
        """The tenant that a new row with these values belongs to; None: the platform."""
        tenant: Tenant | None = attrs.get("tenant")
        return None if tenant is None else tenant.pk

    def _model_field(self, source: str) -> Any:
        return {field.name: field for field in self._model._meta.concrete_fields}.get(source)

    @property
    def _model(self) -> Any:
        return self.Meta.model

    def _refuse_changes_of_what_is_fixed(self, data: Mapping[str, Any]) -> None:
        sent = [name for name in data if self.fields[name].read_only]
        if not sent:
            return
        if self.instance is None:
            raise ValidationError({name: ["This field is set by Breakwater."] for name in sent})
        shown = self.to_representation(self.instance)
        changed = [name for name in sent if _plain(data[name]) != _plain(shown[name])]
        if changed:
            raise ValidationError({name: ["This field cannot be changed."] for name in changed})


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, uuid.UUID) else value


def request_of(serializer: serializers.BaseSerializer[Any]) -> Request:
    """The request that is being served."""
    request: Request = serializer.context["request"]
    return request
