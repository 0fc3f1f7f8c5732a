"""What a statement says, whatever its wording: its sense, its id, and when two say the same.

Reads one text, or two side by side. Never looks at slots, dates, sources or other facts.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from domain.owner import digest
from domain.text.wording import fold, negations, numbers, root

Similar = Callable[[str, str], float]
"""How alike two texts are, 0 to 1: the cosine of their embeddings."""
_ALIKE_TEXT, _ALIKE_WORDS = 0.75, 0.6
"""Similarity from which on two texts, and the words they differ in, say the same."""
_SYNONYMS = {
    "love": "like", "enjoy": "like", "adore": "like", "fond": "like", "fan": "like",
    "keen": "like", "stand": "like", "favorite": "favourite", "color": "colour", "kid": "child",
    "children": "child", "mom": "mother", "mum": "mother", "dad": "father", "movie": "film",
    "apartment": "flat",
}  # fmt: skip
_SAME = {root(word): root(other) for word, other in _SYNONYMS.items()}
_AVERSION = re.compile(r"\b(?:dislikes?|hates?|detests?|loathes?)\b")
_OWNING = ("is|are|was|were", "has|have|owns?")
_PLAIN = re.compile(
    r"(?:the|an?|users?|s|is|are|am|be|been|being|was|were|has|have|had|having|do|does|did|will"
    r"|in|on|at|to|of|for|by|as|and|or|that|it|its|they|their|them|he|his|she|her|this|there"
    r"|not|no|never|longer|none|cannot|can|t|don|doesn|didn|isn|any|anymore|more|nor|neither"
    r"|very|really|severely|extremely|quite|so|super|absolutely|definitely|totally|truly|highly"
    r"|pretty|much|lot|big|huge|now|currently|presently|already|again|just|also|still|recently"
    r"|used|formerly|previously)$"
)
_PAST = re.compile(
    r"\b(?:used to|formerly|previously|in the past|lived|worked|resided|dated|owned|smoked)\b"
    r"|\b(?:was|were) (?!born|promoted|hired|given|named|called|diagnosed|transferred|relocated"
    r"|offered|appointed|accepted|elected|made|moved)"
)
_PERFECT = re.compile(r"\b(?:has|have)(?: \w+){0,2}? (?:lived|worked|resided|dated|owned|smoked)\b")


@dataclass(frozen=True)
class Sense:
    """What a statement says, without how it says it."""

    text: str
    """In lower case, aversions as denied likings."""
    words: tuple[str, ...]
    """Stems of its content words, in order; synonyms as one."""
    spelled: Mapping[str, str]
    """Stem to the word as written."""
    bag: frozenset[str]
    names: frozenset[str]
    """Stems of the capitalized ones."""
    numbers: frozenset[str]
    denied: bool
    past: bool
    """True for what was so and is said to be over ("used to", "lived in")."""
    owns: bool | None
    """True for "has a", False for "is a", None for neither."""


@lru_cache(maxsize=16384)
def sense_of(text: str) -> Sense:
    """Return what a statement says."""
    plain = _AVERSION.sub("not like", fold(text))
    capital = {fold(word) for word in re.findall(r"[^\W\d_]\w*", text) if word[0].isupper()}
    spelled: dict[str, str] = {}
    words = []
    for word in re.findall(r"[^\W_]+", plain):
        if not (_PLAIN.match(word) or numbers(word)):
            words.append(_SAME.get(root(word), root(word)))
            spelled[words[-1]] = word
    is_one, has_one = (re.search(rf"\b(?:{verb}) an? ", plain) for verb in _OWNING)
    return Sense(
        text=plain,
        words=tuple(words),
        bag=frozenset(words),
        spelled=spelled,
        names=frozenset(one for one, word in spelled.items() if word in capital),
        numbers=numbers(text),
        denied=negations(plain) % 2 == 1,
        past=bool(_PAST.search(_PERFECT.sub("", plain))),
        owns=None if bool(is_one) == bool(has_one) else bool(has_one),
    )


def statement_id(sense: Sense, source: str, is_one: bool) -> str:
    """Return the id of a statement; `is_one` tells "is a doctor" from "has a doctor"."""
    if not sense.words and not sense.numbers:
        return digest(f"{sense.text}\0{source}")
    names = [word for word in sense.words if word in sense.names]
    flags = f"{sense.denied:d}{sense.past:d}{is_one:d}"
    parts = (sorted(sense.bag), names if len(names) > 1 else (), sorted(sense.numbers))
    return digest("\0\0".join(["\0".join(part) for part in parts] + [flags, source]))


def agree(a: Sense, b: Sense) -> bool:
    """Return whether two statements both deny or both affirm, of now or of once."""
    return (a.denied, a.past) == (b.denied, b.past)


def same_owning(a: Sense, b: Sense) -> bool:
    """Return False for "is a doctor" beside "has a doctor"."""
    return a.owns is b.owns or None in (a.owns, b.owns)


def nearly_same(a: Sense, b: Sense, similar: Similar | None) -> bool:
    """Return whether two statements say the same in nearly the same words."""
    if not a.words or not b.words:
        return a.text == b.text
    if not agree(a, b) or a.numbers != b.numbers or not same_owning(a, b):
        return False
    shared, names = a.bag & b.bag, a.names | b.names
    if a.bag <= b.bag or b.bag <= a.bag:
        near = len(shared) >= 0.8 * len(a.bag | b.bag)
    else:
        near = similar is not None and 2 * len(shared) >= min(len(a.bag), len(b.bag))
    if not near or (a.bag ^ b.bag) & names:
        return False
    order = [[word for word in one.words if word in names & shared] for one in (a, b)]
    same = a.bag <= b.bag or b.bag <= a.bag
    return order[0] == order[1] and (same or (similar is not None and _alike(a, b, similar)))


def _alike(a: Sense, b: Sense, similar: Similar) -> bool:
    """Return whether texts, and also the words they differ in, are alike ("film" and "movie")."""
    rests = [
        " ".join(one.spelled[word] for word in one.words if word not in other.words)
        for one, other in ((a, b), (b, a))
    ]
    wholes = [" ".join(one.spelled[word] for word in one.words) for one in (a, b)]
    return similar(*wholes) >= _ALIKE_TEXT and similar(*rests) >= _ALIKE_WORDS
