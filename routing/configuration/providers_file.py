"""``providers.yaml``: providers and their models."""

from __future__ import annotations

from typing import Any

from contracts.specs import Capability
from routing.configuration.located import Section
from routing.configuration.prices_section import PricesSection, prices_entry
from routing.configuration.run import Run
from routing.models import Model, Provider
from routing.providers.registry import adapters
from routing.services import CHAT_CAPABILITIES
from tenants.models import Tenant

_ENV = "env:"
_NUMBERS = ("timeout_ms", "connect_timeout_ms", "first_token_timeout_ms", "max_in_flight", "max_queue")
_CAPABILITIES = [item.value for item in Capability]


class ProvidersFile:
    """A provider named here is exactly what the file says; its models are, where the file lists models."""

    name = "providers.yaml"

    def apply(self, top: Section, run: Run) -> None:
        """Create and change providers and models."""
        seen: set[tuple[str, str]] = set()
        for name, entry in top.named("providers"):
            tenant, known = run.tenant(entry)
            identity = (tenant.slug if tenant else "", name)
            if identity in seen:
                entry.problem(f"provider {name} is there twice")
            seen.add(identity)
            provider = _provider(name, tenant)
            _read_provider(entry, provider)
            secret = (entry, "secret_ref" if entry.has("secret_ref") else "api_key_env")
            if not known or not provider.kind or not run.save(provider, entry, {"secret_ref": secret}):
                run.fail("provider", name)
            _apply_models(entry, provider, run)
            entry.finish()
        top.finish()

    def remove(self, top: Section, run: Run) -> None:
        """Delete models that a listed provider no longer lists and, when pruning, providers that are not listed."""
        named = set()
        for name, entry in top.named("providers"):
            tenant, _known = run.tenant(entry)
            provider = _provider(name, tenant)
            named.add(provider.pk)
            if entry.has("models") and not provider._state.adding:
                listed = [model for model, _section in entry.named("models", bare=True)]
                for model in provider.models.exclude(name__in=listed):
                    run.delete(model, entry, "models")
        for provider in Provider.objects.exclude(pk__in=named):
            if run.prune:
                run.delete(provider, top, "providers")
            else:
                run.keep(provider)

    def export(self) -> dict[str, Any]:
        """All providers with their models."""
        rows = list(Provider.objects.select_related("tenant").prefetch_related("models__prices__tenant"))
        rows.sort(key=lambda row: (row.tenant.slug if row.tenant else "", row.name))
        if len({row.name for row in rows}) == len(rows):
            return {"providers": {row.name: _provider_entry(row) for row in rows}}
        return {"providers": [{"name": row.name, **_provider_entry(row)} for row in rows]}


def _provider(name: str, tenant: Tenant | None) -> Provider:
    found: Provider | None = Provider.objects.filter(tenant=tenant, name=name).first()
    return found or Provider(tenant=tenant, name=name)


def _read_provider(entry: Section, provider: Provider) -> None:
    kinds = sorted(adapters())
    provider.kind = entry.choice("kind", kinds, provider.name if provider.name in kinds else "")
    if not provider.kind and not entry.has("kind"):
        entry.problem(f"provider {provider.name} needs a kind: one of {', '.join(kinds)}")
    provider.enabled = entry.flag("enabled", default=True)
    provider.base_url = entry.text("base_url")
    provider.secret_ref = _secret_reference(entry)
    for field in _NUMBERS:
        minimum = 0 if field == "max_queue" else 1
        setattr(provider, field, entry.whole(field, _default(Provider, field), minimum=minimum))
    provider.headers = entry.pairs("headers")
    options = entry.get("options")
    provider.options = {} if options is None else options.plain()


def _secret_reference(entry: Section) -> str:
    variable, reference = entry.text("api_key_env"), entry.text("secret_ref")
    if variable and reference:
        entry.problem("write either api_key_env or secret_ref", "secret_ref")
    return f"{_ENV}{variable}" if variable else reference


def _apply_models(entry: Section, provider: Provider, run: Run) -> None:
    present = {} if provider._state.adding else {model.name: model for model in provider.models.all()}
    seen = set()
    for name, section in entry.named("models", bare=True):
        if name in seen:
            section.problem(f"model {name} is there twice")
            continue
        seen.add(name)
        model = present.get(name) or Model(provider=provider, name=name)
        prices = PricesSection(section)
        _read_model(section, model)
        if not provider._state.adding and run.save(model, section):
            prices.apply(model, run)
        else:
            prices.check()
            run.fail("model", f"{provider.name}/{name}")


def _read_model(section: Section, model: Model) -> None:
    model.wire_name = section.text("wire_name") or model.name
    model.capabilities = section.texts("capabilities", _CAPABILITIES)
    if not section.has("capabilities"):
        model.capabilities = list(CHAT_CAPABILITIES)
    model.context_window = section.whole("context_window", minimum=1)
    model.max_output_tokens = section.whole("max_output_tokens", minimum=1)
    model.enabled = section.flag("enabled", default=True)
    section.finish()


def _provider_entry(row: Provider) -> dict[str, Any]:
    entry: dict[str, Any] = {"kind": row.kind}
    if row.tenant is not None:
        entry["tenant"] = row.tenant.slug
    entry |= {"enabled": row.enabled, "base_url": row.base_url}
    if row.secret_ref.startswith(_ENV):
        entry["api_key_env"] = row.secret_ref.removeprefix(_ENV)
    elif row.secret_ref:
        entry["secret_ref"] = row.secret_ref
    entry |= {"timeout_ms": row.timeout_ms, "max_in_flight": row.max_in_flight}
    for field in ("connect_timeout_ms", "first_token_timeout_ms", "max_queue"):
        if getattr(row, field) != _default(Provider, field):
            entry[field] = getattr(row, field)
    for field in ("headers", "options"):
        if getattr(row, field):
            entry[field] = _sorted(getattr(row, field))
    entry["models"] = {model.name: _model_entry(model) for model in sorted(row.models.all(), key=lambda m: m.name)}
    return entry


def _model_entry(model: Model) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    if model.wire_name not in ("", model.name):
        entry["wire_name"] = model.wire_name
    entry["capabilities"] = list(model.capabilities)
    for field in ("context_window", "max_output_tokens"):
        if getattr(model, field) is not None:
            entry[field] = getattr(model, field)
    if (prices := prices_entry(model)) is not None:
        entry["prices"] = prices
    if not model.enabled:
        entry["enabled"] = False
    return entry


def _default(model: Any, field: str) -> Any:
    return model._meta.get_field(field).get_default()


def _sorted(value: Any) -> Any:
    """JSON objects come back from PostgreSQL in an order of its own."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
