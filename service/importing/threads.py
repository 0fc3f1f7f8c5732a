"""What a chat becomes: threads of turns, with the same ids however often it is read. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain as flat
from types import MappingProxyType

from domain.owner import Owner, digest
from domain.records import Said, Turn
from service.importing.shapes import Chat, Message

MOST_MESSAGES = 100
"""Messages of one turn at most."""
LONGEST = 20_000
"""Characters of a message at most; the rest of a longer one is left out."""


def threads_of(
    owner: Owner,
    chat: Chat,
    earlier: Collection[str] = (),
    present: Mapping[str, Turn] = MappingProxyType({}),
) -> Iterator[tuple[str, list[Turn]]]:
    """Yield a chat's branches as threads with all their turns, first the one last seen.

    The threads are the owner's alone: the same chat may be brought in for several.

    Args:
        owner: whose they are.
        chat: what was said.
        earlier: threads of the owner named by the chat alone, which go on.
        present: the owner's turns by id.
    """
    for leaf, branch in branches_of(chat).items():
        thread = digest(branch)
        if thread not in earlier:
            thread = digest(f"{owner.key}\n{branch}")
        turns = _turns(chat, thread, _path(chat, leaf), _others(owner, chat), present)
        path = list(_as_stored(chat, turns, present) if chat.by_place else turns)
        if path:
            yield thread, path


def branches_of(chat: Chat) -> dict[str, str]:
    """Return a name of each branch by its leaf, first that of the one last seen."""
    last = _last(chat)
    return {leaf: chat.id if leaf == last else f"{chat.id}\n{leaf}" for leaf in _leaves(chat)}


def _last(chat: Chat) -> str:
    if chat.last is not None and chat.last in chat.messages:
        return chat.last
    return list(chat.messages)[-1]


def _leaves(chat: Chat) -> list[str]:
    """Return the ends of a chat's branches, first the one that was seen last."""
    parents = {message.parent for message in chat.messages.values()}
    last = _last(chat)
    return [last, *(id for id in chat.messages if id not in parents and id != last)]


def _path(chat: Chat, leaf: str) -> list[Message]:
    """Return the messages up to a leaf, oldest first."""
    path: list[Message] = []
    at: str | None = leaf
    while at is not None and len(path) < len(chat.messages):
        path.append(chat.messages[at])
        at = path[-1].parent
    return path[::-1]


def _others(owner: Owner, chat: Chat) -> set[str]:
    """Return the names of others than the user; one who speaks alone in a chat is its user."""
    names = {message.name for message in chat.messages.values() if message.role == "user"}
    if len(names) == 1:
        return set()
    return {name for name in names if name and name.casefold() != owner.user_id.casefold()}


def _as_stored(chat: Chat, turns: Iterable[Turn], present: Mapping[str, Turn]) -> Iterator[Turn]:
    """Yield turns, in place of those that an earlier version brought in what it stored.

    It passed over what stood in a place that it knew, so what it stored after that is known too.
    """
    count, parent, passed_over = 0, None, False
    for turn in turns:
        count += len(turn.messages)
        stored = None if turn.id in present else present.get(_turn_id(chat, str(count - 1)))
        if stored is None or [m.text for m in stored.messages] != [m.text for m in turn.messages]:
            passed_over = True
            yield turn.model_copy(update={"parent": parent})
            parent = turn.id
        elif not passed_over:
            yield stored
            parent = stored.id


def _turn_id(chat: Chat, last_message: str) -> str:
    return digest(f"{chat.id}\n{last_message}")


def _turns(
    chat: Chat,
    thread: str,
    path: Iterable[Message],
    others: Collection[str],
    present: Mapping[str, Turn],
) -> Iterator[Turn]:
    """Yield the turns of a path: what the user said, up to the last reply before they go on.

    What was brought in before it was answered is a turn of its own, and the answer another.
    """
    parent: str | None = None
    exchanges = (_parted(chat, exchange, present) for exchange in _exchanges(path))
    for messages in flat.from_iterable(exchanges):
        id = _turn_id(chat, messages[-1].id)
        said = tuple(
            Said(
                id=digest(f"{chat.id}\n{message.id}\n"),
                role="user" if message.role == "user" else "assistant",
                text=message.text[:LONGEST],
                name=message.name if message.name in others else None,
                at=message.at,
            )
            for message in messages
        )
        yield Turn(id=id, parent=parent, thread=thread, at=messages[-1].at, messages=said)
        parent = id


def _parted(
    chat: Chat, exchange: Sequence[Message], present: Mapping[str, Turn]
) -> Iterator[Sequence[Message]]:
    """Yield an exchange in parts, each of which ends where one that is present does."""
    turns = [present.get(_turn_id(chat, message.id)) for message in exchange]
    whole = turns[-1] is not None and len(turns[-1].messages) == len(exchange)
    first = 0
    for at, turn in enumerate(turns, 1):
        if at == len(exchange) or (turn is not None and not whole):
            yield exchange[first:at]
            first = at


def _exchanges(path: Iterable[Message]) -> Iterator[list[Message]]:
    """Yield what is said up to the last reply; of notes without replies a few at a time."""
    exchange: list[Message] = []
    for message in path:
        answered = bool(exchange) and exchange[-1].role == "assistant"
        if (message.role == "user" and answered) or len(exchange) == MOST_MESSAGES:
            yield exchange
            exchange = []
        exchange.append(message)
    if exchange:
        yield exchange
