"""The URL tables of the two workspaces, put together from each app's ``pages/urls.py``.

That module has ``console_urlpatterns`` (below ``/console/``) and ``portal_urlpatterns`` (below ``/t/<tenant>/``), or
one of them. An app's pages are there because the app is installed; nothing else lists them.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from django.apps import AppConfig, apps
from django.conf import settings
from django.urls import URLPattern, URLResolver

Table = list[URLPattern | URLResolver]


def collected(table: str) -> Table:
    """All apps' patterns of this table. Of two pages at one address the higher app's answers."""
    found: Table = []
    for config in sorted(reversed(list(apps.get_app_configs())), key=_not_the_project):
        if find_spec(f"{config.name}.pages") is None or find_spec(f"{config.name}.pages.urls") is None:
            continue
        found += getattr(import_module(f"{config.name}.pages.urls"), table, [])
    return found


def _not_the_project(config: AppConfig) -> bool:
    """The project itself is the highest app, though it is not the last of the list."""
    return config.name != settings.ROOT_URLCONF.partition(".")[0]
