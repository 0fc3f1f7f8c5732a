"""What extracted statements do to the known facts: what is new, what repeats, what supersedes what.

Pure decisions over records. Where facts are stored, and which turns are live, is decided elsewhere.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from domain.dates import day_heading, resolve
from domain.extraction import FactChange, Source
from domain.owner import digest
from domain.quality import fold, negations, numbers, root
from domain.records import Fact, turn_of

Similar = Callable[[str, str], float]
"""How alike two texts are, 0 to 1: the cosine of their embeddings."""

_Key = tuple[str, ...]
"""What facts are found by: what kind of key it is, and the key."""
_NEWS = timedelta(days=31)
"""A move told as that recent is news, even where the old home was named a moment ago."""
_ALIKE_TEXT, _ALIKE_WORDS = 0.75, 0.6
"""Similarity from which on two texts, and the words they differ in, say the same."""
_SLOTS = {
    "residence": "home", "city": "home", "location": "home", "address": "home", "lives in": "home",
    "company": "employer", "workplace": "employer", "occupation": "job", "profession": "job",
    "role": "job", "job title": "job", "spouse": "partner", "date of birth": "birthday",
}  # fmt: skip
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
_ONGOING = re.compile(
    r"\bsince\b|\bfor (?:the |over |about |almost )*(?:past |last )?(?:\d+|an?|two|three|four|five"
    r"|six|seven|eight|nine|ten|many|several|some) (?:day|week|month|year)s?\b"
    r"|\b(?:has|have) (?:\w+ )?been\b"
)
_DAY = timedelta(days=1)
_FRAME_WORDS = (
    "live", "move", "relocate", "reside", "home", "base", "work", "job", "join", "employ",
    "employed", "employer", "start", "name", "call", "birthday", "born", "age", "old", "year",
    "since", "with", "partner", "married", "wife", "husband", "spouse", "favourite",
)  # fmt: skip
_FRAME = frozenset(root(word) for word in _FRAME_WORDS)
"""Stems that only say which slot is meant, beside its own name."""


@dataclass(frozen=True)
class Standing:
    """A fact that counts, and whether it still holds."""

    fact: Fact
    current: bool
    """False where a live fact superseded it."""
    superseded_by: str | None = None
    """Id of the fact that ended it."""
    until: datetime | None = None
    """When it ended: from when the fact that superseded it was true."""


@dataclass(frozen=True)
class _Sense:
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


def fact_id(text: str, source: str) -> str:
    """Return a fact's id: the same statement from the same message, however worded, is one."""
    return _id(_sense(text), source, is_one=_sense(text).owns is False)


def apply(
    changes: Sequence[FactChange],
    sources: Mapping[str, Source],
    known: Sequence[Fact],
    now: datetime,
    similar: Similar | None = None,
) -> tuple[Fact, ...]:
    """Return the new and the changed records that `changes` lead to, ready to be written.

    A repeated statement adds its source to the current fact that says it. In a slot, and between
    a statement and its denial, the newer one supersedes: the one with the later start. Where the
    earlier-told one had no stated start, it was only known to be true when it was told, so what
    is told later as news or as going on wins. A statement of the past supersedes nothing but the
    claim that it still holds. Applied again to its own result, the same changes write nothing.

    Args:
        changes: What a model found, in any order; those without a source in `sources` are dropped.
        sources: The messages that were read, by reference.
        known: Every fact of the owner, tombstones too: nothing that one stands for comes back.
        now: Upper bound of when a message was said, against wrong clocks.
        similar: Finds repetitions in other words; numbers, names and negations must agree anyway.
    """
    ledger = _Ledger(known, similar)
    placed = [change for change in changes if change.source in sources and change.text.strip()]
    for change in sorted(placed, key=lambda one: sources[one.source].at):
        ledger.take(change, min(sources[change.source].at, now))
    return tuple(ledger.written.values())


