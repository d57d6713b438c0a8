"""The data plane, the event spool, metrics and traces; handed on by the composition root, engines read none."""

from controlplane.settings.env import env

VAR_DIR = env.layout.var_dir
SERVICE_NAME = env.service_name
BREAKWATER_ENV = env.environment
WORKERS = env.workers

GATEWAY_MAX_BODY_BYTES = env.max_body_bytes
GATEWAY_BODY_TIMEOUT_S = env.body_timeout_s
GATEWAY_SPEC_TTL_S = env.spec_ttl_s
GATEWAY_KEY_CACHE_SIZE = env.key_cache_size
GATEWAY_TENANT_CACHE_SIZE = env.tenant_cache_size
TRUSTED_PROXIES = env.trusted_proxies

SPOOL_DIR = env.spool_dir
SPOOL_MAX_BYTES = env.spool_max_bytes
EVENT_RETENTION_DAYS = env.event_retention_days

PROMETHEUS_MULTIPROC_DIR = env.metrics_dir
METRICS_TENANT_LIMIT = env.metrics_tenant_limit
OTEL_EXPORTER_OTLP_ENDPOINT = env.otlp_endpoint
