"""Photographs all pages: 1280 and 390 px wide, light and dark (``make screenshots``), and tells what is wrong in them.

Starts an installation with the demo of its own (:mod:`deploy.demo_installation`), or takes that at ``SCREENSHOT_URL``
(with ``SCREENSHOT_USER``, ``SCREENSHOT_PASSWORD`` and ``SCREENSHOT_TENANT``), and writes PNGs to ``SCREENSHOT_DIR``
(``var/screenshots``). Arguments name the pages to take; without any, all are taken; ``readme`` takes the pictures of
README.md into ``docs/screenshots``. The exit status is 1 when a page
answers with an error, writes an error to the browser's console, is wider than its window, or has a serious or critical
violation of accessibility (axe-core).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import sync_playwright

from deploy.demo_installation import OPERATOR, OWNER, ROOT, TENANT, chromium, demo_installation, forget_old_demo

_GOLDEN = "/t/{tenant}/golden-sets/ >> a.row-link"
_EVAL_RUN = "/t/{tenant}/evaluation-runs/ >> a.row-link"
_RUN_SCHEDULE = "/t/{tenant}/evaluation-runs/schedules/ >> a.row-link"
_REPORT_SCHEDULE = "/t/{tenant}/reports/schedules/ >> a.row-link"
_DRIFT = "/t/{tenant}/drift/ >> a.row-link"
_LIVE = "/t/{tenant}/live-evaluation/ >> a.row-link"
_COLLECTION = "/t/{tenant}/documents/ >> a.row-link"
_POLICY = "/t/{tenant}/guardrails/ >> a.row-link:has-text('Customer data')"
PAGES: dict[str, str] = {
    "console-home": "/console/?range=7d",
    "overview-errors": "/console/?range=24h&split=model&by=errors",
    "health": "/console/health/",
    "runbook": "/console/runbook/",
    "style-guide": "/console/style-guide/",
    "style-guide-form": "/console/style-guide/form/",
    "portal-home": "/t/{tenant}/",
    "tenants": "/console/tenants/",
    "tenant-create": "/console/new-tenant/",
    "tenant": "/console/tenants/{tenant}/",
    "tenant-members": "/console/tenants/{tenant}/members/",
    "tenant-teams": "/console/tenants/{tenant}/teams/",
    "tenant-keys": "/console/tenants/{tenant}/keys/",
    "tenant-limits": "/console/tenants/{tenant}/limits/",
    "tenant-budgets": "/console/tenants/{tenant}/budgets/",
    "tenant-audit": "/console/tenants/{tenant}/audit/",
    "tenant-edit": "/console/tenants/{tenant}/edit/",
    "tenant-data": "/console/tenants/{tenant}/data/",
    "tenant-delete": "/console/tenants/{tenant}/delete/",
    "providers": "/console/providers/",
    "provider-kinds": "/console/providers/new/",
    "provider-new": "/console/providers/new/?kind=openai",
    "provider": "/console/providers/ >> a.provider-link",
    "provider-edit": "/console/providers/ >> a.provider-link >> main a[href$='/edit/']",
    "models": "/console/models/",
    "model": "/console/models/ >> a.row-link",
    "model-new": "/console/models/new/",
    "model-edit": "/console/models/ >> a.row-link >> main a[href$='/edit/']",
    "prices": "/console/prices/",
    "price-new": "/console/prices/new/",
    "prices-published": "/console/prices/published/",
    "secrets": "/console/secrets/",
    "secret-new": "/console/secrets/new/",
    "audit": "/console/audit/",
    "audit-tenants": "/console/audit/?object_type=tenant&action=updated",
    "audit-entry": "/console/audit/?object_type=tenant&action=updated >> a.row-link",
    "members": "/t/{tenant}/members/",
    "member-roles": "/t/{tenant}/members/roles/",
    "member-invite": "/t/{tenant}/members/invite/",
    "teams": "/t/{tenant}/teams/",
    "settings": "/t/{tenant}/settings/",
    "settings-general": "/t/{tenant}/settings/general/",
    "settings-caches": "/t/{tenant}/settings/caches/",
    "settings-data": "/t/{tenant}/settings/data/",
    "settings-erasure": "/t/{tenant}/settings/erasure/?user=u-10",
    "notification-new": "/t/{tenant}/settings/notifications/new/",
    "notification-slack": "/t/{tenant}/settings/notifications/slack/",
    "console-start": "/console/start/",
    "portal-start": "/t/{tenant}/start/",
    "playground": "/t/{tenant}/playground/",
    "playground-budget": "/t/{tenant}/playground/budget/",
    "requests": "/console/requests/",
    "requests-filtered": "/console/requests/?range=7d&status=bad&latency_min=1000",
    "request": "/console/requests/?fallback=yes&range=7d >> a.row-link",
    "request-refused": "/console/requests/?status=rejected&range=7d >> a.row-link",
    "requests-tail": "/console/requests/tail/",
    "request-replay": "/t/{tenant}/requests/?status=completed&range=7d >> a.row-link >> main a[href$='/replay/']",
    "portal-requests": "/t/{tenant}/requests/",
    "portal-request": "/t/{tenant}/requests/?status=completed&range=7d >> a.row-link",
    "routes": "/console/routes/",
    "route": "/t/{tenant}/routes/ >> .row-link",
    "route-create": "/console/routes/new/",
    "route-edit": "/t/{tenant}/routes/ >> .row-link >> main a[href$='/edit/']",
    "route-delete": "/t/{tenant}/routes/ >> .row-link >> main a[href$='/delete/']",
    "golden-sets": "/console/golden-sets/",
    "portal-golden-sets": "/t/{tenant}/golden-sets/",
    "golden-set": _GOLDEN,
    "golden-set-versions": f"{_GOLDEN} >> .tabs a[href*='tab=versions']",
    "golden-set-runs": f"{_GOLDEN} >> .tabs a[href*='tab=runs']",
    "golden-set-gates": f"{_GOLDEN} >> .tabs a[href*='tab=gates']",
    "golden-set-upload": f"{_GOLDEN} >> main a[href$='/upload/']",
    "golden-item": f"{_GOLDEN} >> a.row-link",
    "golden-item-new": f"{_GOLDEN} >> main a[href$='/items/new/']",
    "gate-check": f"{_GOLDEN} >> .tabs a[href*='tab=gates'] >> main a[href$='/check/']",
    "golden-set-create": "/t/{tenant}/golden-sets/new/",
    "evaluators": "/console/evaluators/",
    "evaluator": "/t/{tenant}/evaluators/ >> a.row-link",
    "evaluator-kinds": "/t/{tenant}/evaluators/new/",
    "evaluator-new": "/t/{tenant}/evaluators/new/rubric/",
    "eval-runs": "/console/evaluation-runs/",
    "eval-run": _EVAL_RUN,
    "eval-run-items": f"{_EVAL_RUN} >> .tabs a[href*='tab=items']",
    "eval-run-setup": f"{_EVAL_RUN} >> .tabs a[href*='tab=setup']",
    "eval-run-item": f"{_EVAL_RUN} >> main .ev-list a",
    "eval-review": f"{_EVAL_RUN} >> main a[href$='/review/']",
    "eval-run-new": "/t/{tenant}/evaluation-runs/new/",
    "run-schedules": "/console/evaluation-runs/schedules/",
    "run-schedule": _RUN_SCHEDULE,
    "run-schedule-edit": f"{_RUN_SCHEDULE} >> main a[href$='/edit/']",
    "run-schedule-create": "/t/{tenant}/evaluation-runs/schedules/new/",
    "reports": "/console/reports/",
    "portal-reports": "/t/{tenant}/reports/",
    "report": "/t/{tenant}/reports/ >> a.row-link",
    "report-schedules": "/console/reports/schedules/",
    "report-schedule": _REPORT_SCHEDULE,
    "report-schedule-edit": f"{_REPORT_SCHEDULE} >> main a[href$='/edit/']",
    "report-schedule-create": "/t/{tenant}/reports/schedules/new/",
    "live-evaluations": "/console/live-evaluation/",
    "live-evaluation": _LIVE,
    "live-evaluation-edit": f"{_LIVE} >> main a[href$='/edit/']",
    "live-evaluation-delete": f"{_LIVE} >> main a[href$='/delete/']",
    "live-evaluation-create": "/t/{tenant}/live-evaluation/new/",
    "drift-monitors": "/console/drift/",
    "drift-monitor": _DRIFT,
    "drift-finding": f"{_DRIFT} >> main a.ev-cell",
    "drift-edit": f"{_DRIFT} >> main a[href$='/edit/']",
    "drift-create": "/t/{tenant}/drift/new/",
    "collections": "/console/documents/",
    "portal-collections": "/t/{tenant}/documents/",
    "collection-create": "/t/{tenant}/documents/collections/new/",
    "collection": _COLLECTION,
    "collection-ingests": f"{_COLLECTION} >> .tabs a[href*='tab=ingests']",
    "collection-search": f"{_COLLECTION} >> .tabs a[href*='tab=search']",
    "collection-recall": f"{_COLLECTION} >> .tabs a[href*='tab=recall']",
    "collection-settings": f"{_COLLECTION} >> .tabs a[href*='tab=settings']",
    "collection-edit": f"{_COLLECTION} >> main a[href$='/edit/']",
    "collection-reembed": f"{_COLLECTION} >> main a[href$='/embed/']",
    "collection-delete": f"{_COLLECTION} >> main a[href$='/delete/']",
    "documents-upload": f"{_COLLECTION} >> main a[href$='/upload/']",
    "document-text": f"{_COLLECTION} >> main a[href$='/text/']",
    "documents-urls": f"{_COLLECTION} >> main a[href$='/addresses/']",
    "ingest": f"{_COLLECTION} >> .tabs a[href*='tab=ingests'] >> main tbody th a",
    "document": f"{_COLLECTION} >> main a.row-link",
    "document-passage": f"{_COLLECTION} >> main a.row-link >> .rag-outline li:nth-child(2) a",
    "document-edit": f"{_COLLECTION} >> main a.row-link >> main a[href$='/edit/']",
    "policies": "/console/guardrails/",
    "portal-policies": "/t/{tenant}/guardrails/",
    "policy-hits": "/console/guardrails/hits/?range=7d",
    "portal-policy-hits": "/t/{tenant}/guardrails/hits/?range=7d&by=outcome",
    "policy": _POLICY,
    "policy-try": f"{_POLICY} >> .tabs a[href*='tab=try']",
    "policy-dry-runs": f"{_POLICY} >> .tabs a[href*='tab=dry-runs']",
    "policy-versions": f"{_POLICY} >> .tabs a[href*='tab=versions']",
    "policy-hits-own": f"{_POLICY} >> .tabs a[href*='tab=hits']",
    "policy-cases": f"{_POLICY} >> .tabs a[href*='tab=cases']",
    "policy-case-new": f"{_POLICY} >> .tabs a[href*='tab=cases'] >> main a[href$='/cases/new/']",
    "policy-edit": f"{_POLICY} >> main a[href$='/edit/']",
    "policy-publish": f"{_POLICY} >> main a[href$='/publish/']",
    "rule-kinds": f"{_POLICY} >> main a[href$='/rules/new/']",
    "rule-new-pii": f"{_POLICY} >> main a[href$='/rules/new/'] >> main a[href$='/pii/']",
    "rule-new-topic": f"{_POLICY} >> main a[href$='/rules/new/'] >> main a[href$='/topic/']",
    "rule-new-judge": f"{_POLICY} >> main a[href$='/rules/new/'] >> main a[href$='/judge/']",
    "rule-new-invariant": f"{_POLICY} >> main a[href$='/rules/new/'] >> main a[href$='/invariant/']",
    "rule-edit": f"{_POLICY} >> main a[href*='/rules/']:not([href*='/new/'])",
    "policy-dry-run": f"{_POLICY} >> .tabs a[href*='tab=dry-runs'] >> tbody th a",
    "policy-create": "/t/{tenant}/guardrails/new/",
    "policy-import": "/t/{tenant}/guardrails/import/",
    "incidents": "/console/incidents/",
    "portal-incidents": "/t/{tenant}/incidents/",
    "incident": "/t/{tenant}/incidents/ >> a.row-link",
    "slos": "/t/{tenant}/slos/",
    "console-slos": "/console/slos/",
    "slo-create": "/t/{tenant}/slos/new/",
    "alert-rules": "/t/{tenant}/alerts/",
    "console-alert-rules": "/console/alerts/",
    "alert-rule": "/t/{tenant}/alerts/?q=prompts >> a.row-link",
    "alert-rule-create": "/t/{tenant}/alerts/new/",
    "alert-actions": "/t/{tenant}/alerts/actions/",
    "alert-action": "/t/{tenant}/alerts/actions/ >> a.row-link",
    "alert-action-create": "/t/{tenant}/alerts/actions/new/",
    "silences": "/t/{tenant}/alerts/silences/",
    "silence-create": "/t/{tenant}/alerts/silences/new/",
    "alert-channels": "/t/{tenant}/alerts/channels/",
    "alert-channel-kinds": "/t/{tenant}/alerts/channels/new/",
    "alert-channel-slack": "/t/{tenant}/alerts/channels/new/slack/",
    "escalation-create": "/t/{tenant}/alerts/escalations/new/",
    "dry-run": "/console/dry-run/?tenant={tenant}",
    "dry-run-answered": "/console/dry-run/?tenant={tenant}&model=advice",
    "keys": "/console/keys/",
    "portal-keys": "/t/{tenant}/keys/",
    "key-new": "/t/{tenant}/keys/new/",
    "key": "/t/{tenant}/keys/?sort=-last_used_at >> a.row-link",
    "key-edit": "/t/{tenant}/keys/?sort=-last_used_at >> a.row-link >> main a[href$='/edit/']",
    "key-rotate": "/t/{tenant}/keys/?sort=-last_used_at >> a.row-link >> main a[href$='/rotate/']",
    "service-keys": "/console/service-keys/",
    "limits": "/console/limits/",
    "portal-limits": "/t/{tenant}/limits/",
    "limit-new": "/t/{tenant}/limits/new/",
    "limits-effective": "/t/{tenant}/limits/effective/",
    "budgets": "/console/budgets/",
    "portal-budgets": "/t/{tenant}/budgets/",
    "budget-new": "/t/{tenant}/budgets/new/",
    "budget": "/t/{tenant}/budgets/ >> a.row-link",
    "budget-edit": "/t/{tenant}/budgets/ >> a.row-link >> main a[href$='/edit/']",
    "budget-raise": "/t/{tenant}/budgets/ >> a.row-link >> main a[href$='/raise/']",
    "chooser": "/t/",
    "not-found": "/console/nothing-here/",
    "not-found-bare": "/nothing-here/",
    "refused": "/console/",
    "account": "/account/",
    "password": "/account/password/change/",
    "second-factor": "/account/2fa/",
    "second-factor-app": "/account/2fa/totp/activate/",
    "sign-out": "/account/logout/",
    "usage": "/t/{tenant}/usage/",
    "usage-by-key": "/t/{tenant}/usage/?by=key&range=7d&measure=requests",
    "console-usage": "/console/usage/?range=7d",
    "usage-what-if": "/t/{tenant}/usage/what-if/",
    "savings": "/t/{tenant}/savings/",
    "console-savings": "/console/savings/",
    "statements": "/t/{tenant}/statements/",
    "statement": "/t/{tenant}/statements/ >> a.row-link",
}
"""Name of the file → address; ``{tenant}`` is a tenant's slug. ``ADDRESS >> SELECTOR`` follows the first such link, for
pages of one object, and so on. Each area adds its pages here. Below ``/t/`` a tenant's owner looks, elsewhere an
operator."""
EXPECTED_STATUS = {"not-found": 404, "not-found-bare": 404, "refused": 403}
OF_OWNER = frozenset({"refused", "second-factor-app"})
"""Pages elsewhere than below ``/t/`` at which a tenant's owner looks."""
README: dict[str, tuple[str, Literal["light", "dark"]]] = {
    "overview": ("overview-errors", "light"),
    "request": ("request", "dark"),
    "dry-run": ("dry-run-answered", "light"),
    "usage": ("console-usage", "dark"),
}
"""The pictures in README.md: name of the file in ``docs/screenshots`` → page and theme. One window each."""
README_DIR = ROOT / "docs" / "screenshots"
README_WINDOW = (1280, 860)
PRESSED = {"dry-run-answered": "main form button[type=submit]"}
"""What is pressed on a page before it is taken."""
WIDTHS = {1280: 800, 390: 844}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
AXE = ROOT / "tests" / "console" / "vendored" / "axe.js"
GRAVE = ("serious", "critical")


