"""Events: one envelope, one typed payload per ``event_type``.

``event_type`` is ``<domain>.<action>.<result>``. A payload struct is the contract of its type: adding an
optional field is compatible, anything else needs a new ``schema_version`` (held by the compatibility test in
``tests/contracts``). Durations are milliseconds, money is nano-USD, texts never hold a secret and hold prompt
or answer only where the tenant stores payloads.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

SCHEMA_VERSION = 1

LAYERS = {1: "foundation", 2: "orchestration", 3: "intelligence", 4: "observability", 5: "presentation"}


class EventPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all payloads: ``event_type`` and ``layer`` belong to the class, not to the instance."""

    event_type: ClassVar[str] = ""
    layer: ClassVar[int] = 1


class EventContext(msgspec.Struct, frozen=True):
    """Whose event this is and which call it belongs to; empty strings where there is none."""

    tenant_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    correlation_id: str = ""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What travels on the bus. ``payload`` is an undecoded JSON object of the type's struct."""

    event_id: str
    event_type: str
    schema_version: int
    timestamp: str
    """RFC 3339, UTC, microseconds, ``Z``."""
    layer: int
    service_name: str
    env: str
    tenant_id: str
    trace_id: str
    span_id: str
    correlation_id: str
    payload: msgspec.Raw


# --- llm.request.* : one call as the caller sees it ------------------------------------------------


class RequestStarted(EventPayload, frozen=True, kw_only=True):
    """A call was authenticated and understood."""

    event_type = "llm.request.started"
    endpoint: str
    """Path template, such as ``/v1/chat/completions``."""
    operation: str
    """OpenTelemetry ``gen_ai.operation.name``: ``chat`` or ``embeddings``."""
    key_id: str
    team_id: str | None = None
    requested_model: str | None = None
    mode: str = "direct"
    stream: bool = False
    user: str | None = None
    tags: dict[str, str] = {}
    estimated_input_tokens: int = 0
    max_output_tokens: int | None = None
    """As the caller asked for; None where it did not."""
    request_digest: str = ""
    """The same for calls of a tenant whose bodies are the same byte for byte; says nothing else about them."""
    input: Any = None
    """The messages, only where the tenant stores payloads."""


class EndedCall(EventPayload, frozen=True, kw_only=True):
    """What the two ways for a call to end have in common; has no type of its own."""

    endpoint: str
    operation: str
    key_id: str
    team_id: str | None = None
    stream: bool = False
    user: str | None = None
    tags: dict[str, str] = {}
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    image_input_tokens: int = 0
    image_output_tokens: int = 0
    usage_estimated: bool = False
    cost_nanousd: int | None = None
    """None when the model's price is unknown."""
    duration_ms: float
    """From the request's last byte read to the answer's last byte handed to the server."""
    overhead_ms: float = 0.0
    """``duration_ms`` less the time spent waiting for providers, and looking for passages."""
    retrieval_ms: float | None = None
    """Spent looking for passages; None where the call rests on no documents."""
    first_token_ms: float | None = None
    attempts: int = 0
    fallback_used: bool = False
    degraded: bool = False
    """Admitted by the local limiter because Redis was down."""
    output: Any = None
    """The answer's message (of a failed stream: the text so far), only where the tenant stores payloads."""


class RequestCompleted(EndedCall, frozen=True, kw_only=True):
    """The call was answered. Every started call ends in exactly one of completed and failed."""

    event_type = "llm.request.completed"
    route: str
    provider: str
    model: str
    finish_reason: str | None = None
    overhead_ms: float
    cached: bool = False
    """Answered from the cache: no provider was asked and no token used."""


class RequestFailed(EndedCall, frozen=True, kw_only=True):
    """The call ended in an error, or the client left (``error_code`` ``CLIENT_DISCONNECTED``)."""

    event_type = "llm.request.failed"
    requested_model: str | None = None
    route: str | None = None
    provider: str | None = None
    model: str | None = None
    error_code: str
    error_message: str
    http_status: int
    retryable: bool = False


class RequestRejected(EventPayload, frozen=True, kw_only=True):
    """A request that never became a call: not authenticated, malformed, or over a limit."""

    event_type = "llm.request.rejected"
    endpoint: str
    error_code: str
    error_message: str
    http_status: int
    key_id: str | None = None
    details: dict[str, Any] | None = None
    """Of a limit or budget: which, whose, how much of it is used, when it begins anew."""


