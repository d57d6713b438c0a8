"""What rules found in calls: over time, by rule or by what followed, and the newest of them."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final

from django.http import HttpRequest
from django.utils import timezone
from django.views.generic import TemplateView

from console.charts import COLOURS, Bar, Chart, Series
from console.timerange import TimeRange, time_range
from contracts.guardrails import Action
from contracts.ids import uuids_in
from events.ledger.reading import one_snapshot
from events.models import EventRecord
from events.traffic.grains import snapped
from events.traffic.measures import PLATFORM
from events.traffic.parts import FAILED, RulePart
from events.traffic.reading import Axis, Stretch, axis
from events.traffic.rules import rule_counts, rule_course
from guardrails.hits import hits_of
from guardrails.models import FalsePositive, Policy
from guardrails.pages.policies import may_change, policies_in
from guardrails.pages.words import ACTIONS, STAGES
from tenants.roles import TenantPermission
from tenants.workspaces import Workspace, WorkspacePage

BY: Final = (("rule", "Rule"), ("outcome", "What followed"))
"""What bars can be stacked by."""
MOST_SERIES: Final = 7
MOST_RULES: Final = 12
MOST_EXAMPLES: Final = 15
_POINTS: Final = 120
SHADOW: Final = "shadow"
HITS_PART: Final = "console/guardrails/_hits.html"
_OUTCOMES: Final = {
    Action.BLOCK.value: ("Blocked", "bad"),
    Action.MASK.value: ("Masked", "amber"),
    Action.REDACT.value: ("Redacted", "orange"),
    Action.REROUTE.value: ("Rerouted", "brand"),
    Action.FLAG.value: ("Flagged", "blue"),
    Action.ALLOW.value: ("Allowed", "good"),
    SHADOW: ("In shadow", "slate"),
}
"""Label and colour, the gravest first."""
_CHANGED: Final = (Action.MASK.value, Action.REDACT.value, Action.REROUTE.value)

Counts = Mapping[RulePart, int]


@dataclass(frozen=True, slots=True)
class Tile:
    """As ``{% stat %}`` takes it."""

    label: str
    value: int
    before: int
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Filters:
    """What the page is narrowed to, as its address says it."""

    rule: str
    outcome: str
    by: str
    before: datetime | None

    @classmethod
    def of(cls, request: HttpRequest) -> Filters:
        """What the request asks; nonsense is no filter."""
        given = request.GET
        outcome, by = given.get("outcome", ""), given.get("by", "")
        try:
            before = datetime.fromisoformat(given.get("before", ""))
        except ValueError:
            before = None
        return cls(
            rule=given.get("rule", "")[:110].replace("\x00", ""),
            outcome=outcome if outcome in _OUTCOMES else "",
            by=by if by in dict(BY) else "rule",
            before=before if before is not None and before.tzinfo is not None else None,
        )

    def keep(self, part: RulePart) -> bool:
        """Whether hits of this kind are shown."""
        return (not self.rule or self.rule == rule_key(part)) and (not self.outcome or self.outcome == _outcome(part))


class Hits:
    """Of one policy or, without one, of all that apply to calls of the workspace."""

    def __init__(self, workspace: Workspace, request: HttpRequest, policy: Policy | None = None) -> None:
        self._workspace, self._request, self._policy = workspace, request, policy
        self._now = timezone.now()
        self.range: TimeRange = time_range(request)
        self.filters = Filters.of(request)

    # --- whose, and when

    @property
    def _scope(self) -> str:
        if self._workspace.tenant is not None:
            return str(self._workspace.tenant.pk)
        return str(self._policy.tenant_id) if self._policy and self._policy.tenant_id else PLATFORM

    @property
    def _policy_id(self) -> str:
        return str(self._policy.pk) if self._policy is not None else ""

    @cached_property
    def _stretch(self) -> Stretch:
        end = max(self.range.end, self._now + timedelta(minutes=1)) if self.range.name else self.range.end
        return Stretch(snapped(self.range.start, self._now), snapped(end, self._now))

    @cached_property
    def _axis(self) -> Axis:
        offset = timezone.localtime(self.range.start).utcoffset() or timedelta()
        return axis(self._stretch, self.range.step_s(_POINTS), int(offset.total_seconds()))

    # --- sums

    @cached_property
    def _counts(self) -> tuple[Counts, Counts]:
        """Now, and in the range before."""
        start = snapped(self.range.previous.start, self._now)
        before = Stretch(start, max(start, self._stretch.start_s))
        now, then = rule_counts(self._scope, [self._stretch, before], self._policy_id)
        return now, then

    def _sum(self, counts: Counts, keep: Callable[[RulePart], bool]) -> int:
        kept = self.filters.keep
        return sum(number for part, number in counts.items() if keep(part) and kept(part))

    def _tiles(self) -> list[Tile]:
        kinds: list[tuple[str, Callable[[RulePart], bool], str]] = [
            ("Hits", _is_hit, "findings told"),
            ("Blocked", lambda part: _outcome(part) == Action.BLOCK, "calls or answers"),
            ("Changed", lambda part: _outcome(part) in _CHANGED, "masked, redacted, rerouted"),
            ("In shadow", lambda part: _is_hit(part) and part.shadow, "nothing followed"),
            ("Could not tell", lambda part: part.outcome == FAILED, "deadline passed, or broken"),
        ]
        now, before = self._counts
        return [Tile(label, self._sum(now, keep), self._sum(before, keep), hint) for label, keep, hint in kinds]

    def _chart(self) -> Chart:
        course = rule_course(self._scope, self._axis, self._policy_id)
        key = _outcome if self.filters.by == "outcome" else rule_key
        stacks: dict[str, list[int]] = {}
        for part, steps in course.items():
            if _is_hit(part) and self.filters.keep(part):
                before = stacks.get(key(part), [0] * len(steps))
                stacks[key(part)] = [was + step for was, step in zip(before, steps, strict=True)]
        times = [datetime.fromtimestamp(second, UTC) for second in self._axis.points]
        series = self._by_outcome(stacks) if self.filters.by == "outcome" else self._by_rule(stacks)
        return Chart(f"Hits by {'what followed' if self.filters.by == 'outcome' else 'rule'}", times, series, "bars")

    def _by_rule(self, stacks: dict[str, list[int]]) -> list[Series]:
        ranked = sorted(stacks, key=lambda key: (-sum(stacks[key]), key))
        shown = [
            Series(self.rule_name(key), stacks[key], colour)
            for key, colour in zip(ranked[:MOST_SERIES], COLOURS, strict=False)
        ]
        rest = [stacks[key] for key in ranked[MOST_SERIES:]]
        if rest:
            shown.append(Series("Other rules", [sum(step) for step in zip(*rest, strict=True)], "slate"))
        return shown

    @staticmethod
    def _by_outcome(stacks: dict[str, list[int]]) -> list[Series]:
        return [Series(label, stacks[key], colour) for key, (label, colour) in _OUTCOMES.items() if key in stacks]

    def _ranking(self) -> list[Bar]:
        """Rules with most hits; each leads to its own."""
        by_rule: Counter[str] = Counter()
        for part, number in self._counts[0].items():
            if _is_hit(part) and self.filters.keep(part):
                by_rule[rule_key(part)] += number
        return [
            Bar(self.rule_name(key), number, self._link(rule=key), "amber", self._detail(key))
            for key, number in by_rule.most_common(MOST_RULES)
        ]

    def _detail(self, key: str) -> str:
        """Whose a rule is, where that is not clear."""
        policy = self._policies.get(key.partition("/")[0])
        return policy.name if policy is not None and self._policy is None else ""

    def _link(self, **changes: str) -> str:
        """The page with these parameters; an empty one goes."""
        query = self._request.GET.copy()
        for name in ("before", "page"):
            query.pop(name, None)
        for name, value in changes.items():
            query.pop(name, None)
            if value:
                query[name] = value
        return f"?{query.urlencode()}"

    # --- names

    @cached_property
    def _policies(self) -> dict[str, Policy]:
        if self._policy is not None:
            return {str(self._policy.pk): self._policy}
        ids = [part.policy_id for part in self._counts[0]] + [str(event.payload["policy_id"]) for event in self._events]
        return {str(row.pk): row for row in policies_in(self._workspace).filter(pk__in=uuids_in(ids))}

    @cached_property
    def _names(self) -> dict[str, str]:
        """Of rules, as they are called in the draft now."""
        return {
            f"{policy_id}/{rule['id']}": rule["name"]
            for policy_id, policy in self._policies.items()
            for rule in policy.rules
        }

    def rule_name(self, key: str) -> str:
        """What the rule is called, with its policy where two are called so; of one that is gone, what a hit says."""
        name = self._plain_name(key)
        if self._policy is not None or sum(self._plain_name(other) == name for other in self._keys) < 2:
            return name
        policy = self._policies.get(key.partition("/")[0])
        return f"{name} · {policy.name}" if policy is not None else name

    @cached_property
    def _keys(self) -> set[str]:
        return {rule_key(part) for part in self._counts[0]}

    def _plain_name(self, key: str) -> str:
        told = {f"{one.payload['policy_id']}/{one.payload['rule_id']}": one.payload.get("rule") for one in self._events}
        return self._names.get(key) or told.get(key) or key.partition("/")[2]

    # --- single hits

    @cached_property
    def _events(self) -> list[EventRecord]:
        """One more than are shown."""
        policy_id, rule_id = self._policy_id, ""
        if self.filters.rule:
            policy_id, _, rule_id = self.filters.rule.partition("/")
            policy_id = self._policy_id or policy_id
        rows = hits_of(
            self._workspace.scope(EventRecord.objects.all()),
            policy_id=policy_id,
            rule_id=rule_id,
            start=self.range.start,
            end=min(filter(None, (self._end, self.filters.before))),
        )
        if self.filters.outcome == SHADOW:
            rows = rows.filter(payload__shadow=True)
        elif self.filters.outcome:
            # Events leave out what is false.
            rows = rows.filter(payload__action=self.filters.outcome, payload__shadow__isnull=True)
        return list(rows[: MOST_EXAMPLES + 1])

    @property
    def _end(self) -> datetime:
        return max(self.range.end, self._now) if self.range.name else self.range.end

    def _examples(self) -> list[dict[str, Any]]:
        events = self._events[:MOST_EXAMPLES]
        hashes = [event.payload.get("text_hash", "") for event in events]
        marks = self._workspace.scope(FalsePositive.objects.all()) if self._workspace.tenant else FalsePositive.objects
        marked = set(
            marks.filter(policy__in=list(self._policies.values()), text_hash__in=filter(None, hashes)).values_list(
                "policy_id", "rule_id", "text_hash"
            )
        )
        reads = self._workspace.may(TenantPermission.VIEW_PAYLOADS)
        return [self._example(event, marked, reads=reads) for event in events]

    def _example(self, event: EventRecord, marked: set[tuple[uuid.UUID, str, str]], *, reads: bool) -> dict[str, Any]:
        told = event.payload
        policy = self._policies.get(str(told.get("policy_id")))
        stage = STAGES.get(told.get("stage", ""))
        entities = told.get("entities") or {}
        rule_id, text_hash = told.get("rule_id", ""), told.get("text_hash", "")
        return {
            "at": event.occurred_at,
            "policy": policy,
            "rule_id": rule_id,
            "rule": self._names.get(f"{told.get('policy_id')}/{rule_id}") or told.get("rule", ""),
            "stage": stage.label if stage else "",
            "at_stage": told.get("stage", ""),
            "action": ACTIONS.get(told.get("action", "")),
            "shadow": bool(told.get("shadow")),
            "entities": [f"{name} × {n}" if n != 1 else name for name, n in sorted(entities.items())],
            "evidence": told.get("evidence") or [],
            "text": told.get("text") if reads and isinstance(told.get("text"), str) else "",
            "hash": text_hash,
            "harmless": policy is not None and (policy.pk, rule_id, text_hash) in marked,
            "may_mark": policy is not None and bool(text_hash) and may_change(self._workspace, policy),
            "run": event.correlation_id,
            "url": self._run_url(event.correlation_id),
        }

    def _run_url(self, correlation_id: str) -> str:
        sees = self._workspace.may(TenantPermission.VIEW_RUNS) and correlation_id.startswith("req_")
        return self._workspace.url("run", run=correlation_id) if sees else ""

    def _chips(self) -> list[tuple[str, str, str]]:
        """Label, value, and the page without the filter."""
        found = []
        if self.filters.rule:
            found.append(("Rule", self.rule_name(self.filters.rule), self._link(rule="")))
        if self.filters.outcome:
            found.append(("What followed", _OUTCOMES[self.filters.outcome][0], self._link(outcome="")))
        return found

    def shown(self) -> dict[str, Any]:
        """All of it for the template."""
        sees_calls = self._workspace.may(TenantPermission.VIEW_RUNS)
        examples = self._examples() if sees_calls else []
        older = ""
        if len(self._events) > MOST_EXAMPLES:
            older = f"{self._link()}&before={examples[-1]['at']:%Y-%m-%dT%H:%M:%S.%fZ}" if examples else ""
        return {
            "range": self.range,
            "tiles": self._tiles(),
            "chart": self._chart(),
            "by": self.filters.by,
            "by_choices": BY,
            "outcome": self.filters.outcome,
            "outcome_links": self._outcome_links(),
            "by_rule": self._ranking(),
            "total": sum(number for part, number in self._counts[0].items() if _is_hit(part)),
            "chips": self._chips(),
            "examples": examples,
            "sees_calls": sees_calls,
            "older": older,
            "newest": self._link() if self.filters.before else "",
            "renews": self.filters.before is None,
        }

    def _outcome_links(self) -> Sequence[tuple[str, str, bool]]:
        """Label, address, and whether it is the present one."""
        there = {_outcome(part) for part in self._counts[0] if _is_hit(part)} | {self.filters.outcome}
        choices = [("", "All"), *((key, label) for key, (label, _) in _OUTCOMES.items() if key in there)]
        return [(label, self._link(outcome=key), key == self.filters.outcome) for key, label in choices]


def rule_key(part: RulePart) -> str:
    """By which pages tell rules apart."""
    return f"{part.policy_id}/{part.rule_id}"


def _outcome(part: RulePart) -> str:
    return SHADOW if part.shadow and part.outcome != FAILED else part.outcome


def _is_hit(part: RulePart) -> bool:
    return part.outcome != FAILED


class HitsPage(WorkspacePage, TemplateView):
    """Hits of all policies that apply here."""

    permission = TenantPermission.VIEW_TENANT
    template_name = "console/guardrails/hits.html"

    def get_template_names(self) -> list[str]:
        """The live part alone where htmx swaps it."""
        htmx = self.request.htmx  # type: ignore[attr-defined]
        return [HITS_PART if htmx and htmx.target == "policy-hits" else self.template_name]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """All figures from one snapshot of the sums."""
        with one_snapshot():
            return super().get_context_data(**Hits(self.workspace, self.request).shown(), **kwargs)
