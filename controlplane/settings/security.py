"""Keys, hosts, HTTPS, headers."""

from controlplane.settings.env import LOCAL, env
from controlplane.settings.secret_key import kept_secret_key

SECRET_KEY = env.secret_key or kept_secret_key(env.layout.secret_key)
DEBUG = env.debug
ALLOWED_HOSTS = list(env.allowed_hosts) or (["*"] if env.environment == LOCAL else ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = list(env.csrf_trusted_origins)
CSRF_FAILURE_VIEW = "tenants.signing_in.pages.form_expired"

SECURE_SSL_REDIRECT = env.https_only
SECURE_HSTS_SECONDS = env.hsts_seconds
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.hsts_seconds > 0
SECURE_HSTS_PRELOAD = env.hsts_preload
# Browsers' preload lists hold whole domains, for years: whoever owns the domain decides that, with SECURE_HSTS_PRELOAD.
SILENCED_SYSTEM_CHECKS = [] if env.hsts_preload else ["security.W021"]
# Probes come from inside, without TLS.
SECURE_REDIRECT_EXEMPT = [r"^health$", r"^health/detailed$", r"^metrics$"]
if env.trust_forwarded_proto:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# A form of the admin may carry a few hundred inline rows, not more.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000
DATA_UPLOAD_MAX_MEMORY_SIZE = env.max_body_bytes