# --- cache.* : answers that are kept ------------------------------------------------------------------


class CacheHit(EventPayload, frozen=True, kw_only=True):
    """A call was answered with what an equal call, or one that means the same, got before."""

    event_type = "cache.lookup.hit"
    route: str
    provider: str
    model: str
    key_id: str
    source: str
    """Where the answer was: ``memory`` (of the worker) | ``redis`` | ``flight`` (waited for with an equal call)."""
    age_s: float
    saved_nanousd: int | None = None
    """What the answer cost when it was made, less what the hit costs; None where the price is unknown."""
    billed_nanousd: int = 0
    mode: str = "exact"
    """``exact`` | ``semantic``."""
    similarity: float | None = None
    """Cosine of the two questions; for ``semantic``."""
    confidence: float | None = None
    """From 0 to 1, how sure it was that they ask the same; for ``semantic``."""


class CacheShadowed(EventPayload, frozen=True, kw_only=True):
    """A provider answered a call that a kept answer might have served, and the two answers were compared."""

    event_type = "cache.lookup.shadowed"
    route: str
    key_id: str
    similarity: float
    confidence: float
    would_hit: bool
    """Whether the confidence was enough for the route."""
    agreement: float
    """From 0 to 1, how far the kept answer says the same as the provider's."""
    wrong: bool
    """Whether that is too little."""
    saved_nanousd: int | None = None
    """What a hit would have saved."""


class CacheJudged(EventPayload, frozen=True, kw_only=True):
    """Somebody said whether the kept answer to a question in other words was right."""

    event_type = "cache.answer.judged"
    route: str
    right: bool
    confidence: float
    similarity: float
    actor: str
    """An API key, a service key or a person, by name."""
    comment: str = ""


class CacheThresholdChanged(EventPayload, frozen=True, kw_only=True):
    """Feedback moved how sure a tenant's route has to be, or somebody set it back."""

    event_type = "cache.threshold.changed"
    route: str
    before: float
    after: float
    reason: str
    """``wrong`` | ``right`` | ``reset``."""
    actor: str


class ToolResultHit(EventPayload, frozen=True, kw_only=True):
    """A tool's kept result was handed out: the tool need not run."""

    event_type = "cache.tool.hit"
    tool: str
    key_id: str
    age_s: float


class ToolResultMissed(EventPayload, frozen=True, kw_only=True):
    """A tool's result was asked for, and none is kept for these arguments."""

    event_type = "cache.tool.missed"
    tool: str
    key_id: str


class ToolResultStored(EventPayload, frozen=True, kw_only=True):
    """A tool's result was put into the cache."""

    event_type = "cache.tool.stored"
    tool: str
    key_id: str
    ttl_s: int
    bytes: int


class CacheMissed(EventPayload, frozen=True, kw_only=True):
    """A call of a route that keeps answers went on to a provider."""

    event_type = "cache.lookup.missed"
    route: str
    key_id: str
    reason: str
    """``absent`` | ``too_old`` (for the caller's ``max-age``) | ``by_request`` (``no-cache``, ``no-store``) |
    ``sampled`` | ``unavailable`` (Redis is down)."""


class CacheStored(EventPayload, frozen=True, kw_only=True):
    """An answer was put into the cache."""

    event_type = "cache.entry.stored"
    route: str
    provider: str
    model: str
    ttl_s: int
    bytes: int
    """As stored, perhaps compressed."""
    time_sensitive: bool = False
    """The prompt asks for something that changes: the answer is kept for a short time only."""


# --- guardrail.* : what policies made of a call ---------------------------------------------------------


class GuardrailEvent(EventPayload, frozen=True, kw_only=True):
    """Which rule of which policy spoke, and about what; has no type of its own."""

    policy_id: str
    policy: str
    version: int
    rule_id: str
    rule: str
    kind: str
    stage: str
    """``input`` | ``output`` | ``retrieved`` | ``tool_call`` | ``tool_result``."""
    shadow: bool = False
    """Nothing but this event followed."""
    route: str = ""
    key_id: str = ""
    duration_ms: float = 0.0


class GuardrailMatched(GuardrailEvent, frozen=True, kw_only=True):
    """A rule found something in a call's texts; told once per rule and stage."""

    event_type = "guardrail.rule.matched"
    layer = 3
    action: str
    """``allow`` | ``flag`` | ``redact`` | ``mask`` | ``reroute`` | ``block``: what follows, unless ``shadow``."""
    entities: dict[str, int]
    """How often each was found."""
    evidence: list[str] = []
    """Why, in words that hold nothing of the texts; at most ten."""
    score: float = 1.0
    """Of the surest finding, 0 to 1."""
    text_hash: str = ""
    """SHA-256 of the first text in which something was found: by which it is known again."""
    text: Any = None
    """That text, only where the tenant stores payloads."""


