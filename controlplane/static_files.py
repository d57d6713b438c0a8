"""Static files, served from memory-held metadata in front of Django: a stylesheet costs no thread and no middleware."""

from __future__ import annotations

import re
from typing import cast

from django.conf import settings
from servestatic import ServeStaticASGI

from controlplane.lifespan import AsgiApp

HASHED_NAME = re.compile(r"\.[0-9a-f]{12}\.[^/]+$")
MAX_AGE_S = 60
"""How long a browser keeps a file whose name says nothing about its content."""


def static_files(behind: AsgiApp) -> AsgiApp:
    """Serves what ``collectstatic`` has put into ``STATIC_ROOT``; everything else goes to ``behind``.

    Files under a content-hashed name (:mod:`controlplane.static_storage`) are cached for ever, and sent compressed to
    who takes that. The directory is read once, at start: `manage.py web` and the supervisor collect before they start
    workers.
    """
    served = ServeStaticASGI(
        behind,
        root=settings.STATIC_ROOT,
        prefix=settings.STATIC_URL,
        max_age=MAX_AGE_S,
        immutable_file_test=lambda _path, url: HASHED_NAME.search(url) is not None,
        allow_all_origins=False,
        add_headers_function=_add_headers,
    )
    return cast("AsgiApp", served)


def _add_headers(headers: object, _path: str, _url: str) -> None:
    headers["x-content-type-options"] = "nosniff"  # type: ignore[index]
