"""Wishes to forget: whether somebody may have one, and what a sentence of that form is about.

By form alone. What is meant, and whether it is meant, is for a memory model to say.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile

from domain.text.languages import LANGUAGES, Language, language_of, plain, spoken_words
from domain.text.meant import only_a_time
from domain.text.phrases import holds, starts, without
from domain.text.statements import is_question, negations
from domain.text.terms import strong_terms

_VERB_LAST = frozenset(LANGUAGES[code] for code in ("ja", "ko", "tr", "hi"))
"""Languages in which what is to be forgotten stands before the verb."""
EVERYTHING = "*"
"""What is to be forgotten where a sentence wants everything forgotten: that takes a reset."""
_EDGE = 2_000
"""Letters at either end of a message in which such a wish is looked for: a search of many words."""
_LONGEST = 1_000
"""Letters of a sentence that may be such a wish; the search would keep everybody waiting else."""
_MARKS = " ,:;.!?'\"。！？、，"
_CLAUSE = re.compile(r"[,;:.!،、，。！：]\s*")
_QUOTED = re.compile(r"[:：]\W*$")
"""How a text ends before what somebody is said to have said."""
_NEAR = 3
"""Words before the verb, in its clause, in which "not" means that nothing is to be forgotten."""


def may_want_forgotten(text: str) -> bool:
    """Return whether a text begins or ends with words in which one asks to forget, or retracts."""
    if len(text) > 2 * _EDGE:
        text = f"{text[:_EDGE]}\n{text[-_EDGE:]}"
    text = plain(text)
    # Each language by itself: one search for all of them takes three times as long.
    return any(
        _forms(code).search(text) or (language.forgetting and re.search(language.forgetting, text))
        for code, language in LANGUAGES.items()
    )


def wants_forgotten(sentence: str) -> str | None:
    """Return what a sentence asks to forget; None where it asks for nothing.

    That is "" for what was said last, or `EVERYTHING`; the sentence where it only says when.

    "Forget that I am pregnant" asks for that, "ignore that, I was joking" for the last statement;
    "do not forget", "did you forget?" and "I always forget my keys" ask for nothing.
    """
    text = plain(sentence[: _LONGEST + 1]).strip()
    if len(sentence) > _LONGEST:
        return None
    # A short sentence may be of several languages: what says nothing in one, says nothing.
    found = {code: match for code in LANGUAGES if (match := _asking(code, text))}
    if not found:
        return None
    first = language_of(sentence)
    codes = sorted(found, key=lambda code: code != first)
    polite, beside = (
        frozenset().union(*(LANGUAGES[code].words(table) for code in codes))
        for table in ("polite", "beside")
    )
    match, language = found[codes[0]], LANGUAGES[codes[0]]
    # Where "I" is left out, words of one's own say something: Spanish "trabajo", Arabic "my wife".
    telling = language.words("own") - language.stop if language.drops_subject else frozenset()
    you, talk, small = language.words("you"), language.words("talk"), language.signs - telling
    form = _Form(language, you, talk, small, polite, beside | polite)
    begin = match.start() - len(_CLAUSE.split(text[: match.start()])[-1])
    asked = is_question(text[begin:])  # not by the "what" of "what I said of it, forget that"
    what = form.wish(text[: match.start()], match[0], text[match.end() :], asked)
    if asked and what == "" and not _points(language, text):
        return None
    return text if what and only_a_time(text, codes[0]) else what


def may_mean_a_question(sentence: str) -> bool:
    """Return whether a wish to forget what was said last may mean a question: "forget it".

    "Ignore my last message" too; not "I was joking" nor "forget what I told you".
    """
    text = plain(sentence[:_LONGEST])
    return not any(
        _names_a_statement(text, LANGUAGES[code]) for code in LANGUAGES if _forms(code).search(text)
    )


def _names_a_statement(text: str, language: Language) -> bool:
    """Return whether a wish says that what it takes back was stated."""
    if language.jokes and re.search(language.jokes, text):
        return True
    said = language.words("own") | language.words("i_said")
    last, spaced = language.words("last"), language.spaced
    return holds(text, said, spaced=spaced) and not holds(text, last, spaced=spaced)


@dataclass(frozen=True)
class _Form:
    """How one asks to forget in a language."""

    language: Language
    you: frozenset[str]
    talk: frozenset[str]
    small: frozenset[str]
    """Words that the language is known by, and that say nothing by themselves."""
    polite: frozenset[str]
    beside: frozenset[str]
    """Words that say nothing of what is meant, polite ones too."""

    def wish(self, before: str, verb: str, after: str, asked: bool) -> str | None:
        """Return what is to be forgotten; None where this is no wish."""
        language, clause = self.language, _CLAUSE.split(before)[-1]
        if self._reported(before):
            return None  # "she said: forget it"
        if language.jokes and re.match(language.jokes, verb):
            if self._has(clause, language.words("about")):  # "that about the dog was a joke"
                said = without(clause, language.words("about"), spaced=language.spaced)
                return self._subject(said) if self._says(said) else ""
            if self._says(clause) or self._says(_CLAUSE.split(after)[0]):
                return None  # "my brother was joking"
            return self._subject(before) if self._says(before) else ""
        polite = any(word in f"{before}{verb}{after}" for word in self.polite)
        if self._denied(clause, after) or (asked and not polite):
            return None
        if self._has(verb + after, language.words("last")) and not self._says(after):
            return ""
        said = without(after + before, language.words("whole"), spaced=language.spaced)
        if not self._says(said) and self._has(after + before, language.words("whole")):
            return EVERYTHING
        if language in _VERB_LAST and self._says(before):
            return self._subject(before)
        others = language.words("others")
        doing = language.words("own") | others | (self.you if others else others)
        if self._has(clause, doing) and not polite:
            return None  # "I always forget my keys", "you forget that ...", but "I want you to ..."
        if self._says(after):
            lead = without(clause, self.talk, spaced=language.spaced)  # "ok", "yes"
            return None if self._says(clause) and lead.strip(_MARKS) else self._subject(after)
        return self._subject(before) if self._says(before) else ""

    def _subject(self, text: str) -> str:
        """Return what is to be forgotten, without the small words around it ("what I said")."""
        around = self.polite | self.language.words("about")
        text = without(text, around, spaced=self.language.spaced).strip(_MARKS)
        beside = self.beside | self.language.words("whole")
        if not self.language.spaced:
            pieces = "|".join(map(re.escape, sorted(beside, key=len, reverse=True)))
            return re.sub(rf"^(?:{pieces})+|(?:{pieces})+$", "", text) or text
        about, (said, _, thanks) = beside - self.language.words("that"), text.rpartition(",")
        words = (said if said and not strong_terms(thanks) else text).split()
        while words and words[0].strip(_MARKS) in beside | self.small:
            led = words[0] not in about and self._begins_own(words[1:], beside)
            if led or self._begins_own(words, beside):
                break  # "I have a dog" and "that I have a dog", but not "what I said"
            words.pop(0)
        while words and words[-1].strip(_MARKS) in beside:
            words.pop()
        return " ".join(words).strip(_MARKS)

    def _begins_own(self, words: Sequence[str], beside: frozenset[str]) -> bool:
        """Return whether words say something of one's own: "my dog", "il mio cane"."""
        own, text = self.language.words("own"), " ".join(words)
        following = words[1].strip(_MARKS) if words[1:] else ""
        mine = starts(text, self.language.words("mine"), spaced=True)
        return mine or (words[:1] != [] and words[0] in own and following not in beside | {""})

    def _says(self, text: str) -> bool:
        """Return whether a text has a word that could say what is meant."""
        text = re.sub(self.language.jokes, " ", text) if self.language.jokes else text
        text = without(text, self.beside, spaced=self.language.spaced)
        if not self.language.spaced:
            return any(letter.isalnum() for letter in text)
        return any(word not in self.small for word in spoken_words(text))

    def _reported(self, before: str) -> bool:
        """Return whether what follows is what somebody else said, or is to say or to write."""
        quoted = _QUOTED.search(before)
        lead = _CLAUSE.split(before[: quoted.start()] if quoted else before)[-1]
        again = without(lead, self.language.words("i_said"), spaced=self.language.spaced)
        if again != lead and not self._says(again):
            return False  # "as I said before: forget my address"
        first, *others = spoken_words(lead) or [""]
        orders = self.language.words("orders") - self.polite
        if self.language.spaced and first in orders and not {*others[:1]} & self.you:
            return True  # not "tell you what: forget my address"
        if not quoted and self.language in _VERB_LAST | {LANGUAGES["zh"]}:
            return False
        asks, own = self.language.words("asks"), self.language.words("own")
        mine = self._has(lead, own) and (not quoted or self._has(lead, self.you))
        reports = self._has(lead, self.language.words("reports"))
        return reports and not mine and not self._has(lead, asks)

    def _denied(self, clause: str, after: str) -> bool:
        """Return whether "forget" stands in a denial: "never forget", "vergiss das nicht"."""
        language = self.language
        if not language.spaced:
            near = without(clause, self.polite, spaced=False)[-2 * _NEAR :]
            return language not in _VERB_LAST and negations(near) > 0
        last = language in _VERB_LAST  # what stands before the verb is said of the statement
        close = spoken_words(clause)[-1 if last else -_NEAR :]
        following = [] if language.drops_subject else spoken_words(_CLAUSE.split(after)[0])
        for word in following:
            close.append(word)
            if word not in self.beside or word in language.words("own"):
                break
        statement = language.words("that") | language.words("asks")
        statement |= language.words("i") - language.words("mine")
        ordered = takewhile(lambda word: word not in statement, following)
        if language.denies and re.search(language.denies, " ".join(ordered)):
            return True  # "vergiss meinen Geburtstag nicht"
        listed, pieces = language.words("negations"), "" if last else language.negation_pieces
        return any(word in listed or (pieces and re.search(pieces, word)) for word in close)

    def _has(self, text: str, listed: frozenset[str]) -> bool:
        return holds(text, listed, spaced=self.language.spaced)