class GuardrailInvariantViolated(GuardrailEvent, frozen=True, kw_only=True):
    """A call is not as a business invariant says that it must be."""

    event_type = "guardrail.invariant.violated"
    layer = 3
    action: str
    """``flag`` | ``redact`` | ``block``: what follows, unless ``shadow``."""
    why: str = ""
    """Why it must be so, in the rule's words."""
    expression: str
    """What is not true, in CEL."""
    evidence: dict[str, Any] = {}
    """The values that it looked at, shortened; those that may hold something of prompt or answer only where the tenant
    stores payloads."""
    not_kept: list[str] = []
    """Names of values that were left out for that reason."""


class GuardrailFailed(GuardrailEvent, frozen=True, kw_only=True):
    """A rule could not tell: it failed, or was not done by its deadline."""

    event_type = "guardrail.rule.failed"
    layer = 3
    reason: str
    """``deadline`` | ``error`` | ``broken`` (it could not be built)."""
    detail: str = ""
    on_error: str
    """``allow`` | ``block``: what followed, unless ``shadow``."""


class GuardrailBlocked(GuardrailEvent, frozen=True, kw_only=True):
    """A call was refused, or its answer withheld."""

    event_type = "guardrail.call.blocked"
    layer = 3
    streamed: bool = False
    """Part of the answer had gone out already."""


# --- llm.attempt.* : one try at one provider -------------------------------------------------------


class EndedAttempt(EventPayload, frozen=True, kw_only=True):
    """What the ways for an attempt to end have in common; has no type of its own."""

    attempt: int
    """1 for the call's first."""
    target_id: str
    provider: str
    model: str
    duration_ms: float
    """To the last byte; for a stream to its end."""


class AttemptCompleted(EndedAttempt, frozen=True, kw_only=True):
    """A provider answered."""

    event_type = "llm.attempt.completed"
    first_token_ms: float | None = None
    queue_ms: float = 0.0
    hedge: bool = False
    upstream_status: int = 200
    input_tokens: int = 0
    output_tokens: int = 0


class AttemptFailed(EndedAttempt, frozen=True, kw_only=True):
    """A try that gave no answer."""

    event_type = "llm.attempt.failed"
    queue_ms: float = 0.0
    hedge: bool = False
    error_code: str
    error_message: str
    upstream_status: int | None = None
    will_retry: bool = False
    retry_in_ms: float | None = None


class AttemptCancelled(EndedAttempt, frozen=True, kw_only=True):
    """A try that was given up on our side: the hedge's loser, or the client left."""

    event_type = "llm.attempt.cancelled"
    reason: str


# --- router.* and breaker.* -------------------------------------------------------------------------


class SkippedTarget(msgspec.Struct, frozen=True):
    """A target that was not considered, and why."""

    target: str
    reason: str
    """``breaker_open`` | ``full`` | ``lacks:<capability>`` | ``unsupported:<param>`` | ``over_max_latency`` |
    ``context_window`` | ``price_unknown``."""


class DecisionMade(EventPayload, frozen=True, kw_only=True):
    """The route and the order in which its targets will be tried, with the figures that decided."""

    event_type = "router.decision.made"
    route: str
    route_reason: str
    """``model`` | ``match`` | ``tenant_default`` | ``platform_default`` | ``direct_model`` | ``budget`` (degraded)."""
    strategy: str
    targets: list[str]
    scores: dict[str, float] = {}
    """What the strategy ranked by (ms, nano-USD, in flight, weight), per target label."""
    skipped: list[SkippedTarget] = []
    sticky: bool = False


class FallbackUsed(EventPayload, frozen=True, kw_only=True):
    """The call moves on to another target."""

    event_type = "router.fallback.used"
    from_target: str
    to_target: str
    reason: str
    """The error code that made it move."""


class HedgeStarted(EventPayload, frozen=True, kw_only=True):
    """A second attempt was started because the first is slower than its target's p95."""

    event_type = "router.hedge.started"
    slow_target: str
    hedge_target: str
    after_ms: float


