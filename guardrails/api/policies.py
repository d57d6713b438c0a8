"""Policies: the draft is changed like any row; publishing, rolling back and switching are actions of their own."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from contracts.guardrails import Action, OnError, RuleSpec, Stage
from guardrails import services
from guardrails.api.cases import CaseReportSerializer, CaseSerializer, told
from guardrails.api.trials import OutcomeSerializer, TestSerializer, outcome_of
from guardrails.cases import add_case, cases_of, remove_case, run_cases
from guardrails.compile import compile_draft
from guardrails.model_callers import caller_of
from guardrails.models import Policy, PolicyCase, PolicyVersion
from guardrails.trial import try_text
from guardrails.validators import new_rule_id, rule_of
from tenants.rest.filters import TenantRowFilter
from tenants.rest.idempotency import idempotent
from tenants.rest.permissions import require
from tenants.rest.resources import ROW_ORDERINGS, Changeable, Creatable, Deletable, Readable
from tenants.rest.serializers import ROW_FIELDS, OwnTenantOrPlatform, RowSerializer, StrictSerializer, valid
from tenants.roles import TenantPermission


class RuleSerializer(StrictSerializer):
    """One rule of a policy."""

    id = serializers.CharField(max_length=64, required=False, help_text="Kept over versions; made from the name.")
    name = serializers.CharField(max_length=100)
    kind = serializers.CharField(max_length=64, help_text="Which detector: `pii`, `secrets`, `words`, ...")
    stages = serializers.ListField(
        child=serializers.ChoiceField(choices=[(stage.value, stage.name) for stage in Stage])
    )
    action = serializers.ChoiceField(choices=[item.value for item in Action])
    options = serializers.DictField(required=False, help_text="What the kind takes.")
    deadline_ms = serializers.IntegerField(required=False)
    on_error = serializers.ChoiceField(choices=[item.value for item in OnError], required=False)
    shadow = serializers.BooleanField(required=False, help_text="Told in events and otherwise without effect.")
    reroute_to = serializers.CharField(required=False, allow_blank=True, help_text="A route, for `reroute`.")
    message = serializers.CharField(required=False, allow_blank=True, help_text="What a refused caller is told.")


class PolicySerializer(RowSerializer):
    """An ordered list of rules, and to which calls it applies."""

    fixed = ("tenant_id",)
    tenant_id = OwnTenantOrPlatform()
    rules = RuleSerializer(many=True, required=False, help_text="The draft: the whole list is replaced, in this order.")

    class Meta:
        model = Policy
        fields = (
            *ROW_FIELDS,
            "tenant_id",
            "name",
            "description",
            "order",
            "routes",
            "keys",
            "mode",
            "live_version",
            "rules",
        )
        read_only_fields = ("mode", "live_version")
        validators: ClassVar[list[Any]] = []

    def create(self, validated_data: dict[str, Any]) -> Policy:
        """A policy that is off, with these rules as its draft."""
        rules = specs_of(validated_data.pop("rules", []))
        return services.create_policy(rules=rules, **validated_data)

    @transaction.atomic
    def update(self, instance: Policy, validated_data: dict[str, Any]) -> Policy:
        """The policy and, where they are sent, the rules of its draft."""
        rules = validated_data.pop("rules", None)
        row = services.update_policy(policy=instance, **validated_data)
        return row if rules is None else services.replace_rules(policy=row, rules=specs_of(rules))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """PUT replaces the rules as well."""
        attrs = super().validate(attrs)
        if self.instance is not None and not self.partial:
            attrs.setdefault("rules", [])
        return attrs


def specs_of(rules: list[dict[str, Any]]) -> list[RuleSpec]:
    """The sent rules; one without an id gets one from its name."""
    taken = [rule["id"] for rule in rules if rule.get("id")]
    found = []
    for rule in rules:
        name = rule.get("id") or new_rule_id(rule["name"], taken)
        taken.append(name)
        found.append(rule_of({**rule, "id": name}))
    return found


class VersionSerializer(serializers.ModelSerializer[PolicyVersion]):
    """Rules as they were published."""

    class Meta:
        model = PolicyVersion
        fields = ("number", "rules", "note", "author", "failing_cases", "created_at")
        read_only_fields = fields


class PublicationSerializer(StrictSerializer):
    """How the draft is put in force."""

    mode = serializers.ChoiceField(choices=Policy.Mode.choices[1:], default="shadow")
    note = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")
    accept_failing_cases = serializers.BooleanField(
        default=False, help_text="Publish although the draft fails cases of the policy; the audit log says so."
    )


class ModeSerializer(StrictSerializer):
    """What the version in force does."""

    mode = serializers.ChoiceField(choices=Policy.Mode.choices)


class RollBackSerializer(StrictSerializer):
    """Which version to go back to."""

    version = serializers.IntegerField(min_value=1, required=False, help_text="Without it: the one before.")


class PolicyFilter(TenantRowFilter):
    """Filters of the list of policies."""

    name = filters.CharFilter(label="Exactly this one.")
    mode = filters.ChoiceFilter(choices=Policy.Mode.choices, label="What the version in force does.")


class PolicyResource(Readable, Creatable, Changeable, Deletable):
    """Policies of guardrails."""

    noun = "guardrail policy"
    plural = "guardrail policies"
    about = (
        "An ordered list of rules over prompts and answers. Changes are made to its draft; publishing puts it in force."
    )
    example: ClassVar[dict[str, Any]] = {
        "name": "standard",
        "rules": [{"name": "Personal data", "kind": "pii", "stages": ["input"], "action": "mask"}],
    }
    queryset = Policy.objects.all()
    serializer_class = PolicySerializer
    write_permission = TenantPermission.MANAGE_GUARDRAILS
    action_permissions: ClassVar[dict[str, TenantPermission]] = {
        "history": TenantPermission.VIEW_TENANT,
        "test": TenantPermission.VIEW_TENANT,
        "cases": TenantPermission.VIEW_PAYLOADS,
        "run_cases": TenantPermission.VIEW_TENANT,
    }
    filterset_class = PolicyFilter
    ordering_fields: ClassVar[dict[str, str]] = {**ROW_ORDERINGS, "name": "name", "order": "order"}
    search_fields = ("name", "description")

    @extend_schema(
        summary="List the versions of a guardrail policy",
        description="What was published, the newest first.",
        responses={200: VersionSerializer(many=True)},
        filters=False,
    )
    @action(detail=True, methods=["get"], url_path="versions", pagination_class=None)
    def history(self, _request: Request, *args: Any, **kwargs: Any) -> Response:
        """What was published."""
        row: Policy = self.get_object()
        return Response(VersionSerializer(row.versions.filter(tenant=row.tenant_id), many=True).data)

    @extend_schema(
        summary="Publish the draft of a guardrail policy",
        description="Freezes the draft as the next version, which gateways apply within a second. Refused where the "
        "draft fails cases of the policy, unless `accept_failing_cases` says otherwise.",
        request=PublicationSerializer,
        responses={200: PolicySerializer},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def publish(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The next version."""
        with transaction.atomic():
            row = self.locked()
            sent = valid(PublicationSerializer, request)
            services.publish(
                policy=row,
                mode=sent["mode"],
                note=sent["note"],
                accept_failing_cases=sent["accept_failing_cases"],
            )
            return self.shown(self.saved(row))

    @extend_schema(
        summary="Switch a guardrail policy",
        description="`shadow`: events tell what it would do; `enforce`: it does; `off`: it looks at no call.",
        request=ModeSerializer,
        responses={200: PolicySerializer},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def switch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """To shadow, to enforce, or off."""
        with transaction.atomic():
            row = self.locked()
            sent = valid(ModeSerializer, request)
            services.set_mode(policy=row, mode=sent["mode"])
            return self.shown(self.saved(row))

    @extend_schema(
        summary="Roll a guardrail policy back",
        description="Puts an earlier version in force. The draft stays as it is.",
        request=RollBackSerializer,
        responses={200: PolicySerializer},
    )
    @action(detail=True, methods=["post"], url_path="roll-back")
    @idempotent
    def roll_back(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """To the version before, or to one by its number."""
        with transaction.atomic():
            row = self.locked()
            sent = valid(RollBackSerializer, request)
            services.roll_back(policy=row, number=sent.get("version"))
            return self.shown(self.saved(row))

    @extend_schema(
        summary="Try a text on the draft of a guardrail policy",
        description="What would happen to this text, and why. Nothing is stored, and no event tells of it.",
        request=TestSerializer,
        responses={200: OutcomeSerializer},
    )
    @action(detail=True, methods=["post"])
    def test(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What would happen, and why."""
        policy: Policy = self.get_object()
        sent = valid(TestSerializer, request)
        if sent["ask_models"]:
            require(request, TenantPermission.MANAGE_GUARDRAILS, policy.tenant_id)
        trial = try_text(
            compile_draft(policy),
            Stage(sent["stage"]),
            sent["text"],
            sent.get("call"),
            caller=caller_of(policy.tenant_id) if sent["ask_models"] else None,
        )
        return Response(OutcomeSerializer(outcome_of(trial)).data)

    @extend_schema(
        summary="List the cases of a guardrail policy",
        description="Texts with what the policy is to make of them. Some may be what callers wrote: this takes the "
        "permission to read stored prompts.",
        responses={200: CaseSerializer(many=True)},
        filters=False,
    )
    @action(detail=True, methods=["get"], url_path="cases", pagination_class=None)
    def cases(self, _request: Request, *args: Any, **kwargs: Any) -> Response:
        """In the order in which they were added."""
        policy: Policy = self.get_object()
        return Response(CaseSerializer(cases_of(policy), many=True).data)

    @extend_schema(
        summary="Add a case to a guardrail policy",
        description="The draft is held to it each time before it is published.",
        request=CaseSerializer,
        responses={201: CaseSerializer},
    )
    @cases.mapping.post
    @idempotent
    def add_case(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One more."""
        policy: Policy = self.get_object()
        case = add_case(policy=policy, **valid(CaseSerializer, request))
        return Response(CaseSerializer(case).data, status=201)

    @extend_schema(
        summary="Remove a case of a guardrail policy",
        description="The draft is held to it no more.",
        parameters=[OpenApiParameter("case_id", OpenApiTypes.UUID, OpenApiParameter.PATH, description="The case.")],
        request=None,
        responses={204: None},
    )
    @action(detail=True, methods=["delete"], url_path=r"cases/(?P<case_id>[0-9a-f-]{36})")
    def remove_case(self, _request: Request, *args: Any, case_id: str, **kwargs: Any) -> Response:
        """One less."""
        policy: Policy = self.get_object()
        try:
            remove_case(case=cases_of(policy).get(pk=case_id))
        except (PolicyCase.DoesNotExist, ValidationError) as error:
            raise NotFound("The policy has no such case.") from error
        return Response(status=204)

    @extend_schema(
        summary="Run the cases of a guardrail policy",
        description="What its draft makes of each. Nothing is stored. Rules that ask a model are left out.",
        request=None,
        responses={200: CaseReportSerializer},
    )
    @action(detail=True, methods=["post"], url_path="cases/run")
    def run_cases(self, _request: Request, *args: Any, **kwargs: Any) -> Response:
        """How the draft does."""
        policy: Policy = self.get_object()
        return Response(CaseReportSerializer(told(run_cases(policy))).data)
