"""Dates in words: "last Friday" against the day it was said, the span of time a question names.

Reads English by its own rules; what those cannot read goes to dateparser, imported only then.
Nothing here reads the clock, the locale or the process's time zone.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

_MONTHS = ("January", "February", "March", "April", "May", "June",
           "July", "August", "September", "October", "November", "December")  # fmt: skip
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_HOLIDAYS = {"christmas eve": (12, 24), "christmas": (12, 25), "new year's eve": (12, 31),
             "new year": (1, 1), "valentine": (2, 14), "halloween": (10, 31)}  # fmt: skip
_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "a couple": 2, "a couple of": 2, "couple of": 2,
            "three": 3, "a few": 3, "four": 4, "several": 4, "five": 5, "six": 6, "seven": 7,
            "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "fifteen": 15,
            "twenty": 20, "half a": 0.5, "half an": 0.5}  # fmt: skip
_DAYS = {"day": 1, "night": 1, "week": 7, "weekend": 7, "fortnight": 14}
_UNIT_MONTHS = {"month": 1, "year": 12, "yr": 12, "decade": 120}
_NEAR = {"day before yesterday": -2, "last night": -1, "day after tomorrow": 2}
_MODES = {"last": "last", "past": "last", "previous": "last", "this": "this", "next": "next",
          "coming": "next", "upcoming": "next"}  # fmt: skip
_THIRDS = {"ear": 0, "beg": 0, "sta": 0, "mid": 1, "lat": 2, "end": 2}
_ENDS = ("before", "until", "till", "by")
"""What leads to an end, not to a beginning."""
_SEARCHED = 200
"""Characters at either end of a question that are searched: the middle is pasted text."""


@dataclass(frozen=True)
class Mention:
    """A date or span of time found in a text."""

    at: datetime
    """The moment it names as a beginning ("two years ago": that day)."""
    start: datetime
    """Begin of the span it names ("two years ago": that calendar year)."""
    end: datetime
    """End of the span, exclusive."""
    place: tuple[int, int]
    """Where it stands in the text, with the preposition before it."""
    lead: str = ""
    """That preposition in lower case ("since", "in", "on"); empty for none."""
    relative: bool = True
    """True where no year is named, so the words mean another day in another year."""


_Span = tuple[datetime, datetime, datetime]
"""The moment meant, then begin and end (exclusive) of the span around it."""
_Words = dict[str, str]
"""A match's named groups in lower case, empty where they took no part."""


def day_heading(at: datetime) -> str:
    """Return a day as headings show it: `8 May 2023`."""
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def absolute(mention: Mention) -> str:
    """Return a mention in words that mean the same on any day: "on 5 May 2023", "in 2022"."""
    start, last = mention.start, mention.end - timedelta(microseconds=1)
    days = (mention.end - start).days
    if days <= 1:
        return f"on {day_heading(start)}"
    if days == 2 and mention.at == start:
        return f"on the weekend of {day_heading(start)}"
    if days <= 27:
        return f"{'in the week of' if mention.at == start else 'around'} {day_heading(mention.at)}"
    first, end = (f"{_MONTHS[at.month - 1]} {at.year}" for at in (start, last))
    if (start.month, last.month, start.year) == (1, 12, last.year):
        return f"in {start.year}"
    return f"in {first}" if first == end else f"between {first} and {end}"


def resolve(when: str | None, said_at: datetime, *, ahead: bool = False) -> datetime | None:
    """Return the moment that `when` names as a beginning, in the time zone of `said_at`.

    Days, weeks, months and years begin at midnight ("last week": that week's Monday). What has no
    year means the latest one past, or with `ahead` the next one. Seasons are the northern ones.

    Args:
        when: Words such as "since last Friday", "in March", "two weeks ago".
        said_at: When the words were said.
        ahead: True where the words belong to a plan.

    Returns:
        None where the words name no beginning: "since I was 5", "until May", or "3/4/2024", which
        has two meanings.
    """
    text = (when or "").strip(" .,;!\t\n")[:200]
    if not text:
        return None
    found = _search(text, said_at, ahead, alone=True)
    if found:
        return None if found.lead in _ENDS else found.at
    return _other_language(text, said_at, ahead)


