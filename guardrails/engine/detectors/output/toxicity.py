"""Insults and threats, by a short list that nobody says in business; a policy adds its own words."""

from __future__ import annotations

import msgspec

from guardrails.engine.detectors.words import MAX_WORDS, Words, WordsOptions

INSULTS = (
    "asshole", "assholes", "bastard", "bastards", "bitch", "bitches", "bullshit", "cocksucker", "cunt", "cunts",
    "dickhead", "dickheads", "dipshit", "dumbass", "fuck", "fucked", "fucker", "fuckers", "fucking", "fuck you",
    "go to hell", "jackass", "motherfucker", "motherfuckers", "piece of shit", "prick", "retard", "retarded",
    "shithead", "shut the fuck up", "slut", "sluts", "son of a bitch", "stupid idiot", "twat", "wanker",
    "whore", "whores",
    "arschloch", "arschlöcher", "fick dich", "hurensohn", "missgeburt", "schlampe", "wichser",
    "connard", "connasse", "enculé", "fils de pute", "salope", "va te faire foutre",
    "cabrón", "gilipollas", "hijo de puta", "puta madre", "pendejo",
    "coglione", "figlio di puttana", "pezzo di merda", "stronzo", "vaffanculo",
    "caralho", "filho da puta", "vai se foder",
)  # fmt: skip
THREATS = (
    "i will kill you", "i'll kill you", "i am going to kill you", "i'm going to kill you", "i will hurt you",
    "i'll hurt you", "i hope you die", "you should die", "you deserve to die", "kill yourself", "go kill yourself",
    "kys", "drop dead", "i know where you live", "you will regret this", "i will find you and",
    "ich bringe dich um", "bring dich um", "je vais te tuer", "te voy a matar", "ti ammazzo", "vou te matar",
)  # fmt: skip


class ToxicityOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which parts of the list count.

    Raises:
        ValueError: nothing is left of the list.
    """

    insults: bool = True
    threats: bool = True
    words: tuple[str, ...] = ()
    """Further ones."""
    exceptions: tuple[str, ...] = ()
    """Longer words and phrases in which a listed one may stand."""

    def __post_init__(self) -> None:
        if not (self.insults or self.threats or self.words):
            raise ValueError("Nothing is left of the list.")
        if len(self.words) + len(self.exceptions) > MAX_WORDS:
            raise ValueError(f"At most {MAX_WORDS} words and exceptions.")


def toxicity(options: ToxicityOptions) -> Words:
    """A detector of the words that count."""
    chosen = (INSULTS if options.insults else ()) + (THREATS if options.threats else ()) + options.words
    return Words(WordsOptions(words=chosen, exceptions=options.exceptions, entity="TOXIC"))
