"""Whether somebody may want something forgotten: reason enough to have the message read at once.

What is meant, and whether it is meant, is for a memory model to say.
"""

import re
from functools import lru_cache

from domain.text.languages import LANGUAGES, plain


def may_want_forgotten(text: str) -> bool:
    """Return whether a text has words in which one asks to forget, or takes something back."""
    return bool(_forms().search(plain(text)))


@lru_cache(maxsize=1)
def _forms() -> re.Pattern[str]:
    return re.compile("|".join(each.forgets for each in LANGUAGES.values() if each.forgets))
