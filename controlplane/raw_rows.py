"""Which page of the console shows the rows of which model of the admin. Both link to each other by this table."""

from __future__ import annotations

from console.raw_rows import RowPage

PAGES: tuple[RowPage, ...] = (
    RowPage("tenants.tenant", "tenant", "slug", "slug"),
    RowPage("tenants.apikey", "key"),
    RowPage("tenants.servicekey", "service-key"),
    RowPage("tenants.budget", "budget"),
    RowPage("tenants.ratelimit", "limit-edit"),
    RowPage("tenants.auditentry", "audit-entry"),
    RowPage("routing.provider", "provider"),
    RowPage("routing.model", "model"),
    RowPage("routing.modelprice", "prices", "", "model.name", parameter="q"),
    RowPage("routing.route", "route"),
    RowPage("routing.target", "route", attribute="route_id"),
    RowPage("guardrails.policy", "policy"),
    RowPage("guardrails.policyversion", "policy", attribute="policy_id"),
    RowPage("rag.collection", "collection"),
    RowPage("rag.embeddingindex", "collection", attribute="collection_id"),
    RowPage("rag.document", "document"),
    RowPage("events.run", "run", "run"),
)
"""Prices have no page of their own: they are in the list, narrowed down to their model."""