def standing(
    facts: Sequence[Fact], live_turns: Container[str] | None, as_of: datetime | None = None
) -> list[Standing]:
    """Return the facts that count, in the order given, and whether each still holds.

    A fact counts if one of its sources is live and it is not deleted. It supersedes what it names
    and, transitively, what that superseded, whether or not that still counts.

    Args:
        facts: All facts of an owner, tombstones too.
        live_turns: Ids of the live turns; None: all are.
        as_of: Only what was true from then or before counts; None: everything.
    """
    by_id = {fact.id: fact for fact in facts}
    hidden = _corrected_then_deleted(facts, by_id)
    counting = [
        fact
        for fact in facts
        if not fact.deleted
        and fact.id not in hidden
        and (as_of is None or fact.valid_from <= as_of)
        and (live_turns is None or any(turn_of(ref) in live_turns for ref in fact.sources))
    ]
    over = _enders(counting, by_id)
    standings = []
    for fact in counting:
        order = sorted(over[fact.id], key=lambda one: (one.valid_from, one.observed_at, one.id))
        end = order[0] if order else None
        standings.append(
            Standing(fact, True) if end is None else Standing(fact, False, end.id, end.valid_from)
        )
    return standings


def edit(fact: Fact, text: str, now: datetime) -> tuple[Fact, ...]:
    """Return what the user's new wording of a fact writes: a fact that supersedes it, or nothing.

    Raises:
        ValueError: If the text is empty, or the fact is deleted.
    """
    text = " ".join(text.split())
    if not text:
        raise ValueError("A fact cannot be edited to nothing: delete it instead.")
    if fact.deleted:
        raise ValueError("This fact was deleted and cannot be edited: say it anew.")
    if text == fact.text:
        return ()
    sense = _sense(text)
    changed = {
        "id": fact_id(text, fact.id),
        "text": text,
        "slot": None if sense.denied or sense.past else fact.slot,
        "observed_at": now,
        "supersedes": (fact.id, *fact.supersedes),
        "edited": True,
    }
    return (fact.model_copy(update=changed),)


def delete(fact: Fact, now: datetime) -> Fact:
    """Return the tombstone of a fact: its id and sources, and what it was an edit of."""
    return Fact(
        id=fact.id,
        text="",
        subject="",
        sources=fact.sources,
        observed_at=now,
        valid_from=now,
        supersedes=fact.supersedes[:1] if fact.edited else (),
        edited=fact.edited,
        deleted=True,
    )


def withheld(facts: Iterable[Fact]) -> frozenset[str]:
    """Return the ids of the turns that deleted facts came from: nothing of them is recalled."""
    return frozenset(turn_of(ref) for fact in facts if fact.deleted for ref in fact.sources)


def notes(facts: Sequence[Fact], standings: Sequence[Standing]) -> dict[str, str]:
    """Return, by turn id, what to say beside turns that state something no longer true."""
    by_id = {one.fact.id: one for one in standings}
    kept: dict[str, list[str]] = {}
    for one in standings:
        if one.superseded_by is None or one.until is None:
            continue
        after, last = by_id[one.superseded_by], _last(one, by_id)
        if _near(_sense(last.text), _sense(one.fact.text), None):
            continue  # true again
        own = {turn_of(ref) for ref in after.fact.sources if not after.fact.edited}
        how = f"no longer true since {day_heading(one.until)}"
        if after.fact.edited and after.current:
            how = f"corrected by the user on {day_heading(last.observed_at)}"
        note = f"{how}: {last.text.rstrip('. ')}"
        for turn in dict.fromkeys(turn_of(ref) for ref in one.fact.sources):
            if turn not in own and note not in kept.setdefault(turn, []):
                kept[turn].append(note)
    silent = withheld(facts)
    return {turn: "; ".join(said) for turn, said in kept.items() if said and turn not in silent}


