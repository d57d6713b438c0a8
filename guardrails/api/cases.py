"""Cases of a policy over the management API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from contracts.guardrails import Stage
from guardrails.cases import CaseReport
from guardrails.models import MAX_CASE_LENGTH, PolicyCase
from tenants.rest.serializers import StrictSerializer

STAGES = [(stage.value, stage.name) for stage in Stage]


class CaseSerializer(StrictSerializer, serializers.ModelSerializer[PolicyCase]):
    """A text with what the policy is to make of it."""

    stage = serializers.ChoiceField(choices=STAGES, default=Stage.INPUT.value)
    text = serializers.CharField(max_length=MAX_CASE_LENGTH, trim_whitespace=False)
    rule_id = serializers.CharField(
        max_length=64, required=False, allow_blank=True, help_text="The rule that it is about; empty: any."
    )
    note = serializers.CharField(max_length=300, required=False, allow_blank=True)

    class Meta:
        model = PolicyCase
        fields = ("id", "expect", "stage", "text", "rule_id", "note", "added_by", "created_at")
        read_only_fields = ("id", "added_by", "created_at")


class CaseResultSerializer(serializers.Serializer[Any]):
    """What the draft made of a case."""

    case_id = serializers.UUIDField()
    expect = serializers.CharField()
    passed = serializers.BooleanField()
    found_by = serializers.ListField(child=serializers.CharField(), help_text="Names of rules.")
    reason = serializers.CharField(help_text="Why it failed, or was not run; else empty.")


class CaseReportSerializer(serializers.Serializer[Any]):
    """What the draft made of all cases."""

    passed = serializers.IntegerField()
    failed = serializers.IntegerField()
    results = CaseResultSerializer(many=True)


def told(report: CaseReport) -> dict[str, Any]:
    """The report as it is answered."""
    return {
        "passed": len(report.results) - len(report.failing),
        "failed": len(report.failing),
        "results": [
            {
                "case_id": result.case.pk,
                "expect": result.case.expect,
                "passed": result.passed,
                "found_by": list(result.found_by),
                "reason": result.reason,
            }
            for result in report.results
        ],
    }
