"""Who is acting, and from where: carried beside the call stack so that the audit log always knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """A person (their user name) or a command, and the address the request came from (empty for commands)."""

    name: str
    ip: str = ""


SYSTEM = Actor("system")

_current: ContextVar[Callable[[], Actor] | None] = ContextVar("actor", default=None)


def current_actor() -> Actor:
    """Who is acting in this context; :data:`SYSTEM` when nobody said."""
    resolve = _current.get()
    return SYSTEM if resolve is None else resolve()


@contextmanager
def acting(resolve: Callable[[], Actor]) -> Iterator[None]:
    """Within the block, changes are the actor's; ``resolve`` is called only when something is audited."""
    token = _current.set(resolve)
    try:
        yield
    finally:
        _current.reset(token)


def acting_as(name: str) -> AbstractContextManager[None]:
    """Within the block, changes are made by this command or job."""
    return acting(lambda: Actor(name))
