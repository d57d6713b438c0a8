"""What a rule about topics takes."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

MOST_TOPICS: Final = 30
MOST_EXAMPLES: Final = 200
"""Of one topic, counter-examples apart."""
LONGEST_EXAMPLE: Final = 500
LONGEST_NAME: Final = 60


class Topic(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A topic, by what people say about it.

    Raises:
        ValueError: it has no name or no example, or too much of something.
    """

    name: str
    """As events and evidence name it."""
    examples: tuple[str, ...]
    """Sentences about it; ten that differ from one another say more than fifty that do not."""
    not_examples: tuple[str, ...] = ()
    """Sentences that are easily taken for it and are not about it."""

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > LONGEST_NAME:
            raise ValueError(f"A topic has a name of at most {LONGEST_NAME} characters.")
        if not any(example.strip() for example in self.examples):
            raise ValueError(f"Give the topic {self.name!r} at least one example.")
        for given in (self.examples, self.not_examples):
            if len(given) > MOST_EXAMPLES:
                raise ValueError(f"The topic {self.name!r} has more than {MOST_EXAMPLES} examples.")
            if any(len(example) > LONGEST_EXAMPLE for example in given):
                raise ValueError(f"An example of {self.name!r} has more than {LONGEST_EXAMPLE} characters.")


class TopicOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which topics, and whether they are the only ones or none of them.

    Raises:
        ValueError: a topic is not valid, there are none or too many, or the score is none.
    """

    topics: tuple[Topic, ...]
    """Each with a name and sentences about it."""
    mode: Literal["never", "only"] = "never"
    """Never: what is about one of these topics is found. Only: what is about none of them is found."""
    per: Literal["sentence", "text"] = "sentence"
    """Sentence: each is judged, with its neighbours. Text: one judgement of the whole, by its nearest passage."""
    min_score: float = 0.5
    """How sure it must be that a passage is about a topic, 0 to 1."""
    small_talk: bool = True
    """With only: greetings, thanks and the like are allowed."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.topics) <= MOST_TOPICS:
            raise ValueError(f"Give between one and {MOST_TOPICS} topics.")
        names = [topic.name.strip().lower() for topic in self.topics]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"The topic {name!r} is there twice.")
        if not 0 < self.min_score < 1:
            raise ValueError("The score is between 0 and 1.")
