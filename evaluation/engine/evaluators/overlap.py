"""How much of the expected answer's wording is in the answer: BLEU, chrF and ROUGE, by their usual libraries.

The libraries are imported when a scorer is built: they take long to load, and no page needs them.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from evaluation.engine.evaluators.matching import NOTHING_EXPECTED
from evaluation.engine.evaluators.scores import Answered, Example, Scored, clipped


class BleuOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How sacrebleu counts."""

    lowercase: bool = False


class ChrfOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How sacrebleu counts."""

    word_order: Literal[0, 1, 2] = 2
    """2 is chrF++."""
    lowercase: bool = False


class RougeOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which of the measures, as an F1 score."""

    measure: Literal["rouge1", "rouge2", "rougeL"] = "rougeL"
    stemming: bool = True


class _Overlap:
    """Of a library's sentence score."""

    def __init__(self) -> None:
        self.share: Any = None

    def score(self, example: Example, answer: Answered) -> Scored:
        """0 to 1."""
        if not example.expected.strip():
            return NOTHING_EXPECTED
        return Scored(clipped(self.share(answer.text, example.expected)))


class Bleu(_Overlap):
    """Sentence BLEU with effective order."""

    def __init__(self, options: BleuOptions) -> None:
        super().__init__()
        from sacrebleu.metrics.bleu import BLEU

        bleu = BLEU(effective_order=True, lowercase=options.lowercase)
        self.share = lambda said, wanted: bleu.sentence_score(said, [wanted]).score / 100


class Chrf(_Overlap):
    """chrF or chrF++."""

    def __init__(self, options: ChrfOptions) -> None:
        super().__init__()
        from sacrebleu.metrics.chrf import CHRF

        chrf = CHRF(word_order=options.word_order, lowercase=options.lowercase)
        self.share = lambda said, wanted: chrf.sentence_score(said, [wanted]).score / 100


class Rouge(_Overlap):
    """ROUGE-1, ROUGE-2 or ROUGE-L."""

    def __init__(self, options: RougeOptions) -> None:
        super().__init__()
        from rouge_score.rouge_scorer import RougeScorer

        scorer = RougeScorer([options.measure], use_stemmer=options.stemming)
        self.share = lambda said, wanted: scorer.score(wanted, said)[options.measure].fmeasure
