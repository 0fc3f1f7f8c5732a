"""Dates in other languages than English: what dateparser makes of a few words.

Dateparser is imported only here, and only when such words come. English is never read here.
"""

import re
from datetime import datetime

from domain.text.dates_spans import midnight

_LANGUAGES = ["de", "es", "fr", "it", "nl", "pt", "pl", "ru", "tr", "ja", "zh"]
_ENGLISH = re.compile(
    r"\b(?:ago|always|and|as|at|before|ever|for|forever|from|i|just|later|life|long|my|now|recently"
    r"|since|soon|sometime|still|the|then|they|this|until|was|we|were|when|while|whole|years|you)\b"
)
_LEANING = re.compile(
    r"\b(?:am|ab|de[mnr]|die|el|las?|les|los|le|dal?|del|des|depuis|desde|derni(?:er|ère)|im|in"
    r"|(?:letz|vori)[tg]e[mnrs]?|op|sinds|seit|pasad[oa]|scors[oa]|vom|afgelopen)\b\.?"
)
"""Prepositions, articles and "last" of other languages, which dateparser does not know."""


def other_language(text: str, said_at: datetime, ahead: bool) -> datetime | None:
    """Return what dateparser makes of a text in another language, as midnight."""
    text = text.casefold()
    letters = re.search(r"[^\W\d_]{2}|\d月", text)
    if not letters or len(text.split()) > 6 or _ENGLISH.search(text):
        return None
    import dateparser  # type: ignore[import-untyped]  # untyped; late: it takes 0.4 s

    settings = {
        "RELATIVE_BASE": said_at.replace(tzinfo=None),
        "PREFER_DATES_FROM": "future" if ahead else "past",
        "PREFER_DAY_OF_MONTH": "first",
        "PREFER_MONTH_OF_YEAR": "first",
        "RETURN_AS_TIMEZONE_AWARE": False,
        "PARSERS": ["relative-time", "absolute-time"],
    }
    for form in dict.fromkeys((text, " ".join(_LEANING.sub("", text).split()))):
        try:
            at = dateparser.parse(form, languages=_LANGUAGES, settings=settings) if form else None
        except (ValueError, OverflowError):
            return None
        if isinstance(at, datetime):
            return midnight(at).replace(tzinfo=said_at.tzinfo)
    return None
