"""How the installation is: its processes, stores and queues, for those who run it."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import django
from django.utils import timezone
from django.views.generic import TemplateView

from console.charts import Bar
from console.formats import size
from console.shell import Shell
from controlplane.pages.health_checks import WORDS, all_checks, worst
from controlplane.pages.health_database import read_database
from controlplane.pages.health_metrics import read_figures
from controlplane.pages.health_redis import read_redis
from tenants.permissions import TenantPermission
from tenants.workspaces import WorkspacePage

_SENTENCES = {
    "good": "Everything that can be seen from here is well.",
    "neutral": "Nothing is wrong that can be seen from here; some of it cannot be seen.",
    "warn": "Something wants to be looked at.",
    "bad": "Something is broken.",
}


class SystemHealth(WorkspacePage, TemplateView):
    """Every check with what it means, and what to do where it is not well; renders itself anew as events arrive."""

    permission = TenantPermission.VIEW_TENANT
    template_name = "console/health/page.html"

    def get_template_names(self) -> list[str]:
        """The live part alone where htmx swaps it."""
        if self.request.htmx and self.request.htmx.target == "health":  # type: ignore[attr-defined]
            return ["console/health/_live.html"]
        return [self.template_name]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """All checks, asked now."""
        database = read_database()
        groups = all_checks(read_redis(), database, read_figures())
        state = worst(groups)
        return super().get_context_data(
            groups=groups,
            state=state,
            word=WORDS[state],
            sentence=_SENTENCES[state],
            asked_at=timezone.now(),
            tables=[Bar(name, bytes_, detail="") for name, bytes_ in database.tables],
            database=database,
            database_size=size(database.size_bytes),
            versions=_versions(Shell(self.request).version),
            **kwargs,
        )


def _versions(ours: str) -> list[tuple[str, str]]:
    return [
        ("Breakwater", ours),
        ("Python", platform.python_version()),
        ("Django", django.get_version()),
        ("Celery", _installed("celery")),
        ("Channels", _installed("channels")),
        ("Machine", f"{platform.node()}, {platform.system()} {platform.machine()}"),
    ]


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