def find(text: str, said_at: datetime, *, ahead: bool = False) -> Mention | None:
    """Return the first date or span of time that an English text names, None if it names none."""
    return _search(text, said_at, ahead, alone=False)


def named_period(question: str, now: datetime) -> tuple[datetime, datetime] | None:
    """Return begin and end (exclusive) of the span of time a question names, None for none.

    "Since" reaches until now; "before" names no span; "from March to May" names one.
    """
    long = len(question) > 2 * _SEARCHED
    text = f"{question[:_SEARCHED]}\n{question[-_SEARCHED:]}" if long else question
    first = find(text, now)
    if first is None or first.lead in _ENDS:
        return None
    if first.lead in ("since", "after"):
        begin = first.start if first.lead == "since" else first.end
        return begin, max(now, first.end)
    to = re.compile(r" (?:and|to|until|till|through) ", re.IGNORECASE).match(text, first.place[1])
    if first.lead in ("between", "from") and to:
        second = find("in " + text[to.end() :], now)
        if second and second.place[0] == 0:
            year = f"{text[: first.place[1]]} {second.start.year}"
            first = find(year, now) or first  # "between March and May 2022"
            return first.start, max(first.end, second.end)
    return first.start, first.end


def _search(text: str, now: datetime, ahead: bool, alone: bool) -> Mention | None:
    """Return the mention that begins first, and of those the longest.

    With `alone`, words that mean a date only by themselves ("May", "2019") are read as one.
    """
    text = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    if not _HINT.search(text):
        return None
    found = [one for rule in _RULES if (one := _first(rule, text, now, ahead, alone))]
    return min(found, key=lambda one: (one.place[0], -one.place[1]), default=None)


def _first(rule: "_Rule", text: str, now: datetime, ahead: bool, alone: bool) -> Mention | None:
    """Return what one rule finds first."""
    for match in rule.pattern.finditer(text):
        begin, end = match.span()
        head = _HEAD.search(text[max(0, begin - 40) : begin])
        groups = match.groupdict() | (head.groupdict() if head else {})
        words = {name: (group or "").lower() for name, group in groups.items()}
        begin -= len(head[0]) if head else 0
        whole = alone and (begin, end) == (0, len(text))
        if rule.leans and not (whole or words["lead"] or words["part"] or words["which"]):
            continue
        words |= {"alone": "alone" if alone else "", "rest": text[end : end + 1]}
        words["mode"] = _MODES.get(words["which"], "ahead" if ahead else "past")
        try:
            span = rule.read(words, now)
            if span is not None:
                narrow = _narrowed(span, words["part"])
                return Mention(*narrow, (begin, end), words["lead"], not words.get("year"))
        except (ValueError, OverflowError):  # 31 February, 9999 years ago
            continue
    return None


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def _day(at: datetime) -> _Span:
    start = _midnight(at)
    return start, start, start + timedelta(days=1)


def _date(now: datetime, year: int, month: int, day: int) -> _Span:
    return _day(_midnight(now).replace(year=year, month=month, day=day))


def _months(now: datetime, year: int, month: int, length: int = 1) -> _Span:
    start = _midnight(now).replace(year=year, month=month, day=1)
    return start, start, _months_on(start, length)


def _months_on(at: datetime, months: int) -> datetime:
    """Return the same day some months on, or the last day of a shorter month."""
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    first = at.replace(year=year, month=month + 1, day=1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(at.day, last.day))


def _narrowed(span: _Span, part: str) -> _Span:
    """Narrow a span to its first, middle or last third ("early 2020", "the end of May")."""
    third = None if part in ("earlier", "later") else _THIRDS.get(part[:3])
    if third is None:
        return span
    step = (span[2] - span[1]) / 3
    begin = _midnight(span[1] + third * step)
    return begin, begin, span[1] + (third + 1) * step


