"""Requests that stand in a document and have nothing to do with it: pure.

"What is the capital of Brazil?" is no attack, and no document about invoices asks it either. What is found here is a
sentence that asks or orders somebody to do something, and is unlike all the rest: by the words that they share, and by
what their words mean (averaged word vectors).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from embeddings.base import EmbeddingModelMissing
from embeddings.static import shared_embedder, unit

_VERBS: Final = (
    "act as|adapt|add|adopt|advise|analy[sz]e|answer|append|apply|arrange|ask|assess|assume|augment|avoid|"
    "be(?:come|gin|have)|brainstorm|break down|build|calculate|categori[sz]e|change|check|choose|classify|"
    "combine|compare|compile|complete|compose|compute|conclude|conduct|construct|convert|correct|create|critique|"
    "deduce|define|deliver|demonstrate|describe|determine|develop|devise|differentiate|discuss|draw|edit|"
    "elaborate|emulate|encode|engage|enhance|enumerate|estimate|evaluate|examine|execute|expand|explain|explore|"
    "express|extract|fabricate|find|finish|formulate|generate|give|go through|guess|hide|highlight|identify|"
    "imagine|imitate|impersonate|improve|include|incorporate|infer|insert|integrate|interpret|introduce|invent|"
    "investigate|jot|judge|justify|keep|list|make|mention|mimic|misspell|modify|narrate|offer|optimi[sz]e|"
    "organi[sz]e|paraphrase|perform|personify|persuade|predict|prepare|present|pretend|produce|promote|proofread|"
    "propose|provide|put|read|rearrange|recite|recommend|refactor|refrain|rephrase|replace|replicate|reply|"
    "represent|respond|restate|reveal|reverse|review|revise|rewrite|role-?play|say|scan|scramble|select|send|"
    "shuffle|simulate|sing|solve|speak|spell|submit|substitute|suggest|summari[sz]e|suppose|swap|talk|teach|tell|"
    "think|transform|translate|treat|turn|update|use|utili[sz]e|validate|verify|visit|weave|write"
)
_NOUNS_AS_WELL: Final = (
    "act|code|count|craft|design|detail|display|draft|factor|fill|fix|form|format|guide|name|order|outline|pick|place|"
    "plan|play|pose|print|program|quote|rank|rate|report|research|return|score|search|share|show|sort|spread|start|"
    "state|structure|test|try|type"
)
_ORDER: Final = re.compile(
    r"^(?:&[a-z]+;|[\W_])*"
    r"(?:(?:please|now|also|then|next|first|finally|kindly|just|always|never|"
    r"(?:remember|make sure|be sure|don'?t forget) to|you (?:must|should|will|have to|need to)|"
    r"(?:i|we) (?:want|need) you to|your task is to|go ahead and|ensure that)[\s,]+)*"
    rf"(?:(?:{_VERBS})\b|(?:{_NOUNS_AS_WELL})\s+"
    r"(?:an?|the|all|any|each|every|me|my|us|your|this|that|these|those|it|some|\d+)\b).{8,}$",
    re.IGNORECASE | re.DOTALL,
)
_QUESTION: Final = re.compile(
    r"^(?:&[a-z]+;|[\W_])*(?:what(?:'?s|'re)?|who(?:'s|se)?|why|how|which|where|when|can|could|will|would|do|does|did|is|are|should)\b"
    r"[^?]{8,300}\?\W*$",
    re.IGNORECASE,
)
_ENDS: Final = re.compile(r"(?<=[.!?])[\"')\]]*\s+|\s*\n\s*")
_WORD: Final = re.compile(r"[^\W\d_]{4,}")
_STEM: Final = 5
LEAST_CHARACTERS: Final = 16
"""Of a request."""
LEAST_WORDS: Final = 12
"""Of the rest: about a document that says less than this nobody can tell what belongs to it."""
MOST_REQUESTS: Final = 3
"""Where there are more, the document is a list of questions or of tasks."""
UNLIKE_THE_REST: Final = 0.2
"""Cosine with all the rest below which a request has another subject; the figures are of documents of which the
classifier had learnt none (``bench.rag_injection --left-out``)."""
UNLIKE_EACH: Final = 0.3
"""The same with the sentence that it is most like."""
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
    said = [one for one in _ENDS.split(text) if one.strip()]
    asking = [at for at in range(len(said)) if _asks(said, at)]
    if not 0 < len(asking) <= MOST_REQUESTS:
        return False
    stems = [_stems(one) for one in said]
    told = [at for at in asking if stems[at] and len(_of_others(stems, at)) >= LEAST_WORDS]
    if any(not stems[at] & _of_others(stems, at) for at in told if len(asking) < MOST_REQUESTS):
        return True
    return bool(told) and _unlike(said, told)


def _asks(said: Sequence[str], at: int) -> bool:
    one = said[at]
    if len(one) < LEAST_CHARACTERS:
        return False
    # A line of a wrapped paragraph may begin with any word.
    begins = at == 0 or one.lstrip("\"'*_#>-([ ")[:1].isupper() or said[at - 1].rstrip().endswith((".", "!", "?", ":"))
    return begins and bool(_QUESTION.match(one) or _ORDER.match(one))


def _unlike(said: Sequence[str], asking: Sequence[int]) -> bool:
    """Whether one of these sentences means something else than all others, together and each."""
    try:
        embedder = shared_embedder()
    except EmbeddingModelMissing:
        return False
    sums = np.stack([embedder.sum_of(embedder.tokens(one)) for one in said])
    units, whole = unit(sums), sums.sum(axis=0)
    for at in asking:
        others = np.delete(units, at, axis=0) @ units[at]
        if unit(whole - sums[at]) @ units[at] < UNLIKE_THE_REST and others.max() < UNLIKE_EACH:
            return True
    return False


def _of_others(stems: Sequence[set[str]], at: int) -> set[str]:
    return {stem for other, theirs in enumerate(stems) if other != at for stem in theirs}


def _stems(text: str) -> set[str]:
    return {word[:_STEM] for word in _WORD.findall(text.lower()) if word not in _COMMON}
