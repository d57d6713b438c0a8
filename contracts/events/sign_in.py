"""Who signed in, and how."""

from __future__ import annotations

from contracts.events.envelope import EventPayload


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
