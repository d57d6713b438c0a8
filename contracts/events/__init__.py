"""Events: one envelope, one typed payload per ``event_type``.

``event_type`` is ``<domain>.<action>.<result>``. A payload struct is the contract of its type: adding an
optional field is compatible, anything else needs a new ``schema_version`` (held by the compatibility test in
``tests/contracts``). Durations are milliseconds, money is nano-USD, texts never hold a secret and hold prompt
or answer only where the tenant stores payloads.
"""

from __future__ import annotations

from contracts.events.alerting import (
    ActionTaken,
    ActionUndone,
    AlertDelivered,
    AlertResolved,
    AlertTriggered,
    CauseFound,
    DeploymentRecorded,
    IncidentChanged,
)
from contracts.events.attempts import AttemptCancelled, AttemptCompleted, AttemptFailed, EndedAttempt
from contracts.events.cache import (
    CacheHit,
    CacheJudged,
    CacheMissed,
    CacheShadowed,
    CacheStored,
    CacheThresholdChanged,
    ToolResultHit,
    ToolResultMissed,
    ToolResultStored,
)
from contracts.events.calls import EndedCall, RequestCompleted, RequestFailed, RequestRejected, RequestStarted
from contracts.events.control_plane import ConfigChanged, KeyChanged, ProviderTested, SecretAccessed
from contracts.events.data_protection import AuditChainBroken, AuditCheckpointCreated, EndUserErased, RetentionApplied
from contracts.events.documents import (
    AnswerAssessed,
    CitationMissing,
    DocumentDeleted,
    DocumentFailed,
    DocumentIndexed,
    IndexReplaced,
    IngestEnded,
    IngestStopped,
    PassageFlagged,
    RetrievalDegraded,
    RetrievalSearched,
)
from contracts.events.drift import DriftCleared, DriftDetected
from contracts.events.envelope import LAYERS, SCHEMA_VERSION, Envelope, EventContext, EventPayload, SameEvent
from contracts.events.evaluation import (
    EvalGateChecked,
    EvalItemLabelled,
    EvalRunEnded,
    EvalRunProgressed,
    EvalRunStarted,
    EvalScheduleDue,
    ScoreRecorded,
)
from contracts.events.guardrails import (
    GuardrailBlocked,
    GuardrailEvent,
    GuardrailFailed,
    GuardrailInvariantViolated,
    GuardrailMatched,
)
from contracts.events.limits import BudgetPriceUnknown, BudgetThresholdCrossed, LimiterDegraded
from contracts.events.processes import GatewayWorkerStarted, SpoolAdopted
from contracts.events.reports import ReportDelivered, ReportMade
from contracts.events.routing import BreakerStateChanged, DecisionMade, FallbackUsed, HedgeStarted, SkippedTarget
from contracts.events.sign_in import (
    SecondFactorChanged,
    SecondFactorFailed,
    SecondFactorUsed,
    SignedOut,
    SignInFailed,
    SignInSucceeded,
    SignInThrottled,
)

__all__ = [
    "LAYERS",
    "SCHEMA_VERSION",
    "ActionTaken",
    "ActionUndone",
    "AlertDelivered",
    "AlertResolved",
    "AlertTriggered",
    "AnswerAssessed",
    "AttemptCancelled",
    "AttemptCompleted",
    "AttemptFailed",
    "AuditChainBroken",
    "AuditCheckpointCreated",
    "BreakerStateChanged",
    "BudgetPriceUnknown",
    "BudgetThresholdCrossed",
    "CacheHit",
    "CacheJudged",
    "CacheMissed",
    "CacheShadowed",
    "CacheStored",
    "CacheThresholdChanged",
    "CauseFound",
    "CitationMissing",
    "ConfigChanged",
    "DecisionMade",
    "DeploymentRecorded",
    "DocumentDeleted",
    "DocumentFailed",
    "DocumentIndexed",
    "DriftCleared",
    "DriftDetected",
    "EndUserErased",
    "EndedAttempt",
    "EndedCall",
    "Envelope",
    "EvalGateChecked",
    "EvalItemLabelled",
    "EvalRunEnded",
    "EvalRunProgressed",
    "EvalRunStarted",
    "EvalScheduleDue",
    "EventContext",
    "EventPayload",
    "FallbackUsed",
    "GatewayWorkerStarted",
    "GuardrailBlocked",
    "GuardrailEvent",
    "GuardrailFailed",
    "GuardrailInvariantViolated",
    "GuardrailMatched",
    "HedgeStarted",
    "IncidentChanged",
    "IndexReplaced",
    "IngestEnded",
    "IngestStopped",
    "KeyChanged",
    "LimiterDegraded",
    "PassageFlagged",
    "ProviderTested",
    "ReportDelivered",
    "ReportMade",
    "RequestCompleted",
    "RequestFailed",
    "RequestRejected",
    "RequestStarted",
    "RetentionApplied",
    "RetrievalDegraded",
    "RetrievalSearched",
    "SameEvent",
    "ScoreRecorded",
    "SecondFactorChanged",
    "SecondFactorFailed",
    "SecondFactorUsed",
    "SecretAccessed",
    "SignInFailed",
    "SignInSucceeded",
    "SignInThrottled",
    "SignedOut",
    "SkippedTarget",
    "SpoolAdopted",
    "ToolResultHit",
    "ToolResultMissed",
    "ToolResultStored",
    "payload_types",
]


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
