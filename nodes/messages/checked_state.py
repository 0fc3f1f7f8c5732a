"""Checks a thread's state: what a client wrote into it is put right before any step reads it.

A client may write `messages`. Every stamp on one, and everything else in the state, counts only if
it carries this installation's digest, or if the journal or an episode confirms it. After this step
nobody checks again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from langchain_core.messages import AnyMessage
from pydantic import TypeAdapter, ValidationError

from domain.journal import JournalView
from domain.owner import Owner
from domain.records import Id, Turn
from nodes.messages.signatures import STAMP, Signatures
from nodes.messages.stamps import turn_id, turn_messages, turn_stamp, without_stamp
from nodes.state import Parts

TYPES: Mapping[str, TypeAdapter[Any]] = {
    "owner": TypeAdapter(Id),
    "generation": TypeAdapter(Id | None),
    "root": TypeAdapter(Id | None),
    "head": TypeAdapter(Id | None),
    "buffer_start": TypeAdapter(Id | None),
    "borrowed": TypeAdapter(list[str]),
    "in_thread": TypeAdapter(dict[str, int]),
    "sent": TypeAdapter(list[tuple[str, int]]),
}
"""The fields that a turn reads, with what they must be."""
EMPTY: Mapping[str, Any] = {"borrowed": [], "sent": []}
"""What a turn reads instead of one that is of another type; where nothing stands: None."""


def typed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those fields of a state that are what they must be."""
    fields: dict[str, Any] = {}
    for name, kind in TYPES.items():
        if name in values:
            try:
                fields[name] = kind.validate_python(values[name])
            except ValidationError:
                continue
    return fields


def replaced(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is to stand instead of the fields of another type that the steps read."""
    read = {name: values[name] for name in ("borrowed", "sent", "buffer_start") if name in values}
    return {name: EMPTY.get(name) for name in read.keys() - typed(read).keys()}


def signatures_of(parts: Parts, owner: Owner, generation: str | None) -> Signatures:
    """Return what signs the messages of an owner."""
    return Signatures(parts.stores.key, owner.key, generation)


@dataclass
class CheckedState:
    """Confirms what a state says of one owner, by what the stores hold."""

    parts: Parts
    owner: Owner
    view: JournalView
    _folded: dict[str, Turn] | None = field(default=None, init=False)
    _confirmed: set[str] = field(default_factory=set, init=False)
    """Turns that a message of the state, signed or confirmed, belongs to."""

    async def messages(self, messages: Sequence[AnyMessage]) -> list[AnyMessage]:
        """Return the messages of a thread with such stamps alone as are ours.

        One that was changed since it was stamped says again what the stores hold of it. One whose
        stamp nothing confirms is as if it had none: somebody says it now.

        Raises:
            StoreUnavailable: If only the episodes could confirm a stamp, and do not answer.
        """
        signatures = signatures_of(self.parts, self.owner, self.view.generation)
        checked: list[AnyMessage] = []
        for message in messages:
            if STAMP not in message.additional_kwargs:
                checked.append(message)
            elif signatures.valid(message):
                checked.append(message)
                self._confirmed |= {turn for turn in [turn_id(message)] if turn}
            else:
                checked.append(await self._stored(message, signatures))
        return checked

    async def _stored(self, message: AnyMessage, signatures: Signatures) -> AnyMessage:
        stamp = turn_stamp(message)
        turn = await self._turn(stamp.turn) if stamp else None
        if stamp is None or turn is None or not 0 <= stamp.index < len(turn.messages):
            return without_stamp(message)
        self._confirmed.add(turn.id)
        stored = turn_messages(turn, signatures)[stamp.index]
        same = stored.model_copy(update={"id": message.id})
        return signatures.sign(same)

    @property
    def has_turns(self) -> bool:
        """Whether any of the messages belongs to a turn of the owner."""
        return bool(self._confirmed)

    async def head(self, fields: Mapping[str, Any], thread: str) -> str | None:
        """Return the turn that a run goes on from: the state's, else the thread's ref."""
        head = cast("str | None", fields.get("head") or fields.get("root"))
        ref = self.view.refs.get(thread)
        if head is None:
            return ref if self.has_turns else None  # What has turns had a head.
        if head in (ref, *self._confirmed) or await self._turn(head) is not None:
            return head
        return ref

    async def _turn(self, id: str) -> Turn | None:
        """Return a turn of the owner, from the journal or an episode."""
        if id in self.view.turns:
            return self.view.turns[id]
        if self._folded is None:
            episodes = await self.parts.stores.memories.episodes(self.owner, self.view.generation)
            self._folded = {turn.id: turn for episode in episodes for turn in episode.turns}
        return self._folded.get(id)