class BreakerStateChanged(EventPayload, frozen=True, kw_only=True):
    """A target's circuit changed state in this worker, by its own count or by another worker's word."""

    event_type = "breaker.state.changed"
    target_id: str
    target: str
    old_state: str
    new_state: str
    """``closed`` | ``open`` | ``half_open``."""
    reason: str
    """``failure_rate`` | ``slow_call_rate`` | ``probe_failed`` | ``probes_succeeded`` | ``open_elapsed`` | ``peer``."""
    failure_rate: float | None = None
    slow_call_rate: float | None = None
    calls: int = 0


class LimiterDegraded(EventPayload, frozen=True, kw_only=True):
    """Admission changed between Redis and the local limiter."""

    event_type = "admission.limiter.degraded"
    degraded: bool
    reason: str


class BudgetThresholdCrossed(EventPayload, frozen=True, kw_only=True):
    """Spending reached a percentage of a budget; told once per threshold, window and subject."""

    event_type = "budget.threshold.crossed"
    layer = 4
    budget_id: str
    name: str
    level: str
    """``tenant`` | ``team`` | ``key`` | ``user``."""
    subject: str
    window: str
    """``hour`` | ``day`` | ``week`` | ``month`` | ``total``."""
    period_start_ms: int
    period_end_ms: int | None = None
    """Unix milliseconds; None for a total budget, which has no end."""
    percent: int
    spent_nanousd: int
    """What ended calls have cost, reservations of running ones not included."""
    limit_nanousd: int
    action: str
    """``block`` | ``degrade`` | ``alert_only``."""


class BudgetPriceUnknown(EventPayload, frozen=True, kw_only=True):
    """A call went ahead although nobody knows what it may cost, because none of its budgets is a hard one."""

    event_type = "budget.price.unknown"
    layer = 4
    targets: list[str]
    budgets: list[str]
    """Names of the budgets that cannot count it in full."""


# --- alert.* and incident.* -------------------------------------------------------------------------


class AlertTriggered(EventPayload, frozen=True, kw_only=True):
    """A rule began to fire."""

    event_type = "alert.rule.triggered"
    layer = 4
    alert_id: str
    rule_id: str
    rule: str
    kind: str
    """``threshold`` | ``burn_rate`` | ``anomaly`` | ``absence``."""
    severity: str
    """``info`` | ``warning`` | ``critical``."""
    signal: str = ""
    segment: str
    """In words, such as ``route chat``."""
    summary: str
    value: float | None = None
    """In the signal's unit: shares of 1, milliseconds, nano-USD; of objectives the burn rate."""
    threshold: float | None = None
    began_at_ms: int
    """The first bad minute, Unix milliseconds."""
    fired_at_ms: int
    """The minute of the data with which it fired."""
    incident_id: str


class AlertResolved(EventPayload, frozen=True, kw_only=True):
    """What a rule fired for is over."""

    event_type = "alert.rule.resolved"
    layer = 4
    alert_id: str
    rule_id: str
    rule: str
    severity: str
    duration_s: int
    """From the first bad minute on."""
    incident_id: str


class IncidentChanged(EventPayload, frozen=True, kw_only=True):
    """Something happened to an incident; its timeline has the same."""

    event_type = "incident.state.changed"
    layer = 4
    incident_id: str
    title: str
    severity: str
    state: str
    """``open`` | ``acknowledged`` | ``resolved``."""
    change: str
    """``opened`` | ``reopened`` | ``alert_fired`` | ``alert_resolved`` | ``acknowledged`` | ``assigned`` |
    ``severity`` | ``note`` | ``escalated`` | ``silenced`` | ``action`` | ``action_undone`` | ``resolved``."""
    actor: str = ""
    """Empty: Breakwater itself."""


class CauseFound(EventPayload, frozen=True, kw_only=True):
    """Which calls explain an incident was worked out, and came to something else than before."""

    event_type = "incident.cause.found"
    layer = 4
    incident_id: str
    signal: str
    segment: str = ""
    """In words, such as ``provider openai``; empty: none stands out."""
    share: float | None = None
    """Of the change, that is not there without these calls."""


class DeploymentRecorded(EventPayload, frozen=True, kw_only=True):
    """Somebody told that a version of something went live."""

    event_type = "deployment.version.recorded"
    layer = 4
    deployment_id: str
    service: str
    version: str
    environment: str = ""
    note: str = ""
    link: str = ""
    deployed_at_ms: int
    actor: str = ""


