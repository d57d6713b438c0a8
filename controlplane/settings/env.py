"""The environment, read once, typed and checked. No other module of the project reads ``os.environ`` for settings."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from controlplane.embedded.layout import Layout
from tenants.keys import MINIMUM_ENCRYPTION_KEY_LENGTH as MINIMUM_KEY_LENGTH
from tenants.roles import ROLE_CHOICES

BASE_DIR = Path(__file__).resolve().parent.parent.parent

T = TypeVar("T")


class EnvironmentReader:
    """Reads variables by name and type and collects what is wrong with them, to tell it all at once."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.problems: list[str] = []
        self.names: list[str] = []

    def _read(self, name: str, parse: Callable[[str], T], default: T) -> T:
        self.names.append(name)
        raw = self._variables.get(name, "").strip()
        if not raw:
            return default
        try:
            return parse(raw)
        except ValueError as error:
            self.problems.append(f"{name} {error}, not {raw!r}.")
            return default

    def text(self, name: str, default: str = "") -> str:
        """Any text; surrounding blanks are dropped."""
        return self._read(name, str, default)

    def whole(self, name: str, default: int, *, minimum: int = 0, maximum: int | None = None) -> int:
        """A whole number within bounds; underscores may group its digits."""

        def parse(raw: str) -> int:
            bounds = f"of at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
            try:
                value = int(raw)
            except ValueError:
                raise ValueError(f"must be a whole number {bounds}") from None
            if value < minimum or (maximum is not None and value > maximum):
                raise ValueError(f"must be a whole number {bounds}")
            return value

        return self._read(name, parse, default)

    def flag(self, name: str, *, default: bool) -> bool:
        """1/true/yes/on or 0/false/no/off."""

        def parse(raw: str) -> bool:
            if raw.lower() in ("1", "true", "yes", "on"):
                return True
            if raw.lower() in ("0", "false", "no", "off"):
                return False
            raise ValueError("must be 1 or 0")

        return self._read(name, parse, default)

    def words(self, name: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        """Values separated by commas."""
        return self._read(
            name, lambda raw: tuple(word.strip() for word in raw.split(",") if word.strip()), tuple(default)
        )

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        """One of a few words, in any case."""

        def parse(raw: str) -> str:
            for word in allowed:
                if word.lower() == raw.lower():
                    return word
            raise ValueError(f"must be one of {', '.join(allowed)}")

        return self._read(name, parse, default)

    def url(self, name: str, schemes: Sequence[str], default: str = "") -> str:
        """A URL with one of these schemes."""

        def parse(raw: str) -> str:
            if urlsplit(raw).scheme not in schemes:
                raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
            return raw

        # The value may carry a password: it is not repeated in the message.
        self.names.append(name)
        raw = self._variables.get(name, "").strip()
        if not raw:
            return default
        try:
            return parse(raw)
        except ValueError as error:
            self.problems.append(f"{name} {error}.")
            return default

    def folder(self, name: str, default: Path) -> Path:
        """A directory; a relative one is below the project's root."""
        return self._read(name, lambda raw: (BASE_DIR / Path(raw).expanduser()).resolve(), default)

    def keys(self, name: str, *, minimum_length: int) -> tuple[str, ...]:
        """Keys separated by commas, each at least so long."""
        self.names.append(name)
        found = tuple(key.strip() for key in self._variables.get(name, "").split(",") if key.strip())
        if any(len(key) < minimum_length for key in found):
            # No key is repeated in the message.
            self.problems.append(f"{name} must hold keys of at least {minimum_length} random characters.")
            return ()
        return found

    def networks(self, name: str) -> tuple[str, ...]:
        """IP addresses or CIDR blocks separated by commas."""

        def parse(raw: str) -> tuple[str, ...]:
            words = [word.strip() for word in raw.split(",") if word.strip()]
            try:
                return tuple(str(ip_network(word, strict=False)) for word in words)
            except ValueError:
                raise ValueError("must be IP addresses or CIDR blocks separated by commas") from None

        return self._read(name, parse, ())


@dataclass(frozen=True)
class Environment:
    """Every variable that Breakwater reads. docs/CONFIGURATION.md says what each is for."""

    host: str
    port: int
    workers: int
    layout: Layout
    database_url: str
    database_embedded: bool
    database_pool_size: int
    redis_url: str
    redis_embedded: bool
    environment: str
    service_name: str
    secret_key: str
    debug: bool
    allowed_hosts: tuple[str, ...]
    csrf_trusted_origins: tuple[str, ...]
    https_only: bool
    hsts_seconds: int
    hsts_preload: bool
    public_url: str
    email_url: str
    email_from: str
    session_idle_s: int
    session_lifetime_s: int
    require_mfa_for_operators: bool
    oidc_issuer: str
    oidc_client_id: str
    oidc_client_secret: str
    oidc_name: str
    oidc_scopes: tuple[str, ...]
    oidc_trust_email: bool
    oidc_role_claim: str
    oidc_role_map: tuple[str, ...]
    trust_forwarded_proto: bool
    trusted_proxies: tuple[str, ...]
    admin_password: str
    secrets_keys: tuple[str, ...]
    secrets_ttl_s: int
    secrets_stale_s: int
    vault_addr: str
    vault_token: str
    vault_namespace: str
    vault_role_id: str
    vault_secret_id: str
    vault_approle_mount: str
    vault_cacert: str
    aws_region: str
    azure_keyvault_dns_suffix: str
    log_level: str
    log_format: str
    max_body_bytes: int
    body_timeout_s: int
    spec_ttl_s: int
    key_cache_size: int
    tenant_cache_size: int
    spool_dir: Path
    spool_max_bytes: int
    event_retention_days: int
    payload_retention_days: int
    ledger_retention_days: int
    audit_signing_keys: tuple[str, ...]
    pseudonym_key: str
    metrics_dir: Path
    metrics_tenant_limit: int
    otlp_endpoint: str
    management_max_body_bytes: int
    management_rate_per_minute: int
    management_require_if_match: bool
    celery_concurrency: int
    celery_task_time_limit_s: int
    static_root: Path


LOCAL = "local"
PRODUCTION = "production"
TEST = "test"

ROLE_RULE = re.compile(rf".+=[a-z0-9][a-z0-9-]*:({'|'.join(role for role, _label in ROLE_CHOICES)})")
"""``value of the claim=tenant's slug:role``."""

ONE_YEAR_S = 365 * 24 * 60 * 60

_PROCESSORS = os.cpu_count() or 1


def read_environment(variables: Mapping[str, str]) -> Environment:
    """The typed environment.

    Raises:
        ImproperlyConfigured: one line for every variable that is wrong.
    """
    return build_environment(EnvironmentReader(variables))


def build_environment(read: EnvironmentReader) -> Environment:
    """What :func:`read_environment` does, with a reader whose ``names`` can be looked at afterwards."""
    var_dir = read.folder("VAR_DIR", BASE_DIR / "var")
    layout = Layout(var_dir)
    database_url = read.url("DATABASE_URL", ("postgresql", "postgres"))
    redis_url = read.url("REDIS_URL", ("redis", "rediss", "unix"))
    kind = read.text("BREAKWATER_ENV", LOCAL)
    in_production = kind == PRODUCTION
    environment = Environment(
        host=read.text("HOST", "0.0.0.0"),  # noqa: S104 - reachable from containers and other machines by intent
        port=read.whole("PORT", 8080, minimum=1, maximum=65535),
        workers=read.whole("WORKERS", min(_PROCESSORS, 4), minimum=1, maximum=256),
        layout=layout,
        database_url=database_url or layout.database_url(),
        database_embedded=not database_url,
        database_pool_size=read.whole("DATABASE_POOL_SIZE", 0, maximum=200),
        redis_url=redis_url or layout.redis_url(),
        redis_embedded=not redis_url,
        environment=kind,
        service_name=read.text("SERVICE_NAME", "breakwater"),
        secret_key=read.text("SECRET_KEY"),
        debug=read.flag("DEBUG", default=False),
        allowed_hosts=read.words("ALLOWED_HOSTS"),
        csrf_trusted_origins=read.words("CSRF_TRUSTED_ORIGINS"),
        https_only=read.flag("HTTPS_ONLY", default=in_production),
        hsts_seconds=read.whole("SECURE_HSTS_SECONDS", ONE_YEAR_S if in_production else 0),
        hsts_preload=read.flag("SECURE_HSTS_PRELOAD", default=False),
        public_url=read.url("PUBLIC_URL", ("http", "https")),
        email_url=read.url("EMAIL_URL", ("smtp", "smtps")),
        email_from=read.text("EMAIL_FROM", "Breakwater <breakwater@localhost>"),
        session_idle_s=read.whole("SESSION_IDLE_S", 60 * 60, minimum=60),
        session_lifetime_s=read.whole("SESSION_LIFETIME_S", 12 * 60 * 60, minimum=60),
        require_mfa_for_operators=read.flag("REQUIRE_MFA_FOR_OPERATORS", default=in_production),
        oidc_issuer=read.url("OIDC_ISSUER", ("http", "https")),
        oidc_client_id=read.text("OIDC_CLIENT_ID"),
        oidc_client_secret=read.text("OIDC_CLIENT_SECRET"),
        oidc_name=read.text("OIDC_NAME", "Single sign-on"),
        oidc_scopes=read.words("OIDC_SCOPES", ("openid", "profile", "email")),
        oidc_trust_email=read.flag("OIDC_TRUST_EMAIL", default=False),
        oidc_role_claim=read.text("OIDC_ROLE_CLAIM", "groups"),
        oidc_role_map=read.words("OIDC_ROLE_MAP"),
        trust_forwarded_proto=read.flag("TRUST_X_FORWARDED_PROTO", default=False),
        trusted_proxies=read.networks("TRUSTED_PROXIES"),
        admin_password=read.text("ADMIN_PASSWORD"),
        secrets_keys=read.keys("SECRETS_KEYS", minimum_length=MINIMUM_KEY_LENGTH),
        secrets_ttl_s=read.whole("SECRETS_TTL_S", 300, minimum=1),
        secrets_stale_s=read.whole("SECRETS_STALE_S", 24 * 60 * 60),
        vault_addr=read.url("VAULT_ADDR", ("http", "https")),
        vault_token=read.text("VAULT_TOKEN"),
        vault_namespace=read.text("VAULT_NAMESPACE"),
        vault_role_id=read.text("VAULT_ROLE_ID"),
        vault_secret_id=read.text("VAULT_SECRET_ID"),
        vault_approle_mount=read.text("VAULT_APPROLE_MOUNT", "approle"),
        vault_cacert=read.text("VAULT_CACERT"),
        aws_region=read.text("AWS_REGION"),
        azure_keyvault_dns_suffix=read.text("AZURE_KEYVAULT_DNS_SUFFIX", "vault.azure.net"),
        log_level=read.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO"),
        log_format=read.choice("LOG_FORMAT", ("auto", "json", "console"), "auto"),
        max_body_bytes=read.whole("GATEWAY_MAX_BODY_BYTES", 20 * 1024 * 1024, minimum=1024),
        body_timeout_s=read.whole("GATEWAY_BODY_TIMEOUT_S", 30, minimum=1),
        spec_ttl_s=read.whole("GATEWAY_SPEC_TTL_S", 30, minimum=1),
        key_cache_size=read.whole("GATEWAY_KEY_CACHE_SIZE", 20_000, minimum=1),
        tenant_cache_size=read.whole("GATEWAY_TENANT_CACHE_SIZE", 2_000, minimum=1),
        spool_dir=read.folder("SPOOL_DIR", var_dir / "spool"),
        spool_max_bytes=read.whole("SPOOL_MAX_BYTES", 1024**3, minimum=1024 * 1024),
        event_retention_days=read.whole("EVENT_RETENTION_DAYS", 30, minimum=1),
        payload_retention_days=read.whole("PAYLOAD_RETENTION_DAYS", 30, minimum=1),
        ledger_retention_days=read.whole("LEDGER_RETENTION_DAYS", 400, minimum=1),
        audit_signing_keys=read.keys("AUDIT_SIGNING_KEYS", minimum_length=MINIMUM_KEY_LENGTH),
        pseudonym_key=next(iter(read.keys("PSEUDONYM_KEY", minimum_length=MINIMUM_KEY_LENGTH)), ""),
        metrics_dir=read.folder("PROMETHEUS_MULTIPROC_DIR", var_dir / "metrics"),
        metrics_tenant_limit=read.whole("METRICS_TENANT_LIMIT", 200),
        otlp_endpoint=read.url("OTEL_EXPORTER_OTLP_ENDPOINT", ("http", "https")),
        management_max_body_bytes=read.whole("MANAGEMENT_MAX_BODY_BYTES", 1024 * 1024, minimum=1024),
        management_rate_per_minute=read.whole("MANAGEMENT_RATE_PER_MINUTE", 600, minimum=1, maximum=1_000_000),
        management_require_if_match=read.flag("MANAGEMENT_REQUIRE_IF_MATCH", default=False),
        celery_concurrency=read.whole("CELERY_CONCURRENCY", 2, minimum=1, maximum=256),
        celery_task_time_limit_s=read.whole("CELERY_TASK_TIME_LIMIT_S", 600, minimum=10),
        static_root=read.folder("STATIC_ROOT", var_dir / "static"),
    )
    if environment.environment == PRODUCTION and not environment.allowed_hosts:
        read.problems.append(
            "ALLOWED_HOSTS must name the host names of this installation when BREAKWATER_ENV is production."
        )
    read.problems += [
        f"CSRF_TRUSTED_ORIGINS must list origins such as https://console.example.com, not {origin!r}."
        for origin in environment.csrf_trusted_origins
        if not origin.startswith(("http://", "https://"))
    ]
    if environment.oidc_issuer and not environment.oidc_client_id:
        read.problems.append("OIDC_CLIENT_ID must name this installation at the issuer when OIDC_ISSUER is set.")
    read.problems += [
        f"OIDC_ROLE_MAP must list pairs such as platform-team=acme:admin, not {pair!r}."
        for pair in environment.oidc_role_map
        if not ROLE_RULE.fullmatch(pair)
    ]
    if read.problems:
        raise ImproperlyConfigured("\n".join(read.problems))
    return environment


env = read_environment(os.environ)
