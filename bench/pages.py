"""How long each page takes to be answered where there is much to show.

``python -m bench.pages [--runs N] [--at URL] [page …]``. Starts an installation of its own with the demo at a scale of
more than 1,000,000 events and 10,000 keys (made once, in ``var/demo-large``; about ten minutes), signs in as an
operator and as a tenant's owner, and asks for every page of ``make screenshots``, for what is harder on the database
(:data:`HARDER`), and for every part that these pages ask for by themselves, at once or at events. Exits with 1 when the
median of the times, after one that warms up, is 400 ms or more, or a page does not answer as it should. On a busy
machine the best time is the truest.

``--at`` takes an installation that is running already from that folder (``manage.py up`` with ``VAR_DIR``).
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import urljoin

import httpx
from selectolax.lexbor import LexborHTMLParser

from bench.page_parts import Part, parts_of
from deploy.demo_installation import OPERATOR, OWNER, ROOT, TENANT, DemoInstallation, demo_installation
from deploy.screenshots import EXPECTED_STATUS, OF_OWNER, PAGES

BAR_MS = 400.0
NAME = "demo-large"
LARGE = ("--scale", "3.2", "--keys", "10000")
HARDER: dict[str, str] = {
    "overview-30d": "/console/?range=30d&split=route&by=cost",
    "portal-overview-30d": "/t/{tenant}/?range=30d&split=model&by=cost",
    "requests-text": "/console/requests/?range=30d&q=nowhere-to-be-found",
    "requests-rare": "/console/requests/?range=30d&cost_min=1000",
    "requests-tag": "/console/requests/?range=30d&tag=feature%3Dnone",
    "requests-user": "/console/requests/?range=30d&user=nobody",
    "requests-key": "/console/requests/?range=30d&key=nobody",
    "requests-trace": "/console/requests/?range=30d&trace=0123456789abcdef0123456789abcdef",
    "requests-deep": "/console/requests/?range=30d >> next*20",
    "requests-filtered-deep": "/console/requests/?range=30d&status=completed&streamed=yes >> next*20",
    "portal-requests-text": "/t/{tenant}/requests/?range=30d&q=nowhere-to-be-found",
    "keys-deep": "/console/keys/?page=200",
    "keys-by-spend": "/console/keys/?sort=-spend",
    "keys-by-spend-deep": "/console/keys/?sort=-spend&page=200",
    "keys-by-tenant-deep": "/console/keys/?sort=tenant&page=200",
    "keys-by-use": "/console/keys/?sort=-last_used_at&unused=30",
    "keys-searched": "/console/keys/?q=nowhere-to-be-found",
    "keys-replaced": "/console/keys/?state=replaced",
    "portal-keys-by-spend": "/t/{tenant}/keys/?sort=-spend&page=100",
    "portal-keys-searched": "/t/{tenant}/keys/?q=load&state=active",
    "key-limits": "/t/{tenant}/keys/?sort=-last_used_at >> a.row-link >> ?tab=limits",
    "key-requests": "/t/{tenant}/keys/?sort=-last_used_at >> a.row-link >> ?tab=requests",
    "key-edit": "/t/{tenant}/keys/?sort=-last_used_at >> a.row-link >> edit/",
    "usage-users-of-a-model": "/t/{tenant}/usage/?range=90d&by=user&model=gpt-4.1-mini",
    "usage-users": "/t/{tenant}/usage/?range=90d&by=user",
    "usage-keys": "/t/{tenant}/usage/?range=90d&by=key",
    "usage-keys-of-a-user": "/t/{tenant}/usage/?range=90d&by=key&user=u-10",
    "usage-tag": "/t/{tenant}/usage/?range=90d&by=tag%3Afeature",
    "usage-models-of-a-tag": "/t/{tenant}/usage/?range=90d&by=model&tag=feature",
    "console-usage-90d": "/console/usage/?range=90d",
    "audit-deep": "/console/audit/ >> next*20",
    "audit-searched": "/console/audit/?q=nowhere-to-be-found",
    "audit-filtered": "/console/audit/?object_type=budget&action=deleted",
    "audit-entry": "/console/audit/ >> a.row-link",
    "portal-audit": "/t/{tenant}/audit/?q=nowhere-to-be-found",
    "tenant-keys": "/console/tenants/{tenant}/keys/?page=100",
    "tenant-limits": "/console/tenants/{tenant}/limits/",
    "tenant-budgets": "/console/tenants/{tenant}/budgets/",
    "tenant-audit": "/console/tenants/{tenant}/audit/",
    "tenants-by-cost": "/console/tenants/?sort=-cost",
    "provider": "/console/providers/ >> a",
    "model": "/console/models/ >> a.row-link",
    "models-by-name": "/console/models/?sort=name&q=gpt",
    "console-route": "/console/routes/ >> a.row-link",
    "route-edit": "/t/{tenant}/routes/ >> .row-link >> edit/",
    "portal-providers": "/t/{tenant}/providers/",
    "portal-models": "/t/{tenant}/models/",
    "effective-limits": "/t/{tenant}/limits/effective/?key={key}",
    "requests-histogram": "/console/requests/histogram/?range=30d&q=nowhere-to-be-found",
    "workspaces-searched": "/t/?q=a",
    "savings-90d": "/t/{tenant}/savings/?range=90d",
    "savings-24h": "/t/{tenant}/savings/?range=24h",
    "console-savings-searched": "/console/savings/?q=a&sort=-saving&advice=open",
}
"""Far back, deep in a list, rare or absent, or over the longest range: as :data:`deploy.screenshots.PAGES`, and
``>> next*N`` follows the link to the next page N times; a third part is put behind the link. ``{{key}}`` is the id of
the tenant's key that was used last."""
_KEEP = "from insights import tasks; tasks.keep_calls(); tasks.keep_savings()"
_CONTINUES = re.compile(r"\?.*|[\w-]+/")
_NEXT = re.compile(r'rel="next" href="([^"]+)"')