@dataclass(frozen=True)
class Installation:
    """What is photographed, and how to come in: user and password of an operator and of a tenant's owner."""

    url: str
    tenant: str
    operator: tuple[str, str]
    owner: tuple[str, str]


@contextmanager
def installation() -> Iterator[Installation]:
    """The one that the environment names, or one with the demo that lives as long as the block."""
    if url := os.environ.get("SCREENSHOT_URL", "").rstrip("/"):
        person = (os.environ.get("SCREENSHOT_USER", "admin"), os.environ.get("SCREENSHOT_PASSWORD", ""))
        yield Installation(url, os.environ.get("SCREENSHOT_TENANT", "demo"), person, person)
        return
    forget_old_demo("demo")
    with demo_installation("demo", "--scale", "0.5") as demo:
        yield Installation(demo.url, TENANT, (OPERATOR, demo.operator_password), (OWNER, demo.owner_password))


def sign_in(browser: Any, url: str, person: tuple[str, str]) -> Any:
    """The state of a browser in which somebody has signed in, through the form, as people do.

    Raises:
        SystemExit: the name or the password is wrong.
    """
    page = browser.new_context().new_page()
    page.goto(f"{url}/account/login/")
    page.locator("input[name=login]").fill(person[0])
    page.locator("input[name=password]").fill(person[1])
    page.locator("form button[type=submit], form button:not([type])").first.click()
    page.wait_for_load_state("load")
    if "/account/login" in page.url:
        sys.exit(f"{person[0]} cannot sign in.")
    return page.context.storage_state()


