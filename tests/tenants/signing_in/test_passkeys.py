"""A security key is registered and signs in, in a real browser with an authenticator that Chromium plays (WebAuthn)."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator

from tenants.audit import AuditEntry
from tests.tenants.factories import make_user
from tests.tenants.signing_in.people import PASSWORD
from tests.tenants.signing_in.test_browser import page, pytestmark, sign_in_with_keyboard, sign_out

__all__ = ["page", "pytestmark"]


def test_a_security_key_is_registered_and_signs_in(page: Any, live_server: Any) -> None:
    # Browsers know no security keys for bare addresses.
    root = live_server.url.replace("127.0.0.1", "localhost")
    make_user(username="ada", password=PASSWORD)
    authenticator = _authenticator(page)
    sign_in_with_keyboard(page, root)
    page.wait_for_url(f"{root}/account/")
    page.goto(f"{root}/account/2fa/webauthn/add/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Name").fill("Blue key")
    page.get_by_role("button", name="Add the key").click()
    page.wait_for_url(lambda url: "/webauthn/add/" not in url)
    assert len(_credentials(authenticator)) == 1
    assert Authenticator.objects.filter(type="webauthn", user__username="ada").count() == 1

    page.goto(f"{root}/account/logout/")
    sign_out(page)
    sign_in_with_keyboard(page, root)
    page.get_by_role("button", name="Use a security key").click()

    page.wait_for_url(f"{root}/account/")
    assert page.get_by_role("heading", name="ada").is_visible()
    assert page.get_by_text("your security key").is_visible()
    assert _credentials(authenticator)[0]["signCount"] >= 1
    signed_in = AuditEntry.objects.filter(action="signed_in").order_by("id").last()
    assert signed_in is not None
    assert signed_in.after == {"methods": ["password", "mfa:webauthn"]}


def _authenticator(page: Any) -> tuple[Any, str]:
    """Plug a security key into the browser: it is touched whenever it blinks."""
    browser = page.context.new_cdp_session(page)
    browser.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "usb", "automaticPresenceSimulation": True, "isUserVerified": True}
    plugged = browser.send(
        "WebAuthn.addVirtualAuthenticator",
        {"options": {**options, "hasResidentKey": True, "hasUserVerification": True}},
    )
    return browser, plugged["authenticatorId"]


def _credentials(authenticator: tuple[Any, str]) -> list[dict[str, Any]]:
    browser, identifier = authenticator
    found: list[dict[str, Any]] = browser.send("WebAuthn.getCredentials", {"authenticatorId": identifier})[
        "credentials"
    ]
    return found
