"""What happened in a call, read from its events: bars on a line of time, with the words that explain them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from console import formats
from events.models import EventRecord, Run, RunState

_ENDS = frozenset({"checks", "alert-circle"})
"""Icons of what ends a call."""
WIDTH = 1_000
"""Of a bar's drawing, whatever the page's width is."""
_NARROWEST = 4

ROUTE_REASONS = {
    "model": "the caller named it",
    "match": "its conditions match the call",
    "tenant_default": "it is the tenant's default",
    "platform_default": "it is the platform's default",
    "direct_model": "the caller named a model directly",
    "budget": "a budget is used up, and sends calls here instead",
}
SKIP_REASONS = {
    "breaker_open": "its circuit is open after failures",
    "full": "it has no place free",
    "over_max_latency": "it is slower than the route allows",
    "context_window": "the prompt does not fit its context window",
    "price_unknown": "nobody knows its price, and a budget has to hold",
}
_FACT_NAMES = {
    "limit_nanousd": "Limit",
    "spent_nanousd": "Spent",
    "reserved_nanousd": "Reserved",
    "requested_nanousd": "This call may cost",
    "reset_s": "Begins anew in",
    "reset_ms": "Begins anew in",
    "window_s": "Within",
    "metric": "Counts",
    "level": "Whose",
    "subject": "Subject",
}
CANCEL_REASONS = {
    "hedge_lost": "the other attempt answered first",
    "client_disconnected": "the caller left",
}


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar; ``x`` and ``width`` of :data:`WIDTH`."""

    x: float
    width: float
    tone: str
    """``gateway``, ``wait``, ``stream``, ``bad``, ``off`` or ``pause``."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the waterfall."""

    label: str
    icon: str
    tone: str
    at_ms: float
    """Since the call began."""
    ms: float | None
    """None for what takes no time of its own."""
    segments: tuple[Segment, ...]
    details: tuple[str, ...] = ()
    marker: float | None = None
    """Where on the line a moment is marked."""

    @property
    def at(self) -> str:
        """When it began."""
        return f"+{formats.duration(round(self.at_ms, 3))}"

    @property
    def took(self) -> str:
        """How long it took."""
        return formats.duration(self.ms) if self.ms is not None else ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a limit, budget or guard said."""

    title: str
    tone: str
    text: str
    facts: tuple[tuple[str, Any], ...] = ()


@dataclass(slots=True)
class Story:
    """The whole call."""

    total_ms: float
    steps: list[Step] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    running: bool = False

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Where on the line which time is."""
        return [(share * WIDTH, formats.duration(self.total_ms * share)) for share in (0, 0.25, 0.5, 0.75, 1)]


