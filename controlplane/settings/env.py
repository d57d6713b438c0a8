"""The environment, read once, typed and checked. No other module of the project reads ``os.environ`` for settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from controlplane.embedded.layout import Layout

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
    trust_forwarded_proto: bool
    trusted_proxies: tuple[str, ...]
    admin_password: str
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
    metrics_dir: Path
    metrics_tenant_limit: int
    otlp_endpoint: str
    celery_concurrency: int
    celery_task_time_limit_s: int
    static_root: Path


LOCAL = "local"
PRODUCTION = "production"
TEST = "test"

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
        environment=read.text("BREAKWATER_ENV", LOCAL),
        service_name=read.text("SERVICE_NAME", "breakwater"),
        secret_key=read.text("SECRET_KEY"),
        debug=read.flag("DEBUG", default=False),
        allowed_hosts=read.words("ALLOWED_HOSTS"),
        csrf_trusted_origins=read.words("CSRF_TRUSTED_ORIGINS"),
        https_only=read.flag("HTTPS_ONLY", default=False),
        hsts_seconds=read.whole("SECURE_HSTS_SECONDS", 0),
        trust_forwarded_proto=read.flag("TRUST_X_FORWARDED_PROTO", default=False),
        trusted_proxies=read.networks("TRUSTED_PROXIES"),
        admin_password=read.text("ADMIN_PASSWORD"),
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
        metrics_dir=read.folder("PROMETHEUS_MULTIPROC_DIR", var_dir / "metrics"),
        metrics_tenant_limit=read.whole("METRICS_TENANT_LIMIT", 200),
        otlp_endpoint=read.url("OTEL_EXPORTER_OTLP_ENDPOINT", ("http", "https")),
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
    if read.problems:
        raise ImproperlyConfigured("\n".join(read.problems))
    return environment


env = read_environment(os.environ)