@dataclass(frozen=True)
class Timing:
    """Answers of one page or part: milliseconds, bytes before compression, and what is wrong."""

    name: str
    best_ms: float
    p50_ms: float
    max_ms: float
    size: int
    wrong: str

    @property
    def missed(self) -> bool:
        """Whether it is too slow, or no answer at all."""
        return bool(self.wrong) or self.p50_ms >= BAR_MS

    def __str__(self) -> str:
        note = self.wrong or ("MISSED" if self.missed else "")
        took = f"{self.best_ms:8.1f} {self.p50_ms:8.1f} {self.max_ms:8.1f}"
        return f"{self.name:42} {took} {self.size / 1024:6.0f}  {note}"


def signed_in(installation: DemoInstallation, name: str, password: str) -> httpx.Client:
    """A client with a session of this person's."""
    client = httpx.Client(base_url=installation.url, timeout=60.0)
    if not _filled(client, "/account/login/", {"login": name, "password": password}):
        sys.exit(f"{name} cannot sign in.")
    # Some pages of one's own account ask for the password once more.
    if not _filled(client, "/account/reauthenticate/", {"password": password}):
        sys.exit(f"{name} cannot confirm the password.")
    return client


def _filled(client: httpx.Client, address: str, fields: dict[str, str]) -> bool:
    """Whether the form at the address was taken, and led elsewhere."""
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get(address).text)
    assert token is not None
    referer = {"referer": str(client.base_url.join(address))}
    answer = client.post(address, data={"csrfmiddlewaretoken": token[1], **fields}, headers=referer)
    return answer.status_code == httpx.codes.FOUND


def address_of(client: httpx.Client, description: str) -> str:
    """The page's address: each further step is what follows in it, or the selector of a link on the page before.

    Raises:
        LookupError: a page has no such link.
    """
    if "{key}" in description:
        key = address_of(client, f"/t/{TENANT}/keys/?sort=-last_used_at >> a.row-link")
        description = description.replace("{key}", key.rstrip("/").rpartition("/")[2])
    address, *steps = description.replace("{tenant}", TENANT).split(" >> ")
    if not steps:
        return address
    if steps[0].startswith("next*"):
        for _ in range(int(steps[0].removeprefix("next*"))):
            following = _NEXT.search(client.get(address).text)
            if following is None:
                raise LookupError(f"{address} is the last page")
            address = address.partition("?")[0] + following[1].replace("&amp;", "&")
        return address
    for step in steps:
        address = address + step if _CONTINUES.fullmatch(step) else _linked(client, address, step)
    return address


