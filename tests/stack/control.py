"""What an operator does in a running installation: ``python -m tests.stack.control seed|create-key|revoke-key …``."""

# ruff: noqa: E402 - Django is set up before models are imported

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")

import django

django.setup()

from routing.services import TargetChoice, create_model, create_provider, create_route
from tenants.actor import acting_as
from tenants.keys import ClearKey
from tenants.models import ApiKey, Tenant
from tenants.services import create_key, create_tenant, revoke_key, set_rate_limit
from tests.stack.installation import KEY, ROUTE

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
        model = create_model(provider=provider, name=f"model-{number}", price_input=1_000_000, price_output=2_000_000)
        targets.append(TargetChoice(model=model, priority=number, breaker=BREAKER))
    create_route(name=ROUTE, tenant=tenant, targets=targets, total_timeout_ms=10_000)


def create(clear: str) -> None:
    """A key of the tenant with this text, which is also its name."""
    create_key(tenant=Tenant.objects.get(slug="stack"), name=clear, clear_key=ClearKey(clear, clear[:5], clear[-4:]))


def revoke(name: str) -> None:
    """Revoke the key; prints the Unix time at which that was committed."""
    revoke_key(key=ApiKey.objects.get(tenant__slug="stack", name=name))
    print(time.time())


COMMANDS: dict[str, Callable[..., None]] = {"seed": seed, "create-key": create, "revoke-key": revoke}

if __name__ == "__main__":
    with acting_as("operator"):
        COMMANDS[sys.argv[1]](*sys.argv[2:])
