"""What makes two calls ask the same: a digest of everything that changes the answer, and of nothing else."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from contracts.chat import ChatRequest, JsonObject
from contracts.specs import RouteSpec, TargetSpec

WITHOUT_EFFECT: Final = frozenset(
    {
        "metadata",
        "model",  # stands for the route, and that is in the digest
        "priority",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "stream",
        "stream_options",
        "tags",
        "user",
    }
)
"""Fields of a request that say who asks, and how the answer is to be delivered or paid."""

_encode = msgspec.json.Encoder(order="sorted").encode


def fingerprint(request: ChatRequest, route: RouteSpec, scope: str = "", *, asked: JsonObject | None = None) -> str:
    """A digest of 64 hexadecimal digits of the request's body, or of ``asked`` in its place.

    ``scope`` names what else the answer depends on, such as the versions of the policies that apply. Order of fields,
    explicit nulls and whole numbers written as floats make no difference; a field that nobody knows does.
    """
    body = request.body if asked is None else asked
    counted = {name: _plain(value) for name, value in body.items() if value is not None and name not in WITHOUT_EFFECT}
    digest = hashlib.sha256(_encode([1, route.id, scope, _generation(route)]))
    for target in route.targets:
        digest.update(_encode(_answering(target)))
    digest.update(_encode(counted))
    return digest.hexdigest()


def _plain(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _generation(route: RouteSpec) -> int:
    return route.cache.generation if route.cache is not None else 0


def _answering(target: TargetSpec) -> list[object]:
    """What of a target has a say in its answers; its weight, priority and circuit have none."""
    provider, model = target.provider, target.model
    return [
        target.id,
        provider.kind,
        provider.base_url,
        provider.headers,
        provider.options,
        model.wire_name,
        sorted(target.drop_params),
    ]
