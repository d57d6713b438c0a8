"""Who signs in, and how: django-allauth with passwords, second factors and one OpenID Connect issuer."""

from typing import Any

from controlplane.settings.env import LOCAL, env

AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = [
    "allauth.account.auth_backends.AuthenticationBackend",
    "guardian.backends.ObjectPermissionBackend",
]
# django-guardian would make a user to stand for everybody who is not signed in; nobody grants it anything.
ANONYMOUS_USER_NAME = None
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "account_login"
PASSWORD_RESET_TIMEOUT = 60 * 60
PUBLIC_URL = env.public_url.rstrip("/")

ACCOUNT_ADAPTER = "tenants.signing_in.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email", "username"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
# Accounts come from operators, invitations and the issuer, each of which vouches for the address.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if env.https_only else "http"
ACCOUNT_FORMS = {
    "login": "tenants.signing_in.forms.SignInForm",
    "reset_password": "tenants.signing_in.forms.ResetForm",
}
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    # Wrong passwords and wrong codes: by address, and by account whatever the address.
    "login_failed": "20/m/ip,5/5m/key",
    "reset_password": "10/m/ip,3/m/key",
    "reset_password_from_key": "10/m/ip",
    "reauthenticate": "10/m/user",
    "change_password": "5/m/user",
    "accept_invitation": "10/m/ip",
}

MFA_ADAPTER = "tenants.signing_in.adapters.SecondFactorAdapter"
MFA_FORMS = {
    "authenticate": "tenants.signing_in.codes.CodeForm",
    "reauthenticate": "tenants.signing_in.codes.CodeAgainForm",
}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_TOTP_ISSUER = "Breakwater"
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODE_COUNT = 10
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = env.environment == LOCAL
REQUIRE_MFA_FOR_OPERATORS = env.require_mfa_for_operators

OIDC_PROVIDER_ID = "oidc"
OIDC_ROLE_CLAIM = env.oidc_role_claim
OIDC_ROLE_MAP = env.oidc_role_map

SOCIALACCOUNT_ADAPTER = "tenants.signing_in.adapters.IssuerAdapter"
SOCIALACCOUNT_AUTO_SIGNUP = True
SOCIALACCOUNT_LOGIN_ON_GET = False
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_ONLY = False
# The installation chose its issuer: an address that the issuer has verified is the same person here.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5
SOCIALACCOUNT_PROVIDERS: dict[str, dict[str, Any]] = {}
if env.oidc_issuer:
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "OAUTH_PKCE_ENABLED": True,
        "VERIFIED_EMAIL": env.oidc_trust_email,
        "APPS": [
            {
                "provider_id": OIDC_PROVIDER_ID,
                "name": env.oidc_name,
                "client_id": env.oidc_client_id,
                "secret": env.oidc_client_secret,
                "settings": {"server_url": env.oidc_issuer.rstrip("/"), "scope": list(env.oidc_scopes)},
            }
        ],
    }
