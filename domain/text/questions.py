"""What a message asks for: whether it asks at all, for a time, a number, a person, for everything.

Reads the words of `languages.toml`, in the language of the message.
"""

import re
from functools import cache

from domain.text.languages import ENGLISH, LANGUAGES, read_as
from domain.text.phrases import holds, starts
from domain.text.sentences import sentences
from domain.text.statements import is_question
from domain.text.words import normalized

_ASKED = re.compile(r"[?？؟]")


def asks(text: str) -> bool:
    """Return whether a message asks for something, rather than states it."""
    if _ASKED.search(text):
        return True
    language = read_as(text)
    return any(
        is_question(sentence)
        or (language.by_words and starts(_plain(sentence), language.words("request"), spaced=True))
        for sentence in dict.fromkeys(sentences(text))
    )


def asks_about_oneself(text: str) -> bool:
    """Return whether a message asks about who says it: "What do I like?", "Who am I?"."""
    return asks(text) and _holds(text, "i")


def asks_of_the_past(text: str) -> bool:
    """Return whether a message asks what was said or is known."""
    return _holds(text, "past")


def asks_for_everything(text: str) -> bool:
    """Return whether a message asks for a summary of what was said, rather than for one thing."""
    return _holds(text, "all")


def asks_for_an_order(text: str) -> bool:
    """Return whether a message asks in which order several things were said or happened."""
    return _holds(text, "order")


def asks_when(question: str) -> bool:
    """Return whether a time answers the question."""
    return _holds(question, "when")


def asks_how_many(question: str) -> bool:
    """Return whether a number answers the question."""
    return _holds(question, "count")


def asks_who(question: str) -> bool:
    """Return whether the name of a person or place answers the question."""
    return _holds(question, "who")


def asks_what_you_said(question: str) -> bool:
    """Return whether a message asks for what the assistant said: "what did you recommend?"."""
    if read_as(question).code != ENGLISH:
        return _holds(question, "said")
    return _you_said().search(_plain(question)) is not None


def _holds(text: str, table: str) -> bool:
    language = read_as(text)
    return holds(_plain(text), language.words(table), spaced=language.by_words)


def _plain(text: str) -> str:
    return normalized(text).replace("’", "'")


@cache
def _you_said() -> re.Pattern[str]:
    verbs = sorted(LANGUAGES[ENGLISH].words("said"))
    past = "|".join(
        verb for verb in verbs if verb.endswith(("ed", "said", "told", "gave", "wrote"))
    )
    return re.compile(
        rf"\bdid you (?:\w+ )?(?:{'|'.join(verbs)})\b|\byou(?:'ve)? (?:\w+ )?(?:{past})\b"
        r"|\byour (?:\w+ ){0,2}(?:advice|answer|list|recommendations?|suggestions?|reply"
        r"|explanation)\b"
    )
