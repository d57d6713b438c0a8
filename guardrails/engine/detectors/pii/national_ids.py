"""National ids of figures alone, by python-stdnum's checks.

A tenth of all numbers pass a check digit: such an id counts when the words before it name it, or when it is written in
groups of its own; ids with two check digits or a fixed beginning count by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec
from stdnum.au import tfn as australian
from stdnum.be import nn as belgian
from stdnum.br import cpf as brazilian
from stdnum.ca import sin as canadian
from stdnum.ch import ssn as swiss
from stdnum.cn import ric as chinese
from stdnum.de import idnr as german
from stdnum.fr import nir as french
from stdnum.gb import nhs as british
from stdnum.in_ import aadhaar as indian
from stdnum.nl import bsn as dutch
from stdnum.pl import pesel as polish
from stdnum.se import personnummer as swedish
from stdnum.tr import tckimlik as turkish

from contracts.guardrails import Finding
from guardrails.engine.detectors.pii.context import near, words
from guardrails.engine.detectors.pii.entities import Entity


class _Plan(msgspec.Struct, frozen=True):
    entity: Entity
    check: Callable[[str], bool]
    form: re.Pattern[str] | None
    """Groups in which only this is written; None: there are none."""
    alone: float
    """Score by its check digits alone."""
    context: frozenset[str]


def _plan(entity: Entity, check: Callable[[str], bool], form: str, alone: float, context: tuple[str, ...]) -> _Plan:
    return _Plan(entity, check, re.compile(form) if form else None, alone, words(*context))


_PLANS: Final[dict[int, tuple[_Plan, ...]]] = {
    9: (
        _plan(Entity.CA_SIN, canadian.is_valid, r"\d{3}[ -]\d{3}[ -]\d{3}", 0.2, ("sin", "insurance", "nas")),
        _plan(Entity.NL_BSN, dutch.is_valid, r"\d{4}\.\d{2}\.\d{3}", 0.2, ("bsn", "burgerservicenummer", "sofinummer")),
        _plan(Entity.AU_TFN, australian.is_valid, "", 0.2, ("tfn", "tax")),
    ),
    10: (
        _plan(Entity.UK_NHS, british.is_valid, "", 0.3, ("nhs", "health", "patient")),
        _plan(Entity.SE_PERSONNUMMER, swedish.is_valid, r"\d{6}-\d{4}", 0.3, ("personnummer", "samordningsnummer")),
    ),
    11: (
        _plan(
            Entity.BE_NN,
            belgian.is_valid,
            r"\d\d\.\d\d\.\d\d-\d{3}\.\d\d",
            0.4,
            ("rijksregister", "registre", "national", "insz", "niss"),
        ),
        _plan(Entity.BR_CPF, brazilian.is_valid, r"\d{3}\.\d{3}\.\d{3}-\d\d", 0.4, ("cpf", "cadastro")),
        _plan(
            Entity.DE_TAX_ID,
            german.is_valid,
            r"\d\d \d{3} \d{3} \d{3}",
            0.3,
            (
                "steuer",
                "steuer-id",
                "steuer-idnr",
                "idnr",
                "steueridentifikationsnummer",
                "identifikationsnummer",
                "tax",
            ),
        ),
        _plan(Entity.PL_PESEL, polish.is_valid, "", 0.4, ("pesel",)),
        _plan(Entity.TR_TCKN, turkish.is_valid, "", 0.4, ("tc", "kimlik", "tckn")),
    ),
    12: (
        _plan(
            Entity.IN_AADHAAR, indian.is_valid, r"\d{4}[ -]\d{4}[ -]\d{4}", 0.3, ("aadhaar", "aadhar", "uidai", "uid")
        ),
        _plan(
            Entity.SE_PERSONNUMMER,
            swedish.is_valid,
            r"(?:19|20)\d{6}-\d{4}",
            0.4,
            ("personnummer", "samordningsnummer"),
        ),
    ),
    13: (_plan(Entity.CH_AHV, swiss.is_valid, r"756\.\d{4}\.\d{4}\.\d\d", 0.7, ("ahv", "avs", "oasi")),),
    15: (
        _plan(
            Entity.FR_NIR,
            french.is_valid,
            r"[12] \d\d \d\d \d\d \d{3} \d{3} \d\d",
            0.7,
            ("nir", "sécurité", "insee"),
        ),
    ),
    18: (_plan(Entity.CN_RESIDENT_ID, chinese.is_valid, "", 0.8, ("身份证", "resident")),),
}
OF_FIGURES: Final = frozenset(plan.entity for plans in _PLANS.values() for plan in plans)


def of_figures(text: str, start: int, end: int, digits: str) -> Finding | None:
    """The id that ``text[start:end]`` with these figures is; None: none that the check, the form or the words tell."""
    plans = _PLANS.get(len(digits))
    if plans is None or text[start] in "+(":
        return None
    found: Finding | None = None
    for plan in plans:
        score, evidence = _judge(plan, text, start, end)
        if score >= 0.5 and (found is None or score > found.score) and plan.check(digits):
            found = Finding(start, end, plan.entity, score, evidence)
    return found


def _judge(plan: _Plan, text: str, start: int, end: int) -> tuple[float, str]:
    if near(text, start, end, plan.context):
        return 0.95, "check digits, after words for it"
    if plan.form is not None and plan.form.fullmatch(text, start, end):
        return max(0.75, plan.alone), "check digits and form"
    return plan.alone, "check digits"