def _pick(of_year: Callable[[int], _Span], now: datetime, mode: str) -> _Span | None:
    """Choose the year of what comes once a year."""
    today, spans = _midnight(now), []
    for year in range(now.year - 5, now.year + 6):
        try:
            spans.append(of_year(year))
        except ValueError:  # 29 February
            continue
    if mode == "next":
        return next((span for span in spans if span[1] > now), None)
    if mode == "ahead":
        return next((span for span in spans if span[2] > today), None)
    if mode == "this" and (same := [span for span in spans if span[1].year == now.year]):
        return next((span for span in spans if span[1] <= today < span[2]), same[0])
    past = [span for span in spans if (span[2] <= today if mode == "last" else span[1] <= now)]
    return past[-1] if past else None


def _read_named(words: _Words, now: datetime) -> _Span | None:
    """Read what comes once a year: "3 May", "May 2023", "last summer", "Christmas"."""
    name = words.get("month", "")[:3]
    month = [known[:3].lower() for known in _MONTHS].index(name) + 1 if name else 0
    verb = name == "may" and words["which"] == "this"  # "this may be so"
    noun = name and words["the"] and not (words["part"] or words["which"])  # "in the march"
    if (verb or noun) and not (words["alone"] or words.get("day") or words["year"]):
        return None

    def of_year(year: int) -> _Span:
        if season := words.get("season"):
            return _months(now, year, _SEASONS[season], 3)
        if holiday := words.get("holiday"):
            on = next(on for name, on in _HOLIDAYS.items() if holiday.startswith(name))
            return _date(now, year, *on)
        return _date(now, year, month, int(day)) if day else _months(now, year, month)

    day = words.get("day")
    if of := words.get("of"):
        return of_year(now.year + {"last": -1, "next": 1}.get(of, 0))
    return of_year(int(words["year"])) if words["year"] else _pick(of_year, now, words["mode"])


def _read_numbers(words: _Words, now: datetime) -> _Span | None:
    """Read 2024-03-25, 3/25/2024, 25.3.2024, 2024; 3/4/2024 means two days, so it means none."""
    year = int(words["year"]) + (2000 if len(words["year"]) == 2 else 0)
    if "sign" not in words:
        return _months(now, year, 1, 12)
    first, second = int(words["first"]), int(words["second"])
    if words["sign"] == "-":
        return _date(now, year, first, second)
    if words["sign"] == "." or first > 12:
        return _date(now, year, second, first)
    return _date(now, year, first, second) if second > 12 or first == second else None


def _read_near(words: _Words, now: datetime) -> _Span | None:
    """Read yesterday, today, tomorrow and their neighbours."""
    near = words["near"]
    step = -1 if near.startswith("yes") else 1 if near.startswith("tom") else 0
    return _day(_midnight(now) + timedelta(days=_NEAR.get(near, step)))


def _read_distance(words: _Words, now: datetime) -> _Span | None:
    """Read "two weeks ago", "in three days", "the past two years", "for three years"."""
    back, lead, unit, number = words["back"], words["lead"], words["unit"], words["n"]
    lasting = words["alone"] and number and lead in ("for", "since")
    if lasting or words["which"] == "past" or (number and words["which"] in ("last", "these")):
        start = _moved(now, number or "one", words["half"], unit, -1)
        return start, start, max(now, start + timedelta(minutes=1))
    to_come = lead == "in" and (words["alone"] or words["rest"] in ".,;!?")
    if number and (back or to_come):
        sign = -1 if back in ("ago", "back", "earlier") else 1
        at = _moved(now, number, words["half"], unit, sign)
        if words["unit2"]:
            unit = words["unit2"]
            at = _moved(at, words["n2"], words["half2"], unit, sign)
        return _around(at, unit)
    return None


