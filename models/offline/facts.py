"""Facts without a language model: first-person statements of the user, turned into third person.

Rules over the form of English clauses. What they do not know is left out, never guessed; what the
statements do to known facts is decided in `domain/facts/facts.py`.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from domain.facts.extraction import Extraction, FactChange, Source
from domain.facts.facts import standing
from domain.records import Fact
from models.offline.clauses import clauses, sentences
from models.offline.dates import dates_apart, lies_ahead
from models.offline.entities import homes_of, places, relatives
from models.offline.forms import DATED_RULES, RULES, by_rule, job_beside
from models.offline.own_words import in_own_words
from models.offline.statements import Stated, kind_of, subject_of

_ENDINGS = (
    (
        re.compile(r"i (?:have )?(?:quit|left|lost) my (?:\w+ )?(?:job|position)\b.*", re.I),
        "employer",
    ),
    (re.compile(r"i (?:was|got) (?:laid off|fired|made redundant)\b.*", re.I), "employer"),
    (re.compile(r"i (?:have )?(?:broke|broken|split) up\b.*|i got divorced\b.*", re.I), "partner"),
)


def extract_offline(messages: Sequence[Source], known: Sequence[Fact], now: datetime) -> Extraction:
    """Return the facts and entities that the user's messages state, without a language model.

    Only plain statements about the user and theirs count: no questions, wishes, conditions,
    quotations, requests or passing moods. Dates are made absolute against the message's time.

    Args:
        messages: The user's messages, oldest first.
        known: Facts known already: a lost job ends the known one.
        now: Upper bound of when a message was said, against wrong clocks.
    """
    found = Extraction()
    held = {one.fact.slot: one.fact for one in standing(known, None) if one.current}
    homes = homes_of(held["home"].text) if "home" in held else []
    for message in messages:
        said_at = min(message.at, now)
        for sentence in dict.fromkeys(sentences(message.text)):
            found.entities += relatives(sentence, message.ref)
            for clause in clauses(sentence, said_at):
                for one in _read(clause, said_at):
                    found.facts.append(_change(one, message.ref, held))
                    found.entities += places(one, message.ref, homes)
    return found


def _read(clause: str, said_at: datetime) -> Iterator[Stated]:
    """Yield what a clause states: by its form, or else in its own words."""
    capitals = any(letter.isupper() for letter in clause.replace("I ", ""))
    for rule in DATED_RULES:
        if match := rule.pattern.match(clause):
            yield by_rule(rule, match, None)
            return
    ahead = lies_ahead(clause, said_at)
    bare, dated, when = dates_apart(clause, said_at, ahead)
    over = when is None and re.match(r"(?:i|we) have (?:lived|worked)\b", bare, re.IGNORECASE)
    opener = clause[:2].lower()
    for rule in [] if ahead or over else RULES:
        if rule.opener in ("", opener) and (
            match := (rule.pattern if capitals else rule.loose).match(bare)
        ):
            yield by_rule(rule, match, when)
            yield from job_beside(rule, bare, when)
            return
    text = in_own_words(dated, ahead)
    if text:
        ends = next((slot for form, slot in _ENDINGS if form.match(bare)), None)
        yield Stated(text, kind_of(text, ahead), None, when, subject_of(text), ends)


def _change(one: Stated, ref: str, held: dict[str | None, Fact]) -> FactChange:
    """Return the change to facts that a statement makes."""
    over = held.get(one.ends) if one.ends else None
    return FactChange(
        op="supersede" if over else "add",
        target=over.id if over else None,
        text=one.text,
        kind=one.kind,
        subject=one.subject,
        slot=one.slot,
        source=ref,
        when=one.when,
    )
