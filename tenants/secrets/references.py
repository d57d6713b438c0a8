"""Secret references: ``scheme:where``, such as ``env:OPENAI_API_KEY`` or ``vault:kv/openai#key``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

SUPPORTED = (
    "env:NAME",
    "db:NAME",
    "vault:MOUNT/PATH#FIELD",
    "aws:SECRET-ID[#JSON-FIELD]",
    "azure:VAULT/SECRET[/VERSION]",
)
"""The forms of a reference."""

TENANT_SCHEMES = frozenset({"db"})
"""What a tenant's own provider may refer to: what the tenant stored itself.

Everything else is read with the gateway's own rights. A tenant that runs its own providers chooses their address, so
a reference to, say, the gateway's environment would send the operator's credential wherever the tenant likes.
"""

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_STORED_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_VAULT = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._ -]+)+", re.ASCII)
_FIELD = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_AWS_ID = re.compile(r"[A-Za-z0-9/_+=.@:!-]{1,512}", re.ASCII)
_AZURE = re.compile(r"([A-Za-z0-9-]{3,24})/([A-Za-z0-9-]{1,127})(?:/([A-Za-z0-9]{1,64}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a credential is. ``text`` is safe to show: a reference names, it does not contain."""

    text: str
    scheme: str
    path: str
    """Variable, name, mount and path, secret id, or vault and secret."""
    field: str = ""
    """Of a secret with several values, which one."""
    version: str = ""
    """Of a secret with versions, which one; empty: the newest."""

    def __str__(self) -> str:
        return self.text


def parse_reference(text: str) -> Reference:
    """The parts of a reference.

    Raises:
        ValueError: another scheme, or not of the scheme's form; the message lists what is supported. It shows no more
            of the reference than its scheme, because a credential pasted by mistake ends up here.
    """
    scheme, separator, rest = text.partition(":")
    if not separator:
        raise ValueError(f"A secret is named by reference, never given in clear. Supported: {', '.join(SUPPORTED)}.")
    parse = _PARSERS.get(scheme)
    if parse is None:
        raise ValueError(f"Unknown kind of secret reference {_shown(scheme)}. Supported: {', '.join(SUPPORTED)}.")
    return parse(text, rest)


def parse_reference_of(text: str, *, tenant_owned: bool) -> Reference:
    """The parts of a reference that a tenant's own provider, or one of the platform's, makes.

    Raises:
        ValueError: as :func:`parse_reference`, or the owner may not use this scheme.
    """
    reference = parse_reference(text)
    if tenant_owned and reference.scheme not in TENANT_SCHEMES:
        raise ValueError(
            f"A tenant's own provider may only use what the tenant stored itself (db:NAME), not {reference.scheme}: "
            "references, which are read with the gateway's rights."
        )
    return reference


def _shown(scheme: str) -> str:
    # A pasted credential may contain a colon; only what looks like a word is a scheme.
    return repr(scheme) if re.fullmatch(r"[a-z]{1,12}", scheme) else "(not shown)"


def _env(text: str, rest: str) -> Reference:
    if not _ENV_NAME.fullmatch(rest):
        raise ValueError("After 'env:' comes the name of an environment variable: letters, digits and underscores.")
    return Reference(text, "env", rest)


def _db(text: str, rest: str) -> Reference:
    if not _STORED_NAME.fullmatch(rest):
        raise ValueError("After 'db:' comes the name of a stored secret: letters, digits, '.', '_' and '-'.")
    return Reference(text, "db", rest)


def _vault(text: str, rest: str) -> Reference:
    path, _, field = rest.partition("#")
    if not _VAULT.fullmatch(path) or not _FIELD.fullmatch(field) or ".." in path.split("/"):
        raise ValueError("A vault reference is 'vault:MOUNT/PATH#FIELD', such as 'vault:kv/providers/openai#api_key'.")
    return Reference(text, "vault", path, field)


def _aws(text: str, rest: str) -> Reference:
    identifier, separator, field = rest.partition("#")
    if not _AWS_ID.fullmatch(identifier) or (separator and not _FIELD.fullmatch(field)):
        raise ValueError(
            "An AWS reference is 'aws:SECRET-ID' (name or ARN), with '#FIELD' when the secret is a JSON object."
        )
    return Reference(text, "aws", identifier, field)


def _azure(text: str, rest: str) -> Reference:
    found = _AZURE.fullmatch(rest)
    if found is None:
        raise ValueError(
            "An Azure reference is 'azure:VAULT/SECRET', such as 'azure:acme-kv/openai', plus '/VERSION' to fix one."
        )
    return Reference(text, "azure", f"{found[1]}/{found[2]}", version=found[3] or "")


_PARSERS: dict[str, Callable[[str, str], Reference]] = {
    "env": _env,
    "db": _db,
    "vault": _vault,
    "aws": _aws,
    "azure": _azure,
}
