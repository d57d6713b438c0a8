"""Every address of the project, asked for another tenant's objects.

The list of addresses is the project's own: an address that is added is walked without a change here, and one that
nobody has classified fails the first test. That an object is really behind an address is known from an operator, who
gets it; the member, the service key and the API key of another tenant must not, and never read its markers.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

import msgspec
import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import Resolver404, URLPattern, URLResolver, get_resolver, resolve

from console import errors
from events.live.routing import websocket_urlpatterns
from gateway import process
from gateway.openapi_operations import OPERATIONS
from tenants.models import Tenant
from tests.isolation.guard import owned_tables
from tests.isolation.planted import Planted, keys_of, plant
from tests.tenants.factories import make_operator

pytestmark = pytest.mark.django_db(transaction=True)

PUBLIC = {
    r"": "sends to the console or the sign-in page",
    r"favicon\.ico": "an icon",
    r"account/.*": "signing in, and the own account of whoever is signed in",
    r"api/(schema|docs|redoc)": "documentation without data",
    r"t/": "the tenants that whoever is signed in may go to",
    r"health(/detailed)?": "probes; names targets of the platform",
}
UNREADABLE_FOR_TENANTS = {r"metrics": "for the platform's Prometheus; reverse proxies keep it inside"}
OPERATORS = {r"admin/.*": "the operators' admin", r"console/.*": "the operators' console"}
PORTAL = {r"t/<slug:tenant>/.*": "one tenant's pages"}
TENANTS = {r"api/v1/.*": "the management API"}
CALLERS = {r"v1/.*": "the data plane"}

KINDS = {
    "public": PUBLIC,
    "inside": UNREADABLE_FOR_TENANTS,
    "operators": OPERATORS,
    "portal": PORTAL,
    "tenants": TENANTS,
    "callers": CALLERS,
}

REFUSED = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
NOT_A_METHOD = HTTPStatus.METHOD_NOT_ALLOWED
METHODS = ("GET", "PUT", "PATCH", "DELETE", "POST")

_ARGUMENT = re.compile(r"\(\?P<(\w+)>((?:[^()]|\([^()]*\))*)\)|<(?:(\w+):)?(\w+)>")


@dataclass(frozen=True)
class Address:
    """One pattern of the project."""

    route: str
    table: str = ""
    """The table whose rows it gives; empty where it gives no rows of a table."""

    @property
    def kind(self) -> str:
        """Whose it is; empty when nobody said."""
        return next(
            (kind for kind, table in KINDS.items() if any(re.fullmatch(pattern, self.route) for pattern in table)), ""
        )

    @property
    def takes_key(self) -> bool:
        """Whether it names an object."""
        return _ARGUMENT.search(self.route) is not None

    def path(self, key: str = "") -> str:
        """With the key in every place that takes one."""
        return "/" + _ARGUMENT.sub(lambda _: key, self.route)

    def accepts(self, key: str) -> bool:
        """Whether the key has the shape that the pattern wants."""
        match = _ARGUMENT.search(self.route)
        wanted = match[2] if match else None
        return wanted is None or re.fullmatch(wanted, key) is not None


def addresses() -> list[Address]:
    """Everything that Django's resolver knows, the data plane's table included."""
    return list(_addresses(get_resolver(), ""))


def _addresses(resolver: URLResolver, prefix: str) -> Iterator[Address]:
    for pattern in resolver.url_patterns:
        route = prefix + re.sub(r"^\^|\$$|\\Z$", "", str(pattern.pattern))
        if isinstance(pattern, URLPattern):
            rows = getattr(getattr(pattern.callback, "cls", None), "queryset", None)
            yield Address(route, "" if rows is None else rows.model._meta.db_table)
        else:
            yield from _addresses(pattern, route)


@pytest.fixture
def mine() -> Planted:
    return plant("alpha")


@pytest.fixture
def theirs() -> Planted:
    return plant("omega")


@pytest.fixture(autouse=True)
def _gateway() -> Iterator[None]:
    process.stop()
    yield
    process.stop()


@pytest.fixture(autouse=True)
def _plain_settings(settings) -> None:
    settings.REQUIRE_MFA_FOR_OPERATORS = False
    settings.MANAGEMENT_RATE_PER_MINUTE = 1_000_000


def operator() -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(make_operator())
    return client


def callers_of(planted: Planted) -> dict[str, Client]:
    """Everything by which somebody of this tenant may come in."""
    member = Client(raise_request_exception=False)
    member.force_login(planted.member)
    service = Client(raise_request_exception=False, headers={"authorization": f"Bearer {planted.service_key}"})
    program = Client(raise_request_exception=False, headers={"authorization": f"Bearer {planted.api_key}"})
    return {"member": member, "service key": service, "API key": program}


def body_of(response) -> str:
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return content.decode("utf-8", "replace")


def test_somebody_has_said_of_every_address_whose_it_is():
    unclassified = [address.route for address in addresses() if not address.kind]

    assert unclassified == [], "Add each to one of the tables above, with the reason."


def test_the_data_planes_table_is_walked_too():
    walked = {address.route for address in addresses()}

    assert {operation.django_path for operation in OPERATIONS} <= walked


def test_the_only_websocket_shows_events_of_the_callers_own_tenant():
    """What a watcher sees is tested in tests/events/live/test_consumer.py."""
    assert [str(pattern.pattern) for pattern in websocket_urlpatterns] == ["v1/ws"]


def test_another_tenant_has_a_row_of_every_kind(theirs):
    found = keys_of(theirs.tenant)
    exempt = {"tenants_keptanswer"}  # an answer to a repeated request, kept for the very caller

    assert {table for table in owned_tables() if not found.get(table)} - exempt == set(), "Plant it in planted.py."


def test_no_object_of_another_tenant_is_reached_through_the_management_api(mine, theirs):
    details = [address for address in addresses() if address.kind == "tenants" and address.takes_key]
    behind = _objects_behind(details, keys_of(theirs.tenant))
    wrong = []
    for who, client in callers_of(mine).items():
        for address in details:
            for key in behind.get(_resource(address), ()):
                for method in METHODS:
                    response = client.generic(method, address.path(key), b"{}", content_type="application/json")
                    wrong += _complaints(who, method, address.path(key), response, theirs.marker)

    assert wrong == []
    empty = {_resource(address) for address in details} - behind.keys()
    assert empty <= {"api/v1/quarantined-events/"}, "Nothing of another tenant was behind these, so nothing was tested."


def _objects_behind(details: list[Address], keys: dict[str, set[str]]) -> dict[str, list[str]]:
    """The keys that an operator finds, by resource. Of its own table only: a number of another may be a row of mine."""
    client, found = operator(), {}
    every = set().union(*keys.values())
    for address in details:
        if address.route.endswith(")"):
            own = keys.get(address.table, set()) if address.table else every
            fitting = sorted(key for key in own if address.accepts(key))
            there = [key for key in fitting if client.get(address.path(key)).status_code == HTTPStatus.OK]
            if there:
                found[_resource(address)] = there
    return found


def _resource(address: Address) -> str:
    return address.route.partition("(?P<")[0]


def _complaints(who: str, method: str, path: str, response, marker: str) -> list[str]:
    complaints = []
    expected = REFUSED | {NOT_A_METHOD} | ({HTTPStatus.UNAUTHORIZED} if who == "API key" else set())
    if response.status_code not in expected:
        complaints.append(f"{who}: {method} {path} answers {response.status_code}")
    if marker in body_of(response):
        complaints.append(f"{who}: {method} {path} shows what is another tenant's")
    return complaints


def test_no_list_of_the_management_api_holds_anything_of_another_tenant(mine, theirs):
    wrong, seen = [], 0
    lists = [address for address in addresses() if address.kind == "tenants" and not address.takes_key]
    for who, client in callers_of(mine).items():
        for address in lists:
            for query in (
                "",
                f"?tenant={theirs.tenant.pk}",
                f"?tenant={theirs.tenant.slug}",
                f"?search={theirs.marker}",
            ):
                response = client.get(address.path() + query)
                body = body_of(response)
                seen += mine.marker in body
                # What was asked for may be repeated in an error.
                if response.status_code == HTTPStatus.OK and theirs.marker in body.replace(query.lstrip("?"), ""):
                    wrong.append(f"{who}: {address.path()}{query}")
                if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    wrong.append(f"{who}: {address.path()}{query} answers {response.status_code}")

    assert wrong == []
    assert seen > 10, "The lists hold what is their own, so they are really asked."


def test_no_page_of_the_admin_opens_for_a_member(mine, theirs):
    keys = sorted(set().union(*keys_of(theirs.tenant).values()))
    wrong = []
    for who, client in callers_of(mine).items():
        for address in addresses():
            if address.kind != "operators":
                continue
            response = client.get(address.path(keys[0]))
            if theirs.marker in body_of(response):
                wrong.append(f"{who}: {address.path(keys[0])} shows what is another tenant's")
            if response.status_code == HTTPStatus.OK and address.route != "admin/login/":
                wrong.append(f"{who}: {address.path(keys[0])} opens")

    assert wrong == []


def _page_path(address: Address, tenant: str, key: str) -> str:
    """Of a tenant's page: the tenant's own place is filled with its slug, every other with the key."""
    named = address.route.replace("<slug:tenant>", tenant, 1)
    return "/" + _ARGUMENT.sub(lambda _: key, named)


def test_no_page_of_another_tenant_opens_for_a_member(mine, theirs):
    keys = sorted(set().union(*keys_of(theirs.tenant).values()))
    pages = [address for address in addresses() if address.kind == "portal"]
    wrong = []
    for who, client in callers_of(mine).items():
        for address in pages:
            response = client.get(_page_path(address, theirs.tenant.slug, keys[0]))
            if theirs.marker in body_of(response):
                wrong.append(f"{who}: {address.route} shows what is another tenant's")
            if who == "member" and response.status_code != HTTPStatus.NOT_FOUND:
                wrong.append(f"{who}: {address.route} answers {response.status_code}")

    assert wrong == []
    assert pages, "There are pages of tenants."


def one_of_each_kind(tenant: Tenant) -> dict[str, str]:
    """A row of each table of the tenant's: what an address looks up is one kind of row."""
    return {table: min(keys) for table, keys in keys_of(tenant).items() if keys}


