"""Signing in through the OpenID Connect issuer, with ID tokens whose signature is always checked.

OpenID Connect Core 1.0, 3.1.3.7, lets a client that got the token over TLS from the issuer skip that; an issuer inside
one's own network is not always behind TLS, and a signature costs a millisecond.
"""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import Http404, HttpRequest, HttpResponse


class CheckedTokens(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """Issuer, audience, expiry and signature of every ID token."""

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        claims: dict[str, Any] = jwtkit.verify_and_decode(
            credential=id_token,
            keys_url=self.openid_config["jwks_uri"],
            issuer=self.openid_config["issuer"],
            audience=app.client_id,
            lookup_kid=jwtkit.lookup_kid_jwk,
            verify_signature=True,
        )
        return claims


def start(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Off to the issuer."""
    return _answer(OAuth2LoginView, request, provider_id)


def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Back from the issuer."""
    return _answer(OAuth2CallbackView, request, provider_id)


def _answer(view: Any, request: HttpRequest, provider_id: str) -> HttpResponse:
    try:
        answer: HttpResponse = view.adapter_view(CheckedTokens(request, provider_id))(request)
    except SocialApp.DoesNotExist:
        raise Http404("There is no such issuer.") from None
    return answer
