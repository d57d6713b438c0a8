"""Sessions and cookies."""

from controlplane.settings.env import env

# Browsers take a cookie of this prefix only over HTTPS, from this very host, for all paths: no subdomain can plant one.
_PREFIX = "__Host-" if env.https_only else ""

SESSION_COOKIE_NAME = f"{_PREFIX}breakwater_session"
SESSION_COOKIE_SECURE = env.https_only
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = env.session_lifetime_s
SESSION_IDLE_S = env.session_idle_s
SESSION_LIFETIME_S = env.session_lifetime_s

CSRF_COOKIE_NAME = f"{_PREFIX}breakwater_csrf"
CSRF_COOKIE_SECURE = env.https_only
# Pages send the token that is in the form: no script has to read the cookie.
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"

LANGUAGE_COOKIE_SECURE = env.https_only