def _moved(now: datetime, number: str, half: str, unit: str, sign: int) -> datetime:
    """Return `now` moved by a count of units, as midnight save for hours and minutes."""
    count = sign * (float(_NUMBERS.get(number, number)) + (0.5 if half else 0))
    if unit in _UNIT_MONTHS:
        whole, rest = divmod(count * _UNIT_MONTHS[unit], 1)
        return _months_on(_midnight(now), int(whole)) + timedelta(days=round(rest * 30))
    if unit in _DAYS:
        return _midnight(now) + timedelta(days=round(count * _DAYS[unit]))
    return now + timedelta(hours=count) / (60 if unit.startswith("min") else 1)


def _around(at: datetime, unit: str) -> _Span:
    """Return a moment with the span that "some of these units ago" can mean."""
    if unit in _UNIT_MONTHS:
        whole = _months(at, at.year, at.month) if unit == "month" else _months(at, at.year, 1, 12)
        return at, whole[1], whole[2]
    if unit in ("week", "weekend", "fortnight"):
        return at, _midnight(at) - timedelta(days=3), _midnight(at) + timedelta(days=4)
    return (at, *_day(at)[1:])


def _read_calendar(words: _Words, now: datetime) -> _Span | None:
    """Read last, this and next week, month, year and weekend."""
    step = {"last": -1, "this": 0, "next": 1}.get(words["mode"])
    if step is None:
        return None
    if words["unit"] == "year":
        return _months(now, now.year + step, 1, 12)
    if words["unit"] == "month":
        start = _months_on(_midnight(now).replace(day=1), step)
        return start, start, _months_on(start, 1)
    monday = _midnight(now) - timedelta(days=now.weekday() - 7 * step)
    start = monday + timedelta(days=5 if words["unit"] == "weekend" else 0)
    return start, start, monday + timedelta(days=7)


def _read_weekday(words: _Words, now: datetime) -> _Span | None:
    """Read "last Friday" (before today), this and next week's Friday, "on Friday"."""
    ahead = [name[:3] for name in _WEEKDAYS].index(words["weekday"][:3]) - now.weekday()
    which = words["week"] or words["which"]
    if which in ("this", "next") or words["week"]:
        days = ahead + {"last": -7, "next": 7}.get(which, 0)
    elif words["mode"] in ("next", "ahead"):
        days = (ahead - 1) % 7 + 1
    else:
        days = -((-ahead - 1) % 7 + 1)
    return _day(_midnight(now) + timedelta(days=days))


@dataclass(frozen=True)
class _Rule:
    pattern: re.Pattern[str]
    read: Callable[[_Words, datetime], _Span | None]
    leans: bool
    """True where only a word before it makes it a date ("in May", not "you may")."""


