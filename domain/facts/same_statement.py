"""Whether a text says what a statement says, and what a statement names: by their words."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

from domain.records import Entity
from domain.text.languages import ENGLISH, LANGUAGES, language_of
from domain.text.meant import things
from domain.text.remembered import remembered
from domain.text.sentences import sentences
from domain.text.stemming import stem
from domain.text.terms import strong_terms, weak_terms
from domain.text.words import words

ENOUGH = 0.75
"""Share of a statement's content words that a sentence must hold to say the same: of up to three
words all of them. Fewer would take in what only speaks of the same thing."""
USER = "user"
"""The subject of facts about whoever has no name."""
_ROOT = 5
"""Letters that two stems share at least, so that they may be of one word."""
_LONG_ENDINGS = {"ko": 2, "tr": 5, "fi": 5}
"""Letters that two words share at least where words go on in their endings."""


def tell(text: str, statements: Iterable[str]) -> bool:
    """Return whether a text says one of these statements."""
    return any(says(text, statement) for statement in statements)


def says(text: str, statement: str) -> bool:
    """Return whether a sentence of `text` says what `statement` says, whoever says it."""
    return any(_covers(sentence, statement) for sentence in sentences(text))


def _covers(sentence: str, statement: str) -> bool:
    """Return whether a sentence holds enough of a statement's words, whatever their endings.

    A statement of a word or two may not tell its language: it is read in that of the sentence too.
    """
    codes = dict.fromkeys(language_of(text) or ENGLISH for text in (sentence, statement))
    for code in codes:
        wanted, said = content_of(statement, code), _by_begin(sentence, code)
        near = ((word, said.get(_begin(word, code), ())) for word in wanted)
        met = sum(any(w == word or _meet(w, word, code) for w in others) for word, others in near)
        if wanted and met >= ENOUGH * len(wanted):
            return True
    return False


@remembered(8_192)
def content_of(text: str, code: str) -> frozenset[str]:
    """Return the stems by which a statement is known; without weak ones where two are left."""
    spoken = _spoken(text, code)
    if not LANGUAGES[code].spaced:
        return spoken
    spoken -= _beside(code)
    strong = spoken - weak_terms(code)
    return strong if len(strong) > 1 else spoken


@remembered(8_192)  # each sentence is held against many statements, and the other way round
def _spoken(text: str, code: str) -> frozenset[str]:
    """Return the stems of a text that are no stop words."""
    if not LANGUAGES[code].spaced:
        return strong_terms(text)
    idle = LANGUAGES[code].stop | {USER}
    return frozenset(stem(word, code) for word in words(text) if word not in idle)


@remembered(8_192)
def _by_begin(text: str, code: str) -> dict[str, list[str]]:
    """Return the stems of a text by the letters that those have in common which meet."""
    stems: dict[str, list[str]] = defaultdict(list)
    for word in _spoken(text, code):
        stems[_begin(word, code)].append(word)
    return stems


@lru_cache(maxsize=len(LANGUAGES))
def _beside(code: str) -> frozenset[str]:
    """Return the stems of words beside a wish ("what I said") that say little of what is meant."""
    return frozenset(stem(word, code) for word in LANGUAGES[code].words("beside"))


def _meet(word: str, other: str, code: str) -> bool:
    """Return whether two stems are of one word, as "pregnant" and "pregnancy" are."""
    shorter, longer = sorted((word, other), key=len)
    if letters := _LONG_ENDINGS.get(code):
        begin = shorter[:letters]
        return longer.startswith(begin) and len(begin) >= min(letters, _ROOT - 1)
    if longer.startswith(shorter):
        return len(longer) < 2 * len(shorter) and len(shorter) >= _ROOT
    return word[: _ROOT + 2] == other[: _ROOT + 2] and len(longer) - len(shorter) <= 1


class Sayings:
    """Sentences of many texts, found by what they say without holding each against all others."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Index texts."""
        self._said = {sentence for text in texts for sentence in sentences(text)}
        self._codes = {language_of(sentence) or ENGLISH for sentence in self._said}
        self._saying: dict[str, list[str]] = {}
        self._indexes: dict[str, dict[str, set[str]]] = {}

    def saying(self, statement: str) -> list[str]:
        """Return the sentences that say what a statement says."""
        if statement in self._saying:
            return self._saying[statement]
        near = set[str]()
        for code in self._codes | {language_of(statement) or ENGLISH}:
            index = self._index(code)
            met = [index.get(_begin(word, code), set()) for word in content_of(statement, code)]
            # Of these words ENOUGH must be met: one at least of any that are more than the others.
            rarest = sorted(met, key=len)[: int((1 - ENOUGH) * len(met)) + 1]
            near.update(*rarest)
        said = [sentence for sentence in near if _covers(sentence, statement)]
        return self._saying.setdefault(statement, said)

    def telling(self, statements: Iterable[str]) -> dict[str, list[str]]:
        """Return the sentences that say some statements, each with those that it says."""
        told: dict[str, list[str]] = defaultdict(list)
        for statement in dict.fromkeys(statements):
            for sentence in self.saying(statement):
                told[sentence].append(statement)
        return told

    def _index(self, code: str) -> dict[str, set[str]]:
        """Return the sentences by how their words begin, read in a language."""
        if code not in self._indexes:
            index = self._indexes[code] = defaultdict(set)
            for sentence in self._said:
                for begin in _by_begin(sentence, code):
                    index[begin].add(sentence)
        return self._indexes[code]


def _begin(word: str, code: str) -> str:
    """Return the letters that a word shares with each one that it meets."""
    return word[: min(_LONG_ENDINGS.get(code, _ROOT), _ROOT - 1)]


def names_of(thing: str, entities: Sequence[Entity]) -> list[str]:
    """Return the names of whoever a wish only names, and by nothing but what they are to the user.

    "My sister" has a name, not so "that my sister is ill".
    """
    return [
        name
        for entity in entities
        if any(
            says(each.value.replace("-", " "), thing)
            for each in entity.attributes
            if each.name == "relation"
        )
        for name in (entity.name, *entity.aliases)
    ]


def named(statement: str, spoken: Sayings) -> list[str]:
    """Return what a statement names: all of it where somebody says that, else the things in it."""
    return [statement] if spoken.saying(statement) else things(statement)
