"""Entity tags (RFC 9110, sections 8.8.3 and 13): which version of a row an answer shows, or a change is meant for.

Tags are strong and made from the row's key and the times at which it and its parts were last changed. What moves by
itself, such as when a key was last used, is no new version.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from rest_framework.request import Request

from contracts.errors import InvalidRequest
from tenants.rest.errors import PreconditionFailed, PreconditionRequired

_TAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*')


def etag_of(key: Any, versions: Iterable[Any]) -> str:
    """The strong tag of a row with these versions, in quotes."""
    text = "|".join([str(key), *(str(version) for version in versions)])
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def is_known(request: Request, etag: str) -> bool:
    """Whether ``If-None-Match`` says that the caller has this version already.

    Raises:
        InvalidRequest: the header is malformed.
    """
    header = request.headers.get("if-none-match")
    return header is not None and _names(header, etag, "If-None-Match", weak_too=True)


def check_if_match(request: Request, etag: str) -> None:
    """Nothing, where ``If-Match`` names this version, or is not sent and need not be.

    Raises:
        InvalidRequest: the header is malformed.
        PreconditionFailed: the row has been changed since the caller saw it.
        PreconditionRequired: the header is missing, and this installation demands it.
    """
    header = request.headers.get("if-match")
    if header is None:
        if settings.MANAGEMENT_REQUIRE_IF_MATCH:
            raise PreconditionRequired("Send If-Match with the ETag of the version that you want to change.")
        return
    if not _names(header, etag, "If-Match", weak_too=False):
        raise PreconditionFailed(
            "Somebody has changed this since you read it. Read it again, then send If-Match with the new ETag.",
            details={"etag": etag},
        )


def _names(header: str, etag: str, name: str, *, weak_too: bool) -> bool:
    if header.strip() == "*":
        return True
    found = False
    for part in header.split(","):
        tag = _TAG.fullmatch(part)
        if tag is None:
            raise InvalidRequest(f'{name} is * or a list of entity tags such as "abc", in quotes.', param=name)
        weak, opaque = tag.groups()
        found = found or (f'"{opaque}"' == etag and (weak_too or not weak))
    return found