UNKNOWN = (str(uuid.uuid4()), "987654321987", "nobody-has-this")
"""Keys that no row has, in the shapes that addresses take."""


def tables_looked_in(client: Client, method: str, path: str, key: str) -> set[str]:
    """Whose tables a page asks for the key that it is given."""
    asked: set[str] = set()

    def note(execute, sql, params, many, context):
        # Values may be one in another: a list for ANY, JSON.
        if key in str(params):
            asked.update(owned_tables().keys() & set(re.findall(r'"(\w+)"', str(sql))))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        client.generic(method, path)
    return asked


def keys_worth_asking(client: Client, method: str, address: Address, slug: str, keys: dict[str, str]) -> set[str]:
    """Rows of the tables that the page looks its key up in; of all tables, where it does not tell."""
    for unknown in UNKNOWN:
        path = _page_path(address, slug, unknown)
        if _leads_to(path, address) and (tables := tables_looked_in(client, method, path, unknown) & keys.keys()):
            return {keys[table] for table in tables}
    return set(keys.values())


def method_of(client: Client, address: Address, slug: str) -> str:
    """How the page is asked: with GET, unless it only does something."""
    paths = [_page_path(address, slug, unknown) for unknown in UNKNOWN]
    fitting = next((path for path in paths if _leads_to(path, address)), paths[0])
    return "POST" if client.get(fitting).status_code == NOT_A_METHOD else "GET"


