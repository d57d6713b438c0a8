"""What the management API says beyond the errors that the data plane has as well."""

from __future__ import annotations

from typing import ClassVar

from contracts.errors import InvalidRequest


class NotAcceptable(InvalidRequest):
    """The answer is JSON, which the ``Accept`` header excludes."""

    code: ClassVar[str] = "NOT_ACCEPTABLE"
    status: ClassVar[int] = 406


class Conflict(InvalidRequest):
    """The request is well-formed but clashes with what is stored."""

    code: ClassVar[str] = "CONFLICT"
    status: ClassVar[int] = 409


class RequestInProgress(Conflict):
    """A request with the same idempotency key is being served right now."""

    code: ClassVar[str] = "IDEMPOTENCY_KEY_IN_USE"
    retryable: ClassVar[bool] = True


class PreconditionFailed(InvalidRequest):
    """The row is no longer the version that the caller has seen."""

    code: ClassVar[str] = "PRECONDITION_FAILED"
    status: ClassVar[int] = 412


class IdempotencyKeyReused(InvalidRequest):
    """The idempotency key belongs to another request."""

    code: ClassVar[str] = "IDEMPOTENCY_KEY_REUSED"
    status: ClassVar[int] = 422


class PreconditionRequired(InvalidRequest):
    """The installation takes changes only with ``If-Match``."""

    code: ClassVar[str] = "PRECONDITION_REQUIRED"
    status: ClassVar[int] = 428
