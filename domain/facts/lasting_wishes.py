"""What a user asks for once and for all: instructions for every reply, and preferences.

Recognized by form, in the words of `languages.toml`; what is meant is for a memory model to say.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Literal

from domain.facts.own_words import own_sentences
from domain.facts.wish_slots import ADDRESS, reply_slot
from domain.text.languages import LANGUAGES, Language, language_of
from domain.text.phrases import holds
from domain.text.statements import denies, first_person, is_question

LASTING = ("instruction", "preference")
"""The kinds of facts that hold for every reply."""
_LONGEST = 300
"""Characters of a wish at most: more is a story, or pasted."""
_LONGEST_SENTENCE = 1_000
_FEW_LETTERS, _FEW_WORDS, _BARE_WORDS = 60, 7, 5
"""Of an order that says how replies are to be: a longer one is about one of them. The last: of
one without a verb, "no emojis please"."""
_CLAUSE_END = re.compile(r"[,;:.!?–—，、。！？]")
_NAME = r"\S+(?:\ \S+)?(?=\ \S+\W*$)"
"""A name and its surname, before the last word of a sentence."""
_WORDS = r"[^\W_]+"
_VERB_LAST = ("ja", "ko", "tr", "hi")


@dataclass(frozen=True)
class Wish:
    """What a sentence asks for once and for all."""

    kind: Literal["instruction", "preference"]
    text: str
    slot: str | None = None


def lasting_wishes(message: str) -> Iterator[Wish]:
    """Yield what a message asks for once and for all, in its own words; nothing it quotes."""
    for sentence in dict.fromkeys(own_sentences(message)):
        wish = lasting_wish(sentence)
        if wish is not None:
            yield wish


def lasting_wish(sentence: str) -> Wish | None:
    """Return what a sentence asks for once and for all; None where it does not."""
    text = " ".join(unicodedata.normalize("NFKC", sentence).replace("’", "'").split())
    if len(text) > _LONGEST_SENTENCE:
        return None
    spoken = frozenset(re.findall(_WORDS, text.lower()))
    forms = [form for form in _every_form() if form.may_be(text, spoken)]
    if len(text) <= _LONGEST:
        if called := {form.named(text) for form in forms} - {None}:
            return Wish("instruction", sentence, ADDRESS if True in called else None)
        if codes := [form.code for form in forms if form.orders(text)]:
            slots = (reply_slot(text, code) for code in codes)
            return Wish("instruction", sentence, next(filter(None, slots), None))
    preferred = next((part for form in forms if (part := form.preferred(text))), None)
    return Wish("preference", preferred) if preferred else None


class _Patterns:
    """The regular expressions of one language's forms."""

    def __init__(self, language: Language) -> None:
        def any_of(phrases: Iterable[str]) -> str:
            ordered = sorted(phrases, key=lambda phrase: (-len(phrase), phrase))
            either = "|".join(map(re.escape, ordered)).replace(r"\.\.\.", _NAME) or r"(?!)"
            return rf"(?:\b(?:{either})(?!\w))" if language.by_words else f"(?:{either})"

        always, ask, call = (any_of(language.words(key)) for key in ("always", "ask", "call"))
        contrasts = any_of(language.words("contrasts"))
        begins = rf"(?:^\W*|[,;:.!?–—，、。！]\s*)(?:{contrasts}\s*)?"
        few = r"(?P<between>(?:\S+\s+){0,4}?)"
        first = rf"^\W*(?:{contrasts}\s*|{always}\s.*[,;:–—]\s*)?"
        self.bare = re.compile(
            rf"{first}{any_of(language.words('bare'))}\s+(?P<next>[\w'-]+)\s+\w", re.IGNORECASE
        )
        self.orders = [
            re.compile(pattern, re.IGNORECASE)
            for pattern in (
                rf"{begins}{always}[\s,]+{few}{ask}",
                rf"{begins}{ask}[\s,]+{few}{always}",
                rf"{begins}{ask}\s.*{always}\W*$",
                rf"{begins}{always}\s.*[,;:–—]\s*{ask}",
            )
        ]
        self.first = re.compile(f"{always}|{ask}|{call}", re.IGNORECASE)
        self.own_next = re.compile(rf"{always}\W*{any_of(language.words('i'))}", re.IGNORECASE)
        lead = "" if language.code in _VERB_LAST else rf"{begins}(?:(?:{always}|{ask})\W*){{0,3}}"
        self.call = re.compile(lead + call, re.IGNORECASE)
        self.request = re.compile(
            rf"^(?:\w+ )?{any_of(p for p in language.words('ask') if ' ' in p)}", re.IGNORECASE
        )


