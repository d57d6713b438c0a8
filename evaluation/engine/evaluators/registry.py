"""All kinds of evaluators: our own, and those of installed packages.

A package adds kinds by entry points of the group ``breakwater.evaluators``, each of which names a :class:`Kind`, or a
function that gives one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Final

import msgspec

from evaluation.engine.evaluators.grounding import (
    Citations,
    CitationsOptions,
    Groundedness,
    GroundednessOptions,
    HallucinationRisk,
    RiskOptions,
)
from evaluation.engine.evaluators.judging import PairwiseJudge, PairwiseOptions, RubricJudge, RubricOptions
from evaluation.engine.evaluators.matching import (
    Contains,
    ContainsOptions,
    Exact,
    MatchOptions,
    Regex,
    RegexOptions,
)
from evaluation.engine.evaluators.overlap import Bleu, BleuOptions, Chrf, ChrfOptions, Rouge, RougeOptions
from evaluation.engine.evaluators.safety import (
    AnswersOrRefuses,
    NoPersonalData,
    NotToxic,
    PersonalDataOptions,
    RefusalScoreOptions,
)
from evaluation.engine.evaluators.scores import Kind
from evaluation.engine.evaluators.similarity import Similarity, SimilarityOptions
from evaluation.engine.evaluators.structured import Cel, CelOptions, JsonShape
from guardrails.engine.detectors.output.schema import SchemaOptions
from guardrails.engine.detectors.output.toxicity import ToxicityOptions

log = logging.getLogger(__name__)

GROUP: Final = "breakwater.evaluators"
TEXT, FORM, GROUNDS, SAFETY, JUDGES, CUSTOM = (
    "The expected answer",
    "Form and rules",
    "Grounds",
    "Safety",
    "Judges",
    "Custom",
)

_OWN: Final = (
    Kind(
        name="exact",
        title="Same as expected",
        about="The answer is the expected one, spaces and case aside.",
        group=TEXT,
        options=MatchOptions,
        build=Exact,
    ),
    Kind(
        name="contains",
        title="Contains",
        about="The answer holds given texts, or each line of the expected answer.",
        group=TEXT,
        options=ContainsOptions,
        build=Contains,
    ),
    Kind(
        name="similarity",
        title="Near in meaning",
        about="How near the answer is to the expected one, by embeddings.",
        group=TEXT,
        options=SimilarityOptions,
        build=Similarity,
    ),
    Kind(
        name="bleu",
        title="BLEU",
        about="Runs of words in common with the expected answer.",
        group=TEXT,
        options=BleuOptions,
        build=Bleu,
    ),
    Kind(
        name="rouge",
        title="ROUGE",
        about="Words, or the longest sequence, in common with the expected answer.",
        group=TEXT,
        options=RougeOptions,
        build=Rouge,
    ),
    Kind(
        name="chrf",
        title="chrF",
        about="Runs of letters in common with the expected answer: kind to endings and other scripts.",
        group=TEXT,
        options=ChrfOptions,
        build=Chrf,
    ),
    Kind(
        name="regex",
        title="Pattern",
        about="The answer matches a regular expression, or must not.",
        group=FORM,
        options=RegexOptions,
        build=Regex,
    ),
    Kind(
        name="json_schema",
        title="JSON of a shape",
        about="The answer is JSON that a JSON Schema allows.",
        group=FORM,
        options=SchemaOptions,
        build=JsonShape,
    ),
    Kind(
        name="cel",
        title="Expression (CEL)",
        about="An expression over the answer, the request, the passages and what they cost is true.",
        group=FORM,
        options=CelOptions,
        build=Cel,
    ),
    Kind(
        name="groundedness",
        title="Groundedness",
        about="The share of the answer's sentences that the item's passages bear out.",
        group=GROUNDS,
        options=GroundednessOptions,
        build=Groundedness,
    ),
    Kind(
        name="citations",
        title="Citations",
        about="Citations like [1] lead to passages that bear the sentence out, and quotes are word for word.",
        group=GROUNDS,
        options=CitationsOptions,
        build=Citations,
    ),
    Kind(
        name="hallucination_risk",
        title="Hallucination risk",
        about="How probable it is that nothing is made up: by the item's passages, or by the wording alone.",
        group=GROUNDS,
        options=RiskOptions,
        build=HallucinationRisk,
    ),
    Kind(
        name="personal_data",
        title="No personal data",
        about="The answer gives nobody's data away.",
        group=SAFETY,
        options=PersonalDataOptions,
        build=NoPersonalData,
        without_answer=None,
    ),
    Kind(
        name="toxicity",
        title="No insults",
        about="The answer has no insults and threats.",
        group=SAFETY,
        options=ToxicityOptions,
        build=NotToxic,
        without_answer=None,
    ),
    Kind(
        name="refusal",
        title="Answers or declines",
        about="The answer declines only what has to be declined.",
        group=SAFETY,
        options=RefusalScoreOptions,
        build=AnswersOrRefuses,
        without_answer=None,
    ),
    Kind(
        name="rubric",
        title="Judge by a rubric",
        about="A model gives points by a rubric. It is asked through the gateway, which costs money.",
        group=JUDGES,
        options=RubricOptions,
        build=RubricJudge,
        judges=True,
    ),
    Kind(
        name="pairwise",
        title="Judge of two answers",
        about="A model says which of two answers is better, in both orders; only what holds in both counts.",
        group=JUDGES,
        options=PairwiseOptions,
        build=PairwiseJudge,
        judges=True,
    ),
)


class UnknownKind(ValueError):
    """There is no such kind here, or no longer."""


@cache
def kinds() -> Mapping[str, Kind]:
    """All kinds by name; a package's kind takes no name of ours."""
    found = {kind.name: kind for kind in _OWN}
    for entry in entry_points(group=GROUP):
        try:
            loaded = entry.load()
            kind = loaded if isinstance(loaded, Kind) else loaded()
        except Exception:  # boundary: a broken package must not take ours down with it
            log.exception("the evaluator %s cannot be loaded", entry.name)
            continue
        if isinstance(kind, Kind) and kind.name not in found:
            found[kind.name] = msgspec.structs.replace(kind, group=kind.group or CUSTOM)
        else:
            log.error("the evaluator %s is no kind, or has the name of another", entry.name)
    return found


def kind_of(name: str) -> Kind:
    """The kind of this name.

    Raises:
        UnknownKind: there is none.
    """
    found = kinds().get(name)
    if found is None:
        raise UnknownKind(f"There is no kind of evaluator called {name!r}.")
    return found


def options_of(name: str, plain: Mapping[str, Any]) -> Any:
    """The kind's options from JSON.

    Raises:
        ValueError: there is no such kind, or it does not take these options; says why.
    """
    try:
        return msgspec.convert(plain, kind_of(name).options)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$")
        where = f"{path.strip('.`')}: " if path.strip(".`") else ""
        raise ValueError(f"{where}{problem.rstrip('.')}.") from error


def built(name: str, plain: Mapping[str, Any]) -> Any:
    """A scorer or judge of this kind.

    Raises:
        ValueError: as :func:`options_of`.
    """
    return kind_of(name).build(options_of(name, plain))
