"""What people and keys changed, tried and were shown."""

from __future__ import annotations

from contracts.events.envelope import EventPayload


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