class ActionTaken(EventPayload, frozen=True, kw_only=True):
    """An action of an alert was taken, tried in a dry run, held back, or failed."""

    event_type = "alert.action.taken"
    layer = 4
    run_id: str
    action_id: str
    action: str
    kind: str
    """``drain_target`` | ``open_breaker`` | ``degrade_route`` | ``roll_back_policy`` | ``roll_back_route`` |
    ``call_hook``."""
    outcome: str
    """``done`` | ``would`` | ``refused`` | ``failed``."""
    text: str
    alert_id: str
    incident_id: str


class ActionUndone(EventPayload, frozen=True, kw_only=True):
    """What an action changed was put back, or was left as somebody changed it since."""

    event_type = "alert.action.undone"
    layer = 4
    run_id: str
    action_id: str
    action: str
    kind: str
    """As of ``alert.action.taken``."""
    outcome: str
    """``undone`` | ``superseded``."""
    text: str
    actor: str
    incident_id: str


class AlertDelivered(EventPayload, frozen=True, kw_only=True):
    """A message about an incident was taken by a channel, or given up."""

    event_type = "alert.delivery.completed"
    layer = 4
    delivery_id: str
    channel_id: str
    channel: str
    kind: str
    """``email`` | ``slack`` | ``pagerduty`` | ``webhook``."""
    incident_id: str = ""
    what: str
    """``opened`` | ``acknowledged`` | ``resolved`` | ``escalated``, with a number where it comes again; ``test``."""
    delivered: bool
    tries: int
    error: str = ""


# --- control plane ----------------------------------------------------------------------------------


class ConfigChanged(EventPayload, frozen=True, kw_only=True):
    """A person or a command changed configuration; the audit row has the before and after."""

    event_type = "config.object.changed"
    layer = 5
    action: str
    """``created`` | ``updated`` | ``deleted``."""
    object_type: str
    object_id: str
    object_name: str
    actor: str


class KeyChanged(EventPayload, frozen=True, kw_only=True):
    """A credential that Breakwater issues came to be, got a successor, or was ended."""

    event_type = "key.state.changed"
    layer = 5
    change: str
    """``created`` | ``rotated`` | ``revoked``."""
    key_type: str
    """``apikey`` | ``servicekey``."""
    key_id: str
    name: str
    shown: str
    """Start and last four characters, for people to recognise it by."""
    ends_at_ms: int | None = None
    """When the key stops working; None: not known yet."""
    successor_id: str | None = None
    actor: str


class ProviderTested(EventPayload, frozen=True, kw_only=True):
    """A person had one small call sent to a provider, past routes, limits and budgets."""

    event_type = "provider.test.completed"
    provider_id: str
    provider: str
    model: str
    answered: bool
    error_code: str = ""
    upstream_status: int | None = None
    duration_ms: float
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nanousd: int | None = None
    """None where the price is unknown, or nothing was answered."""
    actor: str


class SecretAccessed(EventPayload, frozen=True, kw_only=True):
    """A provider credential was fetched from where it is kept, or could not be; uses of a cached one are not told."""

    event_type = "secret.value.accessed"
    reference: str
    """Such as ``vault:kv/openai#key``; never the value."""
    scheme: str
    """``env`` | ``db`` | ``vault`` | ``aws`` | ``azure``."""
    outcome: str
    """``read`` | ``missing`` | ``unavailable``."""
    reason: str
    """Why it was fetched: ``first_use`` | ``expired`` | ``changed`` | ``refused`` (by the provider) | ``checked`` (by a
    person)."""
    changed: bool = False
    """The value differs from the one before."""
    stale_s: float | None = None
    """Age of the value that goes on being used although it could not be fetched again; None: there is none."""
    duration_ms: float


class SignInSucceeded(EventPayload, frozen=True, kw_only=True):
    """A person signed in, with everything that was asked of them."""

    event_type = "auth.login.succeeded"
    layer = 5
    user: str
    ip: str
    methods: list[str]
    """What they showed, in order: ``password``, ``mfa:totp``, ``mfa:recovery_codes``, ``mfa:webauthn``,
    ``socialaccount:<issuer>``, ``invitation``."""
    operator: bool = False


class SignInFailed(EventPayload, frozen=True, kw_only=True):
    """A password, or the issuer, did not prove who somebody is."""

    event_type = "auth.login.failed"
    layer = 5
    user: str
    """Empty where no such account exists: what was typed may be a password in the wrong field."""
    ip: str
    reason: str
    """``credentials`` | ``inactive`` | ``issuer``."""