class _Teller:
    def __init__(self, run: Run, events: Sequence[EventRecord], now: datetime) -> None:
        self.run = run
        self.events = events
        last = max([event.occurred_at for event in events], default=run.started_at)
        ended = run.ended_at or (now if run.state == RunState.RUNNING else last)
        self.total = max(run.duration_ms or 0.0, self.since(max(ended, last)), 0.001)
        self.story = Story(self.total, running=run.state == RunState.RUNNING)

    def since(self, moment: datetime) -> float:
        return max(0.0, (moment - self.run.started_at) / timedelta(milliseconds=1))

    def segment(self, start: float, end: float, tone: str) -> Segment:
        x = min(WIDTH - _NARROWEST, start / self.total * WIDTH)
        width = max(_NARROWEST, min(WIDTH - x, (end - start) / self.total * WIDTH))
        return Segment(round(x, 2), round(width, 2), tone)

    def mark(self, at: float) -> float:
        return round(min(WIDTH - 2, at / self.total * WIDTH), 2)

    def add(self, label: str, icon: str, tone: str, at: float, *details: str, ms: float | None = None) -> None:
        segments = () if ms is None else (self.segment(at, at + ms, "gateway" if tone == "neutral" else tone),)
        marker = self.mark(at) if ms is None else None
        self.story.steps.append(Step(label, icon, tone, at, ms, segments, tuple(d for d in details if d), marker))

    # --- the parts -----------------------------------------------------------------------------------

    def tell(self) -> Story:
        for event in self.events:
            tell = _TOLD_BY.get(event.event_type)
            if tell is not None:
                tell(self, event.payload, self.since(event.occurred_at))
            elif event.event_type.startswith("guard"):
                self.guarded(event)
        # What an attempt began at is worked out from its length: what led to it is told before it, the end last.
        self.story.steps.sort(key=_in_order)
        if self.story.running:
            self.add("Still running", "loader-2", "info", self.total)
        self.summed_up()
        return self.story

    def started(self, payload: dict[str, Any], at: float) -> None:
        estimated = payload.get("estimated_input_tokens")
        words = f"About {formats.tokens(estimated)} input tokens were reserved." if estimated else ""
        self.add("Authenticated and admitted", "shield-check", "neutral", 0.0, words, ms=at)

    def decided(self, payload: dict[str, Any], at: float) -> None:
        reason = ROUTE_REASONS.get(payload["route_reason"], payload["route_reason"])
        scores = payload.get("scores") or {}
        order = ", then ".join(
            f"{label} ({formats.number(scores[label])})" if label in scores else label for label in payload["targets"]
        )
        skipped = [f"Left out: {one['target']}, {skip_words(one['reason'])}." for one in payload.get("skipped") or ()]
        sticky = "The caller stays with the target of its earlier calls." if payload.get("sticky") else ""
        self.add(
            f"Route {payload['route']}",
            "route",
            "brand",
            at,
            f"Chosen because {reason}.",
            f"Strategy {payload['strategy'].replace('_', ' ')}: {order or 'no target was left'}.",
            *skipped,
            sticky,
        )

    def attempted(self, payload: dict[str, Any], end: float, result: str) -> None:
        took = float(payload["duration_ms"])
        start = max(0.0, end - took)
        segments, first = [], payload.get("first_token_ms")
        if result == "completed" and first is not None and first < took:
            segments = [self.segment(start, start + first, "wait"), self.segment(start + first, end, "stream")]
        else:
            tone = {"completed": "wait", "failed": "bad", "cancelled": "off"}[result]
            segments = [self.segment(start, end, tone)]
        number = "Hedge" if payload.get("hedge") else f"Attempt {payload['attempt']}"
        icon = {"completed": "circle-check", "failed": "circle-x", "cancelled": "ban"}[result]
        tone = {"completed": "good", "failed": "bad", "cancelled": "neutral"}[result]
        label = f"{number}: {payload['provider']}/{payload['model']}"
        words = tuple(text for text in _attempt_words(payload, result) if text)
        self.story.steps.append(Step(label, icon, tone, start, took, tuple(segments), words))
        if payload.get("will_retry") and payload.get("retry_in_ms"):
            pause = float(payload["retry_in_ms"])
            self.story.steps.append(
                Step(
                    "Wait before the next try",
                    "clock-pause",
                    "warn",
                    end,
                    pause,
                    (self.segment(end, end + pause, "pause"),),
                )
            )

    def fell_back(self, payload: dict[str, Any], at: float) -> None:
        words = f"{payload['from_target']} gave {payload['reason'].lower().replace('_', ' ')}."
        self.add(f"Fallback to {payload['to_target']}", "arrows-right-left", "warn", at, words)

    def hedged(self, payload: dict[str, Any], at: float) -> None:
        after = formats.duration(payload["after_ms"])
        words = f"{payload['slow_target']} had not answered after {after}, which is slower than usual."
        self.add(f"Second attempt beside it: {payload['hedge_target']}", "git-branch", "warn", at, words)

    def completed(self, payload: dict[str, Any], at: float) -> None:
        first = payload.get("first_token_ms")
        if first is not None:
            self.add("First token to the caller", "player-play", "good", float(first))
        finish = payload.get("finish_reason")
        words = f"The model ended with “{finish}”." if finish else ""
        spent = _spent(payload)
        self.add("Settled and answered", "checks", "good", at, words, spent)

    def failed(self, payload: dict[str, Any], at: float) -> None:
        self.add(
            f"Ended with {payload['http_status']} {payload['error_code']}", "alert-circle", "bad", at,
            payload["error_message"], _spent(payload),
        )  # fmt: skip

    def rejected(self, payload: dict[str, Any], at: float) -> None:
        self.add(
            f"Refused with {payload['http_status']} {payload['error_code']}",
            "ban",
            "warn",
            at,
            payload["error_message"],
        )
        details = payload.get("details") or {}
        self.story.verdicts.append(Verdict("Refused", "bad", payload["error_message"], _facts(details)))

    def searched(self, payload: dict[str, Any], at: float) -> None:
        took = float(payload["duration_ms"])
        names = ", ".join(payload["collections"]) or "all collections"
        words = f"{formats.number(payload['passages'])} passages by {payload['method']} search."
        rewritten = "The question was put into other words first." if payload.get("rewritten") else ""
        self.add(f"Searched {names}", "search", "neutral", max(0.0, at - took), words, rewritten, ms=took)

    def searched_less(self, payload: dict[str, Any], at: float) -> None:
        words = f"{payload['part'].capitalize()} left out: {payload['reason'].replace('_', ' ')}."
        self.add("Searched with less than was asked for", "alert-triangle", "warn", at, words)

    def assessed(self, payload: dict[str, Any], at: float) -> None:
        words = f"{formats.percent(payload['support'])} of {payload['claims']} claims supported."
        risk = f"Risk that something is not borne out: {formats.percent(payload['risk'])}."
        self.add("Answer held against its passages", "scale", "info", at, words, risk)

    def flagged(self, payload: dict[str, Any], at: float) -> None:
        self.add(f"A passage was {payload['action']}", "shield-half", "warn", at, payload["reason"])

    def crossed(self, payload: dict[str, Any], at: float) -> None:
        words = f"{payload['percent']}% of “{payload['name']}” ({payload['window']}) is spent."
        self.add("A budget's threshold was crossed", "wallet", "warn", at, words)
        self.story.verdicts.append(Verdict(f"Budget {payload['name']}", "warn", words))

    def unpriced(self, payload: dict[str, Any], at: float) -> None:
        names = ", ".join(payload["budgets"])
        words = f"No price is known for {', '.join(payload['targets'])}: {names} cannot count this call in full."
        self.add("Price unknown", "help", "warn", at, words)
        self.story.verdicts.append(Verdict("Price unknown", "warn", words))

    def guarded(self, event: EventRecord) -> None:
        payload = event.payload
        action = str(payload.get("action") or payload.get("verdict") or event.event_type.rpartition(".")[2])
        name = str(payload.get("guard") or payload.get("name") or payload.get("policy") or event.event_type)
        bad = action.lower() in ("block", "blocked", "deny", "denied", "refuse", "refused")
        tone = "bad" if bad else "warn" if action.lower() not in ("allow", "allowed", "passed", "pass") else "good"
        at = self.since(event.occurred_at)
        text = str(payload.get("reason") or payload.get("message") or "")
        self.add(f"Guard {name}: {action}", "shield-half", tone, at, text, ms=payload.get("duration_ms"))
        facts = tuple((key, value) for key, value in payload.items() if isinstance(value, str | int | float))
        self.story.verdicts.append(Verdict(f"Guard {name}: {action}", tone, text, facts))

    def summed_up(self) -> None:
        run, verdicts = self.run, self.story.verdicts
        if run.state != RunState.REJECTED and not any(verdict.title == "Refused" for verdict in verdicts):
            verdicts.insert(0, Verdict("Admitted", "good", "Every rate limit and budget of the call let it pass."))
        if any(
            e.event_type == "router.decision.made" and e.payload.get("route_reason") == "budget" for e in self.events
        ):
            words = f"A budget is used up: the call went to “{run.route}” instead of “{run.requested_model}”."
            verdicts.append(Verdict("Degraded by a budget", "warn", words))
        if run.degraded:
            words = "Redis could not be reached: this worker's own share of the limits was applied."
            verdicts.append(Verdict("Local limits", "warn", words))


