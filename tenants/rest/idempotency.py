"""POST requests that are sent again are answered again, not done again.

After the IETF draft "The Idempotency-Key HTTP Header Field" (draft-ietf-httpapi-idempotency-key-header) and Stripe's
API: the same key with the same request gives the first answer for 24 hours, with another request 422, and while the
first is being served 409.

The change and its kept answer are one transaction, so there is never one without the other: a worker that dies leaves
nothing behind, and a request that failed changed nothing and may be sent again. A transaction-wide advisory lock tells
what is being served. Answers may hold a new key's clear text, so they are kept encrypted under the caller's own
idempotency key, of which only a digest is kept.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from contracts.errors import InvalidRequest
from tenants.rest.errors import Conflict, IdempotencyKeyReused, RequestInProgress
from tenants.rest.kept_answers import KeptAnswer
from tenants.rest.principals import principal_of

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
KEPT_FOR = timedelta(hours=24)

_KEY = re.compile(r'"?([\x21\x23-\x7e]{1,255})"?')
_KEPT_HEADERS = ("Location", "ETag")

Handler = TypeVar("Handler", bound=Callable[..., Response])


def idempotent(handler: Handler) -> Handler:
    """A POST handler of a view that serves each idempotency key once; without the header it is as before."""

    @wraps(handler)
    def serve(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = _key_of(request)
        if key is None:
            return handler(self, request, *args, **kwargs)
        return _once(request, key, lambda: handler(self, request, *args, **kwargs))

    return serve  # type: ignore[return-value]


def delete_expired() -> int:
    """Forget the answers whose time is over; returns how many."""
    deleted, _ = KeptAnswer.objects.filter(expires_at__lte=timezone.now()).delete()
    return deleted


@transaction.atomic
def _once(request: Request, key: str, handle: Callable[[], Response]) -> Response:
    principal = principal_of(request).id
    key_digest = hashlib.sha256(f"{principal}\n{key}".encode()).hexdigest()
    if not _lock(key_digest):
        raise RequestInProgress(
            f"A request with this {HEADER} is being served; send it again shortly.", retry_after_s=1
        )
    request_digest = _digest_of(request)
    kept = KeptAnswer.objects.filter(key_digest=key_digest).first()
    if kept is not None and kept.expires_at > timezone.now():
        return _answer_again(kept, request_digest, key)
    response = handle()
    values = {
        "principal": principal,
        "request_digest": request_digest,
        "answer": _cipher(key, key_digest).encrypt(_frozen(response)),
        "expires_at": timezone.now() + KEPT_FOR,
    }
    KeptAnswer.objects.update_or_create(key_digest=key_digest, defaults=values)
    return response


def _key_of(request: Request) -> str | None:
    header = request.headers.get(HEADER)
    if header is None:
        return None
    matched = _KEY.fullmatch(header.strip())
    if matched is None:
        raise InvalidRequest(f"{HEADER} has 1 to 255 printable ASCII characters; a UUID does well.", param=HEADER)
    return matched[1]


def _digest_of(request: Request) -> str:
    """Of method, address and body. Keyed: the body may hold a secret short enough to be guessed from a bare digest."""
    said = msgspec.json.encode([request.method, request.get_full_path(), request.data], order="deterministic")
    return salted_hmac("tenants.rest.idempotency.request", said, algorithm="sha256").hexdigest()


def _lock(key_digest: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"idempotency:{key_digest}"])
        return bool(cursor.fetchone()[0])


def _answer_again(kept: KeptAnswer, request_digest: str, key: str) -> Response:
    if not constant_time_compare(kept.request_digest, request_digest):
        raise IdempotencyKeyReused(f"This {HEADER} was sent with another request; use a new one for each.")
    try:
        frozen = _cipher(key, kept.key_digest).decrypt(bytes(kept.answer))
    except InvalidToken as error:
        raise Conflict(
            "The request was done, but its answer can no longer be read: SECRET_KEY has changed since."
        ) from error
    status, headers, body = msgspec.json.decode(frozen)
    return Response(body, status=status, headers={**headers, REPLAYED_HEADER: "true"})


def _frozen(response: Response) -> bytes:
    headers = {name: response[name] for name in _KEPT_HEADERS if response.has_header(name)}
    body = msgspec.Raw(JSONRenderer().render(response.data) or b"null")
    return msgspec.json.encode([response.status_code, headers, body])


def _cipher(key: str, salt: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=salt.encode(), info=b"tenants.rest.idempotency.answer").derive(
        settings.SECRET_KEY.encode() + b"\n" + key.encode()
    )
    return Fernet(base64.urlsafe_b64encode(derived))