class _Ledger:
    """The known facts while changes are taken in, and what is to be written."""

    def __init__(self, known: Sequence[Fact], similar: Similar | None) -> None:
        self.similar = similar
        self.facts: dict[str, Fact] = {}
        self.index: defaultdict[_Key, dict[str, None]] = defaultdict(dict)
        """Ids of the facts that stand, by source, slot, all words, and each word."""
        for fact in known:
            self._keep(fact)
        self.current = {one.fact.id for one in standing(known, None) if one.current}
        self.graves = [fact for fact in known if fact.deleted]
        self.written: dict[str, Fact] = {}

    def take(self, change: FactChange, said_at: datetime) -> None:
        """Take in one change: drop it, add its source to a fact, or write a new fact."""
        new = _stated(change, said_at)
        if self._buried(new) or self._heard(new, change):
            return
        ongoing = bool(_ONGOING.search(f"{new.text} {change.when or ''}"))
        target = self._target(new, change, ongoing)
        repeated = self._repeated(new, change)
        if repeated is not None:
            gone = () if target is None or target.id == repeated.id else (target.id,)
            self._write(_with(repeated, sources=new.sources, supersedes=gone))
            return
        rivals = self._rivals(new)
        stronger = {fact.id: fact for fact in rivals if not _newer(new, fact, ongoing)}
        over = _enders(self.facts.values(), self.facts) if stronger else {}
        for one in list(stronger):
            stronger |= {fact.id: fact for fact in over[one]}  # so that no circle can arise
        weaker = [*rivals, *([target] if target else [])]
        beaten = _reached([one.id for one in weaker if one.id not in stronger], self.facts)
        known = [one for one in self.facts if one in beaten and one != new.id]
        order = sorted(known, key=lambda one: self.facts[one].valid_from, reverse=True)
        self._write(_with(new, supersedes=order))
        for fact in stronger.values():
            self._write(_with(fact, supersedes=(new.id, *order)))

    def _write(self, fact: Fact) -> None:
        if fact.id not in self.facts:
            self.current.add(fact.id)
        self.written[fact.id] = fact
        self._keep(fact)
        self.current -= _reached(fact.supersedes, self.facts)

    def _keep(self, fact: Fact) -> None:
        self.facts[fact.id] = fact
        if fact.deleted:
            return
        words = _sense(fact.text).words
        keys: set[_Key] = {("source", ref) for ref in fact.sources}
        keys |= {("word", word) for word in words} | {("words", *words), _slot_key(fact)}
        for key in keys:
            self.index[key][fact.id] = None

    def _at(self, key: _Key) -> list[Fact]:
        return [self.facts[one] for one in self.index.get(key, ())]

    def _buried(self, new: Fact) -> bool:
        """Return whether a tombstone stands for this statement, or for its message."""
        sense = _sense(new.text)
        kinds = (False,) if sense.owns else (False, True)
        return any(
            new.sources[0] in grave.sources
            or any(
                grave.id == _id(sense, source, is_one)
                for source in (*grave.sources, *grave.supersedes)
                for is_one in kinds
            )
            for grave in self.graves
        )

    def _heard(self, new: Fact, change: FactChange) -> bool:
        """Return whether this message is known to have said so, whether or not it still holds."""
        confirmed = change.target if change.op == "confirm" else None
        said = self._at(("source", new.sources[0]))
        return any(fact.id == confirmed or self._same(new, fact) for fact in said)

    def _repeated(self, new: Fact, change: FactChange) -> Fact | None:
        """Return the current fact that says the same; the one that the model named comes first."""
        named = self.facts[change.target] if change.target in self.current else None
        if named and change.op == "confirm" and _agree(_sense(new.text), _sense(named.text)):
            return named
        sense = _sense(new.text)
        shared = Counter(one for word in sense.bag for one in self.index.get(("word", word), ()))
        enough = (0.5 if self.similar else 0.8) * len(sense.bag)
        near = [self.facts[one] for one, count in shared.items() if count >= enough]
        likely = [*self._at(("words", *sense.words)), *self._at(_slot_key(new)), *near]
        likely = [*([named] if named else []), *(one for one in likely if one.id in self.current)]
        return next((one for one in likely if self._same(new, one)), None)

    def _rivals(self, new: Fact) -> list[Fact]:
        """Return what cannot hold beside a fact: its slot's other values, and its denial."""
        alike = self._at(("words", *_sense(new.text).words))
        denials = [fact for fact in alike if _denies(new, fact)]
        return [*(self._at(_slot_key(new)) if new.slot else []), *denials]

    def _target(self, new: Fact, change: FactChange, ongoing: bool) -> Fact | None:
        """Return the fact that the model says is replaced, where that can be."""
        named = self.facts.get(change.target or "")
        if change.op != "supersede" or named is None or named.deleted:
            return None
        told, known = _sense(new.text), _sense(named.text)
        if told.past and not set(known.words) <= set(told.words):
            return None
        if new.kind == "plan" and named.kind != "plan":
            return None
        return named if _newer(new, named, ongoing) else None

    def _same(self, new: Fact, old: Fact) -> bool:
        if new.id == old.id:
            return True
        if _other_day(new, old) or (new.kind == "plan") != (old.kind == "plan"):
            return False  # what was planned and then done is told twice
        if _near(_sense(new.text), _sense(old.text), self.similar):
            return True
        return _slot_key(new) == _slot_key(old) and _same_value(new, old)


