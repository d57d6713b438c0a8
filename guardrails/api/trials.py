"""A text tried on a draft, over the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from contracts.guardrails import Stage
from guardrails.engine.invariants.facts import Facts
from guardrails.engine.invariants.given_facts import facts_given
from guardrails.engine.kinds import KINDS
from guardrails.trial import Hit, Trial
from tenants.rest.serializers import StrictSerializer

STAGES = [(stage.value, stage.name) for stage in Stage]
MAX_TEXT_LENGTH = 100_000


class TestSerializer(StrictSerializer):
    """A text to try on the draft."""

    text = serializers.CharField(max_length=MAX_TEXT_LENGTH, trim_whitespace=False)
    stage = serializers.ChoiceField(choices=STAGES, default=Stage.INPUT.value)
    ask_models = serializers.BooleanField(
        default=False,
        help_text="Have rules that ask models do so: a call of the tenant, which costs money. Takes the permission to "
        "change policies.",
    )
    call = serializers.JSONField(
        required=False,
        help_text="For business invariants, what else is known of the call whose answer this is: any of `request`, "
        "`response`, `usage`, `tenant`, `retrieval`; request and response also as they go over the wire.",
    )

    def validate_call(self, value: Any) -> Facts:
        """The facts."""
        try:
            return facts_given(value)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error


class FindingSerializer(serializers.Serializer[Any]):
    """What a rule found in the text; offsets are characters of it."""

    rule_id = serializers.CharField()
    rule = serializers.CharField()
    action = serializers.CharField()
    shadow = serializers.BooleanField()
    entity = serializers.CharField()
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    score = serializers.FloatField()
    evidence = serializers.CharField()


class ViolationSerializer(serializers.Serializer[Any]):
    """A business invariant that the call breaks."""

    rule_id = serializers.CharField()
    rule = serializers.CharField()
    action = serializers.CharField()
    shadow = serializers.BooleanField()
    why = serializers.CharField(help_text="As the rule says; may be empty.")
    evidence = serializers.DictField(help_text="The values that it looked at, by name.")


class FailureSerializer(serializers.Serializer[Any]):
    """A rule that could not tell."""

    rule_id = serializers.CharField()
    rule = serializers.CharField()
    reason = serializers.CharField()
    blocks = serializers.BooleanField()


class OutcomeSerializer(serializers.Serializer[Any]):
    """What would happen to the text."""

    action = serializers.CharField(help_text="`allow` where nothing would happen to it.")
    text = serializers.CharField(help_text="As it would go on.")
    message = serializers.CharField(help_text="What a refused caller is told; else empty.")
    findings = FindingSerializer(many=True)
    violations = ViolationSerializer(many=True)
    failures = FailureSerializer(many=True)
    unasked = serializers.ListField(
        child=serializers.CharField(), help_text="Names of rules that would have asked a model, and were not to."
    )
    duration_ms = serializers.FloatField()


def outcome_of(trial: Trial) -> dict[str, Any]:
    """What is shown of a trial."""
    return {
        "action": trial.action.value,
        "text": trial.rewritten,
        "message": trial.message,
        "unasked": [rule.name for rule in trial.unasked],
        "duration_ms": trial.duration_ms,
        "findings": [
            {
                **_of_rule(hit),
                "entity": finding.entity,
                "start": finding.start,
                "end": finding.end,
                "score": finding.score,
                "evidence": finding.evidence,
            }
            for hit in trial.hits
            for finding in hit.findings
        ],
        "violations": [
            {
                **_of_rule(hit),
                "why": hit.rule.options.get("why", ""),
                "evidence": {shown.name: shown.value for shown in hit.evidence},
            }
            for hit in trial.hits
            if KINDS[hit.rule.kind].about_calls
        ],
        "failures": [
            {
                "rule_id": failure.rule.id,
                "rule": failure.rule.name,
                "reason": failure.reason,
                "blocks": failure.blocks,
            }
            for failure in trial.failures
        ],
    }


def _of_rule(hit: Hit) -> dict[str, Any]:
    rule = hit.rule
    return {"rule_id": rule.id, "rule": rule.name, "action": hit.action.value, "shadow": rule.shadow}
