"""One error shape (DESIGN section 7) for everything that Django answers below /v1/ and /api/."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from contracts import errors
from controlplane.middleware.correlation import correlation_id_of
from tenants.rest.errors import Conflict, NotAcceptable

log = structlog.get_logger(__name__)

API_PREFIXES = ("/v1/", "/api/")


_BY_STATUS: dict[int, type[errors.GatewayError]] = {
    status.HTTP_400_BAD_REQUEST: errors.InvalidRequest,
    status.HTTP_401_UNAUTHORIZED: errors.AuthenticationFailed,
    status.HTTP_403_FORBIDDEN: errors.PermissionDenied,
    status.HTTP_404_NOT_FOUND: errors.NotFound,
    status.HTTP_405_METHOD_NOT_ALLOWED: errors.MethodNotAllowed,
    status.HTTP_406_NOT_ACCEPTABLE: NotAcceptable,
    status.HTTP_409_CONFLICT: Conflict,
    status.HTTP_413_REQUEST_ENTITY_TOO_LARGE: errors.PayloadTooLarge,
    status.HTTP_415_UNSUPPORTED_MEDIA_TYPE: errors.UnsupportedMediaType,
    status.HTTP_429_TOO_MANY_REQUESTS: errors.RateLimited,
    status.HTTP_503_SERVICE_UNAVAILABLE: errors.ServiceUnavailable,
}


def exception_handler(exception: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's ``EXCEPTION_HANDLER``; None, which DRF re-raises for the 500 handler, for what is a bug of ours."""
    error = as_gateway_error(exception)
    if error is None:
        return None
    set_rollback()
    request: HttpRequest = context["request"]._request
    response = Response(error.as_body(correlation_id_of(request)), status=error.status)
    if error.retry_after_s is not None:
        response["Retry-After"] = str(math.ceil(error.retry_after_s))
    challenge = getattr(exception, "auth_header", None)
    if challenge:
        response["WWW-Authenticate"] = challenge
    return response


def as_gateway_error(exception: Exception) -> errors.GatewayError | None:
    """What the caller is told about ``exception``; None when it is none of the caller's business."""
    if isinstance(exception, errors.GatewayError):
        return exception
    if isinstance(exception, Http404):
        return errors.NotFound("There is nothing at this address that you may see.")
    if isinstance(exception, DjangoPermissionDenied):
        return errors.PermissionDenied("You may not do this.")
    if isinstance(exception, DjangoValidationError):
        return _from_validation(exceptions.ValidationError(_django_detail(exception)))
    if isinstance(exception, exceptions.ValidationError):
        return _from_validation(exception)
    if isinstance(exception, exceptions.APIException):
        return _from_drf(exception)
    return None


def _django_detail(exception: DjangoValidationError) -> Any:
    return exception.message_dict if hasattr(exception, "error_dict") else exception.messages


def _from_drf(exception: exceptions.APIException) -> errors.GatewayError:
    kind = _BY_STATUS.get(exception.status_code, errors.InternalError)
    retry_after_s = getattr(exception, "wait", None)
    return kind(str(exception.detail), retry_after_s=retry_after_s)


def _from_validation(exception: exceptions.ValidationError) -> errors.GatewayError:
    found = list(_flatten(exception.detail, ""))
    param, message = found[0] if found else ("", "The request is not valid.")
    field = param if param != "non_field_errors" else ""
    return errors.InvalidRequest(
        f"{field}: {message}" if field else message,
        param=field or None,
        details={"fields": [{"param": where, "message": what} for where, what in found]} if found else None,
    )


def _flatten(detail: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(detail, dict):
        for key, value in detail.items():
            # DRF numbers the wrong items of a list as keys.
            inner = f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}" if path else str(key)
            yield from _flatten(value, inner)
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            yield from _flatten(value, f"{path}[{index}]" if nested else path)
    else:
        yield path, str(detail)


def _answer(request: HttpRequest, error: errors.GatewayError) -> JsonResponse:
    return JsonResponse(error.as_body(correlation_id_of(request)), status=error.status)


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith(API_PREFIXES)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """``handler400``."""
    if _is_api(request):
        return _answer(request, errors.InvalidRequest("The request is malformed."))
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """``handler403``."""
    if _is_api(request):
        return _answer(request, errors.PermissionDenied("You may not do this."))
    return defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """``handler404``."""
    if _is_api(request):
        return _answer(request, errors.NotFound(f"There is nothing at {request.path}."))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """``handler500``; Django has logged the exception."""
    if _is_api(request):
        return _answer(request, errors.InternalError("Something of ours broke; quote the correlation id to us."))
    response = defaults.server_error(request)
    assert isinstance(response, HttpResponse)
    return response