def _with(fact: Fact, sources: Iterable[str] = (), supersedes: Iterable[str] = ()) -> Fact:
    more = {
        "sources": tuple(dict.fromkeys((*fact.sources, *sources))),
        "supersedes": tuple(dict.fromkeys((*fact.supersedes, *supersedes))),
    }
    return fact.model_copy(update=more)


def _stated(change: FactChange, said_at: datetime) -> Fact:
    """Return the fact that a change states. A plan holds from when it is told, and in no slot."""
    text = " ".join(change.text.split())
    at = resolve(change.when, said_at) or said_at
    plan = at > said_at or change.kind == "plan"
    sense = _sense(text)
    return Fact(
        id=fact_id(text, change.source),
        text=text,
        kind="plan" if plan else change.kind,
        subject=change.subject.strip() or "user",
        slot=None if plan or sense.denied or sense.past else _slot(change.slot),
        sources=(change.source,),
        observed_at=said_at,
        valid_from=said_at if plan else at,
    )


def _newer(new: Fact, old: Fact, ongoing: bool) -> bool:
    """Return whether the new statement supersedes the old one, rather than the other way round."""
    if new.valid_from == old.valid_from:
        return new.observed_at >= old.observed_at
    if new.valid_from > old.valid_from:
        told_later = old.observed_at > new.observed_at and new.valid_from == new.observed_at
        return not (told_later and new.valid_from - old.valid_from <= _NEWS)
    unstated = old.valid_from == old.observed_at and not old.edited
    news = old.valid_from - new.valid_from <= _NEWS
    return unstated and new.observed_at >= old.observed_at and (ongoing or news)


@lru_cache(maxsize=1024)
def _slot(name: str | None) -> str | None:
    slot = re.sub(r"[\s_-]+", " ", fold(name or "")).strip().replace("favorite", "favourite")
    return _SLOTS.get(slot, slot) or None


def _slot_key(fact: Fact) -> _Key:
    """Return whom a slot belongs to, and which it is; of a fact without one, its own id."""
    slot = _slot(fact.slot)
    whom = re.sub(r"^the ", "", fold(fact.subject).strip())
    return ("slot", whom, slot) if slot else ("fact", fact.id)


def _same_value(new: Fact, old: Fact) -> bool:
    """Return whether the new value of a slot is the old one, or the old one with less detail."""
    frame = _FRAME | {root(word) for word in re.findall(r"\w+", _slot(new.slot) or "")}
    a, b = _sense(new.text), _sense(old.text)
    value, known = set(a.words) - frame, set(b.words) - frame
    said = bool(value or a.numbers)
    return said and value <= known and a.numbers <= b.numbers and _agree(a, b)


def _denies(new: Fact, old: Fact) -> bool:
    """Return whether one of two facts of the same words says that the other does not hold."""
    a, b = _sense(new.text), _sense(old.text)
    if not a.words or a.numbers != b.numbers or _agree(a, b) or not _same_owning(a, b):
        return False
    return not _other_day(new, old)


def _other_day(a: Fact, b: Fact) -> bool:
    """Return whether one of them is an event and they are not of one day."""
    return "event" in (a.kind, b.kind) and abs(a.valid_from - b.valid_from) >= _DAY


