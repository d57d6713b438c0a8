"""Counts connections and dropped messages, where a process has metrics."""

from __future__ import annotations

from typing import Protocol

from events.engine import started_outlet


class LiveObserver(Protocol):
    """What :class:`events.engine.metrics.GatewayMetrics` does for WebSockets."""

    def websocket_opened(self) -> None:
        """A client was let in."""

    def websocket_closed(self) -> None:
        """It is gone."""

    def websocket_dropped(self, count: int) -> None:
        """Messages that a slow client did not get."""


class _Nobody:
    def websocket_opened(self) -> None:
        return

    def websocket_closed(self) -> None:
        return

    def websocket_dropped(self, count: int) -> None:
        return


_NOBODY = _Nobody()


class _Current:
    observer: LiveObserver | None = None


def set_observer(observer: LiveObserver | None) -> None:
    """Count with this in this process; None: with the metrics of the process's event outlet."""
    _Current.observer = observer


def observer() -> LiveObserver:
    """Who counts."""
    if _Current.observer is not None:
        return _Current.observer
    outlet = started_outlet()
    return outlet.metrics if outlet is not None else _NOBODY
