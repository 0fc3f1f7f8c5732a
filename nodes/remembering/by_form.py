"""Forgets what a message asks for by its form: where no model reads it, or none could.

What a form is stands in `domain/text/wishes.py`.
"""

from collections.abc import Iterable, Mapping

from domain.facts.extraction import FactChange
from domain.facts.forgetting import NOTHING_WANTED, Reach, Wanted, meant_by
from domain.owner import Owner
from domain.records import Turn, turn_of
from models.offline.facts import wishes_to_forget
from nodes.state import Parts
from stores.maintenance.forgetting import forget


def wanted_by(
    wishes: Iterable[FactChange], turns: Mapping[str, Turn], asked: Wanted = NOTHING_WANTED
) -> Wanted:
    """Return what messages want forgotten, beside what was `asked` otherwise."""
    wishes = list(wishes)
    at = {id: turn.at for id, turn in turns.items()}
    meant = meant_by((wish.text, at.get(turn_of(wish.source))) for wish in wishes if wish.text)
    asking = {turn_of(wish.source) for wish in wishes}
    back = {turn_of(wish.source) for wish in wishes if not wish.text}
    parents = {turns[id].parent for id in back if id in turns}
    return Wanted(
        ids={wish.target for wish in wishes if wish.target} | set(asked.ids),
        statements=[*meant.statements, *asked.statements],
        removed=asked.removed,
        asking=asking | set(asked.asking),
        last_before={id for id in parents if id} | set(asked.last_before),
        periods=[*meant.periods, *asked.periods],
    )


async def forget_by_form(
    parts: Parts, owner: Owner, generation: str | None, thread: str
) -> Reach | None:
    """Forget what the last turn of a thread asks for; None where it asks for nothing.

    Raises:
        GenerationMoved: If the owner was reset meanwhile; nothing is left behind.
        StoreUnavailable: If a store does not answer.
    """
    view = await parts.stores.journal.read(owner)
    turn = view.turns.get(view.refs.get(thread, ""))
    if turn is None:
        return None
    wishes = [
        FactChange(op="forget", text=text, source=turn.ref(index))
        for index, said in enumerate(turn.messages)
        if said.role == "user"
        for text in wishes_to_forget(said.text)
    ]
    if not wishes:
        return None
    wanted = wanted_by(wishes, view.turns)
    return await forget(parts.stores, owner, generation, wanted, now=parts.now())
