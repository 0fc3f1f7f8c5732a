"""Forgets what messages want forgotten, and tells what else they say: that is still remembered."""

from collections.abc import Collection, Iterable, Sequence

from domain.facts.extraction import FactChange, Source
from domain.facts.forgetting import Wanted
from domain.facts.same_statement import tell
from domain.facts.what_else import what_else
from domain.journal import JournalView
from domain.owner import Owner
from domain.records import turn_of
from domain.text.languages import plain
from domain.text.meant import said_behind
from domain.text.sentences import sentences
from domain.text.wishes import wants_forgotten
from nodes.remembering.by_form import wanted_by
from nodes.state import Parts
from stores.maintenance.forgetting import forget


async def obeyed(
    parts: Parts,
    owner: Owner,
    view: JournalView,
    sources: Sequence[Source],
    changes: Sequence[FactChange],
    asked: Wanted,
) -> tuple[list[FactChange], frozenset[str]]:
    """Forget what messages want forgotten, with the messages that ask.

    Returns:
        What else they say, and the turns that are withheld now.

    Raises:
        GenerationMoved: If the owner was reset meanwhile; nothing is left behind.
        StoreUnavailable: If a store does not answer.
    """
    wishes = [change for change in changes if change.op == "forget"]
    others = [change for change in changes if change.op != "forget"]
    places = {source.ref: place for place, source in enumerate(sources)}
    ends = [places[wish.source] for wish in wishes if wish.source in places]
    ends += [len(sources)] if asked.asking else []
    if not ends:
        return others, frozenset()
    reached = await forget(
        parts.stores, owner, view.generation, wanted_by(wishes, view.turns, asked), now=parts.now()
    )
    gone = reached.withheld - reached.asking - view.withheld  # those hold but what is left
    texts = {source.ref: source.text for source in sources}
    # Said in these very words: all of each is forgotten.
    whole = [wish for wish in wishes if wish.text and wish.text in reached.statements]

    def left(change: FactChange) -> list[str]:
        """Return what of a change is not forgotten: in a withheld turn, only in its own words."""
        turn = turn_of(change.source)
        if turn in asked.asking and _only_asks(texts[change.source]):
            return []
        if any(
            wish.source == change.source and plain(change.text).rstrip(" .!") in wish.text
            for wish in whole
        ):
            return []
        if places.get(change.source, 0) > max(ends):
            return [change.text]  # said after that
        if turn in asked.removed or (turn in gone and change.text not in texts[change.source]):
            return []
        return _without(change.text, reached.statements)

    rest = [other.model_copy(update={"text": text}) for other in others for text in left(other)]
    return rest, reached.withheld


def still_said(change: FactChange, forgotten: Collection[str], view: JournalView) -> list[str]:
    """Return what of a change still holds after turns were withheld: all, what else it says, none.

    Args:
        change: What a model read.
        forgotten: The turns.
        view: It says what of them is forgotten.
    """
    turn = turn_of(change.source)
    statements = view.forgotten.get(turn, ())
    if turn not in forgotten:
        return [change.text]
    return _without(change.text, statements) if statements else []


def _only_asks(text: str) -> bool:
    """Return whether a request to forget says nothing else: one sentence, and nothing behind it."""
    if len(sentences(text)) > 1:
        return False
    wish = wants_forgotten(text)
    return not (wish and said_behind(text, wish))


def _without(text: str, statements: Collection[str]) -> list[str]:
    """Return what a text says beside some statements: all of it where it says none of them."""
    return what_else(text, statements) if tell(text, statements) else [text]


def forgotten_since(before: Collection[str], view: JournalView, refs: Iterable[str]) -> Wanted:
    """Return what was forgotten of messages since `before` was withheld: to be forgotten again."""
    turns = ({turn_of(ref) for ref in refs} & view.withheld) - set(before)
    return Wanted(
        statements=[text for id in turns for text in view.forgotten.get(id, ())],
        removed=turns - view.forgotten.keys(),
        asking=turns & view.forgotten.keys(),
    )