def _in_order(step: Step) -> tuple[bool, int, bool]:
    return step.icon in _ENDS, round(step.at_ms), step.ms is not None and step.at_ms > 0


def _attempt_words(payload: dict[str, Any], result: str) -> Iterable[str]:
    if payload.get("queue_ms"):
        yield f"Waited {formats.duration(payload['queue_ms'])} for a place at the target."
    status = payload.get("upstream_status")
    if result == "completed":
        first = payload.get("first_token_ms")
        yield f"The provider answered {status or 200}" + (
            f", its first token after {formats.duration(first)}." if first is not None else "."
        )
        yield _spent(payload)
    elif result == "failed":
        yield payload["error_message"]
        yield f"The provider's status was {status}." if status else "The provider gave no status."
    else:
        yield f"Given up: {CANCEL_REASONS.get(payload['reason'], payload['reason'].replace('_', ' '))}."


def _spent(payload: dict[str, Any]) -> str:
    given, answered = payload.get("input_tokens", 0), payload.get("output_tokens", 0)
    estimated = ", estimated" if payload.get("usage_estimated") else ""
    return f"{formats.tokens(given)} tokens in, {formats.tokens(answered)} out{estimated}."


def skip_words(reason: str) -> str:
    """Why a target was left out."""
    kind, _, what = reason.partition(":")
    if kind == "lacks":
        return f"it lacks {what.replace('_', ' ')}"
    if kind == "unsupported":
        return f"it does not support “{what}”"
    return SKIP_REASONS.get(reason, reason.replace("_", " "))