def photograph(page: Any, target: Installation, name: str, file: Path, *, whole: bool = True) -> list[str]:
    """Take one page, whole or what fits the window; returns what is wrong with it."""
    address, *links = PAGES[name].format(tenant=target.tenant).split(" >> ")
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    response = page.goto(f"{target.url}{address}", wait_until="load")
    for link in links:
        found = page.locator(link).first
        if not found.count():
            return [f"{file.name}: there is no {link} on {page.url}"]
        response = page.goto(str(found.evaluate("link => link.href")), wait_until="load")
    expected = EXPECTED_STATUS.get(name, 200)
    if response is None or response.status != expected:
        wrong.append(f"answers {response.status if response else 'nothing'}")
    if expected != 200:
        # The browser itself writes this to its console.
        wrong = [text for text in wrong if "Failed to load resource" not in text]
    if name in PRESSED:
        with page.expect_response(lambda answer: answer.request.method == "POST"):
            page.locator(PRESSED[name]).first.click()
    page.evaluate("() => document.fonts.ready")
    # Parts that a page asks for once it is there are part of it.
    page.wait_for_function("() => !document.querySelector('.htmx-request')")
    # Charts are drawn as the modules run, before this frame is.
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.evaluate("() => window.scrollTo({ top: 0, behavior: 'instant' })")
    page.screenshot(path=file, full_page=whole, animations="disabled")
    width = page.evaluate("document.documentElement.scrollWidth")
    if width > page.viewport_size["width"]:
        wrong.append(f"is {width} px wide")
    return [f"{file.name}: {text}" for text in wrong + inaccessible(page)]


