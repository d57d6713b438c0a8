"""What django-allauth asks us."""

from __future__ import annotations

import logging
from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from tenants.middleware import client_ip
from tenants.models import User
from tenants.people import note_new_user, save_user
from tenants.signing_in.claims import follow_claims
from tenants.signing_in.record import known_account, note_failure, note_throttled
from tenants.signing_in.sealing import seal, unseal
from tenants.signing_in.second_factor import second_factor_required

logger = logging.getLogger(__name__)

TOO_MANY = "too_many_login_attempts"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts with a password."""

    error_messages = DefaultAccountAdapter.error_messages | {
        # One message for both, so that nobody learns which accounts there are.
        "username_password_mismatch": "This account and password do not go together.",
        "email_password_mismatch": "This account and password do not go together.",
        TOO_MANY: "Too many failed attempts. Wait five minutes, then try again, or set a new password.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never: accounts come from operators, invitations and the issuer."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """The caller's own address, by which attempts are counted."""
        return client_ip(request) or "unknown"

    def validation_error(self, code: str, *args: Any) -> ValidationError:
        """The message of this code; that there were too many attempts is also told to others."""
        if code == TOO_MANY and self.request is not None:
            note_throttled(self.request, user=_aimed_at(self.request))
        problem: ValidationError = super().validation_error(code, *args)
        return problem

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Tell of it."""
        note_failure(request, user=_meant(credentials), reason="credentials")

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        """Tell of it."""
        note_failure(request, user=user, reason="inactive")
        answer: HttpResponse = super().respond_user_inactive(request, user)
        return answer

    def set_password(self, user: User, password: str) -> None:
        """Audited."""
        user.set_password(password)
        save_user(user=user)

    def send_password_reset_mail(self, user: User, email: str, context: dict[str, Any]) -> None:
        """Only to people with a password: who comes through the issuer gets none beside it."""
        if user.has_usable_password() or not SocialAccount.objects.filter(user=user).exists():
            super().send_password_reset_mail(user, email, context)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """A mail server that is down is told in the log: pages must neither fail nor tell who has an account."""
        try:
            super().send_mail(template_prefix, email, context)
        except (SMTPException, OSError):
            logger.exception("cannot send mail %s", template_prefix)


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Authenticator apps, recovery codes, security keys."""

    def get_totp_label(self, user: User) -> str:
        """The user name: it is shorter than the address."""
        return user.username

    def encrypt(self, text: str) -> str:
        """Sealed in the database."""
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Unsealed."""
        return unseal(encrypted_text)

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Not the last one of somebody who has to have one."""
        if not second_factor_required(authenticator.user) or authenticator.type == Authenticator.Type.RECOVERY_CODES:
            return True
        others = Authenticator.objects.filter(user=authenticator.user).exclude(pk=authenticator.pk)
        return bool(others.exclude(type=Authenticator.Type.RECOVERY_CODES).exists())


class IssuerAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """People whom the OpenID Connect issuer vouches for."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Whoever the issuer lets in gets an account; what they may do is for memberships to say."""
        return True

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Take nobody without a verified address: it is how a person is the same one here and there.

        Raises:
            ImmediateHttpResponse: to the page that says so.
        """
        data = sociallogin.account.extra_data
        token, person = data.get("id_token") or {}, data.get("userinfo") or {}
        # OpenID Connect Core 1.0, 5.3.2: userinfo of another subject must not be used.
        if token and person and token.get("sub") != person.get("sub"):
            self._refuse(request, sociallogin)
        if not sociallogin.is_existing and not any(address.verified for address in sociallogin.email_addresses):
            self._refuse(request, sociallogin)

    def _refuse(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        note_failure(request, user=None, reason="issuer")
        logger.warning("sign-in refused: the issuer gave no verified address, or two subjects")
        raise ImmediateHttpResponse(redirect("account_issuer_refused"))

    def on_authentication_error(self, request: HttpRequest, provider: Any, **details: Any) -> None:
        """The issuer said no, or something that is not OpenID Connect."""
        note_failure(request, user=None, reason="issuer")
        logger.warning("sign-in through the issuer failed: %s", details.get("exception") or details.get("error"))

    @transaction.atomic
    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """Audited."""
        user: User = super().save_user(request, sociallogin, form)
        note_new_user(user=user)
        return user


def follow_issuer(request: HttpRequest, user: User, sociallogin: SocialLogin | None = None, **_: Any) -> None:
    """At each sign-in through the issuer, memberships follow its claims; receiver of allauth's ``user_logged_in``."""
    if sociallogin is not None:
        follow_claims(user=user, data=sociallogin.account.extra_data)


def _aimed_at(request: HttpRequest) -> User | None:
    """Whose account the attempts were at: of the session, of the sign-in under way, or of the name that was typed."""
    if isinstance(request.user, User):
        return request.user
    stage = getattr(request, "_login_stage", None)
    return known_account(request.POST.get("login", "")) if stage is None else stage.login.user


def _meant(credentials: dict[str, Any]) -> User | None:
    return known_account(str(credentials.get("email") or credentials.get("username") or ""))
