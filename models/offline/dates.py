"""The dates of a clause: whether it lies ahead, from when it is true, its dates made absolute.

What words mean which day is decided in `domain/text/dates.py`.
"""

import re
from datetime import datetime

from domain.text.dates import Mention, absolute, find, resolve
from models.offline.words import ONES

_AHEAD = re.compile(
    r"\b(?:will|(?:am|are|is) going to|plan(?:ning)? (?:to|a|on)|next (?:week|month|year|weekend"
    r"|summer|spring|autumn|fall|winter|\w+day)|tomorrow|coming|upcoming|from now|want to|hope to"
    r"|intend to|would love to|in (?:\d+|an?|two|three|a few) (?:day|week|month)s?$)\b"
    r"|\b(?:am|are|is) (?:flying|moving|leaving|expecting|getting married)\b"
    r"(?!.*\b(?:since|last|ago|yesterday)\b)",
    re.IGNORECASE,
)
_PRESENT = re.compile(
    r"(?:i|we) (?:am|are|have (?:an?|my|our|the|some)) |my .* (?:(?:is|are)"
    r" (?:on|in|at|due|\w+ing)|starts?|begins?|ends?|leaves?|arrives?) ",
    re.IGNORECASE,
)
"""With a date that can lie ahead, it does: "my exam is on 5 June"."""
_UNTIL = re.compile(
    r"\b(?:am|is|are|will|have to|has to|works?|lives?|stays?)\b.* (?:until|till|by) ",
    re.IGNORECASE,
)
_DURATION = re.compile(
    r"\b(?:for|since) (?:(?:about|over|almost|nearly|more than|the (?:past|last)|around"
    r"|at least) )*"
    rf"(?P<n>\d+|an?|{ONES}|ten|eleven|twelve|fifteen|twenty|a few|several|a couple of) "
    r"(?P<unit>day|week|month|year|decade)s?(?: now)?\b",
    re.IGNORECASE,
)
_KEPT = ("since", "until", "till", "before", "after", "by", "from", "between")


def lies_ahead(clause: str, said_at: datetime) -> bool:
    """Return whether a clause tells what is still to come, by its verb or its date."""
    dated_ahead = _PRESENT.match(clause) and (date := find(clause, said_at, ahead=True))
    return bool(_AHEAD.search(clause)) or bool(dated_ahead and date and _comes(date, said_at))


def _comes(date: Mention, said_at: datetime) -> bool:
    return date.start > said_at and date.lead not in ("since", "until", "till", "before", "after")


def dates_apart(clause: str, said_at: datetime, ahead: bool) -> tuple[str, str, str | None]:
    """Return a clause without its date, with its date made absolute, and the date's words."""
    coming = ahead or bool(_UNTIL.search(clause))
    mention = find(clause, said_at, ahead=coming)
    if mention and _dates_it(mention, clause, said_at, coming):
        start, end = mention.place
        bare = clause[:start].rstrip(" ,") + clause[end:]
        return bare, _all_absolute(clause, said_at, coming), clause[start:end].strip()
    if (lasting := _DURATION.search(clause)) and re.search(r"\b(?:have|has|am|is)\b", clause):
        since = resolve(f"for {lasting['n']} {lasting['unit']}", said_at)
        if since is not None:
            unit = lasting["unit"].lower()
            label = f"around {since.year}" if unit in ("year", "decade") else f"{since:%B %Y}"
            before, after = clause[: lasting.start()].rstrip(), clause[lasting.end() :]
            phrase = f"for {lasting['n']} {unit}s"
            return before + after, f"{before} since {label}{after}", phrase
    return clause, clause, None


def _dates_it(mention: Mention, clause: str, said_at: datetime, ahead: bool) -> bool:
    """Return whether a date says when, rather than how often, and can be meant."""
    often = re.search(r"\b(?:every|each|most|all)\s*$", clause[: mention.place[0]], re.IGNORECASE)
    return not often and (ahead or mention.start <= said_at)


def _all_absolute(clause: str, said_at: datetime, ahead: bool) -> str:
    """Return a clause whose dates mean the same on any day."""
    told, rest = "", clause
    while (mention := find(rest, said_at, ahead=ahead)) and _dates_it(
        mention, rest, said_at, ahead
    ):
        start, end = mention.place
        before, label = rest[:start].rstrip(" ,"), absolute(mention)
        lead = mention.lead if mention.lead in _KEPT else ""
        said_at = mention.start if ahead and lead == "from" else said_at  # "to Friday": after it
        if lead or before.endswith(" to"):
            label = f"{lead} {re.sub(r'^(?:on|in) (?!the)', '', label)}".strip()
        told += f"{before} {label if mention.relative else rest[start:end].strip()}"
        rest = rest[end:]
    return told + rest
