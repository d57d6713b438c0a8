"""Counts connections and dropped messages, where a process has metrics."""

from __future__ import annotations

from typing import Protocol


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


class _Current:
    observer: LiveObserver = _Nobody()


def set_observer(observer: LiveObserver | None) -> None:
    """Count with this in this process: a web process's ``outlet.metrics``."""
    _Current.observer = observer or _Nobody()


def observer() -> LiveObserver:
    """Who counts."""
    return _Current.observer
