"""Rules of the larger detector families: what they take, and their detectors, imported where a rule needs them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Final

import msgspec

from contracts.guardrails import Finding
from guardrails.engine.detector import DeepDetector, Detector
from guardrails.engine.detectors.deep.topics.options import TopicOptions
from guardrails.engine.entity_titles import NAMES, PERSONAL_DATA, TITLES
from guardrails.engine.text import Text

SECRET_WINDOW: Final = 640
"""Characters after which it is certain that a credential begins, tokens in JSON excepted: a name for a secret, what
links it, and 512 of a value that may have its first figure at the end."""
TOKEN_WINDOW: Final = 2_100
"""The same for a JSON Web Token, which is none before its first dot."""


class PersonalDataOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which personal data.

    Raises:
        ValueError: an entity is unknown, or the score is none.
    """

    entities: Annotated[tuple[str, ...], msgspec.Meta(extra={TITLES: PERSONAL_DATA})] = ()
    """None chosen: all that identify a person."""
    min_score: float = 0.5
    """Findings less sure than this, 0 to 1, are left out."""

    def __post_init__(self) -> None:
        from guardrails.engine.detectors.pii import ENTITIES

        _check_score(self.min_score)
        _check_entities(self.entities, map(str, ENTITIES))


class SecretsOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing to set: keys of known issuers, private keys, tokens, passwords in addresses and after their names."""


class InjectionOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How orders to the model are found.

    Raises:
        ValueError: the score is none, or nothing is left to look with.
    """

    min_score: float = 0.5
    """Findings less sure than this, 0 to 1, are left out."""
    phrases: bool = True
    """Look for known families of phrases."""
    classifier: bool = True
    """Have the trained classifier judge what is worded otherwise."""

    def __post_init__(self) -> None:
        _check_score(self.min_score)
        if not (self.phrases or self.classifier):
            raise ValueError("Either phrases or the classifier must be used.")


class NamesOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which names.

    Raises:
        ValueError: an entity is unknown.
    """

    entities: Annotated[tuple[str, ...], msgspec.Meta(extra={TITLES: NAMES})] = ()
    """None chosen: all."""

    def __post_init__(self) -> None:
        from guardrails.engine.detectors.deep.names import ENTITIES

        _check_entities(self.entities, map(str, ENTITIES))


def personal_data(options: PersonalDataOptions) -> Detector:
    """A detector of these entities."""
    from guardrails.engine.detectors.pii import DEFAULT, PersonalData

    return PersonalData(options.entities or DEFAULT, least_score=options.min_score)


def secrets(options: SecretsOptions) -> Detector:
    """A detector of credentials."""
    return CredentialsInStreams()


def injection_in_prompts(options: InjectionOptions) -> Detector:
    """A detector of orders in what somebody asks."""
    from guardrails.engine.detectors.injection import InjectionDetector, Where

    return InjectionDetector(
        Where.PROMPT, least_score=options.min_score, phrases=options.phrases, classifier=options.classifier
    )


def injection_in_data(options: InjectionOptions) -> Detector:
    """A detector of orders in what a tool gave or a search found."""
    from guardrails.engine.detectors.injection import InjectionDetector, Where

    return InjectionDetector(
        Where.DATA, least_score=options.min_score, phrases=options.phrases, classifier=options.classifier
    )


def names(options: NamesOptions) -> DeepDetector:
    """A detector of names, by a model of language."""
    from guardrails.engine.detectors.deep.names import ENTITIES, Names

    return Names(options.entities or ENTITIES)


def topics(options: TopicOptions) -> DeepDetector:
    """A detector of what texts are about."""
    from guardrails.engine.detectors.deep.topics.detector import Topics

    return Topics(options)


class CredentialsInStreams:
    """Credentials, with what a stream must hold back for them: much only where a token may have begun."""

    window: int | None = SECRET_WINDOW
    opener: Final = re.compile(r"eyJ")
    opened_window: Final = TOKEN_WINDOW

    def __init__(self) -> None:
        from guardrails.engine.detectors.secrets import Secrets

        self._secrets = Secrets()

    def find(self, text: Text) -> Sequence[Finding]:
        """What there is, in order of ``start``."""
        return self._secrets.find(text)


def _check_score(score: float) -> None:
    if not 0 <= score <= 1:
        raise ValueError("The score is from 0 to 1.")


def _check_entities(given: Sequence[str], known: Iterable[str]) -> None:
    names_known = sorted(set(known))
    for name in given:
        if name not in names_known:
            raise ValueError(f"There is no entity {name!r}; known: {', '.join(names_known)}.")
