"""Sentences, what they are about and whom, for the models that work without a language model.

Words and stems come from `domain/text/terms.py`. Nothing here reads a prompt or ranks an answer.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from domain.text.languages import language_of
from domain.text.stemming import stem
from domain.text.terms import terms, weak_terms
from domain.text.vocabulary import ENGLISH

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_LIKES = re.compile(
    r"\b(?:i|user|you|we|he|she|they|do|does|don['’]t|really|not) likes?\b"
    r"|\b(?:loves?|enjoys?|adores?|prefers?|favou?rites?)\b",
    re.IGNORECASE,
)

_SAME = (
    "live reside home house address move relocate settle city town based",
    "work job employ employer employed career profession occupation company boss office",
    "name call named called nickname",
    "old age birthday born turned",
    "like love enjoy favorite favourite prefer adore fan",
    "hate dislike detest",
    "allergic allergy allergies intolerant intolerance",
    "wife husband spouse partner married marry fiancé fiancée boyfriend girlfriend",
    "study school university college degree student major",
    "eat diet food meal vegetarian vegan",
    "drink beverage coffee tea",
    "trip travel vacation holiday journey visit fly flight",
    "ill sick illness disease diagnosed condition",
    "plan going intend",
    "hobby hobbies spare pastime",
    "car drive vehicle",
    "buy bought purchase",
    "dog puppy pup beagle labrador retriever poodle terrier spaniel",
    "cat kitten",
    "flat apartment home house",
    "speak language fluent",
)
"""Words that ask for and tell the same thing."""

_OTHERS = (
    "sister sisters brother brothers sibling siblings mother father mom mum mommy dad daddy parent "
    "parents wife husband spouse partner fiancé fiancée girlfriend boyfriend friend friends boss "
    "colleague colleagues coworker neighbour neighbor neighbours neighbors son sons daughter "
    "daughters kid kids child children baby cousin cousins aunt uncle nephew niece grandmother "
    "grandfather grandma grandpa grandparents roommate flatmate teacher doctor therapist ex pet "
    "pets dog dogs cat cats puppy kitten horse hamster rabbit parrot bird team company"
)
"""Who a sentence may be about that begins with "my"."""

_KINDS = {
    "pet": "dog cat puppy kitten hamster rabbit parrot",
    "sibling": "sister brother",
    "parent": "mother father mom mum dad",
    "child": "son daughter kid baby toddler",
    "kid": "son daughter child baby toddler",
    "family": "sister brother mother father mom mum dad son daughter wife husband",
    "instrument": "guitar piano violin drums flute cello saxophone",
    "sport": "football soccer tennis basketball swimming climbing running yoga cycling",
    "color": "red blue green yellow black white purple orange pink",
    "colour": "red blue green yellow black white purple orange pink",
}
"""A general word, and words that answer to it (but not the other way round)."""

_OTHER_WORDS = frozenset(_OTHERS.split())
_OF_USER = frozenset(("my", "our", "user's"))
_USER = frozenset(("i", "i'm", "i've", "i'd", "i'll", "we", "we're", "we've", "user"))
_THIRD = frozenset(("he", "she", "they", "his", "her", "their", "its", "he's", "she's", "they're"))


def stems(text: str) -> frozenset[str]:
    """Return the stems of the words that say what a text is about.

    "Like" counts where it is a verb ("I like", "do I like"), and so does what means the same.
    """
    found = frozenset(terms(text)) - weak_terms(language_of(text) or ENGLISH)
    return (found - _liking()) | {"like"} if _LIKES.search(text) else found


def families(term: str) -> frozenset[str]:
    """Return the stems that tell what this one asks for, itself among them."""
    return _families().get(term, frozenset({term}))


def about_user(text: str) -> bool | None:
    """Return whether a sentence is first of all about who says it; None where it does not tell.

    "I live here", "my home" and "the user" are; "my sister lives here" and "his name" are not.
    """
    said = [word.replace("’", "'").casefold() for word in _WORD.findall(text)]
    for index, word in enumerate(said):
        following = said[index + 1].removesuffix("'s") if index + 1 < len(said) else ""
        if word in _OF_USER:
            return following not in _OTHER_WORDS
        if word in _USER:
            return True
        if word in _THIRD:
            return False
    return None


@lru_cache(maxsize=1)
def _liking() -> frozenset[str]:
    return frozenset(map(stem, ("love", "enjoy", "adore", "prefer", "favorite", "favourite")))


@lru_cache(maxsize=1)
def _families() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}

    def add(one: str, others: Iterable[str]) -> None:
        found.setdefault(one, {one}).update(others)

    for family in _SAME:
        members = {stem(word) for word in family.split()}
        for member in members:
            add(member, members)
    for general, family in _KINDS.items():
        add(stem(general), (stem(word) for word in family.split()))
    return {one: frozenset(others) for one, others in found.items()}