class SignInThrottled(EventPayload, frozen=True, kw_only=True):
    """Too many attempts: by one address, or at one account from wherever."""

    event_type = "auth.login.throttled"
    layer = 5
    user: str
    """Empty where the limit is the address's, or no such account exists."""
    ip: str
    path: str


class SignedOut(EventPayload, frozen=True, kw_only=True):
    """A session ended."""

    event_type = "auth.session.ended"
    layer = 5
    user: str
    ip: str
    reason: str
    """``signed_out`` | ``idle`` | ``lifetime``."""


class SecondFactorUsed(EventPayload, frozen=True, kw_only=True):
    """A second factor was accepted."""

    event_type = "auth.mfa.succeeded"
    layer = 5
    user: str
    ip: str
    factor: str
    """``totp`` | ``recovery_codes`` | ``webauthn``."""


class SecondFactorFailed(EventPayload, frozen=True, kw_only=True):
    """A wrong code, or a key that is not the account's."""

    event_type = "auth.mfa.failed"
    layer = 5
    user: str
    ip: str
    factor: str


class SecondFactorChanged(EventPayload, frozen=True, kw_only=True):
    """An account's second factors are no longer what they were."""

    event_type = "auth.mfa.changed"
    layer = 5
    user: str
    ip: str
    factor: str
    change: str
    """``added`` | ``removed`` | ``renewed``."""


class AuditCheckpointCreated(EventPayload, frozen=True, kw_only=True):
    """How far the audit log had come, signed; keep it elsewhere, and cutting off the log's end shows."""

    event_type = "audit.checkpoint.created"
    layer = 5
    checkpoint_id: int
    sequence: int
    hash: str
    key_id: str
    """Which of the signing keys: the first 16 hexadecimal digits of its SHA-256."""
    signature: str


class AuditChainBroken(EventPayload, frozen=True, kw_only=True):
    """The audit log is not what was written: somebody altered, removed or added entries in the database."""

    event_type = "audit.chain.broken"
    layer = 5
    sequence: int
    """The first entry that does not fit."""
    problem: str
    problems: int
    """How many places do not fit."""


class RetentionApplied(EventPayload, frozen=True, kw_only=True):
    """Data of a tenant that was past its retention is gone; told when anything was."""

    event_type = "data.retention.applied"
    layer = 4
    payloads: int
    """Events that lost their prompt or answer."""
    events: int
    runs: int
    usage_records: int
    samples: int = 0
    """Of live evaluation: what was said taken out, or deleted."""


class EndUserErased(EventPayload, frozen=True, kw_only=True):
    """One end user was taken out of a tenant's data, on request or because events of theirs arrived late."""

    event_type = "data.user.erased"
    layer = 5
    pseudonym: str
    """What stands where the id stood."""
    events: int
    runs: int
    usage_records: int
    late: bool = False
    samples: int = 0
    """Of live evaluation, and items of golden sets, of which what was said is gone."""


# --- evaluation ------------------------------------------------------------------------------------


class EvalRunStarted(EventPayload, frozen=True, kw_only=True):
    """A run over a golden set was asked for, or goes on after it was stopped."""

    event_type = "evaluation.run.started"
    layer = 3
    run_id: str
    name: str
    golden_set: str
    version: int
    items: int
    variants: list[str]
    evaluators: list[str]
    actor: str


class EvalRunProgressed(EventPayload, frozen=True, kw_only=True):
    """How far a run is; told at most twice a second."""

    event_type = "evaluation.run.progressed"
    layer = 3
    run_id: str
    items: int
    done: int
    failed: int
    spent_nanousd: int
    judge_spent_nanousd: int


class EvalRunEnded(EventPayload, frozen=True, kw_only=True):
    """A run has ended, or was stopped."""

    event_type = "evaluation.run.ended"
    layer = 3
    run_id: str
    name: str
    state: str
    """``done`` | ``failed`` | ``stopped``."""
    reason: str = ""
    items: int
    done: int
    failed: int
    spent_nanousd: int
    judge_spent_nanousd: int


class EvalGateChecked(EventPayload, frozen=True, kw_only=True):
    """A candidate was held to a gate."""

    event_type = "evaluation.gate.checked"
    layer = 3
    gate_id: str
    name: str
    evaluator: str
    outcome: str
    """``pass`` | ``fail`` | ``undecided``."""
    drop: float | None
    """Of the mean score, 0 to 1; negative: it rose; null: nothing could be compared."""
    items: int
    candidate_run_id: str
    baseline_run_id: str
    actor: str


