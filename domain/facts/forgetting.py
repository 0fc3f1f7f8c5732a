"""What a wish to forget reaches: the facts that state it, and the turns that say it again.

Pure decisions over records. Where they are stored, and who wished it, is decided elsewhere.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.facts.same_statement import USER, Sayings, content_of, named, names_of
from domain.facts.statement import statement_id
from domain.facts.user_statements import own_texts, said_only_in, statements_of, taken_back
from domain.facts.what_else import what_else
from domain.records import Entity, Episode, Fact, Turn, turn_of
from domain.text.languages import ENGLISH, language_of
from domain.text.meant import period_meant
from domain.text.sentences import sentences
from domain.text.statements import first_person
from domain.text.words import mentions

_FURTHER = 2
"""Content words beside a single one from which on a sentence of nobody here is about another."""


@dataclass(frozen=True)
class Wanted:
    """What somebody wants forgotten."""

    ids: Collection[str] = ()
    """Facts."""
    statements: Collection[str] = ()
    """Whatever says this."""
    removed: Collection[str] = ()
    """Turns that were taken out of their thread: what only they state goes with them."""
    asking: Collection[str] = ()
    """Turns that ask for it. They are withheld; what else they state, and what is said later, is
    not."""
    last_before: Collection[str] = ()
    """Turns from which back what was said last is taken back, that of the turn itself first."""
    periods: Collection[tuple[datetime, datetime]] = ()
    """Begin and end (exclusive) of times: what those who ask said then."""


NOTHING_WANTED = Wanted()


def meant_by(wishes: Iterable[tuple[str, datetime | None]]) -> Wanted:
    """Return what wishes mean, each with when it is said: None where no word tells a time then."""
    wishes = list(wishes)
    periods = [period_meant(what, at) if at else None for what, at in wishes]
    statements = [what for (what, _), period in zip(wishes, periods, strict=True) if not period]
    return Wanted(statements=statements, periods=list(filter(None, periods)))


@dataclass(frozen=True)
class Reach:
    """What is to be forgotten together."""

    facts: tuple[Fact, ...]
    """Facts that state it; none of them is a tombstone."""
    statements: tuple[str, ...]
    """All that is to be forgotten, in words: what was wished, and what the facts say."""
    withheld: frozenset[str]
    """Turns in which somebody says it, and episodes whose summary does: for no prompt."""
    asking: frozenset[str] = frozenset()
    """Of the withheld turns those that only ask for it."""
    removed: frozenset[str] = frozenset()
    """Of the withheld turns those of which nothing is left."""
    rest: tuple[Fact, ...] = ()
    """What else those facts and turns say: facts to be written, which speak for themselves."""

    def joined(self, other: "Reach") -> "Reach":
        """Return what either reaches."""
        facts = {fact.id: fact for fact in (*self.facts, *other.facts)}
        return Reach(
            tuple(facts.values()),
            (*self.statements, *other.statements),
            self.withheld | other.withheld,
            self.asking | other.asking,
            self.removed | other.removed,
            tuple(fact for fact in (*self.rest, *other.rest) if fact.id not in facts),
        )

    @property
    def nothing(self) -> bool:
        """Whether nothing that is remembered says it."""
        return not self.facts and self.withheld <= self.asking


def reach(
    facts: Iterable[Fact],
    turns: Mapping[str, Turn],
    episodes: Iterable[Episode],
    entities: Iterable[Entity],
    wanted: Wanted,
) -> Reach:
    """Return what a wish to forget reaches.

    Args:
        facts: All facts of an owner.
        turns: All turns that the owner's journal and episodes hold, by id.
        episodes: All episodes.
        entities: Whom and what was spoken of: "my ex" may have a name.
        wanted: What is to be forgotten.
    """
    facts, episodes = list(facts), list(episodes)
    reached = _reach(facts, turns, episodes, wanted, list(entities))
    for period in wanted.periods:
        reached = reached.joined(_reach_said_in(period, facts, turns, episodes, wanted))
    return reached


def _reach_said_in(
    period: tuple[datetime, datetime],
    facts: Sequence[Fact],
    turns: Mapping[str, Turn],
    episodes: Sequence[Episode],
    wanted: Wanted,
) -> Reach:
    """Return what is reached of what was said in a span of time: nothing that was said before."""
    begin, end = period
    since = {id: turn for id, turn in turns.items() if turn.at >= begin}
    speakers = set().union(*(_speakers(turns[id]) for id in wanted.asking if id in turns))
    said = [
        turn.id
        for turn in since.values()
        if turn.at < end and turn.id not in wanted.asking
        if not speakers or _speakers(turn) <= speakers
    ]
    return _reach(
        [fact for fact in facts if turns_of(fact) <= since.keys()],
        since,
        [episode for episode in episodes if any(turn.id in since for turn in episode.turns)],
        Wanted(removed=said, asking=wanted.asking),
    )


@dataclass(frozen=True)
class _WhenAsked:
    """What is remembered when somebody asks to forget, and who asks."""

    speakers: frozenset[str]
    """Who asks; empty where nobody is known to."""
    turns: Sequence[Turn]
    """Said until then."""
    later: frozenset[str]
    """Ids of the turns said since."""
    facts: Sequence[Fact]
    """Neither deleted nor told since."""
    taken_back: Sequence[Turn]
    """Turns whose statements are taken back."""
    removed: frozenset[str]
    """Ids of the turns of which nothing is left."""


def _when_asked(facts: Iterable[Fact], turns: Mapping[str, Turn], wanted: Wanted) -> _WhenAsked:
    asking = [turns[id] for id in wanted.asking if id in turns]
    until = max((turn.seq for turn in asking), default=None)
    said = [turn for turn in turns.values() if until is None or turn.seq <= until]
    later = turns.keys() - {turn.id for turn in said}
    last = taken_back(turns, wanted.last_before, asking)
    return _WhenAsked(
        speakers=frozenset().union(*map(_speakers, asking)),
        turns=said,
        later=frozenset(later),
        facts=[fact for fact in facts if not fact.deleted and not turns_of(fact) <= later],
        taken_back=last,
        removed=frozenset({*wanted.removed, *(turn.id for turn in last)} & turns.keys()),
    )


def _reach(
    facts: Sequence[Fact],
    turns: Mapping[str, Turn],
    episodes: Sequence[Episode],
    wanted: Wanted,
    entities: Sequence[Entity] = (),
) -> Reach:
    asked = _when_asked(facts, turns, wanted)
    gone_whole = [fact for fact in asked.facts if turns_of(fact) <= asked.removed]
    parts = _named_parts(asked, wanted, entities)
    statements = [
        *parts,
        *(text for turn in asked.taken_back for text in statements_of(turn)),
        *said_only_in(asked.removed, asked.turns, gone_whole),
        *(fact.text for fact in asked.facts if fact.id in wanted.ids),
    ]
    # What is gone with its turn is not looked for in it.
    left = [fact for fact in asked.facts if not turns_of(fact) <= asked.removed]
    said = [turn for turn in asked.turns if turn.id not in asked.removed]
    heard = Sayings(
        [
            *(message.text for turn in said for message in turn.messages),
            *(fact.text for fact in left),
            *(episode.summary for episode in episodes),
        ]
    )
    alike = _alike(left, statements, heard)
    stated = _of_whom_it_is_asked(alike, gone_whole, asked, turns, wanted, parts)
    wished = [*statements, *(fact.text for fact in stated)]
    told = heard.telling(wished)
    ids = {fact.id for fact in stated}
    of_others = set().union(*(turns_of(fact) for fact in alike if fact.id not in ids))
    own = {f.text for f in (*stated, *gone_whole) if f.subject in (asked.speakers or {USER})}
    own |= {text for text in statements if first_person(text)}
    hidden = asked.removed.union(*map(turns_of, stated)) - asked.later
    hidden |= {t.id for t in said if t.id not in of_others and _repeats(t, told, own)}
    hidden |= {episode.id for episode in episodes if _any_of(episode.summary, told)}
    gone = {fact.id: fact for fact in (*stated, *gone_whole)}
    unquoted = [
        fact.model_copy(update={"edited": True})
        for fact in asked.facts
        if fact.id not in gone and not fact.edited and turns_of(fact) <= hidden
    ]
    # Of a fact that is named itself nothing stays: the rest may be what the wish is about.
    unnamed = [fact for fact in stated if fact.id not in wanted.ids]
    return Reach(
        tuple(gone.values()),
        tuple(dict.fromkeys(filter(None, wished))),
        frozenset(hidden | set(wanted.asking)),
        frozenset(wanted.asking),
        asked.removed,
        (*(rest for fact in unnamed for rest in _rest(fact, statements)), *unquoted),
    )


def _named_parts(asked: _WhenAsked, wanted: Wanted, entities: Sequence[Entity]) -> list[str]:
    """Return the statements to forget, several in one each by itself, and names of who is meant."""
    before = [text for t in asked.turns if t.id not in wanted.asking for text in own_texts(t)]
    known = Sayings([*(fact.text for fact in asked.facts), *before])
    parts = [part for statement in wanted.statements for part in named(statement, known)]
    return parts + [name for part in parts for name in names_of(part, entities)]


def _alike(facts: Sequence[Fact], statements: Sequence[str], heard: Sayings) -> list[Fact]:
    """Return the facts that say one of some statements, or that one of them says."""
    told, wished = heard.telling(statements), Sayings(statements)
    return [fact for fact in facts if _any_of(fact.text, told) or wished.saying(fact.text)]


def _of_whom_it_is_asked(
    alike: Sequence[Fact],
    gone_whole: Sequence[Fact],
    asked: _WhenAsked,
    turns: Mapping[str, Turn],
    wanted: Wanted,
    parts: Sequence[str],
) -> list[Fact]:
    """Return those facts that are of whoever is meant.

    "My sister is pregnant too" is not forgotten with "I am pregnant".
    """
    subjects = {fact.subject for fact in asked.facts if fact.id in wanted.ids}
    if not subjects:  # Whoever asks means themselves first.
        subjects = {fact.subject for fact in (*alike, *gone_whole)} & (asked.speakers or {USER})
    return [
        fact
        for fact in alike
        if not subjects or fact.subject in subjects
        if not asked.speakers
        or fact.id in wanted.ids
        or not _of_another(fact, turns, asked.speakers, parts)
    ]


def _rest(fact: Fact, forgotten: Collection[str]) -> list[Fact]:
    """Return what else a fact says, as edits of it: no message may be quoted for them."""
    edits = {"slot": None, "supersedes": (), "edited": True}
    return [
        fact.model_copy(update={"id": statement_id(text, fact.id), "text": text, **edits})
        for text in what_else(fact.text, forgotten)
    ]


def _any_of(text: str, told: Mapping[str, Collection[str]]) -> bool:
    """Return whether a sentence of a text says a statement."""
    return any(sentence in told for sentence in sentences(text))


def _repeats(turn: Turn, told: Mapping[str, Collection[str]], own: Collection[str]) -> bool:
    """Return whether a turn says one of some statements, and not of somebody who is not there.

    Args:
        turn: The turn.
        told: Sentences with the statements that they say.
        own: The statements that are of whoever asks.

    After "I have a dog" was forgotten, "the neighbour's dog barks" is still remembered, with a
    reply that repeats it; "how is your dog?" is not.
    """
    of_others: set[str] = set()
    for said in turn.messages:
        for sentence in sentences(said.text):
            if not (statements := told.get(sentence)):
                continue
            words = content_of(sentence, language_of(sentence) or ENGLISH)
            if said.role == "user":
                if not all(each in own and _of_another_one(sentence, each) for each in statements):
                    return True
                of_others |= words
            elif len(words & of_others) <= _FURTHER:
                return True
    return False


def _of_another_one(sentence: str, statement: str) -> bool:
    """Return whether a sentence only has the one word of a statement, and says more of others."""
    code = language_of(sentence) or ENGLISH
    more = len(content_of(sentence, code)) - len(content_of(statement, code))
    single = len(content_of(statement, code)) == 1
    return single and more >= _FURTHER and first_person(sentence) is False


def turns_of(fact: Fact) -> set[str]:
    """Return the ids of the turns that state a fact."""
    return {turn_of(ref) for ref in fact.sources}


def _speakers(turn: Turn) -> set[str]:
    return {said.name or USER for said in turn.messages if said.role == "user"}


def _of_another(
    fact: Fact, turns: Mapping[str, Turn], asking: Collection[str], parts: Iterable[str]
) -> bool:
    """Return whether somebody said a fact of themselves who neither asks nor is named."""
    said_by = set().union(*(_speakers(turns[id]) for id in turns_of(fact) if id in turns))
    own = fact.subject in said_by - set(asking)
    return own and not any(mentions(text, fact.subject) for text in parts)
