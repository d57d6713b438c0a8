"""Rows that the benchmark's gateway serves: a tenant with limits that count but never refuse, a provider, a route.

``python -m bench.gateway.seed UPSTREAM_URL``
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")

import django

django.setup()

from bench.gateway.seed_key import KEY
from routing.services import TargetChoice, create_model, create_provider, create_route
from tenants.actor import acting_as
from tenants.keys import ClearKey
from tenants.services import create_key, create_tenant, set_rate_limit


def main(upstream_url: str) -> None:
    with acting_as("bench"):
        tenant = create_tenant(slug="bench", name="Bench")
        key, _ = create_key(tenant=tenant, name="Bench", clear_key=ClearKey(KEY, "bench", KEY[-4:]))
        set_rate_limit(tenant=tenant, level="tenant", metric="requests", value=100_000_000)
        set_rate_limit(tenant=tenant, level="tenant", metric="tokens", value=10_000_000_000)
        set_rate_limit(tenant=tenant, level="key", key=key, metric="concurrency", value=10_000, window_s=0)
        provider = create_provider(name="local", kind="openai", base_url=upstream_url, max_in_flight=1_000)
        model = create_model(
            provider=provider, name="bench-model", price_input=1_000_000_000, price_output=2_000_000_000
        )
        create_route(name="bench", is_default=True, targets=[TargetChoice(model=model)])


if __name__ == "__main__":
    main(sys.argv[1])
