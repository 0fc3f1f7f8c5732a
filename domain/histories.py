"""Finds what a client sends back of a conversation among the turns that are known.

Many clients send the whole conversation with every message and name no thread. Memory holds every
turn it answered, so the last exchange of that history tells where the conversation stands; where a
client changed it, all that the user said does. Pure decisions over turns; nothing is read here.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile

from domain.records import Turn
from domain.text.words import words
from domain.turns import live, parents_of

Pair = tuple[str, str]
"""What a user said, and the reply."""


def exchanges(messages: Iterable[tuple[str, str]]) -> Iterator[Pair]:
    """Yield what was said and answered; neighbours of one role count as one message.

    Args:
        messages: Role (`user` or another) and text of each, oldest first.
    """
    said: list[str] = []
    replies: list[str] = []
    for role, text in messages:
        if role == "user" and replies:
            yield "\n\n".join(said), "\n\n".join(replies)
            said, replies = [], []
        (said if role == "user" else replies).append(text)
    if said or replies:
        yield "\n\n".join(said), "\n\n".join(replies)


def pairs_of(turn: Turn) -> list[Pair]:
    """Return what was said in a turn, as it is compared: one pair, or more where it came so."""
    return _comparable(exchanges((said.role, said.text) for said in turn.messages))


def plain(text: str) -> str:
    """Return text without differences that clients make: white space at line ends and around."""
    return " ".join(text.split())


def _comparable(pairs: Iterable[Pair]) -> list[Pair]:
    return [(plain(user), plain(reply)) for user, reply in pairs]


def matching_turn(
    turns: Mapping[str, Turn],
    history: Sequence[Pair],
    thread: str | None = None,
    ends_of_threads: Collection[str] = (),
) -> Turn | None:
    """Return the turn that a history ends with; None where no turn says what it ends with.

    Among turns that say the same, that with the most of the history before it counts, then one of
    `thread`, then one that nothing follows yet (of two conversations that began alike the other
    has gone on), then the newest.
    """
    wanted = _comparable(history)
    if not wanted:
        return None
    ends = [turn for turn in turns.values() if pairs_of(turn)[-1:] == wanted[-1:]]
    return max(
        ends,
        key=lambda turn: (
            _agreement(turns, turn, wanted),
            turn.thread == thread,
            turn.id in ends_of_threads,
            turn.seq,
        ),
        default=None,
    )


def _agreement(turns: Mapping[str, Turn], last: Turn, wanted: Sequence[Pair]) -> int:
    """Return how many exchanges of a history a turn and those before it say."""
    both = zip(_backwards(turns, last), reversed(wanted), strict=False)
    return sum(1 for _ in takewhile(lambda pairs: pairs[0] == pairs[1], both))


def _backwards(turns: Mapping[str, Turn], last: Turn) -> Iterator[Pair]:
    """Yield what a turn says, then those before it."""
    at: Turn | None = last
    while at is not None:
        yield from reversed(pairs_of(at))
        at = turns.get(at.parent or "")


def thread_of_the_same(
    turns: Mapping[str, Turn], history: Sequence[Pair], ends_of_threads: Collection[str]
) -> Turn | None:
    """Return the end of a thread on which the user said all that a history says they said.

    A reply that another model gave, or that was written anew by hand, makes it another thread.
    Clients change what they send back: they leave thoughts out of replies and add sources, and
    show a message without the files that they had put around it.
    """
    wanted = _comparable(history)
    ends = [turns[id] for id in ends_of_threads if id in turns]
    same = [end for end in ends if _said_the_same(turns, end, wanted)]
    return max(same, key=lambda turn: turn.seq, default=None)


def _said_the_same(turns: Mapping[str, Turn], end: Turn, wanted: Sequence[Pair]) -> bool:
    """Return whether a turn and those before it may be what a client sends back."""
    told = _backwards(turns, end)
    return all(
        (said := next(told, None)) is not None and _may_be(said, sent) for sent in reversed(wanted)
    )


def _may_be(said: Pair, sent: Pair) -> bool:
    """Return whether what a client sends back may be what was said, and holds no news of it."""
    if said == sent or not sent[0]:
        return said == sent
    if said[0] == sent[0]:
        return _alike(words(said[1]), words(sent[1]))
    return said[1] == sent[1] and _holds(words(said[0]), words(sent[0]))


def _alike(one: Sequence[str], other: Sequence[str]) -> bool:
    """Return whether of two replies one is the other with words left out: part of it, or most."""
    part, whole = sorted((one, other), key=len)
    rest = iter(whole)
    return _holds(whole, part) or (
        2 * len(part) > len(whole) and all(word in rest for word in part)
    )


def _holds(whole: Sequence[str], part: Sequence[str]) -> bool:
    """Return whether words stand in a text one after the other; no words stand nowhere."""
    return bool(part) and f" {' '.join(part)} " in f" {' '.join(whole)} "


def beginning(turns: Mapping[str, Turn], history: Sequence[Pair]) -> tuple[int, str | None]:
    """Return with how many exchanges a history begins as a known one, and the turn they end with.

    Told again, they would be remembered twice, and again where they were forgotten.
    """
    wanted = _comparable(history)
    after: dict[str, list[Turn]] = {}
    for turn in turns.values():
        parent = turn.parent or ""
        after.setdefault(parent if parent in turns else "", []).append(turn)
    best: tuple[int, int, str | None] = (0, 0, None)
    open_ends: list[tuple[int, str]] = [(0, "")]
    while open_ends:
        length, last = open_ends.pop()
        for turn in after.get(last, ()):
            pairs = pairs_of(turn)
            sent = wanted[length : length + len(pairs)]
            if len(sent) == len(pairs) and all(map(_may_be, pairs, sent)):
                open_ends.append((length + len(pairs), turn.id))
                best = max(best, (length + len(pairs), turn.seq, turn.id))
    return best[0], best[2]


def told_before(
    turns: Mapping[str, Turn], history: Sequence[Pair], ends_of_threads: Collection[str]
) -> tuple[int, str | None]:
    """Return how many exchanges of a history are known, and the turn that the last of them is.

    One that ends like a conversation, and was another before that, is not known by it: "Thanks!".
    """
    turn = matching_turn(turns, history, ends_of_threads=ends_of_threads)
    if turn is not None and not _is_end_of(turns, turn, _comparable(history)):
        turn = None
    turn = turn or thread_of_the_same(turns, history, ends_of_threads)
    return (len(history), turn.id) if turn is not None else beginning(turns, history)


def _is_end_of(turns: Mapping[str, Turn], last: Turn, wanted: Sequence[Pair]) -> bool:
    """Return whether a history ends as a turn and those before it; more only where more may be."""
    both = zip(_backwards(turns, last), reversed(wanted), strict=False)
    begins: Turn | None = last
    while begins is not None and begins.parent is not None:
        begins = turns.get(begins.parent)
    longer = begins is not None and len(wanted) > length_of(turns, last.id)
    return not longer and all(said == sent for said, sent in both)


def length_of(turns: Mapping[str, Turn], last: str) -> int:
    """Return of how many exchanges a conversation consists up to a turn, as far as it is known."""
    return sum(1 for _ in _backwards(turns, turns[last]))


def reached(turns: Iterable[Turn], refs: Iterable[str]) -> dict[str, Turn]:
    """Return the live turns, by id: those that some ref reaches."""
    by_id = {turn.id: turn for turn in turns}
    return {id: by_id[id] for id in live(refs, parents_of(by_id.values())) if id in by_id}