class _Form:
    """How one language asks for something once and for all."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self.code = language.code
        self._loose = not language.by_words or language.code in _VERB_LAST
        self._signs = {
            frozenset(re.findall(_WORDS, phrase))
            for key in ("always", "bare", "call", "prefer", "reply")
            for phrase in language.words(key)
        }
        self._negations = language.words("negations")

    @cached_property
    def _patterns(self) -> _Patterns:
        """Compiled when a sentence may need them: those of every language take half a second."""
        return _Patterns(self._language)

    def may_be(self, text: str, spoken: Set[str]) -> bool:
        """Whether a sentence with these words may be in this form: a quick look."""
        if not self._language.by_words:
            return language_of(text) == self._language.code
        return any(phrase <= spoken for phrase in self._signs)

    def named(self, text: str) -> bool | None:
        """Return whether a sentence says what its speaker wants to be called.

        False where it says what not ("don't call me Alex"), None where it says neither.
        """
        match = self._patterns.call.search(text)
        if match is None:
            return None
        rest = text[: match.end()] if self.code in _VERB_LAST else text[match.end() :]
        own = self._language.words("own")
        names = [word for word in rest.split() if word.lower() not in own]
        if not any(word[0].isalpha() and not word[0].islower() for word in names):
            return None
        return not denies(_clause(text, match), self.code)

    def orders(self, text: str) -> bool:
        """Whether a sentence orders something for good."""
        if self._orders_replies(text):
            return True
        if self._loose:
            return self._orders_somewhere(text)
        return any(self._orders_it(pattern, text) for pattern in self._patterns.orders) or any(
            self._is_verb(match["next"].lower()) for match in self._patterns.bare.finditer(text)
        )

    def preferred(self, text: str) -> str | None:
        """Return the parts of a sentence that say what its speaker prefers; None for none."""
        if not self._says(text, "prefer"):
            return None
        parts = [
            part
            for part in re.split(r"(?<=[,;])\s+", text)
            if not is_question(part.rstrip(",;")) and not self._patterns.request.match(part)
        ]
        said = [self._says(part, "prefer") for part in parts]
        if not any(said):
            return None
        if sum(map(len, parts)) > _LONGEST:
            parts = parts[said.index(True) :]
        whole = " ".join(parts).rstrip(",; ")
        return None if len(whole) > _LONGEST or first_person(whole) is False else whole

    def _orders_it(self, pattern: re.Pattern[str], text: str) -> bool:
        match = pattern.search(text)
        if match is None:
            return False
        between = match.groupdict().get("between") or ""
        return pattern is not self._patterns.orders[0] or not self._says(between, "i")

    def _orders_replies(self, text: str) -> bool:
        """Whether a few words order how replies are to be: "keep your answers short"."""
        spoken = text.split()
        if len(text) > _FEW_LETTERS or len(spoken) > _FEW_WORDS or is_question(text):
            return False
        if not self._says(text, "reply") or self._says(text, "i"):
            return False
        if self._loose:
            return self._says(text, "ask") or denies(text, self.code)
        if self._says(text, "ask"):
            return True
        return len(spoken) <= _BARE_WORDS and spoken[0].lower() in self._negations

    def _orders_somewhere(self, text: str) -> bool:
        """Whether it orders for good, in a language without spaces or with its verbs at the end."""
        first = self._patterns.first.search(text)
        if (
            first is None
            or self._patterns.own_next.search(text)
            or self._says(text[: first.start()], "i")
        ):
            return False
        return self._says(text, "always") and self._says(text, "ask")

    def _says(self, text: str, key: str) -> bool:
        return holds(text.lower(), self._language.words(key), spaced=self._language.by_words)

    def _is_verb(self, word: str) -> bool:
        idle = self._language.words("i") | self._language.stop
        return word in self._language.words("ask") or word.partition("'")[0] not in idle


def _clause(text: str, match: re.Match[str]) -> str:
    """Return the clause of a text in which something was found."""
    ahead = _CLAUSE_END.search(text, match.end())
    return _CLAUSE_END.split(text[: match.end()])[-1] + text[match.end() : ahead and ahead.start()]


@cache
def _every_form() -> tuple[_Form, ...]:
    return tuple(map(_Form, LANGUAGES.values()))
