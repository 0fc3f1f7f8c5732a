"""What a text is about, for the models that work without a language model."""

from collections.abc import Iterable

from domain.text.terms import strong_terms, terms


def stems(text: str) -> frozenset[str]:
    """Return the stems of a text's words; "allergy" and "allergic" have one."""
    return _meeting(terms(text))


def content(text: str) -> frozenset[str]:
    """Return those stems that say what a text is about: not those of small talk."""
    return _meeting(strong_terms(text))


def _meeting(stemmed: Iterable[str]) -> frozenset[str]:
    return frozenset(stem.removesuffix("i") if len(stem) > 4 else stem for stem in stemmed)
