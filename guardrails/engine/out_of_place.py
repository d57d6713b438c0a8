"""Requests that stand in a document and have nothing to do with it: pure.

"What is the capital of Brazil?" is no attack, and no document about invoices asks it either. What is found here is a
sentence that asks or orders somebody to write or explain something, and shares no word with all the rest.
"""

from __future__ import annotations

import re
from typing import Final

from guardrails.engine.detectors.injection.sentences import sentences

_QUESTION = re.compile(
    r"^(?:what(?:'s| is| are| was| were| does| do)|who|whose|why|how (?:do|does|did|can|would|to)|which|where is|"
    r"when (?:did|was)|can you|could you|will you|would you)\b[^?]{8,200}\?\W*$",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"^(?:please |now |also |then )?(?:analy[sz]e|break down|calculate|classify|compare|compose|create|define|describe|"
    r"design|develop|discuss|draft|explain|find|generate|give (?:me|an?|some)|identify|list|outline|plan|predict|"
    r"prepare|provide|recommend|research|rewrite|solve|suggest|summari[sz]e|teach|tell me|translate|write)\b.{8,300}$",
    re.IGNORECASE | re.DOTALL,
)
_WORD = re.compile(r"[^\W\d_]{4,}")
_STEM: Final = 5
LEAST_WORDS: Final = 12
"""Of the rest: about a document that says less than this nobody can tell what belongs to it."""
MOST_REQUESTS: Final = 2
"""Where there are more, the document is a list of questions or of tasks."""
_COMMON: Final = frozenset({
    "about", "above", "after", "also", "another", "answer", "before", "being", "between", "both", "could", "does",
    "each", "every", "from", "give", "have", "here", "into", "just", "like", "list", "made", "main", "make", "many",
    "more", "most", "much", "must", "only", "other", "over", "please", "provide", "same", "some", "such", "than",
    "that", "their", "them", "then", "there", "these", "they", "this", "those", "through", "tell", "under", "very",
    "want", "well", "were", "what", "when", "where", "which", "while", "will", "with", "would", "write", "your",
    "following", "example", "explain", "describe", "using", "used", "simple",
})  # fmt: skip


def foreign_request(text: str) -> bool:
    """Whether a sentence asks for something that the rest of the text is not about."""
    said = sentences(text)
    asking = [at for at, one in enumerate(said) if _QUESTION.match(one) or _ORDER.match(one)]
    if not asking or len(asking) > MOST_REQUESTS:
        return False
    for at in asking:
        rest = {stem for other, one in enumerate(said) if other != at for stem in _stems(one)}
        own = _stems(said[at])
        if own and len(rest) >= LEAST_WORDS and not own & rest:
            return True
    return False


def _stems(text: str) -> set[str]:
    return {word[:_STEM] for word in _WORD.findall(text.lower()) if word not in _COMMON}
