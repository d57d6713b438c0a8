"""Routes with their targets."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import F, Prefetch, Q, QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from contracts.specs import BreakerSpec, Strategy
from routing import services
from routing.kept_answers import CACHE_FIELDS
from routing.models import Model, Route, Target
from routing.route_history import version, versions
from routing.route_put_back import put_back
from routing.services import TargetChoice
from tenants.rest.filters import BooleanFilter, TenantRowFilter
from tenants.rest.idempotency import idempotent
from tenants.rest.permissions import require, visible
from tenants.rest.principals import principal_of
from tenants.rest.resources import ROW_ORDERINGS, Changeable, Creatable, Deletable, Readable
from tenants.rest.serializers import (
    ROW_FIELDS,
    EmptySerializer,
    OwnTenantOrPlatform,
    RowSerializer,
    StrictSerializer,
    valid,
)
from tenants.roles import TenantPermission

MAX_TARGETS = 50
_BREAKER_PREFIX = "breaker_"
_BREAKER_FIELDS = tuple(f"{_BREAKER_PREFIX}{name}" for name in BreakerSpec.__struct_fields__)


class TargetSerializer(StrictSerializer, serializers.ModelSerializer[Target]):
    """One place that a route can send a call to."""

    model = serializers.CharField(
        source="model.__str__",
        max_length=200,
        help_text="`provider/model`: of the route's tenant, else of the platform.",
    )

    class Meta:
        model = Target
        fields = ("id", "model", "priority", "weight", "drop_params", "enabled", *_BREAKER_FIELDS)
        read_only_fields = ("id",)
        validators: ClassVar[list[Any]] = []

    def get_fields(self) -> dict[str, Any]:
        """An id may be sent back as it was read; targets are told apart by their models."""
        fields: dict[str, Any] = super().get_fields()
        fields["id"].help_text = "Kept while the model stays."
        return fields

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The fields as they are sent, the model still as its name."""
        values: dict[str, Any] = super().to_internal_value(data)
        values["model"] = values["model"]["__str__"]
        return values


class RouteSerializer(RowSerializer):
    """A named way to serve calls."""

    fixed = ("tenant_id",)
    tenant_id = OwnTenantOrPlatform()
    targets = TargetSerializer(  # type: ignore[call-arg]
        many=True, required=False, max_length=MAX_TARGETS, help_text="Where calls can go; the whole list is replaced."
    )
    match_tags = serializers.DictField(
        child=serializers.CharField(allow_blank=True),
        required=False,
        help_text="Tags that a call must carry; an empty value matches any.",
    )
    match_headers = serializers.DictField(
        child=serializers.CharField(allow_blank=True),
        required=False,
        help_text="Headers that a call must carry; an empty value matches any.",
    )

    class Meta:
        model = Route
        fields = (
            *ROW_FIELDS,
            "tenant_id",
            "name",
            "strategy",
            "match_modes",
            "match_tags",
            "match_headers",
            "order",
            "is_default",
            "retry_max_attempts",
            "retry_per_target",
            "retry_base_ms",
            "retry_cap_ms",
            "sticky_by_user",
            "total_timeout_ms",
            "max_latency_ms",
            "hedge",
            *CACHE_FIELDS,
            "enabled",
            "targets",
        )
        validators: ClassVar[list[Any]] = []

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """PUT replaces the targets as well."""
        attrs = super().validate(attrs)
        if self.instance is not None and not self.partial:
            attrs.setdefault("targets", [])
        return attrs

    def create(self, validated_data: dict[str, Any]) -> Route:
        """The route and its targets, in one transaction."""
        targets = validated_data.pop("targets", [])
        return services.create_route(
            targets=chosen(targets, self.owner_of(validated_data)),
            **{"strategy": Strategy.PRIORITY.value, **validated_data},
        )

    @transaction.atomic
    def update(self, instance: Route, validated_data: dict[str, Any]) -> Route:
        """The route and, where they are sent, its targets."""
        targets = validated_data.pop("targets", None)
        services.update_route(route=instance, **validated_data)
        if targets is not None:
            services.set_targets(route=instance, targets=chosen(targets, instance.tenant_id))
        return instance


def chosen(targets: Sequence[Mapping[str, Any]], owner: uuid.UUID | None) -> list[TargetChoice]:
    """The targets with their models looked up.

    Raises:
        ValidationError: a model is unknown to the route's owner, or named twice.
    """
    models = [_model(target["model"], owner) for target in targets]
    problems: dict[str, list[str]] = {}
    seen: set[uuid.UUID] = set()
    for index, (target, model) in enumerate(zip(targets, models, strict=True)):
        if model is None:
            problems[f"targets[{index}].model"] = [f"There is no model {target['model']!r} that this route may use."]
        elif model.pk in seen:
            problems[f"targets[{index}].model"] = ["The route has this target already."]
        else:
            seen.add(model.pk)
    if problems:
        raise ValidationError(problems)
    return [_choice(target, model) for target, model in zip(targets, models, strict=True) if model is not None]


