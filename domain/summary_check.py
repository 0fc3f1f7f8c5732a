"""What a summary must keep: numbers, dates, names and negations of what the user said.

A deterministic check of words, in English for negations. What it means for a fold is decided there.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile, islice

from domain.facts.support import contradicted, supported
from domain.records import Turn
from domain.text.dates.english import MONTH_FORMS, MONTHS, WEEKDAYS
from domain.text.languages import language_of
from domain.text.pieces import pieces
from domain.text.sentences import sentences
from domain.text.wording import NEGATION, fold, numbers, numbers_as_said, root

_MONTH = rf"(?:{MONTH_FORMS})\b"
_DATE = re.compile(
    rf"\b\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH}(?:,? \d{{4}})?"
    rf"|\b{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?\b(?:,? \d{{4}})?|\b{_MONTH},? \d{{4}}"
    r"|\b\d{4}-\d\d-\d\d\b",
    re.IGNORECASE,
)
_MONTH_NAME = re.compile(_MONTH, re.IGNORECASE)
_WEEKDAY = re.compile("|".join(WEEKDAYS), re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:['.:-][^\W_]+)*")
_CAMEL = re.compile(r"(?<![a-z])[a-z]+[A-Z]")
_ORDINARY = re.compile(
    r"(?:i|i'\w+|a|an|the|my|your|his|her|its|our|their|he|she|it|we|you|they|this|that|these|those"
    r"|there|here|and|but|or|so|if|when|while|because|as|at|by|for|from|in|of|on|to|with|after"
    r"|before|since|then|than|now|today|tonight|yesterday|tomorrow|also|actually|anyway|maybe"
    r"|perhaps|please|thanks|thank|hi|hey|hello|ok|okay|yes|yeah|no|not|never|oh|well|wow|what"
    r"|who|why|where|how|which|can|could|would|should|will|do|does|did|is|are|was|were|am|have"
    r"|has|had|let|let's|just|some|any|all|every|last|next|mr|mrs|ms|dr|tv|lol|omg|btw|pm|am)$",
    re.IGNORECASE,
)
_DENIAL = re.compile(
    rf"{NEGATION.pattern}|\b(?:avoid|dislik|refus|unable|quit|stop|declin|lack|except|reject"
    r"|against|unwilling|hate[sd]?\b|free\b)\w*",
    re.IGNORECASE,
)
_IDLE = re.compile(
    r"\b(?:(?:don't|do not|dont|didn't|did not) (?:know|worry|think|mind|care|get|remember"
    r"|understand|want to bother)|not (?:sure|bad|really|only|yet|at all|that)|can't wait"
    r"|cannot wait|why not|no (?:problem|worries|idea|way|thanks|thank|doubt|matter|wonder)|no[,.!]"
    r"|^no$|wouldn't mind|if not|or not|not to mention)",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(r"[,;:]| but | and (?:i|he|she|we|they) ", re.IGNORECASE)
_FILLER = re.compile(
    r"(?:a|an|the|any|my|to|of|in|on|at|it|is|be|been|have|has|do|that|this|for|with|and|or|so|very"
    r"|really|more|longer|even|ever|i|me|he|she|we|they|you|his|her|their|our|your)$"
)
_ACTS = ("eat", "drink", "like", "love", "enjoy", "own", "want", "need", "get", "use", "take")
_DOING = frozenset(map(root, _ACTS))
_SHOWN = 24
"""Missing details that are named at most: they go into a prompt."""


@dataclass(frozen=True)
class Quality:
    """How much of what the user said a summary keeps."""

    coverage: float
    """Share of the details that it keeps, 0 to 1; 1 where there are none, 0 where it is wrong."""
    missing: tuple[str, ...]
    """Details that it lacks or turns around, as they were said; the first 24."""


@dataclass(frozen=True)
class _Detail:
    text: str
    """As it was said."""
    words: frozenset[str]
    """What a summary must hold: all of them, of a negation's half beside a negation."""
    kind: str
    """date, number, name or negation."""


def check(turns: Sequence[Turn], summary: str) -> Quality:
    """Return how much of the details of `turns` the summary keeps, and what it lacks.

    One that turns a statement around, or puts another number in place of the one that was said,
    keeps nothing, however much else it holds.
    """
    details = list(_details(turns))
    summary_words = _words(summary)
    denials = [_stems(each) for each in sentences(summary) if _DENIAL.search(each)]
    dated = bool(_DATE.search(summary))
    missing = [each for each in details if not _keeps(each, summary_words, denials, dated)]
    said = [message.text for turn in turns for message in turn.messages]
    turned = contradicted(summary, said)
    lacks = (*turned, *(each.text for each in missing if each.text not in turned))[:_SHOWN]
    if turned or (any(each.kind == "number" for each in missing) and _numbers_added(summary, said)):
        return Quality(0.0, lacks)
    return Quality(1 - len(missing) / len(details) if details else 1.0, lacks)


def said_in(turns: Sequence[Turn], details: Sequence[str]) -> tuple[str, ...]:
    """Return those details, as a model names them, that somebody said in these turns."""
    said = [message.text for turn in turns for message in turn.messages]
    return tuple(detail for detail in details if supported(detail, said))


