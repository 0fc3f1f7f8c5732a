"""Wishes to forget: whether somebody may have one, and what a sentence of that form is about.

By form alone. What is meant, and whether it is meant, is for a memory model to say.
"""

import re
from functools import lru_cache

from domain.text.languages import LANGUAGES, Language, language_of, plain, spoken_words
from domain.text.statements import denies

_JOKE = re.compile(
    r"(?<!\w)\w*(?:jok(?:e|ing)|kidding|scherz|spaß|brom[ae]|plaisant|blague|brincad"
    r"|grap|żart|şaka|шут|шуч"
    r"|مزح|मज़ाक|玩笑|冗談|농담)\w*"
)
_SMALL_WORDS = (
    "please bitte favor favore plaît alsjeblieft proszę lütfen пожалуйста कृपया wieder just only "
    "said told what everything actually that it this das dies eso esto ça cela questo quello ciò "
    "isso isto dat dit bunu onu это этом об ذلك هذا यह इसे उसे 그거 그건 그거는"
)
_SMALL = frozenset(_SMALL_WORDS.split())
"""Words that stand for what was said last, or only ask politely."""
_SMALL_PIECES = re.compile(
    r"それ|これ|今の|さっきの|[はをのねよ]|ください|下さい|[这這那][个個]?|刚才|吧|了|请|請|它"
)
_BEFORE = 6
"""Words in front of "forget" in a request, at most: "could you please just"."""
_TAIL = 6
"""Letters behind "forget" that are only its ending, where the verb stands last."""
_VERB_LAST = [LANGUAGES[code] for code in ("ja", "ko", "tr", "hi")]
_EDGE = 2_000
"""Letters at either end of a message in which such a wish is looked for: a search of many words."""
_LETTERS = re.compile(r"\w*")


def may_want_forgotten(text: str) -> bool:
    """Return whether a text begins or ends with words in which one asks to forget, or retracts."""
    if len(text) > 2 * _EDGE:
        text = f"{text[:_EDGE]}\n{text[-_EDGE:]}"
    return bool(_forms().search(plain(text)))


def wants_forgotten(sentence: str) -> str | None:
    """Return what a sentence asks to forget: "" for what was said last, None where it asks not.

    "Forget that I am pregnant" asks for that, "ignore that, I was joking" for the last statement;
    "do not forget" and "I always forget my keys" ask for nothing.
    """
    text = plain(sentence)
    language = LANGUAGES.get(language_of(sentence) or "")
    match = re.search(language.forgets, text) if language and language.forgets else None
    if language is None or match is None:
        return None
    ending = _LETTERS.match(text, match.end()) if language.spaced else None
    end = ending.end() if ending else match.end()
    before, after = text[: match.start()], text[end:]
    joke = _JOKE.search(match[0]) is not None
    following = after.split()[:1] if language.spaced else []
    if denies(" ".join((before, match[0], *following)) if language.spaced else before):
        return None
    said = spoken_words(before)
    own = not language.words("own").isdisjoint(said)
    tail = _TAIL if language in _VERB_LAST else 0
    if _says_something(after, language) and len(after) > tail:
        return None if own or joke or len(said) > _BEFORE else _subject(after, language)
    if _says_something(before, language) and not joke:  # a language in which the verb stands last
        return before.strip() if not own or match.end() > len(text) - 2 * _TAIL else None
    return "" if joke or not own else None


def _subject(text: str, language: Language) -> str:
    """Return what is to be forgotten, without the small words before it ("what I said about")."""
    words = text.strip(" ,:.!?").split()
    small = language.signs | _SMALL
    while words and words[0].strip(" ,:'") in small:
        words.pop(0)
    return " ".join(words)


def _says_something(text: str, language: Language) -> bool:
    """Return whether a text has a word that could say what is meant."""
    text = _JOKE.sub(" ", text)
    if not language.spaced:
        return any(letter.isalnum() for letter in _SMALL_PIECES.sub("", text))
    return any(word not in language.signs | _SMALL for word in spoken_words(text))


@lru_cache(maxsize=1)
def _forms() -> re.Pattern[str]:
    return re.compile("|".join(each.forgets for each in LANGUAGES.values() if each.forgets))
