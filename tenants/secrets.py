"""Secret references: configuration names where a credential is, never the credential itself."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

SUPPORTED = ("env:NAME",)
"""The reference forms that this version resolves."""

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def parse_reference(reference: str) -> str:
    """The name of the environment variable that an ``env:NAME`` reference points to.

    Raises:
        ValueError: another scheme, or no valid name; the message lists what is supported. It shows no more of the
            reference than its scheme, because a credential pasted by mistake ends up here.
    """
    scheme, separator, name = reference.partition(":")
    if not separator:
        raise ValueError(f"A secret is named by reference, never given in clear. Supported: {', '.join(SUPPORTED)}.")
    if scheme != "env":
        raise ValueError(f"Unknown kind of secret reference {scheme[:16]!r}. Supported: {', '.join(SUPPORTED)}.")
    if not _ENV_NAME.fullmatch(name):
        raise ValueError("After 'env:' comes the name of an environment variable: letters, digits and underscores.")
    return name


class EnvSecretResolver:
    """Resolves ``env:NAME`` from the process's environment (or a mapping, in tests)."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    def resolve(self, reference: str) -> str:
        """The clear value.

        Raises:
            LookupError: the reference is malformed, or the variable is unset or empty.
        """
        try:
            name = parse_reference(reference)
        except ValueError as error:
            raise LookupError(str(error)) from error
        value = self._environ.get(name, "").strip()
        if not value:
            raise LookupError(f"The secret {reference} is not set in the environment.")
        return value
