"""Rules with their detectors, compiled once for all tenants that ask for the same."""

from __future__ import annotations

import logging
import re
import threading
from collections import OrderedDict
from typing import Final, cast

import msgspec

from contracts.guardrails import Action, OnError, PolicySpec, RuleSpec, Stage
from guardrails.engine.detector import DeepDetector, Detector
from guardrails.engine.invariants.invariant import Invariant
from guardrails.engine.kinds import ANSWERS, KINDS

log = logging.getLogger(__name__)

DETECTORS: Final = 1_024
"""How many are kept; beyond, those that were not asked for longest are built again when they are."""

REPLACING: Final = frozenset({Action.REDACT, Action.MASK})

_encode = msgspec.json.Encoder(order="deterministic").encode
_detectors: OrderedDict[bytes, Detector | DeepDetector | Invariant] = OrderedDict()
_lock = threading.Lock()


class CompiledRule:
    """A rule, the policy that it belongs to, and what looks for it."""

    __slots__ = (
        "deep",
        "detector_name",
        "fast",
        "from_start",
        "invariant",
        "opened_window",
        "opener",
        "policy",
        "problem",
        "shadow",
        "spec",
        "window",
    )

    def __init__(self, spec: RuleSpec, policy: PolicySpec, *, for_data: bool = False) -> None:
        self.spec = spec
        self.policy = policy
        self.shadow = spec.shadow or policy.shadow
        self.detector_name = detector_name(spec, for_data=for_data)
        """The same for rules that find the same."""
        self.fast: Detector | None = None
        self.deep: DeepDetector | None = None
        self.invariant: Invariant | None = None
        self.problem = ""
        """Why there is no detector; such a rule fails each time, so that its ``on_error`` decides."""
        try:
            built = detector_for(spec, for_data=for_data)
            if isinstance(built, Invariant):
                self.invariant = built
            elif KINDS[spec.kind].deep:
                self.deep = cast("DeepDetector", built)
            else:
                self.fast = cast("Detector", built)
        except Exception as error:
            # A rule that cannot be built must neither stop the others nor go unnoticed: each use is told.
            log.exception("rule %r of policy %r cannot be built", spec.name, policy.name)
            self.problem = f"cannot be built: {type(error).__name__}"
        self.window: int | None = self.fast.window if self.fast is not None else None
        self.opener: re.Pattern[str] | None = getattr(self.fast, "opener", None)
        """Where it matches in a stream, a match may begin that is only known ``opened_window`` characters on."""
        self.opened_window: int = getattr(self.fast, "opened_window", 0)
        self.from_start: bool = getattr(self.fast, "from_start", False)

    @property
    def about_calls(self) -> bool:
        """Whether it judges calls as a whole, and not their texts."""
        return self.spec.kind in KINDS and KINDS[self.spec.kind].about_calls

    @property
    def after(self) -> bool:
        """Whether it is asked once the answer has gone out."""
        if self.invariant is not None:
            return self.invariant.after
        return bool(getattr(self.deep, "after", False))

    @property
    def acts(self) -> bool:
        """Whether it can change what becomes of a call, by what it finds or by failing."""
        if self.shadow or (self.deep is not None and self.after):
            return False
        return self.spec.action not in (Action.FLAG, Action.ALLOW) or self.spec.on_error is OnError.BLOCK

    def action_at(self, stage: Stage) -> Action:
        """What follows a finding there: of an answer nothing can be put back, and it cannot be asked for elsewhere."""
        if self.deep is not None and self.after:
            return Action.FLAG
        if stage in ANSWERS:
            if self.spec.action is Action.MASK:
                return Action.REDACT
            if self.spec.action is Action.REROUTE:
                return Action.FLAG
        return self.spec.action


def detector_name(spec: RuleSpec, *, for_data: bool = False) -> bytes:
    """What tells the rule's detector from others: its kind and options."""
    kind = KINDS.get(spec.kind)
    return _encode((spec.kind, spec.options, for_data and kind is not None and kind.build_for_data is not None))


def detector_for(spec: RuleSpec, *, for_data: bool = False) -> Detector | DeepDetector | Invariant:
    """The detector that the rule asks for: the same for the same options.

    Raises:
        KeyError: there is no such kind.
        msgspec.ValidationError: the options are not the kind's.
    """
    kind = KINDS[spec.kind]
    name = detector_name(spec, for_data=for_data)
    with _lock:
        known = _detectors.get(name)
        if known is not None:
            _detectors.move_to_end(name)
            return known
    built = kind.detector(spec, for_data=for_data)
    with _lock:
        _detectors[name] = built
        while len(_detectors) > DETECTORS:
            _detectors.popitem(last=False)
    return built
