"""Every page of both workspaces over a small installation in use, in a real browser, as its reader would find it.

The pages are those that ``make screenshots`` photographs, and those of single rows that are not among them; widths and
themes take turns. Each is loaded once: links that others are reached by are noted when their page is there. Of several
states of a page, and of one that both workspaces have, axe, which takes long, looks at the first. A page that is
neither of these nor in :data:`NO_PAGES` fails the test.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.urls import Resolver404, URLResolver, get_resolver, resolve

from alerting.models import SLO, AlertAction, AlertRule, Incident
from contracts.tenant_scope import across_tenants
from deploy.screenshots import EXPECTED_STATUS, OF_OWNER, PAGES
from evaluation.models import Gate, GoldenSet
from evaluation.uploads import read_upload
from events.models import Run
from guardrails.models import Policy
from insights.models import ImpactRule
from routing.models import Model
from tenants.audit import AuditEntry
from tenants.models import Budget, Membership, RateLimit
from tests.browser.chromium import chromium
from tests.browser.signed_in import AXE, OF_NO_WEIGHT, SEVERE, STILL, browser_test, session_cookie
from tests.tenants.factories import make_operator

pytestmark = [*browser_test, pytest.mark.timeout(900)]

LOOKS = ((1280, "light"), (390, "dark"), (1280, "dark"), (390, "light"))
MOST_WAIT_MS = 20_000
THEN = " >> "
"""Between the steps of an address: a page, and links to follow from it."""
NO_PAGES = {
    "requests-histogram",
    "audit-export",
    "usage-export",
    "provider-test",
    "policy-export",
    "policy-cases-run",
    "golden-set-export",
    "incident-post-mortem",
    "report-pdf",
}
"""Parts of pages, files, and answers to a POST."""
NO_ROWS = {
    *("service-key", "service-key-edit", "service-key-revoke", "service-key-rotate"),
    *("settings-notification", "settings-erasure-progress"),
    *("alert-channel", "alert-channel-edit", "escalation-edit"),
}
"""Pages of rows that the demo has none of: tests of their views open them."""

# Files that the page has loaded need no second look; of the frame, which is on all pages, four looks are enough.
# Contrast, which takes axe most of its time, is that of components that pages of single rows share with the others.
ACCESSIBILITY = f"""([framed, contrast]) => axe.run(framed ? document : {{ exclude: ["#sidebar", ".topbar"] }}, {{
    resultTypes: ["violations"], preload: false,
    rules: {{ ...{OF_NO_WEIGHT}, "color-contrast": {{ enabled: contrast }} }} }})"""


@pytest.fixture
def browser(demo_small: Any) -> Iterator[Any]:
    """Started once the demo is there and closed before it goes: both need an event loop of their own."""
    with chromium() as running:
        yield running


def onward(addresses: Iterable[str]) -> dict[str, set[str]]:
    """By address, links that other addresses follow from there."""
    links: defaultdict[str, set[str]] = defaultdict(set)
    for address in addresses:
        steps = address.split(THEN)
        for number in range(1, len(steps)):
            links[THEN.join(steps[:number])].add(steps[number])
    return links


class Reader:
    """One person's browser; what it complains of since the last page is in ``wrong``.

    ``names`` are those of the views that somebody has looked at, ``links`` those that :func:`onward` found.
    """

    def __init__(self, browser: Any, url: str, user: Any, names: set[str], links: dict[str, set[str]]) -> None:
        self.wrong: list[str] = []
        self._names = names
        self._links = links
        self._leads: dict[str, str] = {}
        self._expected = 200
        self._seen: set[tuple[int, str]] = set()
        context = browser.new_context(base_url=url)
        context.add_cookies([session_cookie(user, url)])
        self.page = context.new_page()
        self.page.set_default_timeout(MOST_WAIT_MS)
        # What serves tests has no WebSockets; the live connection has tests of its own.
        self.page.route_web_socket("**/v1/ws*", lambda _socket: None)
        self.page.on("console", lambda told: self.wrong.append(told.text) if told.type == "error" else None)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("requestfailed", lambda asked: self.wrong.append(f"{asked.failure} {asked.url}"))
        self.page.on("response", self._answered)

    def _answered(self, answer: Any) -> None:
        if answer.status >= 400 and answer.status != self._expected:
            self.wrong.append(f"{answer.status} {answer.url}")

    def look(self, address: str, status: int, width: int, theme: str, *, contrast: bool) -> list[str]:
        """What is wrong with the page at this address, which is to answer with this status."""
        self.wrong.clear()
        self._expected = status
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme=theme)
        answer, missing = self._open(address)
        if missing:
            return [f"there is no {missing}"]
        self.page.evaluate(STILL)
        self._note_links(address)
        name = name_of_view(self.page.url)
        known = name in self._names
        self._names.add(name)
        wrong = [*self._policy(answer), *self._layout(width), *self.wrong]
        if not known:
            framed = (width, theme) not in self._seen
            self._seen.add((width, theme))
            wrong += self._accessibility(framed, contrast)
        if answer.status != status:
            wrong.append(f"answers {answer.status}")
        # The browser itself tells of an answer that is no 200.
        return [text for text in wrong if status == 200 or "Failed to load resource" not in text]

    def _open(self, address: str) -> tuple[Any, str]:
        """Follow the links of the address from the last page whose place is known on, or name the missing one."""
        steps = address.split(THEN)
        done = max(
            number for number in range(1, len(steps) + 1) if number == 1 or THEN.join(steps[:number]) in self._leads
        )
        answer = self.page.goto(self._leads.get(THEN.join(steps[:done]), steps[0]))
        for number in range(done, len(steps)):
            before = THEN.join(steps[:number])
            self._note_links(before)
            if before + THEN + steps[number] not in self._leads:
                return answer, steps[number]
            answer = self.page.goto(self._leads[before + THEN + steps[number]])
        return answer, ""

    def _note_links(self, address: str) -> None:
        for link in self._links.get(address, ()):
            found = self.page.locator(link).first
            if found.count():
                self._leads[address + THEN + link] = str(found.evaluate("link => link.href"))

    @staticmethod
    def _policy(answer: Any) -> list[str]:
        policy = answer.headers.get("content-security-policy", "")
        return [] if "script-src 'self'" in policy and "unsafe" not in policy else [f"its policy is {policy!r}"]

    def _layout(self, width: int) -> list[str]:
        wide = self.page.evaluate("document.documentElement.scrollWidth")
        headings = self.page.locator("h1").count()
        return [f"is {wide} px wide"] * (wide > width) + [f"has {headings} h1"] * (headings != 1)

    def _accessibility(self, framed: bool, contrast: bool) -> list[str]:
        self.page.add_script_tag(url=AXE)
        return [
            f"{one['id']}: {node['target']} {node.get('failureSummary', '')}"
            for one in self.page.evaluate(ACCESSIBILITY, [framed, contrast])["violations"]
            if one["impact"] in SEVERE
            for node in one["nodes"][:3]
        ]


def pages_of_rows(demo: Any) -> list[str]:
    """Addresses that begin with a row of the demo, as ``make screenshots`` cannot know them."""
    made, tenant = demo.made, demo.made.tenants[0]
    provider, route = made.providers[0].pk, tenant.routes[0].row.pk
    key, secret = tenant.keys[0].row.pk, made.secrets[0].pk
    of_tenant = {"tenant_id": tenant.row.pk}
    with across_tenants("one row of each kind"):
        model = Model.objects.filter(provider=provider)[0].pk
        entry = AuditEntry.objects.filter(action="updated")[0].pk
        budget, limit = Budget.objects.filter(**of_tenant)[0].pk, RateLimit.objects.filter(**of_tenant)[0].pk
        one, other = Run.objects.filter(tenant_id=str(tenant.row.pk)).values_list("pk", flat=True)[:2]
        member = Membership.objects.filter(**of_tenant, role="viewer")[0].pk
    team = next(iter(tenant.teams.values())).pk
    golden_set = GoldenSet.objects.for_tenant(tenant.row)[0]
    gate = Gate.objects.for_tenant(tenant.row)[0].pk
    upload = read_upload(golden_set=golden_set, name="more.csv", content=b"input,expected\nHow?,So\n,x\n").pk
    golden = golden_set.pk
    with across_tenants("one row of each kind"):
        alert_rule, slo = AlertRule.objects.filter(**of_tenant)[0].pk, SLO.objects.filter(**of_tenant)[0].pk
        incident, action = Incident.objects.filter(**of_tenant)[0].pk, AlertAction.objects.filter(**of_tenant)[0].pk
    policy, rule = Policy.objects.for_tenant(tenant.row)[0].pk, "contact-and-card-data"
    console = [
        *(f"tenants/{tenant.row.slug}/{tab}/" for tab in ("teams", "keys", "limits", "budgets", "audit", "edit")),
        *(f"providers/{provider}/{tab}" for tab in ("", "?tab=errors", "?tab=settings", "edit/", "delete/")),
        *(f"models/{part}/" for part in (f"new/?provider={provider}", model, f"{model}/edit", f"{model}/delete")),
        *(f"secrets/{secret}/{part}/" for part in ("value", "delete")),
        *(f"routes/{route}/{part}/" for part in ("edit", "copy", "delete")),
        f"audit/{entry}/",
        "service-keys/new/",
    ]
    portal = [
        *(f"keys/{key}/{part}/" for part in ("edit", "rotate", "revoke")),
        *(f"budgets/{budget}/{part}/" for part in ("edit", "raise")),
        *(f"settings/{part}/" for part in ("general", "caches", "notifications/new", "notifications/slack")),
        f"limits/{limit}/edit/",
        f"requests/{one}/replay/",
        f"requests/compare/?a={one}&b={other}",
        "settings/erasure/confirm/?user=u-10",
        "members/invitations/",
        f"members/{member}/role/",
        "teams/new/",
        f"teams/{team}/edit/",
        "audit/",
        *(
            f"guardrails/{policy}/{part}/"
            for part in ("edit", "publish", "cases/new", "copy", "delete", "import", "rules/new")
        ),
        *(f"guardrails/{policy}/rules/{part}/" for part in ("new/words", rule)),
        *(f"golden-sets/{golden}/{part}" for part in ("edit/", "delete/", "differences/?old=1&new=1", "gates/new/")),
        f"golden-sets/{golden}/upload/{upload}/",
        f"golden-sets/{golden}/gates/{gate}/",
        f"requests/{one}/golden-set/",
        *(f"{path}/{part}" for path in (f"alerts/{alert_rule}", f"slos/{slo}") for part in ("", "edit/")),
        *(f"alerts/actions/{part}" for part in ("", "new/", f"{action}/", f"{action}/edit/")),
        f"incidents/{incident}/",
        "savings/rules/new/",
        f"savings/rules/{ImpactRule.objects.for_tenant(tenant.row)[0].pk}/",
        "alerts/summaries/",
    ]
    return [*(f"/console/{path}" for path in console), *(f"/t/{tenant.row.slug}/{path}" for path in portal)]


def names_of_pages(resolver: Any, *, inside: bool = False) -> Iterator[str]:
    """The names of all views of the two workspaces that answer a GET."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from names_of_pages(pattern, inside=inside or pattern.namespace in ("console", "portal"))
        elif inside and hasattr(getattr(pattern.callback, "view_class", None), "get") and pattern.name:
            yield str(pattern.name)


