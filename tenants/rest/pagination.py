"""Pages of a list: each begins right after the last row of the one before, so that rows which come or go in between
neither repeat nor hide others (keyset pagination).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Q, QuerySet
from django.http import QueryDict
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

ORDERING, CURSOR, LIMIT = "ordering", "cursor", "limit"
PARAMETERS = frozenset({ORDERING, CURSOR, LIMIT})


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ends: the ordering, and the last row's value and key, as text."""

    ordering: str
    value: str
    key: str


def encoded(position: Position) -> str:
    """The position as a cursor: opaque to callers, safe in an address."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def decoded(cursor: str) -> Position:
    """The position in a cursor.

    Raises:
        ValidationError: this is none of ours.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=Position)
    except (ValueError, binascii.Error, msgspec.MsgspecError) as error:
        raise ValidationError({CURSOR: ["This cursor is none of ours; begin again without one."]}) from error


class KeysetPagination(BasePagination):
    """``limit`` rows from after ``cursor``, in the order ``ordering`` (one field; the row's key breaks ties).

    The view names what lists may be ordered by in ``ordering_fields`` (public name → column that is never null) and
    what they are ordered by otherwise in ``default_ordering``.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        """The rows of the page."""
        fields: Mapping[str, str] = view.ordering_fields  # type: ignore[union-attr]
        default: str = view.default_ordering  # type: ignore[union-attr]
        self._request = request
        self._ordering = _checked_ordering(request.query_params, fields, default)
        self._column = fields[self._ordering.removeprefix("-")]
        limit = _checked_limit(request.query_params)
        rows = list(self._after(queryset, request.query_params.get(CURSOR))[: limit + 1])
        self._has_more = len(rows) > limit
        self._page = rows[:limit]
        return self._page

    def get_paginated_response(self, data: Any) -> Response:
        """The envelope of every list."""
        cursor = self._next_cursor()
        headers = {}
        if cursor is not None:
            parameters = self._request.query_params.copy()
            parameters[CURSOR] = cursor
            address = self._request.build_absolute_uri(f"{self._request.path}?{parameters.urlencode()}")
            headers["Link"] = f'<{address}>; rel="next"'
        return Response(
            {"object": "list", "data": data, "has_more": self._has_more, "next_cursor": cursor}, headers=headers
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The envelope in the OpenAPI document."""
        return {
            "type": "object",
            "required": ["object", "data", "has_more", "next_cursor"],
            "properties": {
                "object": {"type": "string", "enum": ["list"]},
                "data": {**schema, "maxItems": MAX_LIMIT},
                "has_more": {"type": "boolean", "description": "Whether another page follows."},
                "next_cursor": {
                    "type": ["string", "null"],
                    "description": "Send it as `cursor` for the next page; the `Link` header has its address.",
                },
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The parameters in the OpenAPI document."""
        orderings = [sign + name for name in view.ordering_fields for sign in ("", "-")]
        return [
            {
                "name": LIMIT,
                "in": "query",
                "description": f"Rows a page, at most {MAX_LIMIT}.",
                "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
            },
            {
                "name": CURSOR,
                "in": "query",
                "description": "The previous page's `next_cursor`; send the same ordering with it.",
                "schema": {"type": "string"},
            },
            {
                "name": ORDERING,
                "in": "query",
                "description": "What to order by; `-` for the largest first.",
                "schema": {"type": "string", "enum": orderings, "default": view.default_ordering},
            },
        ]

    def _after(self, queryset: QuerySet[Any], cursor: str | None) -> QuerySet[Any]:
        sign = "-" if self._ordering.startswith("-") else ""
        order = [sign + self._column] if self._column == "pk" else [sign + self._column, f"{sign}pk"]
        ordered = queryset.order_by(*order)
        if not cursor:
            return ordered
        position = decoded(cursor)
        if position.ordering != self._ordering:
            raise ValidationError({CURSOR: [f"This cursor belongs to ordering={position.ordering}."]})
        compare = "lt" if sign else "gt"
        key = _typed(queryset, "pk", position.key)
        if self._column == "pk":
            return ordered.filter(**{f"pk__{compare}": key})
        value = _typed(queryset, self._column, position.value)
        # The first condition alone is implied; it lets the index on the column do its work.
        return ordered.filter(
            Q(**{f"{self._column}__{compare}e": value}),
            Q(**{f"{self._column}__{compare}": value}) | Q(**{f"pk__{compare}": key}),
        )

    def _next_cursor(self) -> str | None:
        if not self._has_more:
            return None
        last = self._page[-1]
        value: Any = last
        for step in self._column.split("__"):
            value = getattr(value, step)
        return encoded(Position(self._ordering, _text(value), str(last.pk)))


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _typed(queryset: QuerySet[Any], path: str, text: str) -> Any:
    model: Any = queryset.model
    *parents, name = path.split("__")
    for parent in parents:
        model = model._meta.get_field(parent).related_model
    field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    try:
        if "\x00" in text:
            raise ValueError("NUL")
        return field.to_python(text)
    except (DjangoValidationError, ValueError, TypeError) as error:
        raise ValidationError({CURSOR: ["This cursor is none of ours; begin again without one."]}) from error


def _checked_limit(parameters: QueryDict) -> int:
    text = parameters.get(LIMIT)
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= MAX_LIMIT):
        raise ValidationError({LIMIT: [f"Write a whole number from 1 to {MAX_LIMIT}."]})
    return int(text)


def _checked_ordering(parameters: QueryDict, fields: Mapping[str, str], default: str) -> str:
    ordering = parameters.get(ORDERING) or default
    if ordering.removeprefix("-") not in fields:
        raise ValidationError({ORDERING: [f"Order by {_listed(sorted(fields))}, with '-' for the largest first."]})
    return ordering


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + f" or {names[-1]}" if len(names) > 1 else names[0]
