"""The kinds of rule there are: what each takes, where it makes sense, and how its detector is built."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from contracts.guardrails import Action, RuleSpec, Stage
from guardrails.engine import known_detectors
from guardrails.engine.detector import DeepDetector, Detector
from guardrails.engine.detectors.deep.judge.detector import Judge
from guardrails.engine.detectors.deep.judge.options import JudgeOptions
from guardrails.engine.detectors.deep.topics.options import TopicOptions
from guardrails.engine.detectors.output.code import Code, CodeOptions
from guardrails.engine.detectors.output.language import Language, LanguageOptions
from guardrails.engine.detectors.output.length import Length, LengthOptions
from guardrails.engine.detectors.output.links import Links, LinksOptions
from guardrails.engine.detectors.output.refusal import Refusal, RefusalOptions
from guardrails.engine.detectors.output.schema import Schema, SchemaOptions
from guardrails.engine.detectors.output.toxicity import ToxicityOptions, toxicity
from guardrails.engine.detectors.words import Words, WordsOptions
from guardrails.engine.invariants.invariant import Invariant, InvariantOptions, problems_of, rule_problems

EVERYWHERE: Final = frozenset(Stage)
DATA: Final = frozenset({Stage.RETRIEVED, Stage.TOOL_RESULT})
"""What nobody who may give orders has said."""
COMING_IN: Final = frozenset({Stage.INPUT, Stage.RETRIEVED, Stage.TOOL_RESULT})
ANSWERS: Final = frozenset({Stage.OUTPUT, Stage.TOOL_CALL})
EVERY_ACTION: Final = frozenset(Action)
REPLACING: Final = EVERY_ACTION - {Action.ALLOW}
JUDGING: Final = frozenset({Action.FLAG, Action.BLOCK})
"""Of kinds whose findings are no characters that could be replaced."""


class RuleKind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of rule."""

    name: str
    title: str
    description: str
    options: type[msgspec.Struct]
    """What ``RuleSpec.options`` holds; unknown names are refused."""
    stages: frozenset[Stage] = EVERYWHERE
    """Where it makes sense."""
    actions: frozenset[Action] = REPLACING
    """What can follow."""
    build: Callable[[Any], Detector | DeepDetector | Invariant]
    """Makes the detector from the options; may take a second, and may import much."""
    build_for_data: Callable[[Any], Detector | DeepDetector] | None = None
    """Makes the detector for what tools gave and searches found, where that is another."""
    deep: bool = False
    """Whether it takes long: what it makes is a :class:`DeepDetector`."""
    costs: bool = False
    """Whether looking at a text costs money: it asks a model through the gateway."""
    about_calls: bool = False
    """Whether it is about a call as a whole and not about its texts: what it makes is an :class:`Invariant`."""
    option_problems: Callable[[Any], Iterator[tuple[str, str]]] | None = None
    """What is wrong with options whose types are right: name and sentence."""
    rule_problems: Callable[[RuleSpec], Iterator[tuple[str, str]]] | None = None
    """What is wrong with a rule as a whole: field and sentence."""

    def detector(self, spec: RuleSpec, *, for_data: bool = False) -> Detector | DeepDetector | Invariant:
        """The detector that a rule asks for; ``for_data``: for what tools gave and searches found.

        Raises:
            msgspec.ValidationError: the options are not the kind's.
        """
        build = (self.build_for_data if for_data else None) or self.build
        return build(msgspec.convert(spec.options, self.options))


_ALL = (
    RuleKind(
        name="pii",
        title="Personal data",
        description="Addresses, numbers and dates that identify a person, by checksum, format and context.",
        options=known_detectors.PersonalDataOptions,
        build=known_detectors.personal_data,
    ),
    RuleKind(
        name="secrets",
        title="Secrets",
        description="Keys, tokens and passwords.",
        options=known_detectors.SecretsOptions,
        build=known_detectors.secrets,
    ),
    RuleKind(
        name="injection",
        title="Prompt injection",
        description="Orders that a model is not to follow, in prompts and in what tools and searches give.",
        options=known_detectors.InjectionOptions,
        stages=COMING_IN,
        build=known_detectors.injection_in_prompts,
        build_for_data=known_detectors.injection_in_data,
    ),
    RuleKind(
        name="names",
        title="Names",
        description="People, places and organisations, by a model of language: in a thread, within the deadline.",
        options=known_detectors.NamesOptions,
        build=known_detectors.names,
        deep=True,
    ),
    RuleKind(
        name="judge",
        title="Judged by a model",
        description="What only reading can tell: a model is asked, through the gateway, at your cost.",
        options=JudgeOptions,
        actions=JUDGING | {Action.REROUTE},
        build=Judge,
        deep=True,
        costs=True,
    ),
    RuleKind(
        name="topic",
        title="Topics",
        description="What a text is about, by its likeness to examples: topics to keep out, or the only ones.",
        options=TopicOptions,
        actions=frozenset({Action.FLAG, Action.REDACT, Action.REROUTE, Action.BLOCK}),
        build=known_detectors.topics,
        deep=True,
    ),
    RuleKind(
        name="words",
        title="Words",
        description="Words and phrases from a list, however they are written.",
        options=WordsOptions,
        actions=EVERY_ACTION,
        build=Words,
    ),
    RuleKind(
        name="toxicity",
        title="Insults and threats",
        description="A short list in six languages, and words of your own.",
        options=ToxicityOptions,
        build=toxicity,
    ),
    RuleKind(
        name="max_length",
        title="Length",
        description="Texts beyond so many characters or tokens; redacting cuts them off.",
        options=LengthOptions,
        actions=frozenset({Action.FLAG, Action.REDACT, Action.BLOCK}),
        build=Length,
    ),
    RuleKind(
        name="language",
        title="Language",
        description="Texts that are not in one of the wanted languages.",
        options=LanguageOptions,
        actions=JUDGING | {Action.REROUTE},
        build=Language,
    ),
    RuleKind(
        name="json_schema",
        title="JSON schema",
        description="Answers that are not JSON, or not of the given shape.",
        options=SchemaOptions,
        stages=ANSWERS,
        actions=JUDGING,
        build=Schema,
    ),
    RuleKind(
        name="links",
        title="Links and images",
        description="Addresses at hosts that are not allowed: the way in which data leaves through an answer.",
        options=LinksOptions,
        build=Links,
    ),
    RuleKind(
        name="code",
        title="Program code",
        description="Fenced blocks of code.",
        options=CodeOptions,
        stages=frozenset({Stage.INPUT, Stage.OUTPUT}),
        build=Code,
    ),
    RuleKind(
        name="refusal",
        title="Refusal",
        description="Answers in which the model declines.",
        options=RefusalOptions,
        stages=frozenset({Stage.OUTPUT}),
        actions=JUDGING,
        build=Refusal,
    ),
    RuleKind(
        name="invariant",
        title="Business invariant",
        description="What must be true of every call, in CEL over request, response, usage, tenant and retrieval.",
        options=InvariantOptions,
        stages=frozenset({Stage.OUTPUT}),
        actions=frozenset({Action.FLAG, Action.REDACT, Action.BLOCK}),
        build=Invariant,
        about_calls=True,
        option_problems=problems_of,
        rule_problems=rule_problems,
    ),
)

KINDS: Final[dict[str, RuleKind]] = {kind.name: kind for kind in _ALL}
"""By name."""