def _linked(client: httpx.Client, address: str, selector: str) -> str:
    """Where the first such link leads; ``:has-text('…')`` at the end is as browsers' drivers have it."""
    selector, _, text = selector.removesuffix("')").partition(":has-text('")
    for link in LexborHTMLParser(client.get(address).text).css(selector):
        to = link.attributes.get("href")
        if to is not None and text in link.text():
            return urljoin(address, to)
    raise LookupError(f"there is no {selector} on {address}")


def timed(name: str, ask: Callable[[], httpx.Response], runs: int, expected: int = 200) -> tuple[Timing, str]:
    """Ask ``runs`` times, and once before; the timing, and the text of the answer."""
    answer = ask()
    wrong = "" if answer.status_code == expected else f"{answer.request.url} answers {answer.status_code}"
    took = []
    for _ in range(runs):
        started = time.perf_counter()
        ask()
        took.append((time.perf_counter() - started) * 1000)
    timing = Timing(name, min(took), statistics.median(took), max(took), len(answer.content), wrong)
    return timing, answer.text


def page_and_parts(
    client: httpx.Client, name: str, description: str, runs: int, asked: set[tuple[str, str]]
) -> Iterator[Timing]:
    """The page first, then each part that it asks for by itself, but for those that were ``asked`` for already."""
    try:
        address = address_of(client, description)
    except LookupError as error:
        yield Timing(name, 0.0, 0.0, 0.0, 0, str(error))
        return
    timing, text = timed(name, partial(client.get, address), runs, EXPECTED_STATUS.get(name, 200))
    yield timing
    for part in parts_of(text, address):
        if (part.address, part.target) not in asked:
            asked.add((part.address, part.target))
            yield timed(f"{name} #{part.target}", partial(asked_for, client, part), runs)[0]


def asked_for(client: httpx.Client, part: Part) -> httpx.Response:
    """As htmx asks."""
    headers = {"HX-Request": "true", "HX-Target": part.target, "X-CSRFToken": part.token, **part.headers}
    headers["referer"] = str(client.base_url.join(part.page))
    if part.fields is None:
        return client.get(part.address, headers=headers)
    return client.post(part.address, data=part.fields, headers=headers)


@contextmanager
def installation(url: str | None) -> Iterator[DemoInstallation]:
    """The one that runs at this address, or one that lives as long as the block."""
    if url:
        yield DemoInstallation(url, ROOT / "var" / NAME)
        return
    with demo_installation(NAME, *LARGE) as started:
        # What beat does within minutes; an installation that is used again was stopped before it came to that.
        if started.manage("shell", "-v", "0", "-c", _KEEP):
            sys.exit("What beat keeps could not be kept.")
        yield started


def main() -> int:
    """Print a row per page and part."""
    pages = PAGES | HARDER
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="*", choices=[*pages, []], help="all")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--at", metavar="URL")
    options = parser.parse_args()
    with installation(options.at) as large:
        operator = signed_in(large, OPERATOR, large.operator_password)
        owner = signed_in(large, OWNER, large.owner_password)
        print(f"{'page':42} {'best ms':>8} {'p50 ms':>8} {'max ms':>8} {'KiB':>6}")
        timings: list[Timing] = []
        asked: set[tuple[str, str]] = set()
        for name in options.pages or pages:
            client = owner if pages[name].startswith("/t/") or name in OF_OWNER else operator
            for timing in page_and_parts(client, name, pages[name], options.runs, asked):
                timings.append(timing)
                print(timing, flush=True)
    return 1 if any(timing.missed for timing in timings) else 0


if __name__ == "__main__":
    sys.exit(main())
