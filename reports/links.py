"""Addresses in what is sent: of the report, of the pages that it names, and to have no more of it."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.core import signing
from django.urls import NoReverseMatch, reverse

from reports.models import Recipient, Report

_SALT: Final = "reports.unsubscribe"


class Links:
    """Of one report, for one reader; all are empty where nobody knows the installation's address."""

    def __init__(self, report: Report, recipient: Recipient | None = None) -> None:
        self._tenant = report.tenant.slug if report.tenant is not None else None
        self._recipient = recipient
        self.report = self.page("report", {"pk": str(report.pk)})

    def page(self, name: str, args: dict[str, str] | None = None) -> str:
        """Of a page of this name in the report's workspace; empty where there is none."""
        if not settings.PUBLIC_URL or not name:
            return ""
        kwargs: dict[str, Any] = dict(args or {})
        namespace = "console" if self._tenant is None else "portal"
        if self._tenant is not None:
            kwargs["tenant"] = self._tenant
        try:
            return f"{settings.PUBLIC_URL}{reverse(f'{namespace}:{name}', kwargs=kwargs)}"
        except NoReverseMatch:
            return ""

    @property
    def unsubscribe(self) -> str:
        """Where this reader has no more of it; empty for channels, which their owner looks after."""
        if self._recipient is None or not settings.PUBLIC_URL:
            return ""
        return f"{settings.PUBLIC_URL}{reverse('report-unsubscribe', kwargs={'token': token_of(self._recipient)})}"


def token_of(recipient: Recipient) -> str:
    """Whoever has it may end this one subscription, and nothing else."""
    return signing.dumps(str(recipient.pk), salt=_SALT)


def recipient_id(token: str) -> str:
    """Of whom the token is; empty where it is none of ours."""
    try:
        return str(signing.loads(token, salt=_SALT))
    except signing.BadSignature:
        return ""
