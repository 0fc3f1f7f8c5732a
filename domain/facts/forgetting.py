"""What a wish to forget reaches: the facts that state it, and the turns that say it again.

Pure decisions over records. Where they are stored, and who wished it, is decided elsewhere.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.facts.saying import USER, content_of, named, names_of, says, tell
from domain.facts.statement import statement_id
from domain.records import Entity, Episode, Fact, Turn, turn_of
from domain.text.languages import LANGUAGES, language_of, plain
from domain.text.meant import period_meant
from domain.text.sentences import clauses, sentences
from domain.text.statements import first_person, is_question
from domain.text.terms import strong_terms
from domain.text.vocabulary import ENGLISH
from domain.text.wishes import wants_forgotten
from domain.text.words import mentions

_BACK = 5
"""Turns in which the last statement is looked for, from the one before "I was joking"."""
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
    at: datetime | None = None
    """When it is asked for, which tells what "yesterday" means; None: no statement names a time."""


NOTHING_WANTED = Wanted()


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
    facts, episodes, entities = list(facts), list(episodes), list(entities)
    untimed: list[str] = []
    reached: list[Reach] = []
    for statement in wanted.statements:
        period = period_meant(statement, wanted.at) if wanted.at else None
        if period is None:
            untimed += [statement, *names_of(statement, entities)]
        else:
            reached.append(_reach_said_in(period, facts, turns, episodes, wanted))
    first = _reach(facts, turns, episodes, replace(wanted, statements=untimed))
    for more in reached:
        first = first.joined(more)
    return first


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
    said = [t for t in since.values() if t.at < end and t.id not in wanted.asking]
    return _reach(
        [fact for fact in facts if turns_of(fact) <= since.keys()],
        since,
        [episode for episode in episodes if any(turn.id in since for turn in episode.turns)],
        Wanted(
            statements=[text for turn in said for text in _statements(turn)],
            removed=[turn.id for turn in said],
            asking=wanted.asking,
        ),
    )


def _reach(
    facts: Sequence[Fact],
    turns: Mapping[str, Turn],
    episodes: Sequence[Episode],
    wanted: Wanted,
) -> Reach:
    asking = [turns[id] for id in wanted.asking if id in turns]
    speakers = set().union(*map(_speakers, asking))
    until = max((turn.seq for turn in asking), default=None)
    said = [turn for turn in turns.values() if until is None or turn.seq <= until]
    later = turns.keys() - {turn.id for turn in said}
    standing = [f for f in facts if not f.deleted and not turns_of(f) <= later]
    last = [turn for id in wanted.last_before if (turn := _last_statement(turns, id))]
    removed = {*wanted.removed, *(turn.id for turn in last)}
    by_name = named(wanted.statements, standing, [t for t in said if t not in asking])
    by_words = [*by_name, *(text for turn in last for text in _statements(turn))]
    by_words += _said_only_in(wanted.removed, said)
    asked = [*by_words, *(fact.text for fact in standing if fact.id in wanted.ids)]
    wished = list(asked)
    alike = [f for f in standing if any(says(f.text, w) or says(w, f.text) for w in wished)]
    subjects = {fact.subject for fact in standing if fact.id in wanted.ids}
    if not subjects:  # Whoever asks means themselves first.
        subjects = {fact.subject for fact in alike} & (speakers or {USER})
    # "My sister is pregnant too" is not forgotten with "I am pregnant".
    stated = [fact for fact in alike if not subjects or fact.subject in subjects]
    if speakers:
        stated = [fact for fact in stated if not _of_another(fact, turns, speakers, wanted)]
    others = set().union(*(turns_of(fact) for fact in alike if fact not in stated))
    own = {fact.text for fact in stated if fact.subject in (speakers or {USER})}
    own |= {text for text in wished if first_person(text)}
    wished += [fact.text for fact in stated]
    alone = [fact for fact in standing if turns_of(fact) <= removed]
    hidden = set(removed).union(*map(turns_of, stated)) - later
    said = [turn for turn in said if turn.id not in others]
    hidden |= {turn.id for turn in said if _repeats(turn, wished, own)}
    hidden |= {episode.id for episode in episodes if tell(episode.summary, wished)}
    gone = {fact.id: fact for fact in (*stated, *alone)}
    unquoted = [f for f in standing if f.id not in gone and not f.edited and turns_of(f) <= hidden]
    rest = [rest for fact in stated if fact.id not in wanted.ids for rest in _rest(fact, asked)]
    return Reach(
        tuple(gone.values()),
        tuple(dict.fromkeys(filter(None, wished))),
        frozenset(hidden | set(wanted.asking)),
        frozenset(wanted.asking),
        (*rest, *(fact.model_copy(update={"edited": True}) for fact in unquoted)),
    )


def _rest(fact: Fact, forgotten: Collection[str]) -> list[Fact]:
    """Return what else a fact says, as edits of it: no message may be quoted for them."""
    edits = {"slot": None, "supersedes": (), "edited": True}
    return [
        fact.model_copy(update={"id": statement_id(text, fact.id), "text": text, **edits})
        for text in what_else(fact.text, forgotten)
    ]


def what_else(text: str, forgotten: Collection[str]) -> list[str]:
    """Return the clauses of a text in which who says it says something else of themselves."""
    parts = [_beginning(part) for part in clauses(text)]
    other = [part for part in parts if first_person(part) and strong_terms(part)]
    return [part for part in other if not tell(part, forgotten)] if len(parts) > 1 else []


def _beginning(clause: str) -> str:
    """Return a clause as a sentence begins: without the "and" before it."""
    joins = LANGUAGES[language_of(clause) or ENGLISH].words("contrasts")
    first, _, rest = clause.partition(" ")
    clause = rest if rest and plain(first) in joins else clause
    return clause[:1].upper() + clause[1:]


def without_forgotten(turn: Turn, forgotten: Collection[str]) -> Turn | None:
    """Return a turn with what else its user says in it; None where it says nothing forgotten."""
    if not any(tell(said.text, forgotten) for said in turn.messages):
        return None
    left = []
    for said in turn.messages:
        parts = (
            part
            for sentence in sentences(said.text if said.role == "user" else "")
            for part in (
                what_else(sentence, forgotten) if tell(sentence, forgotten) else [sentence]
            )
        )
        left.append(said.model_copy(update={"text": "\n".join(parts)}))
    return turn.model_copy(update={"messages": tuple(left)})


def _repeats(turn: Turn, wished: Collection[str], own: Collection[str]) -> bool:
    """Return whether a turn says one of some statements, and not of somebody who is not there.

    After "I have a dog" was forgotten, "the neighbour's dog barks" is still remembered, with a
    reply that repeats it; "how is your dog?" is not.
    """
    of_others: set[str] = set()
    for said in turn.messages:
        for sentence in sentences(said.text):
            told = [each for each in wished if says(sentence, each)]
            words = content_of(sentence, language_of(sentence) or ENGLISH)
            if said.role == "user":
                if not all(each in own and _of_another_one(sentence, each) for each in told):
                    return True
                of_others |= words if told else set()
            elif told and len(words & of_others) <= _FURTHER:
                return True
    return False


def _of_another_one(sentence: str, statement: str) -> bool:
    """Return whether a sentence only has the one word of a statement, and says more of others."""
    code = language_of(sentence) or ENGLISH
    more = len(content_of(sentence, code)) - len(content_of(statement, code))
    single = len(content_of(statement, code)) == 1
    return single and more >= _FURTHER and first_person(sentence) is False


def _said_only_in(removed: Collection[str], turns: Iterable[Turn]) -> list[str]:
    """Return what the user states in these turns and in no other: what repeats it goes too."""
    said: dict[bool, list[str]] = {True: [], False: []}
    for turn in turns if removed else ():
        said[turn.id in removed] += _statements(turn)
    return [text for text in said[True] if not any(says(other, text) for other in said[False])]


def turns_of(fact: Fact) -> set[str]:
    """Return the ids of the turns that state a fact."""
    return {turn_of(ref) for ref in fact.sources}


def _speakers(turn: Turn) -> set[str]:
    return {said.name or USER for said in turn.messages if said.role == "user"}


def _of_another(
    fact: Fact, turns: Mapping[str, Turn], asking: Collection[str], wanted: Wanted
) -> bool:
    """Return whether somebody said a fact of themselves who neither asks nor is named."""
    said_by = set().union(*(_speakers(turns[id]) for id in turns_of(fact) if id in turns))
    own = fact.id not in wanted.ids and fact.subject in said_by - set(asking)
    return own and not any(mentions(text, fact.subject) for text in wanted.statements)


def _last_statement(turns: Mapping[str, Turn], id: str) -> Turn | None:
    """Return the last turn, going back from one, in which the user states something."""
    turn = turns.get(id)
    for _ in range(_BACK):
        if turn is None or _statements(turn):
            return turn
        turn = turns.get(turn.parent or "")
    return None


def _statements(turn: Turn) -> list[str]:
    """Return the sentences in which the user states something in a turn."""
    said = (s for m in turn.messages if m.role == "user" for s in sentences(m.text))
    return [
        sentence
        for sentence in said
        if strong_terms(sentence)
        and not is_question(sentence)
        and wants_forgotten(sentence) is None
    ]