def _asking(code: str, text: str) -> re.Match[str] | None:
    """Return the words of a language by which a text asks to forget, or takes back."""
    language = LANGUAGES[code]
    for match in re.finditer(language.forgetting, text) if language.forgetting else ():
        if _asks_for_it(language, _CLAUSE.split(text[: match.start()])[-1], text):
            return match  # "kannst du ... vergessen", which is no order by itself
    return _forms(code).search(text)


def _asks_for_it(language: Language, clause: str, text: str) -> bool:
    """Return whether a clause asks somebody politely, and the text says what is to be forgotten."""
    you, mine = language.words("you"), language.words("mine")
    return (
        holds(clause, language.words("polite"), spaced=language.spaced)
        and (language.drops_subject or holds(clause, you, spaced=language.spaced))
        and (holds(text, mine, spaced=language.spaced) or _points(language, text))
    )


def _points(language: Language, text: str) -> bool:
    """Return whether a text points to something said: "it", "that"; where no table tells, it may.

    "Could you ever forget things?" asks what somebody is like.
    """
    pointing = language.words("points")
    return not pointing or holds(text, pointing, spaced=language.spaced)


@cache
def _forms(code: str) -> re.Pattern[str]:
    language = LANGUAGES[code]
    return re.compile("|".join(filter(None, (language.forgets, language.jokes))))
