"""The texts of calls whose payloads are stored, by the stage at which a policy would see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from contracts.guardrails import Stage
from events.models import EventRecord, Run
from events.selectors import MAX_RUN_DURATION, runs_of_tenant
from guardrails.engine.invariants.facts import Facts
from guardrails.stored_facts import facts_of
from tenants.models import ApiKey, Tenant

BATCH = 50
_EVENTS = ("llm.request.started", "llm.request.completed", "llm.request.failed")
_EARLY = timedelta(minutes=5)

Texts = dict[Stage, list[str]]


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A call and what was said in it."""

    run: Run
    texts: Texts
    facts: Facts
    """For invariants."""


def stored_calls(tenant_id: str, most: int) -> Iterator[StoredCall]:
    """The tenant's calls, the newest first; those of which nothing is stored have no texts."""
    runs = list(runs_of_tenant(tenant_id)[:most])
    tenant = Tenant.objects.get(pk=tenant_id)
    keys = {str(key): name for key, name in ApiKey.objects.for_tenant(tenant).values_list("pk", "name")}
    for start in range(0, len(runs), BATCH):
        batch = runs[start : start + BATCH]
        payloads = _payloads(tenant_id, batch)
        for run in batch:
            said = payloads.get(run.correlation_id, [])
            facts = facts_of(run, said, tenant, keys.get(run.key_id or "", ""))
            yield StoredCall(run, texts_of(said), facts)


def stored_call(tenant_id: str, correlation_id: str) -> StoredCall | None:
    """One call of the tenant; None where it has no such call."""
    run = runs_of_tenant(tenant_id).filter(correlation_id=correlation_id).first()
    if run is None:
        return None
    tenant = Tenant.objects.get(pk=tenant_id)
    said = _payloads(tenant_id, [run]).get(run.correlation_id, [])
    key = ApiKey.objects.for_tenant(tenant).filter(pk=run.key_id).first() if run.key_id else None
    return StoredCall(run, texts_of(said), facts_of(run, said, tenant, key.name if key is not None else ""))


def _payloads(tenant_id: str, runs: Sequence[Run]) -> dict[str, list[Mapping[str, Any]]]:
    rows = EventRecord.objects.filter(
        tenant_id=tenant_id,
        correlation_id__in=[run.correlation_id for run in runs],
        event_type__in=_EVENTS,
        occurred_at__gte=min(run.started_at for run in runs) - _EARLY,
        occurred_at__lte=max(run.started_at for run in runs) + MAX_RUN_DURATION,
    )
    found: dict[str, list[Mapping[str, Any]]] = {}
    for correlation_id, payload in rows.values_list("correlation_id", "payload"):
        found.setdefault(correlation_id, []).append(payload)
    return found


def texts_of(payloads: Sequence[Mapping[str, Any]]) -> Texts:
    """What these events of one call hold; empty stages are left out."""
    texts: Texts = {Stage.INPUT: [], Stage.OUTPUT: [], Stage.TOOL_CALL: [], Stage.TOOL_RESULT: []}
    given = next((payload["input"] for payload in payloads if payload.get("input") is not None), None)
    for message in given if isinstance(given, list) else [given]:
        stage = Stage.TOOL_RESULT if isinstance(message, dict) and message.get("role") == "tool" else Stage.INPUT
        texts[stage] += _strings(message)
    output = next((payload["output"] for payload in payloads if payload.get("output") is not None), None)
    for answer in output if isinstance(output, list) else [output]:
        texts[Stage.OUTPUT] += _strings(answer)
        for call in (answer.get("tool_calls") or ()) if isinstance(answer, dict) else ():
            arguments = (call.get("function") or {}).get("arguments") if isinstance(call, dict) else None
            texts[Stage.TOOL_CALL] += [arguments] if isinstance(arguments, str) else []
    return {stage: found for stage, found in texts.items() if any(found)}


def _strings(value: Any) -> list[str]:
    """The texts of a message, or of a part of one."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for item in value for text in _strings(item)]
    if not isinstance(value, dict):
        return []
    content = value.get("text", value.get("content"))
    return _strings(content) if content is not None else []
