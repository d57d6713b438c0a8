"""The management API in the OpenAPI document: what each verb of a resource is called, takes, answers and refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample

_ERROR: dict[str, Any] = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
_ERROR_TEXTS = {
    400: "The body, a parameter or a header is not valid; `error.details.fields` lists what is wrong",
    401: "No service key or session, or one that is unknown, revoked or expired",
    403: "The caller may not do this; or the CSRF token of a session is missing",
    404: "Nothing here that the caller may see",
    405: "The path does not have this method",
    406: "The answer is JSON, which `Accept` excludes",
    409: "It clashes with what is stored, or a request with this `Idempotency-Key` is being served",
    412: "Somebody has changed it since the version that `If-Match` names",
    413: "The body is too large",
    415: "The body is not JSON",
    422: "The `Idempotency-Key` was sent with another request",
    428: "This installation takes changes only with `If-Match`",
    429: "The caller asks too often",
    500: "A bug of ours",
    503: "Something that the request needs is down",
}
_ALWAYS = (400, 401, 403, 405, 406, 429, 500, 503)
_BODY = (413, 415)

_VERBS = {
    "list": "list",
    "create": "create",
    "retrieve": "retrieve",
    "update": "replace",
    "partial_update": "update",
    "destroy": "delete",
}
_SUMMARIES = {
    "list": "List {plural}",
    "create": "Create {article} {noun}",
    "retrieve": "Read {article} {noun}",
    "update": "Replace {article} {noun}",
    "partial_update": "Change {article} {noun}",
    "destroy": "Delete {article} {noun}",
}
_DESCRIPTIONS = {
    "list": "{about}Newest first unless `ordering` says otherwise, those only that the caller may see.",
    "create": "{about}With an `Idempotency-Key`, the same request is done once and answered alike for 24 hours.",
    "retrieve": "{about}Another tenant's is as unknown as none. With `If-None-Match`, 304 where nothing has changed.",
    "update": "What is left out takes its default. Fields that cannot be changed may be sent back as they were read.",
    "partial_update": "What is left out stays as it is. Fields that cannot be changed may be sent back as they were "
    "read.",
    "destroy": "Refused with 400 while something else refers to it.",
}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


_IF_MATCH = _header("If-Match", "The `ETag` of the version to change; 412 where it is no longer the present one.")
_IF_NONE_MATCH = _header(
    "If-None-Match", "The `ETag` of the version that the caller has; 304 where it is the present one."
)
_IDEMPOTENCY_KEY = {
    **_header("Idempotency-Key", "A text of the caller's, such as a UUID, that names this request."),
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}

_TEXT = {"schema": {"type": "string"}}
_ETAG = {"ETag": {"description": "The version, for `If-Match` and `If-None-Match`.", **_TEXT}}
_LOCATION = {"Location": {"description": "Where it is from now on.", **_TEXT}}
_LINK = {"Link": {"description": 'The next page\'s address, with `rel="next"`; missing on the last.', **_TEXT}}
_REPLAYED = {"Idempotent-Replayed": {"description": "`true` on an answer that is given again.", **_TEXT}}
_CORRELATION = {"x-correlation-id": {"description": "Finds the request in the logs.", **_TEXT}}


class ManagementSchema(AutoSchema):
    """Describes views that name a ``noun`` (:class:`tenants.rest.resources.Resource`), and others as usual."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """The operation with its conditional headers and its errors."""
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None or not self._is_management():
            return operation
        self._add_parameters(operation)
        self._add_response_headers(operation["responses"])
        if self.action == "retrieve":
            operation["responses"]["304"] = {"description": "The caller has this version.", "headers": _ETAG}
        for status in self._errors():
            operation["responses"].setdefault(
                str(status), {"description": _ERROR_TEXTS[status], "content": _ERROR, "headers": _CORRELATION}
            )
        return operation

    @property
    def action(self) -> str:
        """The viewset's action: a plain verb, or the name of an extra one."""
        return str(getattr(self.view, "action", "") or "")

    def get_operation_id(self) -> str:
        """Such as ``management_list_rate_limits``: without the prefix, names are the data plane's."""
        if not self._is_management():
            return str(super().get_operation_id())
        noun = self._plural() if self.action == "list" else self._resource.noun
        return f"management_{_VERBS.get(self.action, self.action)}_{noun}".lower().replace(" ", "_").replace("-", "_")

    def get_tags(self) -> list[str]:
        """One a resource."""
        return [self._plural().capitalize()] if self._is_management() else list(super().get_tags())

    def get_summary(self) -> str | None:
        """The verb and the noun; an extra action says it itself."""
        if not self._is_management() or self.action not in _SUMMARIES:
            summary: str | None = super().get_summary()
            return summary
        return _SUMMARIES[self.action].format(noun=self._resource.noun, plural=self._plural(), article=self._article())

    def get_description(self) -> str:  # type: ignore[override]
        """What the resource is and what the verb does with it; an extra action says it itself."""
        if not self._is_management() or self.action not in _DESCRIPTIONS:
            return str(super().get_description())
        about = f"{self._resource.about} " if self._resource.about else ""
        return _DESCRIPTIONS[self.action].format(about=about)

    def get_examples(self) -> list[OpenApiExample]:
        """The resource's example as a body to create one with."""
        if not self._is_management() or self.action not in ("create", "update", "partial_update"):
            return list(super().get_examples())
        example: Mapping[str, Any] = self._resource.example
        return [OpenApiExample(f"A {self._resource.noun}", value=dict(example), request_only=True)] if example else []

    @property
    def _resource(self) -> Any:
        return self.view

    def _is_management(self) -> bool:
        return bool(getattr(self.view, "noun", ""))

    def _plural(self) -> str:
        return str(self._resource.plural or f"{self._resource.noun}s")

    def _article(self) -> str:
        return "an" if self._resource.noun[0].lower() in "aeiou" else "a"

    def _is_detail(self) -> bool:
        return "{" in self.path

    def _add_parameters(self, operation: dict[str, Any]) -> None:
        parameters = operation.setdefault("parameters", [])
        if self.action == "retrieve":
            parameters.append(_IF_NONE_MATCH)
        if self.action in ("update", "partial_update", "destroy") or (self.method == "POST" and self._is_detail()):
            parameters.append(_IF_MATCH)
        if self.method == "POST":
            parameters.append(_IDEMPOTENCY_KEY)

    def _add_response_headers(self, responses: dict[str, Any]) -> None:
        for status, response in responses.items():
            headers = dict(_CORRELATION)
            if self.action == "list":
                headers |= _LINK
            elif status != "204" and self.action != "export":
                headers |= _ETAG
            if self.method == "POST":
                headers |= _REPLAYED
            if status == "201":
                headers |= _LOCATION
            response["headers"] = {**response.get("headers", {}), **headers}

    def _errors(self) -> tuple[int, ...]:
        errors: tuple[int, ...] = _ALWAYS
        if self._is_detail():
            errors += (404,)
        if self.method in ("POST", "PUT", "PATCH"):
            errors += _BODY
        if self.method == "POST":
            errors += (409, 422)
        if self.method in ("PUT", "PATCH", "DELETE") or (self.method == "POST" and self._is_detail()):
            errors += (412, 428)
        return tuple(sorted(errors))


class ServiceKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Service keys in the document."""

    target_class = "tenants.rest.authentication.ServiceKeyAuthentication"
    name = "ServiceKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """A bearer token."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A service key, `bws_…`: of one tenant, or of the whole installation. Scope `manage:read` "
            "looks, `manage` changes.",
        }


class ConsoleSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Sessions of the console in the document."""

    target_class = "tenants.rest.authentication.ConsoleSessionAuthentication"
    name = "ConsoleSession"
    priority = 1

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """A cookie."""
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "The console's session. Changes also need `X-CSRFToken`.",
        }