def _facts(details: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """What a refusal says of the limit or budget, without ids that nobody reads."""
    return tuple(
        (_FACT_NAMES.get(name, name.replace("_", " ").capitalize()), _fact(name, value))
        for name, value in details.items()
        if not name.endswith("_id") and name != "resets_at" and not (name == "subject" and len(str(value)) == 36)
    )


def _fact(name: str, value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if name.endswith("_nanousd"):
            return formats.money(value)
        if name in ("reset_s", "window_s"):
            return formats.duration(value * 1000)
        if name.endswith("_ms") and value < 10**11:
            return formats.duration(value)
        return formats.number(value)
    return value


_TOLD_BY: dict[str, Any] = {
    "llm.request.started": _Teller.started,
    "router.decision.made": _Teller.decided,
    "llm.attempt.completed": lambda teller, payload, at: teller.attempted(payload, at, "completed"),
    "llm.attempt.failed": lambda teller, payload, at: teller.attempted(payload, at, "failed"),
    "llm.attempt.cancelled": lambda teller, payload, at: teller.attempted(payload, at, "cancelled"),
    "router.fallback.used": _Teller.fell_back,
    "router.hedge.started": _Teller.hedged,
    "llm.request.completed": _Teller.completed,
    "llm.request.failed": _Teller.failed,
    "llm.request.rejected": _Teller.rejected,
    "retrieval.search.completed": _Teller.searched,
    "retrieval.search.degraded": _Teller.searched_less,
    "rag.passage.flagged": _Teller.flagged,
    "rag.answer.assessed": _Teller.assessed,
    "budget.threshold.crossed": _Teller.crossed,
    "budget.price.unknown": _Teller.unpriced,
}


def story_of(run: Run, events: Sequence[EventRecord], now: datetime) -> Story:
    """The call told from its events, in whatever order they are; ``now`` is where a running one has come to."""
    return _Teller(run, sorted(events, key=lambda event: event.occurred_at), now).tell()