@lru_cache(maxsize=16384)
def _sense(text: str) -> _Sense:
    plain = _AVERSION.sub("not like", fold(text))
    capital = {fold(word) for word in re.findall(r"[^\W\d_]\w*", text) if word[0].isupper()}
    spelled: dict[str, str] = {}
    words = []
    for word in re.findall(r"[^\W_]+", plain):
        if not (_PLAIN.match(word) or numbers(word)):
            words.append(_SAME.get(root(word), root(word)))
            spelled[words[-1]] = word
    is_one, has_one = (re.search(rf"\b(?:{verb}) an? ", plain) for verb in _OWNING)
    return _Sense(
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


def _id(sense: _Sense, source: str, is_one: bool) -> str:
    """Return the id of a statement; `is_one` tells "is a doctor" from "has a doctor"."""
    if not sense.words and not sense.numbers:
        return digest(f"{sense.text}\0{source}")
    names = [word for word in sense.words if word in sense.names]
    flags = f"{sense.denied:d}{sense.past:d}{is_one:d}"
    parts = (sorted(sense.bag), names if len(names) > 1 else (), sorted(sense.numbers))
    return digest("\0\0".join(["\0".join(part) for part in parts] + [flags, source]))


def _agree(a: _Sense, b: _Sense) -> bool:
    """Return whether two statements both deny or both affirm, of now or of once."""
    return (a.denied, a.past) == (b.denied, b.past)


def _same_owning(a: _Sense, b: _Sense) -> bool:
    """Return False for "is a doctor" beside "has a doctor"."""
    return a.owns is b.owns or None in (a.owns, b.owns)


def _near(a: _Sense, b: _Sense, similar: Similar | None) -> bool:
    """Return whether two statements say the same in nearly the same words."""
    if not a.words or not b.words:
        return a.text == b.text
    if not _agree(a, b) or a.numbers != b.numbers or not _same_owning(a, b):
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


def _alike(a: _Sense, b: _Sense, similar: Similar) -> bool:
    """Return whether texts, and also the words they differ in, are alike ("film" and "movie")."""
    rests = [
        " ".join(one.spelled[word] for word in one.words if word not in other.words)
        for one, other in ((a, b), (b, a))
    ]
    wholes = [" ".join(one.spelled[word] for word in one.words) for one in (a, b)]
    return similar(*wholes) >= _ALIKE_TEXT and similar(*rests) >= _ALIKE_WORDS


def _reached(
    ids: Iterable[str], facts: Mapping[str, Fact], known: dict[str, set[str]] | None = None
) -> set[str]:
    """Return the ids and all that the facts behind them superseded, transitively.

    With `known`, what was found for a fact is kept there and used again.
    """
    reached: set[str] = set()
    ahead = list(reversed(list(ids)))
    while ahead:
        one = ahead.pop()
        if one in reached:
            continue
        reached.add(one)
        if known is not None and one in known:
            reached |= known[one]
        elif one in facts:
            ahead += reversed(facts[one].supersedes)
    return reached


def _corrected_then_deleted(facts: Sequence[Fact], by_id: Mapping[str, Fact]) -> set[str]:
    """Return what deleted edits stood for: a text that the user corrected does not come back."""
    hidden: set[str] = set()
    ahead = [fact for fact in facts if fact.deleted and fact.edited]
    while ahead:
        for one in ahead.pop().supersedes[:1]:
            if one in by_id and one not in hidden:
                hidden.add(one)
                ahead += [by_id[one]] if by_id[one].edited else []
    return hidden


def _enders(counting: Iterable[Fact], by_id: Mapping[str, Fact]) -> dict[str, list[Fact]]:
    """Return, by id, the counting facts that supersede it, directly or through others."""
    over: dict[str, list[Fact]] = {}
    known: dict[str, set[str]] = {}
    counting = sorted((one for one in counting if not one.deleted), key=lambda one: one.valid_from)
    for fact in counting:
        over.setdefault(fact.id, [])
        known[fact.id] = _reached(fact.supersedes, by_id, known)
        for beaten in known[fact.id] - {fact.id}:
            over.setdefault(beaten, []).append(fact)
    for fact in counting:  # an edit of what has ended, or was edited again, has ended too
        original = fact.supersedes[0] if fact.edited and fact.supersedes else ""
        for one in over.get(original, []):
            again = not one.edited or (one.observed_at, one.id) > (fact.observed_at, fact.id)
            if one not in over[fact.id] and one.id not in (fact.id, *fact.supersedes) and again:
                over[fact.id].append(one)
    return over


def _last(one: Standing, by_id: Mapping[str, Standing]) -> Fact:
    """Return what holds in the end, following what superseded what."""
    seen: set[str] = set()
    while one.superseded_by is not None and one.fact.id not in seen:
        seen.add(one.fact.id)
        one = by_id[one.superseded_by]
    return one.fact
