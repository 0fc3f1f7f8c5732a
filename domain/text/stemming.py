"""Stems of words, so that forms of a word meet: snowball's algorithm of the word's language.

Of English, Porter's. A language without an algorithm keeps its words.
"""

from functools import cache, lru_cache
from threading import Lock
from typing import Any

import snowballstemmer  # type: ignore[import-untyped]  # it comes without types

_ALGORITHMS = {
    "en": "porter", "de": "german", "es": "spanish", "fr": "french", "it": "italian",
    "pt": "portuguese", "nl": "dutch", "sv": "swedish", "da": "danish", "no": "norwegian",
    "fi": "finnish", "pl": "polish", "cs": "czech", "ru": "russian", "tr": "turkish",
    "ar": "arabic", "hi": "hindi", "id": "indonesian",
}  # fmt: skip
_stemming = Lock()


@lru_cache(maxsize=16_384)
def stem(word: str, language: str = "en") -> str:
    """Return the stem of a lower-case word of a language (ISO 639-1)."""
    algorithm = _ALGORITHMS.get(language)
    if algorithm is None:
        return word
    with _stemming:  # a stemmer keeps the word it works on in itself
        return str(_stemmer(algorithm).stemWord(word)).replace("ı", "i")


@cache
def _stemmer(algorithm: str) -> Any:
    return snowballstemmer.stemmer(algorithm)