_HEAD = re.compile(
    r"(?:\b(?P<lead>since|in|on|at|during|of|by|until|till|from|before|after|between|around|about"
    r"|for|over) )?(?P<the>\bthe )?(?:\b(?P<part>early|earlier|late|later|mid|beginning of|start of"
    r"|middle of|end of)[- ](?:in )?(?:the )?)?"
    r"(?:\b(?P<which>last|past|previous|this|these|next|coming|upcoming) )?$",
    re.IGNORECASE,
)
_MONTH = (
    r"\b(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY = r"\b(?P<day>[0-3]?\d)(?:st|nd|rd|th)?(?![\d:]|\.\d)"
_YEAR = r"(?P<year>(?:19|20)\d\d)(?![\d]|[.,:]\d)"
_OF_YEAR = r"(?: (?:of )?(?P<of>last|this|next) year\b)?"
_NO_YEAR = r"(?! (?:steps|people|words|dollars|euros|calories|miles|meters|metres|times)\b)"
_COUNT = rf"(?P<n>\d{{1,4}}(?:\.\d)?|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})"
_UNIT = r"(?P<unit>min(?:ute)?|hour|day|night|weekend|week|fortnight|month|year|yr|decade)s?\b"
_LENGTH = rf"(?:\b{_COUNT}(?P<half> and a half)? )?\b{_UNIT}"
_MORE = re.sub(r"<(n|half|unit)>", r"<\g<1>2>", _LENGTH)
_SEASON = "|".join(_SEASONS)
_HOLIDAY = "christmas(?: eve| day)?|new year's(?: eve| day)?|valentine's day|halloween"
_NEAR_DAY = (
    "day before yesterday|last night|day after tomorrow|tonight|today"
    "|this (?:morning|afternoon|evening)|yesterday|tomorrow"
)


def _rule(
    body: str,
    read: Callable[[_Words, datetime], _Span | None],
    *,
    leans: bool = False,
) -> _Rule:
    return _Rule(re.compile(body, re.IGNORECASE), read, leans)


_NUMERIC = r"\b(?P<first>\d\d?)(?P<sign>[/.])(?P<second>\d\d?)(?P=sign)(?P<year>\d{4}|\d\d)\b"
_ISO = r"\b(?P<year>\d{4})(?P<sign>-)(?P<first>\d\d?)-(?P<second>\d\d?)\b"
_RULES = (
    _rule(_ISO, _read_numbers),
    _rule(_NUMERIC, _read_numbers),
    _rule(rf"{_DAY}(?: of)? {_MONTH}(?:,? {_YEAR})?", _read_named),
    _rule(rf"{_MONTH} (?:the )?{_DAY}(?:,? {_YEAR})?", _read_named),
    _rule(rf"{_MONTH}(?: of)?,? {_YEAR}", _read_named),
    _rule(rf"{_MONTH}(?P<year>)(?! ?\d){_OF_YEAR}", _read_named, leans=True),
    _rule(rf"\b(?P<season>{_SEASON})\b(?:(?: of)? {_YEAR})?{_OF_YEAR}", _read_named, leans=True),
    _rule(rf"\b(?P<holiday>{_HOLIDAY})\b(?: {_YEAR})?", _read_named),
    _rule(rf"\b(?P<near>{_NEAR_DAY})\b(?: (?:morning|afternoon|evening|night)\b)?", _read_near),
    _rule(rf"{_LENGTH}(?:(?:,? and|,) {_MORE})?(?: (?P<back>ago|back|earlier|from now)\b)?",
          _read_distance),
    _rule(r"\b(?P<unit>weekend|week|month|year)\b", _read_calendar, leans=True),
    _rule(rf"\b(?P<weekday>{'|'.join(_WEEKDAYS)})\b(?: (?:of )?(?P<week>last|this|next) week\b)?",
          _read_weekday),
    _rule(r"\b(?P<weekday>mon|tues?|wed|thu(?:rs?)?|fri|sat)\b(?! \w)(?P<week>)", _read_weekday,
          leans=True),
    _rule(rf"\b{_YEAR}\b{_NO_YEAR}", _read_numbers, leans=True),
)  # fmt: skip
_HINT = re.compile(
    rf"\b\d{{1,4}}(?!\d)|{_MONTH}|\b(?:{_SEASON}|{_HOLIDAY}|{_NEAR_DAY}|{'|'.join(_WEEKDAYS)}|mon|tues?|wed"
    rf"|thu(?:rs?)?|fri|sat)\b|{_UNIT}",
    re.IGNORECASE,
)


# Other languages.

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


def _other_language(text: str, said_at: datetime, ahead: bool) -> datetime | None:
    """Return what dateparser makes of a text in another language, as midnight."""
    text = text.casefold()
    letters = re.search(r"[^\W\d_]{2}|\d月", text)
    if not letters or len(text.split()) > 6 or _ENGLISH.search(text):
        return None
    import dateparser  # type: ignore[import-untyped]  # 0.4 s, and most texts are English

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
            return _midnight(at).replace(tzinfo=said_at.tzinfo)
    return None