class EvalItemLabelled(EventPayload, frozen=True, kw_only=True):
    """A person said what they think of an answer in a run."""

    event_type = "evaluation.item.labelled"
    layer = 3
    run_id: str
    result_id: str
    verdict: str
    """``good`` | ``fair`` | ``bad``."""
    actor: str


class ScoreRecorded(EventPayload, frozen=True, kw_only=True):
    """An evaluator has scored a live call; the sums by the minute count it at the time of this event."""

    event_type = "evaluation.score.recorded"
    layer = 3
    run_id: str
    """The call's correlation id."""
    evaluation_id: str
    evaluator: str
    kind: str
    score: float
    """0 to 1."""
    label: str = ""
    route: str = ""
    model: str = ""


class EvalScheduleDue(EventPayload, frozen=True, kw_only=True):
    """A schedule of evaluation runs was due, and started one or could not."""

    event_type = "evaluation.schedule.due"
    layer = 3
    schedule_id: str
    name: str
    due_at: str
    """In ISO 8601; it is taken once."""
    run_id: str = ""
    """Empty where none was started."""
    error: str = ""


# --- documents: how they come in, how passages are found, what answers rest on --------------------


class RetrievalSearched(EventPayload, frozen=True, kw_only=True):
    """Passages were looked for, over the API or for a call's answer."""

    event_type = "retrieval.search.completed"
    layer = 3
    collections: list[str]
    method: str
    """``hybrid`` | ``keyword`` | ``vector``, as it was done in the end."""
    passages: int
    top_score: float | None = None
    similarity: float | None = None
    """Cosine of the best passage, where vectors were searched."""
    keyword_score: float | None = None
    """BM25 of the best passage, where words were searched."""
    documents: list[str] = []
    """Ids of those that passages come from."""
    degraded: str = ""
    """Why less was done than was asked for; empty: nothing was left out."""
    rewritten: bool = False
    reranked: bool = False
    duration_ms: float
    key_id: str = ""
    query: str | None = None
    """Only where the tenant stores payloads."""


class RetrievalDegraded(EventPayload, frozen=True, kw_only=True):
    """A part of a search was left out: vectors, rewriting, reranking."""

    event_type = "retrieval.search.degraded"
    layer = 3
    collections: list[str]
    part: str
    """``vectors`` | ``keywords`` | ``rewrite`` | ``rerank`` | ``judge`` | ``all``."""
    reason: str
    method: str = ""
    """What was done instead; empty: nothing."""


class PassageFlagged(EventPayload, frozen=True, kw_only=True):
    """A passage looks like an instruction to the model, or holds what policies do not let through."""

    event_type = "rag.passage.flagged"
    layer = 3
    collection: str
    document_id: str
    chunk_id: int
    reason: str
    score: float | None = None
    action: str
    """``dropped`` | ``flagged`` | ``redacted``."""


class CitationMissing(EventPayload, frozen=True, kw_only=True):
    """An answer claims something without a citation, or cites what is not there or does not say so."""

    event_type = "rag.citation.missing"
    layer = 3
    collections: list[str]
    missing: int
    """Claims that cite nothing."""
    wrong: int
    """Citations that lead nowhere, or to a passage that does not say it."""
    claims: int


class AnswerAssessed(EventPayload, frozen=True, kw_only=True):
    """It was judged how far an answer rests on its passages."""

    event_type = "rag.answer.assessed"
    layer = 3
    collections: list[str]
    route: str = ""
    model: str = ""
    risk: float
    """Calibrated probability that something in it is not borne out, 0 to 1."""
    support: float
    """Share of its claims that are supported."""
    claims: int
    unsupported: int
    contradicted: int = 0
    citations_missing: int = 0
    citations_wrong: int = 0
    declined: bool = False
    consistency: float | None = None
    """Agreement of resampled answers, 0 to 1, where it was asked for."""
    passages: list[dict[str, Any]] = []
    """``n``, ``document_id``, ``chunk_id``, ``start``, ``end``, ``score``, ``title``, ``uri`` of each."""
    sentences: list[dict[str, Any]] = []
    """``start``, ``end``, ``support``, ``verdict``, ``passage``, ``cited``, ``reasons`` of each; no texts."""
    judged_by: str = ""
    """The route whose model had its say in it; empty: none."""


