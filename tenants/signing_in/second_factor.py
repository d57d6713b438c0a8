"""Operators may be made to show a second factor (REQUIRE_MFA_FOR_OPERATORS): until a session has, it gets nowhere.

The session itself must have shown one: a session opened with a password alone before the account had a second factor
stays outside afterwards.
"""

from __future__ import annotations

from typing import Any

from allauth.mfa import signals as factor_signals
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, resolve_url
from django.urls import reverse
from django.utils.decorators import sync_and_async_middleware

from tenants.signing_in.before_requests import Handler, looking_first

SESSION_KEY = "second_factor_shown"
STRONG = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""Kinds of second factors that count as one; recovery codes only stand in for them."""


def connect() -> None:
    """Once per process, when the apps are loaded."""
    factor_signals.authenticator_used.connect(_shown, dispatch_uid="tenants.factor_shown")
    factor_signals.authenticator_added.connect(_shown, dispatch_uid="tenants.factor_set_up")


def _shown(request: HttpRequest, **_: Any) -> None:
    request.session[SESSION_KEY] = True


def second_factor_required(user: Any) -> bool:
    """Whether this person may not work without one."""
    return bool(settings.REQUIRE_MFA_FOR_OPERATORS and (user.is_staff or user.is_superuser))


@sync_and_async_middleware
def second_factor_middleware(get_response: Handler) -> Handler:
    """Send operators without a second factor to where they set one up, and nowhere else."""
    return looking_first(get_response, _stop, concerned=lambda _request: bool(settings.REQUIRE_MFA_FOR_OPERATORS))


def _stop(request: HttpRequest) -> HttpResponse | None:
    """The answer to somebody who has to show a second factor first; None for everybody else."""
    if request.path.startswith(resolve_url("account_home")):
        return None
    if not request.user.is_authenticated or not second_factor_required(request.user):
        return None
    if request.session.get(SESSION_KEY):
        return None
    if request.path.startswith("/api/"):
        return JsonResponse({"error": _ERROR}, status=403)
    if Authenticator.objects.filter(user=request.user, type__in=STRONG).exists():
        logout(request)
        return redirect("account_login")
    messages.warning(request, "Operators need a second factor here: set one up, then go on.")
    return redirect(f"{reverse('mfa_activate_totp')}?next={request.path}")


_ERROR = {
    "code": "SECOND_FACTOR_REQUIRED",
    "message": "Operators need a second factor: set one up at /account/2fa/, or use a service key.",
    "type": "permission_error",
    "param": None,
    "retryable": False,
}
