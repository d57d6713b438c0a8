"""Rows that the benchmark's gateway serves: two tenants with limits that count but never refuse, one of them with a
policy of all fast kinds of rule; a provider, a route.

``python -m bench.gateway.seed UPSTREAM_URL``
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")

import django

django.setup()

from bench.full_policy import FULL
from bench.gateway.seed_key import GUARDED_KEY, KEY
from guardrails.models import Policy
from guardrails.services import create_policy, publish
from routing.services import TargetChoice, create_model, create_provider, create_route
from tenants.actor import acting_as
from tenants.keys import ClearKey
from tenants.models import Tenant
from tenants.services import create_key, create_tenant, set_rate_limit


def _tenant(slug: str, clear_key: str) -> Tenant:
    tenant = create_tenant(slug=slug, name=slug.capitalize())
    key, _ = create_key(tenant=tenant, name=slug.capitalize(), clear_key=ClearKey(clear_key, slug, clear_key[-4:]))
    set_rate_limit(tenant=tenant, level="tenant", metric="requests", value=100_000_000)
    set_rate_limit(tenant=tenant, level="tenant", metric="tokens", value=10_000_000_000)
    set_rate_limit(tenant=tenant, level="key", key=key, metric="concurrency", value=10_000, window_s=0)
    return tenant


def _guard(tenant: Tenant) -> None:
    publish(policy=create_policy(name="Full", tenant=tenant, rules=FULL), mode=Policy.Mode.ENFORCE)


def main(upstream_url: str) -> None:
    with acting_as("bench"):
        _tenant("bench", KEY)
        _guard(_tenant("guarded", GUARDED_KEY))
        provider = create_provider(name="local", kind="openai", base_url=upstream_url, max_in_flight=1_000)
        model = create_model(
            provider=provider, name="bench-model", prices={"input": 1_000_000_000, "output": 2_000_000_000}
        )
        create_route(name="bench", is_default=True, targets=[TargetChoice(model=model)])


if __name__ == "__main__":
    main(sys.argv[1])
