"""A code of an authenticator app is good for one sign-in (RFC 6238, 5.2), on whichever worker, with Redis or without.

django-allauth notes used codes in the cache for one time step; with a tolerance of one step to either side they are
valid for three. So the newest step of which a code was taken is kept beside the secret, and nothing up to it counts.
"""

from __future__ import annotations

from typing import Any

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa import signals as factor_signals
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.db import transaction
from django.http import HttpRequest

NEWEST_STEP = "newest_step"
"""In an authenticator's data: number of the 30 s since 1970, see :func:`use_up`."""


def connect() -> None:
    """Once per process, when the apps are loaded."""
    factor_signals.authenticator_added.connect(_set_up, dispatch_uid="tenants.code_of_set_up")


def _set_up(request: HttpRequest, authenticator: Authenticator, **_: Any) -> None:
    """The code that was shown to set the app up is used as well."""
    if authenticator.type == Authenticator.Type.TOTP:
        use_up(authenticator, request.POST.get("code", ""))


@transaction.atomic
def use_up(authenticator: Authenticator, code: str) -> bool:
    """Take a valid code once; False if it, or one of a later time, was taken before."""
    locked = Authenticator.objects.select_for_update().get(pk=authenticator.pk)
    secret = get_adapter().decrypt(locked.data["secret"])
    fitting = [step for step in yield_hotp_counters_from_time() if _shows(secret, step, code)]
    fresh = [step for step in fitting if step > locked.data.get(NEWEST_STEP, -1)]
    if not fresh:
        return False
    authenticator.data = locked.data = {**locked.data, NEWEST_STEP: max(fresh)}
    locked.save(update_fields=["data"])
    return True


def _shows(secret: str, step: int, code: str) -> bool:
    return bool(compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, step))))


class _OnceOnly(BaseAuthenticateForm):  # type: ignore[misc]
    """Refuses codes of an authenticator app that were used."""

    def clean_code(self) -> str:
        """As allauth does, which counts failures; then whether it is for the first time."""
        code: str = super().clean_code()
        if self.authenticator.type == Authenticator.Type.TOTP and not use_up(self.authenticator, code):
            # A valid code has just cleared the count of failures; this one counts as a failure all the same.
            check_rate_limit(self.user)
            self._emit_authentication_failed(self.authenticator)
            raise get_adapter().validation_error("incorrect_code")
        return code


class CodeForm(_OnceOnly, AuthenticateForm):  # type: ignore[misc]
    """Signing in."""


class CodeAgainForm(_OnceOnly, ReauthenticateForm):  # type: ignore[misc]
    """Confirming who one is before something delicate."""
