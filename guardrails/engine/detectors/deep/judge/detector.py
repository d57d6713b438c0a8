"""A model's verdict on a text."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from contracts.guardrails import Finding
from contracts.ports import ModelQuestion
from guardrails.engine.asking import model_caller
from guardrails.engine.detector import Measure
from guardrails.engine.detectors.deep.judge.framing import (
    MOST_OUTPUT_TOKENS,
    Verdict,
    instructions,
    key_of,
    question,
    schema,
    verdict_in,
)
from guardrails.engine.detectors.deep.judge.options import JudgeOptions
from guardrails.engine.text import Text

ENTITY: Final = "JUDGED"
PIECE: Final = 12_000
"""Characters that are judged at once: what a long text hides in its middle is read as well as its ends."""
MOST_PIECES: Final = 8
KEPT: Final = 2_048
"""Verdicts that a worker keeps for a rule."""


class TextTooLong(ValueError):
    """A text of more than :data:`MOST_PIECES` pieces is not judged: the rule cannot tell."""


class Judge:
    """Asks a model whether a criterion holds for a text; each text once, while its verdict is kept."""

    def __init__(self, options: JudgeOptions) -> None:
        self._options = options
        self.after = options.when == "after"
        """Whether no call waits for it."""
        self._kept: OrderedDict[tuple[str, str], Verdict] = OrderedDict()

    async def find(self, text: Text) -> Sequence[Finding]:
        """The whole text, where the criterion holds for any of its pieces.

        Raises:
            NobodyToAsk: no model can be asked here.
            NoVerdict: the model gave none.
            TextTooLong: it is longer than is judged.
            GatewayError: the call failed.
        """
        if text.seam or not text.original.strip() or not self._sampled(text.original):
            return []
        verdict = await self._judged(text.original)
        if not verdict.matches or verdict.confidence < self._options.min_confidence:
            return []
        evidence = f"a model, asked over the route {self._options.route}"
        return [Finding(0, len(text.original), ENTITY, round(verdict.confidence, 3), evidence)]

    async def measures(self, text: Text) -> Sequence[Measure]:
        """What the model said, with its reason; nothing that costs: only a verdict that is kept."""
        verdict = self._kept.get((model_caller().tenant_id, key_of(self._options.criterion, text.original)))
        if verdict is None:
            return []
        score = verdict.confidence if verdict.matches else 1 - verdict.confidence
        said = "It holds" if verdict.matches else "It does not hold"
        return [Measure("Criterion", score, self._options.min_confidence, f"{said}. {verdict.reason}".strip())]

    def _sampled(self, text: str) -> bool:
        digest = sha256(b"sample" + text.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:4]) < self._options.sample_percent / 100 * 2**32

    async def _judged(self, text: str) -> Verdict:
        if len(text) > PIECE * MOST_PIECES:
            raise TextTooLong(f"A text of more than {PIECE * MOST_PIECES:,} characters is not judged.")
        name = (model_caller().tenant_id, key_of(self._options.criterion, text))
        if (kept := self._kept.get(name)) is not None:
            self._kept.move_to_end(name)
            return kept
        pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
        verdicts = await asyncio.gather(*[self._ask(piece) for piece in pieces])
        worst = max(verdicts, key=lambda one: (one.matches, one.confidence))
        self._kept[name] = worst
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return worst

    async def _ask(self, text: str) -> Verdict:
        key = key_of(self._options.criterion, text)
        answer = await model_caller().ask(
            ModelQuestion(
                route=self._options.route,
                instructions=instructions(self._options.criterion, key),
                question=question(text, key),
                schema=schema(key),
                max_output_tokens=MOST_OUTPUT_TOKENS,
            )
        )
        return verdict_in(answer, key)
