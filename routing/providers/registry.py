"""All adapters by ``kind``. Adding a provider is one new module in this package: it is found by its ``ADAPTERS``."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import routing.providers
from routing.providers.base import Adapter


@cache
def adapters() -> dict[str, Adapter]:
    """Every adapter of every module here that defines ``ADAPTERS`` (a tuple), by its ``kind``."""
    found: dict[str, Adapter] = {}
    for module_info in pkgutil.iter_modules(routing.providers.__path__):
        module = importlib.import_module(f"{routing.providers.__name__}.{module_info.name}")
        for adapter in getattr(module, "ADAPTERS", ()):
            if adapter.kind in found:
                raise RuntimeError(f"Two provider adapters claim the kind {adapter.kind!r}.")
            found[adapter.kind] = adapter
    return found


def adapter_for(kind: str) -> Adapter:
    """The adapter of this kind.

    Raises:
        LookupError: no module defines it.
    """
    try:
        return adapters()[kind]
    except KeyError:
        raise LookupError(f"No provider adapter of kind {kind!r}; known: {', '.join(sorted(adapters()))}.") from None