def _model(reference: str, owner: uuid.UUID | None) -> Model | None:
    provider, _, name = reference.partition("/")
    usable = Q(provider__tenant=None) if owner is None else Q(provider__tenant=None) | Q(provider__tenant=owner)
    return (
        Model.objects.filter(usable, provider__name=provider, name=name)
        .order_by(F("provider__tenant").asc(nulls_last=True))
        .first()
    )


def _choice(target: Mapping[str, Any], model: Model) -> TargetChoice:
    breaker = {
        name.removeprefix(_BREAKER_PREFIX): target[name] for name in _BREAKER_FIELDS if target.get(name) is not None
    }
    return TargetChoice(
        model=model,
        priority=target.get("priority", 0),
        weight=target.get("weight", 1),
        drop_params=tuple(target.get("drop_params", ())),
        enabled=target.get("enabled", True),
        breaker=breaker,
    )


class RouteVersionSerializer(serializers.Serializer[Any]):
    """A route as one change left it."""

    version = serializers.IntegerField(source="entry", help_text="Id of the change's entry in the audit log.")
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    action = serializers.CharField(help_text="`created` or `updated`.")
    design = serializers.DictField(source="after", help_text="Its fields, and its targets under `targets`.")


class PutBackSerializer(StrictSerializer):
    """Which version to go back to."""

    version = serializers.IntegerField(min_value=1, help_text="As the list of versions names it.")


class RouteFilter(TenantRowFilter):
    """Filters of the list of routes."""

    name = filters.CharFilter(label="Exactly this one.")
    strategy = filters.ChoiceFilter(
        choices=[(item.value, item.value) for item in Strategy], label="How the targets are ordered."
    )
    enabled = BooleanFilter(label="Switched on or off.")
    is_default = BooleanFilter(label="Serving calls that match no other route.")
    provider = filters.CharFilter(
        field_name="targets__model__provider__name", distinct=True, label="With a target at this provider."
    )
    model = filters.CharFilter(field_name="targets__model__name", distinct=True, label="With this model as a target.")


class RouteResource(Readable, Creatable, Changeable, Deletable):
    """Named ways to serve calls."""

    noun = "route"
    about = (
        "A named way to serve calls: its targets and the strategy that orders them. A tenant's own hides the "
        "platform's of the same name."
    )
    example: ClassVar[dict[str, Any]] = {
        "name": "chat",
        "strategy": "priority",
        "targets": [
            {"model": "openai/gpt-4o-mini", "priority": 0},
            {"model": "anthropic/claude-haiku-4-5", "priority": 1, "drop_params": ["seed"]},
        ],
    }
    queryset = Route.objects.all()
    serializer_class = RouteSerializer
    write_permission = TenantPermission.MANAGE_ROUTES
    filterset_class = RouteFilter
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "name": "name", "order": "order"}
    search_fields = ("name", "targets__model__name")

    def get_queryset(self) -> QuerySet[Route]:
        """The routes that the caller may see, each with its targets."""
        routes: QuerySet[Route] = super().get_queryset()
        targets = Target.objects.select_related("model__provider").order_by("priority", "id")
        if not getattr(self, "swagger_fake_view", False):
            tenants = principal_of(self.request).tenants(self.read_permission)
            targets = visible(targets, "route__tenant", tenants)
        return routes.prefetch_related(Prefetch("targets", queryset=targets))

    @extend_schema(
        summary="List the versions of a route",
        description="What changes left of it, the newest first, at most 50; for whoever may read the audit log.",
        responses={200: RouteVersionSerializer(many=True)},
        filters=False,
    )
    @action(detail=True, methods=["get"], url_path="versions", pagination_class=None)
    def history(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """As the audit log tells it."""
        row: Route = self.get_object()
        require(request, TenantPermission.VIEW_AUDIT, row.tenant_id)
        return Response(RouteVersionSerializer(versions(row), many=True).data)

    @extend_schema(
        summary="Put a version of a route back",
        description="Strategy, targets, attempts and cache become what they were; its name, what it matches and "
        "whether it is on stay as they are.",
        request=PutBackSerializer,
        responses={200: RouteSerializer},
    )
    @action(detail=True, methods=["post"], url_path="put-back")
    @idempotent
    def put_back(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """To one by its number."""
        with transaction.atomic():
            row = self.locked()
            require(request, TenantPermission.VIEW_AUDIT, row.tenant_id)
            found = version(row, valid(PutBackSerializer, request)["version"])
            if found is None:
                raise ValidationError({"version": ["That version of the route is not known."]})
            put_back(route=row, design=found.after)
            return self.shown(self.saved(row))

    @extend_schema(
        summary="Clear the cache of a route",
        description="The next calls go to a provider again. A tenant that only uses the platform's route clears its "
        "own answers with `POST /api/v1/tenants/{id}/clear_caches`.",
        request=EmptySerializer,
        responses={200: RouteSerializer},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    @transaction.atomic
    def clear_cache(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Kept answers that nobody is to get any more."""
        return self.shown(self.saved(services.clear_cache(route=self.locked())))

    def versions(self, row: Route) -> list[Any]:
        """The route's and its targets'."""
        targets = sorted((str(target.pk), target.updated_at.isoformat()) for target in row.targets.all())
        return [row.updated_at.isoformat(), *targets]
