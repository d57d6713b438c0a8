"""What an operator does in a running installation, in one process: each start would load all of the product again.

``python -m tests.stack.control`` reads commands as JSON, ``["seed", …]``, one a line, and answers each with whether it
succeeded and what it printed.
"""

# ruff: noqa: E402 - Django is set up before models are imported

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import timedelta
from io import StringIO

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")

import django
import msgspec

django.setup()

from django.db import connections

from rag.services import create_collection
from routing.services import TargetChoice, create_model, create_provider, create_route
from tenants.actor import acting_as
from tenants.keys import ClearKey
from tenants.models import ApiKey, RateLimit, Tenant
from tenants.services import (
    create_key,
    create_tenant,
    delete_rate_limit,
    revoke_key,
    rotate_key,
    set_budget,
    set_rate_limit,
)
from tests.stack.installation import GOVERNED_KEY, GOVERNED_ROUTE, KEY, ROUTE

BREAKER: dict[str, float | int] = {"window_s": 10, "minimum_calls": 5, "failure_rate": 0.5, "open_s": 2.0}


def seed(*upstream_urls: str) -> None:
    """A tenant whose calls go to the first upstream that works; limits that count but never refuse."""
    tenant = create_tenant(slug="stack", name="Stack")
    key, _ = create_key(tenant=tenant, name="Stack", clear_key=ClearKey(KEY, "stack", KEY[-4:]))
    set_rate_limit(tenant=tenant, level="tenant", metric="requests", value=1_000_000)
    set_rate_limit(tenant=tenant, level="tenant", metric="tokens", value=1_000_000_000)
    set_rate_limit(tenant=tenant, level="key", key=key, metric="concurrency", value=1_000, window_s=0)
    targets = []
    for number, url in enumerate(upstream_urls):
        provider = create_provider(
            name=f"upstream-{number}",
            kind="openai",
            base_url=url,
            secret_ref="env:STACK_UPSTREAM_KEY",
            timeout_ms=1_500,
            first_token_timeout_ms=1_000,
            max_in_flight=200,
        )
        model = create_model(
            provider=provider, name=f"model-{number}", prices={"input": 1_000_000, "output": 2_000_000}
        )
        targets.append(TargetChoice(model=model, priority=number, breaker=BREAKER))
    create_route(name=ROUTE, tenant=tenant, targets=targets, total_timeout_ms=10_000)
    _seed_governed(targets[0])


def _seed_governed(target: TargetChoice) -> None:
    tenant = create_tenant(slug="governed", name="Governed")
    create_key(tenant=tenant, name="Governed", clear_key=ClearKey(GOVERNED_KEY, "governed", GOVERNED_KEY[-4:]))
    create_route(name=GOVERNED_ROUTE, tenant=tenant, targets=[target], total_timeout_ms=10_000)


def limit_users(metric: str, value: str, window_s: str) -> None:
    """Each end user of the governed tenant gets this limit, and no other."""
    tenant = Tenant.objects.get(slug="governed")
    for limit in RateLimit.objects.for_tenant(tenant):
        delete_rate_limit(limit=limit)
    set_rate_limit(tenant=tenant, level="user", metric=metric, value=int(value), window_s=int(window_s))


def budget_users(limit_nanousd: str) -> None:
    """Each end user of the governed tenant may spend so much, and knows no other limit."""
    tenant = Tenant.objects.get(slug="governed")
    for limit in RateLimit.objects.for_tenant(tenant):
        delete_rate_limit(limit=limit)
    set_budget(tenant=tenant, name="each user", level="user", window="total", limit_nanousd=int(limit_nanousd))


def create(clear: str) -> None:
    """A key of the tenant with this text, which is also its name."""
    create_key(tenant=Tenant.objects.get(slug="stack"), name=clear, clear_key=ClearKey(clear, clear[:5], clear[-4:]))


def budget_key(clear: str, limit_nanousd: str) -> None:
    """A key of the governed tenant with this text and name that may spend so much."""
    tenant = Tenant.objects.get(slug="governed")
    key, _ = create_key(tenant=tenant, name=clear, clear_key=ClearKey(clear, clear[:5], clear[-4:]))
    set_budget(tenant=tenant, name="own", level="key", key=key, window="day", limit_nanousd=int(limit_nanousd))


def rotate(name: str) -> None:
    """Let the governed tenant's key go on for an hour beside a successor; prints the successor."""
    _, clear = rotate_key(key=ApiKey.objects.get(tenant__slug="governed", name=name), overlap=timedelta(hours=1))
    print(clear)


def revoke(name: str) -> None:
    """Revoke the key; prints the Unix time at which that was committed."""
    revoke_key(key=ApiKey.objects.get(tenant__slug="stack", name=name))
    print(time.time())


def document_collections(clear: str) -> None:
    """An open and a closed collection of the tenant, and a key with this text that may search and fill them."""
    tenant = Tenant.objects.get(slug="stack")
    create_key(tenant=tenant, name="Documents", clear_key=ClearKey(clear, clear[:5], clear[-4:]))
    create_collection(tenant=tenant, name="closed")
    create_collection(tenant=tenant, name="open", fail_open=True)


COMMANDS: dict[str, Callable[..., None]] = {
    "seed": seed,
    "create-key": create,
    "revoke-key": revoke,
    "document-collections": document_collections,
    "limit-users": limit_users,
    "budget-users": budget_users,
    "budget-key": budget_key,
    "rotate-key": rotate,
}


def _answer(command: bytes) -> tuple[bool, str]:
    """Whether it succeeded, and what it printed or failed with."""
    said = StringIO()
    try:
        name, *arguments = msgspec.json.decode(command, type=list[str])
        with redirect_stdout(said), acting_as("operator"):
            COMMANDS[name](*arguments)
    except Exception:  # whoever sent the command raises it
        return False, traceback.format_exc()
    finally:
        # The server may have been killed before the next command comes.
        connections.close_all()
    return True, said.getvalue()


def serve() -> None:
    """Until nobody sends commands any more."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # for what is logged
    for command in sys.stdin.buffer:
        answers.write(msgspec.json.encode(_answer(command)) + b"\n")


if __name__ == "__main__":
    serve()
