"""What happened at the door: an event and an audit entry each, with who and from where, never with what they typed."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa import signals as factor_signals
from allauth.mfa.models import Authenticator
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.core.cache import cache
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest

from contracts.events import (
    EventContext,
    EventPayload,
    SecondFactorChanged,
    SecondFactorFailed,
    SecondFactorUsed,
    SignedOut,
    SignInFailed,
    SignInSucceeded,
    SignInThrottled,
)
from tenants.audit import AuditEntry
from tenants.emitting import emit
from tenants.middleware import client_ip
from tenants.models import User
from tenants.playground_keys import end_playground_keys

Action = AuditEntry.Action

THROTTLED_AUDIT_EVERY_S = 300
"""One audit entry per address and account in so many seconds: whoever is locked out goes on trying."""


def connect() -> None:
    """Once per process, when the apps are loaded."""
    user_logged_in.connect(_signed_in, dispatch_uid="tenants.signed_in")
    user_logged_out.connect(_signed_out, dispatch_uid="tenants.signed_out")
    factor_signals.authenticator_used.connect(_factor_used, dispatch_uid="tenants.factor_used")
    factor_signals.authentication_failed.connect(_factor_failed, dispatch_uid="tenants.factor_failed")
    factor_signals.authenticator_added.connect(_factor_added, dispatch_uid="tenants.factor_added")
    factor_signals.authenticator_removed.connect(_factor_removed, dispatch_uid="tenants.factor_removed")
    factor_signals.authenticator_reset.connect(_factor_renewed, dispatch_uid="tenants.factor_renewed")


def known_account(typed: str) -> User | None:
    """The account that was meant, by user name or address in any case."""
    typed = typed.strip()
    if not typed:
        return None
    return User.objects.filter(Q(username__iexact=typed) | Q(email__iexact=typed)).order_by("pk").first()


def note_failure(request: HttpRequest, *, user: User | None, reason: str) -> None:
    """Somebody did not prove who they are; ``reason`` is that of :class:`contracts.events.SignInFailed`."""
    ip = client_ip(request)
    _audit(Action.SIGN_IN_FAILED, user, ip, {"reason": reason})
    _emit(SignInFailed(user=_name(user), ip=ip, reason=reason))


def note_throttled(request: HttpRequest, *, user: User | None) -> None:
    """Somebody tried too often."""
    ip = client_ip(request)
    if cache.add(f"throttled-noted:{ip}:{user.pk if user else ''}", True, THROTTLED_AUDIT_EVERY_S):
        _audit(Action.LOCKED_OUT, user, ip, {"path": request.path})
    _emit(SignInThrottled(user=_name(user), ip=ip, path=request.path))


def note_ended(user: User, ip: str, reason: str) -> None:
    """A session is over; ``reason`` is that of :class:`contracts.events.SignedOut`."""
    _audit(Action.SIGNED_OUT, user, ip, {"reason": reason})
    _emit(SignedOut(user=user.username, ip=ip, reason=reason))


def methods_of(request: HttpRequest, user: User) -> list[str]:
    """What the session's person has shown so far, such as ``["password", "mfa:totp"]``."""
    return [_method(entry) for entry in get_authentication_records(request, user)]


def _method(entry: dict[str, Any]) -> str:
    detail = entry.get("type") or entry.get("provider") or ""
    return f"{entry.get('method', '')}:{detail}" if detail else str(entry.get("method", ""))


def _signed_in(request: HttpRequest, user: User, **_: Any) -> None:
    ip, methods = client_ip(request), methods_of(request, user)
    _audit(Action.SIGNED_IN, user, ip, {"methods": methods})
    _emit(SignInSucceeded(user=user.username, ip=ip, methods=methods, operator=user.is_staff))


def _signed_out(request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is not None:
        note_ended(user, client_ip(request), getattr(request, "session_ended", "signed_out"))
        end_playground_keys(user)


def _factor_used(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    _emit(SecondFactorUsed(user=user.username, ip=client_ip(request), factor=str(authenticator.type)))


def _factor_failed(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    ip = client_ip(request)
    _audit(Action.SIGN_IN_FAILED, user, ip, {"reason": "second factor", "factor": str(authenticator.type)})
    _emit(SecondFactorFailed(user=user.username, ip=ip, factor=str(authenticator.type)))


def _factor_added(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    note_factor_change(user, client_ip(request), str(authenticator.type), "added")


def _factor_removed(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    note_factor_change(user, client_ip(request), str(authenticator.type), "removed")


def _factor_renewed(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    note_factor_change(user, client_ip(request), str(authenticator.type), "renewed")


def note_factor_change(user: User, ip: str, factor: str, change: str) -> None:
    """An account's second factor was added, removed or renewed by the account's own person."""
    AuditEntry.objects.create(
        actor=user.username,
        source_ip=ip,
        action=Action.UPDATED,
        object_type="user",
        object_id=str(user.pk),
        object_name=user.username,
        after={"second_factor": f"{factor} {change}"},
    )
    _emit(SecondFactorChanged(user=user.username, ip=ip, factor=factor, change=change))


def _audit(action: AuditEntry.Action, user: User | None, ip: str, after: dict[str, Any]) -> None:
    AuditEntry.objects.create(
        actor=_name(user) or "anonymous",
        source_ip=ip,
        action=action,
        object_type="session",
        object_id=str(user.pk) if user else "",
        object_name=_name(user) or "unknown account",
        after=after,
    )


def _name(user: User | None) -> str:
    return user.username if user else ""


def _emit(event: EventPayload) -> None:
    transaction.on_commit(lambda: emit(event, EventContext()), robust=True)
