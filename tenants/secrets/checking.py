"""Whether a secret reference resolves, asked of its store at once: for the button beside it, never on a call's path."""

from __future__ import annotations

import time
from dataclasses import dataclass

from contracts.events import EventContext, SecretAccessed
from contracts.specs import Secret
from tenants.emitting import emit
from tenants.secrets.process import SOURCES
from tenants.secrets.references import parse_reference_of
from tenants.secrets.sources import SecretMissing, SecretUnavailable, header_value


@dataclass(frozen=True, slots=True)
class Check:
    """What came of it; the value hides itself."""

    reference: str
    outcome: str
    """``read``, ``missing``, ``unavailable`` or ``malformed``."""
    words: str
    duration_ms: float
    secret: Secret

    @property
    def resolves(self) -> bool:
        """Whether there is a credential that can be sent."""
        return self.outcome == "read"


def check_reference(reference: str, *, tenant_id: str | None) -> Check:
    """Ask the store, past every cache; told as an event unless the reference itself is malformed.

    Blocks as long as the store's own timeouts allow. ``words`` never have the value, nor the store's own words.
    """
    try:
        parsed = parse_reference_of(reference, tenant_owned=tenant_id is not None)
    except ValueError as error:
        return Check("", "malformed", str(error), 0.0, Secret(""))
    started = time.monotonic()
    value = ""
    try:
        value = header_value(SOURCES[parsed.scheme]().read(parsed, tenant_id), f"secret {parsed}")
        outcome, words = "read", "It resolves to a credential that can be sent."
    except SecretMissing as error:
        outcome, words = "missing", str(error)
    except SecretUnavailable as error:
        outcome, words = "unavailable", str(error)
    except Exception as error:  # boundary: a client may fail in its own ways, and its words may hold the secret
        outcome, words = "unavailable", f"The secret {parsed} could not be read: {type(error).__name__}."
    duration_ms = (time.monotonic() - started) * 1000
    emit(
        SecretAccessed(
            reference=parsed.text,
            scheme=parsed.scheme,
            outcome=outcome,
            reason="checked",
            duration_ms=round(duration_ms, 3),
        ),
        EventContext(tenant_id=tenant_id or ""),
    )
    return Check(parsed.text, outcome, words, duration_ms, Secret(value))