@pytest.mark.timeout(400)
def test_no_object_of_another_tenant_opens_below_the_own_one(mine, theirs, monkeypatch):
    # The page that refuses knows of no row, has been looked at by the tests above, and is most of what this one gets.
    monkeypatch.setattr(errors, "render", lambda request, template, context, status: HttpResponse(status=status))
    keys, slug = one_of_each_kind(theirs.tenant), mine.tenant.slug
    member = callers_of(mine)["member"]
    wrong, asked = [], set()
    for address in addresses():
        if address.kind != "portal" or not _ARGUMENT.search(address.route.replace("<slug:tenant>", "")):
            continue
        method = method_of(member, address, slug)
        for key in keys_worth_asking(member, method, address, slug, keys):
            path = _page_path(address, slug, key)
            if not _leads_to(path, address):
                continue
            asked.add(key)
            response = member.generic(method, path)
            if theirs.marker in body_of(response).replace(key, ""):
                wrong.append(f"{method} {address.route} with {key} shows what is another tenant's")
            if method == "POST" and response.status_code not in REFUSED:
                wrong.append(f"POST {address.route} with {key} answers {response.status_code}")

    assert wrong == []
    assert len(asked) > len(keys) / 2, "Pages were really asked for rows of most tables."


def _leads_to(path: str, address: Address) -> bool:
    """Whether the resolver takes the key for what the address wants: not a number where an id has to be."""
    try:
        return resolve(path).route.lstrip("^") == address.route
    except Resolver404:
        return False


def test_no_public_page_shows_anything_of_another_tenant(mine, theirs):
    keys = sorted(one_of_each_kind(theirs.tenant).values())
    wrong = []
    for who, client in callers_of(mine).items():
        for address in addresses():
            if address.kind != "public":
                continue
            for key in keys if address.takes_key else [""]:
                if theirs.marker in body_of(client.get(address.path(key))):
                    wrong.append(f"{who}: {address.path(key)}")

    assert wrong == []


def test_no_call_of_the_data_plane_reaches_another_tenant(mine, theirs):
    client = callers_of(mine)["API key"]
    wrong = []
    for operation in OPERATIONS:
        if not operation.django_path.startswith("v1/"):
            continue
        address = Address(operation.django_path)
        names = (
            theirs.correlation_id,
            f"{theirs.marker}-model",
            f"{theirs.marker}-provider/{theirs.marker}-model",
            f"{theirs.marker}-route",
        )
        for name in names:
            if address.takes_key:
                response = client.get(address.path(name))
                refused = response.status_code == HTTPStatus.NOT_FOUND
            else:
                body = {"model": name, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5}
                body |= {"input": "Hello", "prompt": "Hello"}
                content = msgspec.json.encode(body) if operation.method.upper() == "POST" else b""
                response = client.generic(
                    operation.method.upper(), address.path(), content, content_type="application/json"
                )
                # Lists and token counts answer, but know nothing of the other tenant's.
                answers = operation.method.upper() == "GET" or "count_tokens" in address.route
                refused = answers or response.status_code != HTTPStatus.OK
            answer = body_of(response).replace(name, "")
            if not refused or theirs.marker in answer:
                wrong.append(f"{operation.method} {address.path(name)} {name}: {response.status_code}")

    assert wrong == []
    own = client.get(f"/v1/runs/{mine.correlation_id}")
    assert own.status_code == HTTPStatus.OK, "The key's own run is there, so the others were really asked for."
    assert mine.marker in body_of(own)
