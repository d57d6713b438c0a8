"""What lists can be filtered by. Parameters that a list does not know are refused, as a typo would else show it all."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from django import forms
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from django_filters import rest_framework as django_filters
from django_filters.fields import IsoDateTimeField
from rest_framework.exceptions import ValidationError
from rest_framework.filters import SearchFilter
from rest_framework.request import Request

from tenants.rest import pagination

SEARCH = "search"
MAX_SEARCH_LENGTH = 200
_MAY_BE_EMPTY = frozenset({SEARCH, pagination.CURSOR})


class TrueOrFalse(forms.CharField):
    """``true`` or ``false``; Django's own takes any other text for neither, and the list would not be filtered."""

    def to_python(self, value: Any) -> bool | None:  # type: ignore[override]
        """None where nothing was sent.

        Raises:
            ValidationError: it is neither.
        """
        if value in (None, ""):
            return None
        if value not in ("true", "false"):
            raise DjangoValidationError("Write true or false.")
        return bool(value == "true")


class BooleanFilter(django_filters.BooleanFilter):
    """Filters by a field that is true or false."""

    field_class = TrueOrFalse  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "widget": forms.TextInput})


class InstantField(IsoDateTimeField):
    """An ISO 8601 instant, in UTC: PostgreSQL does not take every offset that Python does."""

    def to_python(self, value: Any) -> Any:
        """None where nothing was sent.

        Raises:
            ValidationError: it is no instant, or one before the year 1 or after the year 9999 in UTC.
        """
        instant = super().to_python(value)
        try:
            return None if instant is None else instant.astimezone(UTC)
        except OverflowError as error:
            raise DjangoValidationError("Write an instant between the years 1 and 9999.") from error


class InstantFilter(django_filters.IsoDateTimeFilter):
    """Filters by an instant."""

    field_class = InstantField


def by_age(field: str, happened: str) -> tuple[InstantFilter, InstantFilter]:
    """``created_after`` and ``created_before`` of a list whose rows have their beginning in this field."""
    return (
        InstantFilter(field_name=field, lookup_expr="gte", label=f"{happened} then or later."),
        InstantFilter(field_name=field, lookup_expr="lt", label=f"{happened} earlier."),
    )


class RowFilter(django_filters.FilterSet):
    """Filters of every list of configuration rows."""

    created_after, created_before = by_age("created_at", "Created")


class TenantRowFilter(RowFilter):
    """Filters of every list of what tenants own."""

    tenant_id = django_filters.UUIDFilter(field_name="tenant_id", label="The tenant's own rows only.")


class StrictFilterBackend(django_filters.DjangoFilterBackend):
    """Refuses parameters that the list does not have."""

    def filter_queryset(self, request: Any, queryset: Any, view: Any) -> QuerySet[Any]:
        """The rows that pass.

        Raises:
            ValidationError: a parameter is unknown, given twice, empty, or its value is not valid.
        """
        filterset_class = self.get_filterset_class(view, queryset)
        known = set(pagination.PARAMETERS) | set(filterset_class.base_filters if filterset_class else ())
        if getattr(view, "search_fields", ()):
            known.add(SEARCH)
        problems: dict[str, list[str]] = {}
        for name, values in request.query_params.lists():
            if name not in known:
                problems[name] = [f"There is no such parameter; known: {', '.join(sorted(known))}."]
            elif len(values) > 1:
                problems[name] = ["Send this parameter once."]
            elif not values[0] and name not in _MAY_BE_EMPTY:
                # A script's unset variable would else show what it meant to leave out.
                problems[name] = ["Give this parameter a value, or leave it out."]
        if problems:
            raise ValidationError(problems)
        filtered: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return filtered


class BoundedSearchFilter(SearchFilter):
    """``search``: rows in which every word is found, in any of the view's ``search_fields``, in any case."""

    search_param = SEARCH
    search_description = "Every word of it is found in one of the row's texts, in any case."

    def get_search_terms(self, request: Request) -> list[str]:
        """The words.

        Raises:
            ValidationError: the text is too long.
        """
        if len(request.query_params.get(SEARCH, "")) > MAX_SEARCH_LENGTH:
            raise ValidationError({SEARCH: [f"At most {MAX_SEARCH_LENGTH} characters."]})
        terms: list[str] = super().get_search_terms(request)
        return terms