def inaccessible(page: Any) -> list[str]:
    """Serious and critical violations of accessibility."""
    # As a debugger would: the page's policy allows no scripts but its own.
    page.evaluate(AXE.read_text(encoding="utf-8") + "\n;undefined")
    found = page.evaluate("() => axe.run()")["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found if one["impact"] in GRAVE]


def shots(names: list[str], folder: Path) -> Iterator[tuple[str, tuple[int, int], Literal["light", "dark"], Path]]:
    """What is to be taken: page, window, theme and file."""
    if names == ["readme"]:
        for picture, (name, theme) in README.items():
            yield name, README_WINDOW, theme, README_DIR / f"{picture}.png"
        return
    for width, height in WIDTHS.items():
        for theme in THEMES:
            for name in names or PAGES:
                yield name, (width, height), theme, folder / f"{name}-{width}-{theme}.png"


def main(names: list[str]) -> int:
    """Take the pages of these names, or all."""
    folder = Path(os.environ.get("SCREENSHOT_DIR", "var/screenshots"))
    wrong: list[str] = []
    with installation() as target, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        operator = sign_in(browser, target.url, target.operator)
        owner = sign_in(browser, target.url, target.owner)
        for name, (width, height), theme, file in shots(names, folder):
            file.parent.mkdir(parents=True, exist_ok=True)
            person = owner if PAGES[name].startswith("/t/") or name in OF_OWNER else operator
            context = browser.new_context(
                storage_state=person, viewport={"width": width, "height": height}, color_scheme=theme
            )
            wrong += photograph(context.new_page(), target, name, file, whole=names != ["readme"])
            context.close()
        browser.close()
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
