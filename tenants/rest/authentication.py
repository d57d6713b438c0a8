"""How callers of the management API prove who they are: a service key, or a session of the console."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from tenants import service_keys
from tenants.middleware import client_ip
from tenants.rest.principals import ServiceAccount


class ServiceKeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer <service key>``."""

    def authenticate(self, request: Request) -> tuple[ServiceAccount, service_keys.ServicePrincipal] | None:
        """The program behind the key; None where no ``Authorization`` is sent.

        Raises:
            AuthenticationFailed: the key is unknown, revoked or expired, or may not be used from here.
        """
        header = request.headers.get("authorization")
        if header is None:
            return None
        scheme, _, clear_key = header.partition(" ")
        if scheme.lower() != "bearer":
            raise AuthenticationFailed("Use 'Authorization: Bearer <your service key>'.")
        key = service_keys.authenticate(clear_key.strip(), client_ip(request._request))
        if key is None:
            raise AuthenticationFailed(
                "This is no service key that may be used here: unknown, revoked, expired, or from another address."
            )
        return ServiceAccount(key), key

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return 'Bearer realm="management"'


class ConsoleSessionAuthentication(SessionAuthentication):
    """The cookie of somebody who is signed in to the console; changes need the CSRF token as well."""
