"""The REST API and its OpenAPI document."""

from controlplane.settings.env import env

MANAGEMENT_MAX_BODY_BYTES = env.management_max_body_bytes
MANAGEMENT_RATE_PER_MINUTE = env.management_rate_per_minute
MANAGEMENT_REQUIRE_IF_MATCH = env.management_require_if_match

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "tenants.rest.openapi.ManagementSchema",
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.CursorPagination",
    "PAGE_SIZE": 50,
    "EXCEPTION_HANDLER": "controlplane.api_errors.exception_handler",
    # A parameter like any other: answers are always JSON.
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Breakwater",
    "DESCRIPTION": "Multi-tenant LLM gateway and reliability control plane.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "gateway.openapi.add_components",
    ],
    "ENUM_NAME_OVERRIDES": {
        "ApiKeyScope": "tenants.keys.Scope",
        "ServiceKeyScope": "tenants.keys.ServiceScope",
        "GuardrailStage": "contracts.guardrails.Stage",
        "GuardrailMode": "guardrails.models.Policy.Mode",
        "ReportKind": "reports.models.Kind",
        "AlertActionKind": "alerting.actions.rows.AlertAction.Kind",
        "Severity": "alerting.owned.Severity",
        "DriftSignal": "evaluation.drift.rows.SIGNAL_CHOICES",
    },
    "TAGS": [
        {"name": "Model calls", "description": "What applications call: any format in, any provider behind."},
        {"name": "Reading", "description": "What a key may name, and what became of its tenant's calls."},
        {"name": "Analytics", "description": "What the key's tenant used, and what it cost."},
        {"name": "Operations", "description": "For load balancers, operators and Prometheus."},
    ],
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        # Of so many operations the page draws those in sight alone: the browser's own search does not find the others.
        "filter": True,
        "persistAuthorization": True,
        "displayRequestDuration": True,
        "defaultModelsExpandDepth": 0,
    },
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    # Served from the installed package: no content delivery network.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