class DocumentIndexed(EventPayload, frozen=True, kw_only=True):
    """A document was read and can be found, or was found to be as it was."""

    event_type = "rag.document.indexed"
    layer = 3
    collection: str
    document_id: str
    external_id: str
    chunks: int
    reused: int = 0
    """Chunks whose vectors were there already."""
    characters: int = 0
    ingest_id: str = ""
    duration_ms: float


class DocumentFailed(EventPayload, frozen=True, kw_only=True):
    """A document could not be taken."""

    event_type = "rag.document.failed"
    layer = 3
    collection: str
    document_id: str
    external_id: str
    ingest_id: str = ""
    code: str
    message: str


class DocumentDeleted(EventPayload, frozen=True, kw_only=True):
    """A document is gone, with its chunks and vectors."""

    event_type = "rag.document.deleted"
    layer = 3
    collection: str
    document_id: str
    external_id: str
    actor: str


class IngestEnded(EventPayload, frozen=True, kw_only=True):
    """All documents that came together are done or failed."""

    event_type = "rag.ingest.completed"
    layer = 3
    collection: str
    ingest_id: str
    source: str
    documents: int
    failed: int
    unchanged: int
    chunks: int
    duration_ms: float


class IngestStopped(EventPayload, frozen=True, kw_only=True):
    """Somebody stopped an ingest; the documents that were left are not read."""

    event_type = "rag.ingest.stopped"
    layer = 3
    collection: str
    ingest_id: str
    source: str
    documents: int
    done: int
    failed: int
    left: int
    """That were waiting, or being read."""
    actor: str


class IndexReplaced(EventPayload, frozen=True, kw_only=True):
    """Vectors by another model were put in the place of those in use."""

    event_type = "rag.index.replaced"
    layer = 3
    collection: str
    index_id: str
    model: str
    previous_model: str = ""
    chunks: int


# --- reports ---------------------------------------------------------------------------------------


class ReportMade(EventPayload, frozen=True, kw_only=True):
    """A report was put together, or could not be."""

    event_type = "report.content.made"
    layer = 4
    report_id: str
    title: str
    kind: str
    """``weekly`` | ``daily`` | ``evaluation``."""
    schedule_id: str = ""
    """Empty: somebody asked for it by hand."""
    todos: int = 0
    """Things that it says are to be done."""
    error: str = ""


class ReportDelivered(EventPayload, frozen=True, kw_only=True):
    """A report was taken by a channel or a member's mail server, or given up."""

    event_type = "report.delivery.completed"
    layer = 4
    delivery_id: str
    report_id: str
    kind: str
    """``email`` | ``slack``."""
    delivered: bool
    tries: int
    error: str = ""


class DriftDetected(EventPayload, frozen=True, kw_only=True):
    """A monitor found calls to be unlike those of its reference, in as many looks in a row as it asks for."""

    event_type = "evaluation.drift.detected"
    layer = 3
    monitor_id: str
    name: str
    check_id: str
    """The look that settled it."""
    summary: str
    signals: list[str]
    segments: list[str]
    """Empty: all calls together alone."""
    findings: int
    """Signals of segments that drifted."""
    effect: float | None = None
    """The largest, 0 to 1."""


class DriftCleared(EventPayload, frozen=True, kw_only=True):
    """Calls are as they were, or nobody looks any more."""

    event_type = "evaluation.drift.cleared"
    layer = 3
    monitor_id: str
    name: str
    reason: str
    duration_s: int
    """Since drift was detected."""


class GatewayWorkerStarted(EventPayload, frozen=True, kw_only=True):
    """A gateway worker is ready to serve."""

    event_type = "gateway.worker.started"
    worker_id: str
    pid: int


class SpoolAdopted(EventPayload, frozen=True, kw_only=True):
    """A dead worker's leftover segments were taken over."""

    event_type = "events.spool.adopted"
    layer = 4
    spool_id: str
    bytes: int


def _payload_types(base: type[EventPayload]) -> dict[str, type[EventPayload]]:
    found: dict[str, type[EventPayload]] = {}
    for sub in base.__subclasses__():
        if sub.event_type:
            found[sub.event_type] = sub
        found.update(_payload_types(sub))
    return found


def payload_types() -> dict[str, type[EventPayload]]:
    """Every known payload struct by ``event_type``, in alphabetical order."""
    return dict(sorted(_payload_types(EventPayload).items()))
