"""Whom rules ask that need a model: the call that is being looked at says so, and detectors are shared by all calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Final

from contracts.ports import ModelCaller

_caller: Final[ContextVar[ModelCaller | None]] = ContextVar("guardrail_model_caller", default=None)


class NobodyToAsk(RuntimeError):
    """The text is looked at where no model can be asked, or is not to be."""


def model_caller() -> ModelCaller:
    """Asks in the name of the call whose text is looked at.

    Raises:
        NobodyToAsk: there is none here.
    """
    caller = _caller.get()
    if caller is None:
        raise NobodyToAsk("No model is asked here.")
    return caller


def ask_through(caller: ModelCaller | None) -> Token[ModelCaller | None]:
    """From here on, in this task and those that it starts, models are asked through ``caller``."""
    return _caller.set(caller)


@contextmanager
def asking(caller: ModelCaller | None) -> Iterator[None]:
    """As :func:`ask_through`, until the end of the block."""
    token = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(token)
