"""Whether what a model noted comes from what was said: its words, names, numbers and negations.

Compares texts, in any language. What happens to a note that nothing supports is decided elsewhere.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile

from domain.text.languages import ENGLISH, LANGUAGES, Language, language_of, likely_languages, plain
from domain.text.phrases import without
from domain.text.remembered import remembered
from domain.text.sentences import clauses
from domain.text.statements import denies
from domain.text.stemming import stem
from domain.text.terms import content_words
from domain.text.wording import numbers_as_said, root
from domain.text.words import MARKS, THAI, grams

_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{MARKS}])*")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_HAN_OR_KATAKANA = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[\u30a0-\u30ff]{2,}")
"""What carries the sense of a Chinese or Japanese text; Hiragana is mostly grammar."""
_THAI = re.compile(rf"[{THAI}]")
_VERB_LAST = ("ko", "tr", "hi")
_HANGUL = re.compile(r"[\uac00-\ud7af]")
_DENYING = frozenset("不没沒无無别未非")
_SMALL = 3
"""Letters up to which a word of another language than English passes for a small word; a Korean
syllable has two or three."""
_ALIKE = {True: (4, 0.75), False: (3, 0.6)}
"""Letters, and share of the longer word, that two forms of one word have in common at least: in
English, where stems are known as well, and elsewhere."""


def supported(text: str, sources: Sequence[str]) -> bool:
    """Return whether `sources` say what `text` says.

    Its numbers, its names and its other words of substance must stand in the sources, inflected
    or not; words that every note adds ("the user", "lives", "is called") need not. It must deny
    what they deny, and nothing else.

    Args:
        text: What a model noted: a statement, a name or a value.
        sources: The message that it was drawn from, and what else may stand behind it: messages
            shown as its context, the fact it changes, the day it was said where dates are
            resolved. Nothing else.
    """
    said = "\n".join(sources)
    code = _read_in(text, said)
    return _read(text, code).within(_read(said)) and _denies_alike(text, sources, code)


def _read_in(text: str, said: str) -> str | None:
    """Return the language to read a note in: that of what was said, where it may be in that too."""
    likely, theirs = likely_languages(text), language_of(said)
    return theirs if theirs in likely or not likely else likely[0]


def contradicted(text: str, sources: Sequence[str]) -> list[str]:
    """Return the clauses of the sources that a clause of the text turns around.

    Only a clause that says mostly the same is compared: one denies it, the other does not.
    """
    parts = _clauses(sources)
    turned: dict[str, None] = {}
    said = {part.text for part in parts}
    for noted in _clauses([text]):
        if noted.text in said:
            continue
        nearest, most = _nearest(noted, parts)
        size = len(noted.substance) + len(noted.numbers) + len(noted.characters)
        same = [
            part for part in parts if noted.objects and part.names_all(noted.objects, noted.code)
        ]
        near = nearest if 2 * most > size else same
        if near and all(part.denies != noted.denies for part in near):
            turned |= {part.text: None for part in near}
    return list(turned)


def turned_around(text: str, other: str) -> bool:
    """Return whether two statements say the same, but one of them denies it."""
    a, b = _read(text), _read(other)
    if denies(text) == denies(other) or not (a.substance or a.numbers or a.characters):
        return False
    return a.within(b) and b.within(a)


@dataclass(frozen=True)
class _Text:
    """What of a text can be compared with another one."""

    text: str
    denies: bool
    code: str
    """Of its language; English where none is known."""
    words: frozenset[str]
    """All its words, in lower case."""
    substance: frozenset[str]
    """Those that must come from somewhere."""
    names: frozenset[str]
    """Those of them that are names."""
    numbers: frozenset[str]
    characters: frozenset[str]
    objects: frozenset[str]
    """What stands before the verb where verbs come last, and change most of their letters."""

    @property
    def english(self) -> bool:
        """Whether it is read as English."""
        return self.code == ENGLISH

    def names_all(self, words: frozenset[str], code: str) -> bool:
        """Return whether the text holds all of these words, or forms of them."""
        return all(word in self.words or self.has_form_of(word, code) for word in words)

    def within(self, other: "_Text") -> bool:
        """Return whether the other text holds all that this one says."""
        if not (self.numbers <= other.numbers and self.characters <= other.characters):
            return False
        return all(
            not (word in self.names and other.english) and other.has_form_of(word, self.code)
            for word in self.substance - other.words
        )

    def has_form_of(self, word: str, code: str) -> bool:
        """Return whether the text holds another form of a word of some language."""
        first, last = word[0], word[-1]
        return any(
            _one_word(word, other, self.english) or stem(word, code) == stem(other, code)
            for other in self.words
            if other[0] == first or other[-1] == last  # Others are no forms of it.
        )


def _clauses(texts: Sequence[str]) -> list[_Text]:
    """Return the clauses of texts, each read in the language of its text: few words tell none."""
    return [_read(clause, language_of(text)) for text in texts for clause in clauses(text)]


@remembered(1024)
def _read(said: str, code: str | None = None) -> _Text:
    text = unicodedata.normalize("NFKC", said).replace("’", "'")
    code = code or language_of(text)
    language, english = LANGUAGES.get(code or ""), code in (None, ENGLISH)
    added = language.words("note") | language.words("negations") if language else frozenset()
    spoken = [plain(word) for word in _WORD.findall(text)]
    if language and language.negation_prefix:
        prefix = language.negation_prefix
        spoken = [(denies(word, code) and word.removeprefix(prefix)) or word for word in spoken]
    words = frozenset(spoken)
    names = frozenset(_names(text)) - added
    content = set(content_words(text.replace("n't", " not")) if english else words)
    counted = numbers_as_said(text, code)
    content = {word for word in content if len(_bare(word)) > (2 if english else _SMALL)}
    return _Text(
        text=said,
        denies=denies(said, code),
        code=code or ENGLISH,
        words=words,
        substance=frozenset(
            word
            for word in (content | names) - added - counted.keys()
            if not word.isdecimal() and not _UNSPACED.search(word) and not _THAI.search(word)
        ),
        names=names,
        numbers=frozenset(counted.values()),
        characters=frozenset(_characters(text, language)) - added - _DENYING,
        objects=frozenset([word for word in spoken if word not in added][:-1])
        if code in _VERB_LAST
        else frozenset(),
    )


def _characters(text: str, language: Language | None) -> Iterator[str]:
    """Yield what carries the sense where words are not parted: characters; of Thai, threes.

    Those of Thai without its negations and small words, which stand inside what is written as one.
    """
    yield from _HAN_OR_KATAKANA.findall(text)
    if language and _THAI.search(text):
        small = language.words("own") | language.words("note")
        said = re.sub(language.negation_pieces or "$^", " ", plain(text))
        for run in without(said, small, spaced=False).split():
            yield from grams(run) or () if _THAI.search(run) else ()


def _names(text: str) -> Iterator[str]:
    """Yield capitalized words, save one that only begins a sentence."""
    for match in _WORD.finditer(text):
        word, before = match[0], text[: match.start()].rstrip(" \"'(«„“")[-1:]
        opens = not before or before in ".!?…:\n"
        if word[0].isupper() and not (opens and " " in text):
            yield plain(word)


@lru_cache(maxsize=16_384)  # The same words meet in every clause of a conversation.
def _one_word(word: str, other: str, english: bool) -> bool:
    """Return whether two words are forms of one: of one stem, or alike at one end."""
    if root(word) == root(other):
        return True
    least, share = _ALIKE[english]
    a, b = _bare(word), _bare(other)
    same = _common(a, b)
    if not _HANGUL.match(word):  # Two nouns with one particle end alike there.
        same = max(same, _common(a[::-1], b[::-1]))
    return same >= max(least, share * max(len(a), len(b)))


def _common(a: str, b: str) -> int:
    """Return how many letters two words both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


