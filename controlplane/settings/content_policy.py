"""Content-Security-Policy: nothing from elsewhere on any page, nothing inline on ours (django-csp).

Pages of others that need more are named with what they need, and why.
"""

from typing import Any

from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE

from controlplane.settings.env import env

_STRICT: dict[str, Any] = {
    "default-src": [NONE],
    "script-src": [SELF, NONCE],
    "style-src": [SELF, NONCE],
    "img-src": [SELF, "data:"],
    "font-src": [SELF],
    # The live WebSocket included: browsers count the page's own host over ws: and wss: as 'self'.
    "connect-src": [SELF],
    "manifest-src": [SELF],
    "form-action": [SELF],
    "frame-ancestors": [NONE],
    "base-uri": [NONE],
    "object-src": [NONE],
}

CONTENT_SECURITY_POLICY = {"DIRECTIVES": _STRICT}

CONTENT_POLICY_EXCEPTIONS: dict[str, dict[str, Any]] = {
    # Alpine.js compiles the expressions in the theme's attributes; the theme writes its colours into a style element
    # and its script sets style attributes.
    "/admin/": {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]},
    # Swagger UI and Redoc style their elements as they make them; Redoc searches in a worker made of a blob.
    "/api/docs": {"style-src": [SELF, UNSAFE_INLINE]},
    "/api/redoc": {"style-src": [SELF, UNSAFE_INLINE], "worker-src": [SELF, "blob:"]},
}
if env.oidc_issuer:
    # The form leads to the issuer, which may lead on to whomever it asks; browsers look at the whole chain.
    CONTENT_POLICY_EXCEPTIONS["/account/"] = {"form-action": [SELF, "https:", env.oidc_issuer]}

PERMISSIONS_POLICY = ", ".join(
    [
        "accelerometer=()",
        "camera=()",
        "display-capture=()",
        "geolocation=()",
        "gyroscope=()",
        "microphone=()",
        "midi=()",
        "payment=()",
        "publickey-credentials-create=(self)",
        "publickey-credentials-get=(self)",
        "usb=()",
    ]
)
