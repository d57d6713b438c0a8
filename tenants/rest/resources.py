"""The base of the management API's viewsets: each verb once, the same for every resource.

A resource names its noun, its query, how its rows belong to tenants, and which permissions reading and writing take.
Rows of tenants that the caller may not see are as unknown as rows that do not exist (404); a row that it may see but
not change is refused (403).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from rest_framework import status
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from contracts.tenant_scope import across_tenants
from tenants.actor import Actor, acting
from tenants.changes import delete_row
from tenants.middleware import actor_of
from tenants.rest.authentication import ConsoleSessionAuthentication, ServiceKeyAuthentication
from tenants.rest.etags import check_if_match, etag_of, is_known
from tenants.rest.filters import BoundedSearchFilter, StrictFilterBackend, TenantRowFilter
from tenants.rest.idempotency import idempotent
from tenants.rest.openapi import ManagementSchema
from tenants.rest.pagination import KeysetPagination
from tenants.rest.parsing import JsonObjectParser, read_without_length
from tenants.rest.permissions import MayReachResource, require, visible
from tenants.rest.principals import principal_of
from tenants.rest.serializers import RowSerializer
from tenants.rest.throttling import PrincipalThrottle
from tenants.roles import TenantPermission

READING = frozenset({"list", "retrieve", "metadata"})
ROW_ORDERINGS = {"created_at": "pk"}
"""Ids are UUIDv7: by id is by age."""


class Resource(GenericViewSet[Any]):
    """What the verbs share."""

    noun: ClassVar[str]
    """As people call one of them, such as ``rate limit``."""
    plural: ClassVar[str] = ""
    """Where an ``s`` is not enough."""
    about: ClassVar[str] = ""
    """What it is, for the OpenAPI document."""
    example: ClassVar[Mapping[str, Any]] = {}
    """A body to try."""

    read_permission: ClassVar[TenantPermission] = TenantPermission.VIEW_TENANT
    write_permission: ClassVar[TenantPermission | None] = None
    """None: nothing can be changed."""
    tenant_path: ClassVar[str] = "tenant"
    """From a row to its tenant."""
    ordering_fields: ClassVar[Mapping[str, str]] = ROW_ORDERINGS
    default_ordering: ClassVar[str] = "-created_at"
    action_permissions: ClassVar[Mapping[str, TenantPermission]] = {}
    """What actions need that are neither plain reading nor writing."""

    authentication_classes = (ServiceKeyAuthentication, ConsoleSessionAuthentication)
    permission_classes = (MayReachResource,)
    throttle_classes = (PrincipalThrottle,)
    parser_classes: Sequence[type[BaseParser]] = (JsonObjectParser,)
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = DefaultContentNegotiation
    pagination_class = KeysetPagination
    filter_backends = (StrictFilterBackend, BoundedSearchFilter)
    filterset_class: ClassVar[Any] = TenantRowFilter
    schema = ManagementSchema()
    metadata_class = None
    lookup_value_regex = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Serve; what is changed meanwhile is audited as done by the caller, however it proved who it is."""

        def caller() -> Actor:
            # The user of DRF's request, which is set once it is authenticated.
            return actor_of(request)

        with acting(caller), ExitStack() as self._while_serving:
            return super().dispatch(request, *args, **kwargs)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """DRF's request, with its body however it is sent."""
        return read_without_length(super().initialize_request(request, *args, **kwargs))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let the caller in; the platform's then read across tenants, which all others never do."""
        super().initial(request, *args, **kwargs)
        if principal_of(request).of_platform:
            self._while_serving.enter_context(across_tenants("the platform's own callers see every tenant"))

    def needed_permission(self) -> TenantPermission:
        """What the current action takes."""
        if self.action in self.action_permissions:
            return self.action_permissions[self.action]
        return self.read_permission if self._is_reading() else self.write_permission or self.read_permission

    def get_queryset(self) -> QuerySet[Any]:
        """The rows that the caller may see."""
        rows: QuerySet[Any] = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        return visible(rows, self.tenant_path, principal_of(self.request).tenants(self.read_permission))

    def locked(self) -> Any:
        """The row of the address, for a change: locked, of the expected version, and the caller may change it.

        Raises:
            Http404: there is none that the caller may see.
            PermissionDenied: the caller may see it, but not change it.
            PreconditionFailed: the row is not of the version that ``If-Match`` names.
            PreconditionRequired: there is no ``If-Match``, and this installation demands it.
        """
        row = get_object_or_404(self.get_queryset().select_for_update(of=("self",)), pk=self.kwargs["pk"])
        require(self.request, self.needed_permission(), self.owner_of(row))
        check_if_match(self.request, self.etag(row))
        return row

    def owner_of(self, row: Any) -> uuid.UUID | None:
        """The tenant that the row belongs to; None: the platform."""
        owner: uuid.UUID | None = row.audit_tenant_id()
        return owner

    def etag(self, row: Any) -> str:
        """The tag of the row's version."""
        return etag_of(row.pk, self.versions(row))

    def versions(self, row: Any) -> list[Any]:
        """Whatever changes when the row or a part of it does."""
        return [row.updated_at.isoformat()]

    def shown(self, row: Any, status_code: int = status.HTTP_200_OK, **more: Any) -> Response:
        """The row with its tag; ``more`` are fields that only this answer has."""
        data = {**self.get_serializer(row).data, **more}
        return Response(data, status=status_code, headers={"ETag": self.etag(row)})

    def saved(self, row: Any) -> Any:
        """The row as it is now in the database, with all that is shown of it."""
        return self.get_queryset().get(pk=row.pk)

    def address_of(self, row: Any) -> str:
        """Where the row is."""
        return reverse(f"management:{self.basename}-detail", args=[row.pk])

    def _is_reading(self) -> bool:
        # Without an action the path does not have the method, which is told after the caller is let in.
        return self.action in READING or self.request.method in ("GET", "HEAD", "OPTIONS")


class Readable(Resource):
    """GET of the list and of one row."""

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A page of the rows that the caller may see."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One row, or 304 where the caller has this version."""
        row = self.get_object()
        etag = self.etag(row)
        if is_known(request, etag):
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers={"ETag": etag})
        return self.shown(row)


class Creatable(Resource):
    """POST to the list."""

    @idempotent
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A new row."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        self.authorise_new(serializer)
        row, more = self.add(serializer)
        response = self.shown(self.saved(row), status.HTTP_201_CREATED, **more)
        response["Location"] = self.address_of(row)
        return response

    def authorise_new(self, serializer: BaseSerializer[Any]) -> None:
        """Nothing, where the caller may create this for the tenant that it names.

        Raises:
            PermissionDenied: it may not.
        """
        assert isinstance(serializer, RowSerializer)
        require(self.request, self.needed_permission(), serializer.owner_of(serializer.validated_data))

    def add(self, serializer: BaseSerializer[Any]) -> tuple[Any, dict[str, Any]]:
        """The saved row, and what only the answer to its creation holds."""
        return serializer.save(), {}


class Changeable(Resource):
    """PUT and PATCH of one row."""

    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The row as sent; what is left out takes its default."""
        return self._change(request, partial=False)

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The row with the fields that are sent."""
        return self._change(request, partial=True)

    @transaction.atomic
    def _change(self, request: Request, *, partial: bool) -> Response:
        row = self.locked()
        serializer = self.get_serializer(row, data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        return self.shown(self.saved(serializer.save()))


class Deletable(Resource):
    """DELETE of one row."""

    @transaction.atomic
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The row is gone."""
        self.remove(self.locked())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def remove(self, row: Any) -> None:
        """Delete the row."""
        delete_row(row)