@lru_cache(maxsize=16_384)
def _bare(word: str) -> str:
    """Return a word without diacritics: "fährt" and "fahre" share most of their letters."""
    split = unicodedata.normalize("NFKD", word)
    return "".join(letter for letter in split if not unicodedata.combining(letter))


def _denies_alike(text: str, sources: Sequence[str], code: str | None) -> bool:
    """Return whether a text, or each of its clauses, denies just as what it shares most with."""
    parts = _clauses(sources)

    def alike(noted: _Text) -> bool:
        nearest, _ = _nearest(noted, parts)
        return any(part.denies == noted.denies for part in nearest or [_read("")])

    return alike(_read(text, code)) or all(map(alike, _clauses([text])))


def _nearest(noted: _Text, parts: Sequence[_Text]) -> tuple[list[_Text], int]:
    """Return the clauses that share most with a text, and how much that is."""
    shared = [_shared(noted, part) for part in parts]
    most = max(shared, default=0)
    return [part for part, count in zip(parts, shared, strict=True) if count == most], most


def _shared(noted: _Text, part: _Text) -> int:
    """Return how many of the noted words, numbers and characters a clause holds."""
    words = sum(
        word in part.words or part.has_form_of(word, noted.code) for word in noted.substance
    )
    return words + len(noted.numbers & part.numbers) + len(noted.characters & part.characters)
