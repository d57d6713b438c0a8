"""Puts the security headers on every answer that Django's own middleware does not know."""

from __future__ import annotations

from typing import Any

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class ContentPolicyMiddleware(CSPMiddleware):
    """Content-Security-Policy by the path's beginning (settings), and Permissions-Policy."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        """The strict policy, with what the path is allowed besides; a view's own decorators come first."""
        parts: PolicyParts = super().get_policy_parts(request, response, report_only)
        if parts.config is None and parts.replace is None and not report_only:
            parts.replace = _exceptions_of(request.path_info)
        return parts

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Add the headers."""
        response.headers.setdefault("Permissions-Policy", settings.PERMISSIONS_POLICY)
        answer: HttpResponseBase = super().process_response(request, response)
        return answer


def _exceptions_of(path: str) -> dict[str, Any] | None:
    exceptions: dict[str, dict[str, Any]] = settings.CONTENT_POLICY_EXCEPTIONS
    return next((allowed for start, allowed in exceptions.items() if path.startswith(start)), None)
