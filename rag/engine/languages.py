"""Which of PostgreSQL's text search configurations a text is searched by."""

from __future__ import annotations

from typing import Final

SIMPLE: Final = "simple"
_CONFIGURATIONS: Final = {
    "ar": "arabic",
    "da": "danish",
    "nl": "dutch",
    "en": "english",
    "fi": "finnish",
    "fr": "french",
    "de": "german",
    "el": "greek",
    "hu": "hungarian",
    "it": "italian",
    "no": "norwegian",
    "nb": "norwegian",
    "nn": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "es": "spanish",
    "sv": "swedish",
    "tr": "turkish",
}
_SAMPLE: Final = 4_000
_LEAST: Final = 40
"""Characters: of fewer nothing can be said."""


def configuration_of(text: str) -> str:
    """The configuration of the language that the text is mostly in; ``simple`` where there is none."""
    sample = text[:_SAMPLE].strip()
    if len(sample) < _LEAST:
        return SIMPLE
    import py3langid

    return _CONFIGURATIONS.get(str(py3langid.classify(sample)[0]), SIMPLE)
