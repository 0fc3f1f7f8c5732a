"""What a wish to forget reaches: the facts that state it, and the turns that say it again.

Pure decisions over records. Where they are stored, and who wished it, is decided elsewhere.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.facts.same_statement import USER, Sayings, content_of, named, names_of
from domain.facts.statement import statement_id
from domain.facts.user_statements import last_statement, own_texts, said_only_in, statements_of
from domain.facts.what_else import what_else
from domain.records import Entity, Episode, Fact, Turn, turn_of
from domain.text.languages import language_of
from domain.text.meant import period_meant
from domain.text.sentences import sentences
from domain.text.statements import first_person
from domain.text.vocabulary import ENGLISH
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
    """Turns from which back the last statement is taken back, that of the turn itself first."""
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


def _reach(
    facts: Sequence[Fact],
    turns: Mapping[str, Turn],
    episodes: Sequence[Episode],
    wanted: Wanted,
    entities: Sequence[Entity] = (),
) -> Reach:
    asking = [turns[id] for id in wanted.asking if id in turns]
    speakers = set().union(*map(_speakers, asking))
    until = max((turn.seq for turn in asking), default=None)
    said = [turn for turn in turns.values() if until is None or turn.seq <= until]
    later = turns.keys() - {turn.id for turn in said}
    standing = [f for f in facts if not f.deleted and not turns_of(f) <= later]
    last = [turn for id in wanted.last_before if (turn := last_statement(turns, id))]
    removed = {*wanted.removed, *(turn.id for turn in last)} & turns.keys()
    alone = [fact for fact in standing if turns_of(fact) <= removed]
    noted = [fact.text for fact in standing]
    before = [text for turn in said if turn.id not in wanted.asking for text in own_texts(turn)]
    known = Sayings([*noted, *before])
    parts = [part for statement in wanted.statements for part in named(statement, known)]
    parts += [name for part in parts for name in names_of(part, entities)]
    by_words = [*parts, *(text for turn in last for text in statements_of(turn))]
    by_words += said_only_in(removed, said, alone)
    asked = [*by_words, *(fact.text for fact in standing if fact.id in wanted.ids)]
    wished = list(asked)
    # What is gone with its turn is not looked for in it.
    left = [fact for fact in standing if not turns_of(fact) <= removed]
    said = [turn for turn in said if turn.id not in removed]
    heard = [message.text for turn in said for message in turn.messages]
    heard += [*(fact.text for fact in left), *(episode.summary for episode in episodes)]
    spoken = Sayings(heard)
    asked_for = Sayings(asked)
    told = spoken.telling(asked)
    alike = [f for f in left if _any_of(f.text, told) or asked_for.saying(f.text)]
    subjects = {fact.subject for fact in standing if fact.id in wanted.ids}
    if not subjects:  # Whoever asks means themselves first.
        subjects = {fact.subject for fact in (*alike, *alone)} & (speakers or {USER})
    # "My sister is pregnant too" is not forgotten with "I am pregnant".
    stated = [fact for fact in alike if not subjects or fact.subject in subjects]
    if speakers:
        stated = [
            fact
            for fact in stated
            if fact.id in wanted.ids or not _of_another(fact, turns, speakers, parts)
        ]
    ours = {fact.id for fact in stated}
    others = set().union(*(turns_of(fact) for fact in alike if fact.id not in ours))
    own = {f.text for f in (*stated, *alone) if f.subject in (speakers or {USER})}
    own |= {text for text in wished if first_person(text)}
    wished += [fact.text for fact in stated]
    told = spoken.telling(wished)
    hidden = set(removed).union(*map(turns_of, stated)) - later
    said = [turn for turn in said if turn.id not in others]
    hidden |= {turn.id for turn in said if _repeats(turn, told, own)}
    hidden |= {episode.id for episode in episodes if _any_of(episode.summary, told)}
    gone = {fact.id: fact for fact in (*stated, *alone)}
    unquoted = [f for f in standing if f.id not in gone and not f.edited and turns_of(f) <= hidden]
    rest = [rest for fact in stated if fact.id not in wanted.ids for rest in _rest(fact, asked)]
    return Reach(
        tuple(gone.values()),
        tuple(dict.fromkeys(filter(None, wished))),
        frozenset(hidden | set(wanted.asking)),
        frozenset(wanted.asking),
        frozenset(removed),
        (*rest, *(fact.model_copy(update={"edited": True}) for fact in unquoted)),
    )


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