def _numbers_added(summary: str, said: Sequence[str]) -> bool:
    """Return whether a summary holds a number that nobody said; dates may be worked out."""
    added = numbers(_DATE.sub(" ", summary)) - numbers("\n".join(said))
    return any(not re.fullmatch(r"(?:19|20)\d\d", number) for number in added)


def details(turns: Sequence[Turn]) -> list[str]:
    """Return numbers, dates, names and negations of the user's messages, each once, as said."""
    return [detail.text for detail in _details(turns)]


def _details(turns: Sequence[Turn]) -> Iterator[_Detail]:
    """Yield every detail once, in the order said."""
    texts = [
        said.text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
        for turn in turns
        for said in turn.messages
        if said.role == "user"
    ]
    inside = {name for text in texts for name in _names_inside(text)}
    seen: set[tuple[str, frozenset[str]]] = set()
    for text in texts:
        for detail in _details_of(text, inside):
            key = ("" if detail.kind != "negation" else detail.kind, detail.words)
            if detail.words and key not in seen:
                seen.add(key)
                yield detail


def _details_of(text: str, inside: set[str]) -> Iterator[_Detail]:
    dates = (date for piece in pieces(text) for date in _DATE.findall(piece))
    for date in dict.fromkeys(dates):
        yield _Detail(date, _words(date) - {"of"}, "date")
    rest = "".join(_DATE.sub(" ", piece) for piece in pieces(text))
    for number, digits in numbers_as_said(rest).items():
        yield _Detail(number, frozenset((digits,)), "number")
    for name in _names(rest, inside):
        yield _Detail(name, _words(name), "name")
    for sentence in dict.fromkeys(sentences(text)):
        yield from _denied(sentence)


def _runs(sentence: str) -> Iterator[tuple[bool, list[str]]]:
    """Yield runs of capitalized words, and whether each opens the sentence."""
    run: list[str] = []
    opens, end = True, 0
    for match in _WORD.finditer(sentence):
        word = match[0].removesuffix("'s")
        between = sentence[end : match.start()]
        if run and between != " ":
            yield opens, run
            run = []
        if word[0].isupper() or _CAMEL.match(word):
            opens = opens if run else end == 0
            run.append(word)
        elif run:
            yield opens, run
            run = []
        end = match.end()
    if run:
        yield opens, run


def _names_inside(text: str) -> Iterator[str]:
    """Yield capitalized words that stand inside a sentence, so not for being its first word."""
    for sentence in sentences(text):
        for opens, run in _runs(sentence):
            yield from run[1:] if opens else run


def _names(text: str, inside: set[str]) -> Iterator[str]:
    """Yield the names of a text: runs of capitalized words, less a sentence's ordinary opener."""
    if language_of(text) == "de":
        return  # a language that capitalizes its nouns
    for sentence in sentences(text):
        if len(sentence.split()) > 2 and sentence.isupper():
            continue
        for opens, run in _runs(sentence):
            skip = opens and run[0] not in inside and not _CAMEL.match(run[0])
            left = dropwhile(_ORDINARY.match, reversed(run[1:] if skip else run))
            if name := list(dropwhile(_ORDINARY.match, reversed(list(left)))):
                yield " ".join(name)


def _denied(sentence: str) -> Iterator[_Detail]:
    """Yield what a sentence negates: the negation and the few words that follow it."""
    if sentence.endswith("?"):
        return
    plain = "".join(_IDLE.sub(" ", piece) for piece in pieces(sentence))
    for match in islice(NEGATION.finditer(plain), _SHOWN):
        rest = _CLAUSE_END.split(plain[match.end() : match.end() + 80], maxsplit=1)[0].split()
        said = _stems(" ".join(rest[:5]))
        about = frozenset(said - _DOING or said)  # "avoids meat" keeps "does not eat meat"
        if about:
            yield _Detail(" ".join([match[0], *rest[:5]]).rstrip(".!"), about, "negation")


def _keeps(
    detail: _Detail, summary_words: frozenset[str], denials: list[set[str]], dated: bool
) -> bool:
    if detail.kind == "negation":
        needed = (len(detail.words) + 1) // 2
        return any(len(detail.words & stems) >= needed for stems in denials)
    if dated and _WEEKDAY.fullmatch(detail.text):
        return True  # told as a date
    return detail.words <= summary_words


def _words(text: str) -> frozenset[str]:
    """Return the folded words of a text; numbers as digits, months by their first letters."""
    words = set(numbers(text))
    for word in _WORD.findall(fold(text)):
        if not word[0].isdigit():
            words.add(word[:3] if _MONTH_NAME.fullmatch(word) else word.removesuffix("'s"))
    for month in re.findall(r"\b\d{4}-(0[1-9]|1[0-2])-\d\d\b", text):
        words.add(MONTHS[int(month) - 1][:3].lower())
    return frozenset(words)


def _stems(text: str) -> set[str]:
    words = (word for word in _WORD.findall(fold(text)))
    return {root(word) for word in words if not _FILLER.match(word)}
