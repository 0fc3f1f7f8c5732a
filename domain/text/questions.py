"""What a message asks for: whether it asks at all, for a time, a number, a person, for everything.

Reads the words of `languages.toml`, in the language of the message.
"""

import re
from functools import cache
from typing import Literal

from domain.text.languages import ENGLISH, LANGUAGES, read_as
from domain.text.phrases import holds, starts
from domain.text.sentences import sentences
from domain.text.statements import is_question
from domain.text.words import normalized

_ASKED = re.compile(r"[?？؟]")
Asked = Literal["past", "all", "order", "when", "count", "who", "said", "i"]
"""What a message can ask for: what was said or is known, a summary of it all, the order in which
several things were said or happened; a time, a number, the name of a person or place; what somebody
told; its speaker."""


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
    return asks(text) and asks_for(text, "i")


def asks_for(text: str, what: Asked) -> bool:
    """Return whether a message asks for something of a kind: by the words of its language."""
    language = read_as(text)
    return holds(_plain(text), language.words(what), spaced=language.by_words)


def asks_what_you_said(question: str) -> bool:
    """Return whether a message asks for what the assistant said: "what did you recommend?"."""
    if read_as(question).code != ENGLISH:
        return asks_for(question, "said")
    return _you_said().search(_plain(question)) is not None


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
