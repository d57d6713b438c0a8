"""Keys, hosts, cookies, HTTPS, users."""

from controlplane.settings.env import LOCAL, env
from controlplane.settings.secret_key import kept_secret_key

SECRET_KEY = env.secret_key or kept_secret_key(env.layout.secret_key)
DEBUG = env.debug
ALLOWED_HOSTS = list(env.allowed_hosts) or (["*"] if env.environment == LOCAL else ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = list(env.csrf_trusted_origins)

SECURE_SSL_REDIRECT = env.https_only
SESSION_COOKIE_SECURE = env.https_only
CSRF_COOKIE_SECURE = env.https_only
SECURE_HSTS_SECONDS = env.hsts_seconds
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.hsts_seconds > 0
# Probes come from inside, without TLS.
SECURE_REDIRECT_EXEMPT = [r"^health$", r"^health/detailed$", r"^metrics$"]
if env.trust_forwarded_proto:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_NAME = "breakwater_session"
CSRF_COOKIE_NAME = "breakwater_csrf"
X_FRAME_OPTIONS = "DENY"

AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "guardian.backends.ObjectPermissionBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# A form of the admin may carry a few hundred inline rows, not more.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000
DATA_UPLOAD_MAX_MEMORY_SIZE = env.max_body_bytes