def name_of_view(address: str) -> str:
    """Empty where there is none."""
    with suppress(Resolver404):
        return resolve(urlsplit(address).path).url_name or ""
    return ""


def test_every_page_fits_is_accessible_and_complains_of_nothing(
    browser: Any, live_server: Any, settings: Any, demo_small: Any
) -> None:
    settings.REQUIRE_MFA_FOR_OPERATORS = False
    tenant = demo_small.made.tenants[0]
    pages = [(name, address.format(tenant=tenant.row.slug)) for name, address in PAGES.items()]
    pages += [("", address) for address in pages_of_rows(demo_small)]
    names: set[str] = set()
    links = onward(address for _name, address in pages)
    operator = Reader(browser, live_server.url, make_operator(), names, links)
    owner = Reader(browser, live_server.url, tenant.people["owner"][0], names, links)
    wrong: dict[str, list[str]] = {}
    for (name, address), (width, theme) in zip(pages, cycle(LOOKS), strict=False):
        if not name and "?" not in address and name_of_view(address) in names:
            continue
        reader = owner if address.startswith("/t/") or name in OF_OWNER else operator
        if found := reader.look(address, EXPECTED_STATUS.get(name, 200), width, theme, contrast=bool(name)):
            wrong[f"{address}, {width} px, {theme}"] = found
    unseen = {*names_of_pages(get_resolver())} - NO_PAGES - NO_ROWS - names
    if unseen:
        wrong["nobody looked at"] = sorted(unseen)
    assert wrong == {}, "\n".join(f"{page}: {text}" for page, texts in wrong.items() for text in texts)
