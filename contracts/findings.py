"""Findings: something that an app found to be different, and that people should be told of.

Whoever looks reports that it began and, later, that it is over; whoever tells people registers to hear of it.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Protocol

import msgspec


class ReportedFinding(msgspec.Struct, frozen=True, kw_only=True):
    """What began."""

    tenant_id: uuid.UUID
    kind: str
    """What found it, such as ``drift``."""
    name: str
    """Of that which found it, as people call it."""
    severity: str
    """``info`` | ``warning`` | ``critical``."""
    segment_kind: str = "all"
    """``all`` | ``route`` | ``model`` | ``key``: which calls it is about."""
    segment: str = ""
    summary: str
    """One sentence with figures."""
    value: float | None = None
    threshold: float | None = None
    began_at: datetime
    found_at: datetime
    """The end of the data that it was found in."""


class FindingListener(Protocol):
    """Tells people. Both are called within the transaction that writes the finding down."""

    def finding_began(self, finding: ReportedFinding) -> str:
        """A reference for :meth:`finding_ended`; empty: nobody is told."""

    def finding_ended(self, tenant_id: uuid.UUID, reference: str, at: datetime, why: str) -> None:
        """It is over; unknown references, and what people have closed already, are left alone."""


_registered: list[FindingListener] = []


def register_finding_listener(listener: FindingListener) -> None:
    """Have this one hear of findings, instead of an earlier one."""
    _registered[:] = [listener]


def report_finding(finding: ReportedFinding) -> str:
    """Have people told; the reference, empty where nobody listens."""
    return _registered[0].finding_began(finding) if _registered else ""


def report_finding_over(tenant_id: uuid.UUID, reference: str, at: datetime, why: str) -> None:
    """What was reported is over."""
    if _registered and reference:
        _registered[0].finding_ended(tenant_id, reference, at, why)
