"""Reads messages for facts with the memory model, and goes on past those it cannot read.

Whatever a model does, extraction goes on: nothing is lost at the first failure, and one message
that it always fails at does not hold up the others for ever.
"""

from collections.abc import Sequence
from datetime import datetime

from domain.facts.extraction import Extraction, FactChange, Source
from domain.facts.lasting_wishes import LASTING
from domain.facts.same_statement import tell
from domain.owner import Owner
from domain.records import Entity, Fact
from domain.text.sentences import sentences
from domain.tiers import Tier
from models.errors import BadReply, ContextTooLong, ModelError, Refused
from nodes.state import Parts

DROPPED, UNREADABLE = "notes_dropped", "messages_unreadable"
"""Marks of the installation: notes that nothing said supports, messages that were passed over."""


async def read_messages(
    parts: Parts,
    owner: Owner,
    tier: Tier,
    cursor: int,
    sources: Sequence[Source],
    nearest: Sequence[Fact | Entity],
) -> tuple[Extraction, int]:
    """Return what messages state, and how many of them no attempt could read.

    A batch that fails is tried again with later turns, `fold_attempts` times at most and so that
    all its calls are no more than twice as many; then each message alone. Of one that fails then
    too, the user's own sentences are noted.

    Raises:
        ModelError: If the model failed, and is to be asked again with a later turn.
    """
    if not tier.calls_memory_model:
        now = _today(parts, sources)
        return await parts.models.extractive.extract(sources, nearest, now), 0
    most = parts.settings.fold_attempts
    allowed = max(1, min(most, 2 * most - len(sources)))
    key = (owner.key, cursor)
    tried = parts.failed_readings.get(key, 0)
    unread = 0
    if tried < allowed:
        try:
            extraction = await _read(parts, sources, nearest)
        except ModelError as error:
            if not _of_the_messages(error):
                raise
            parts.failed_readings[key] = tried + 1
            if tried + 1 < allowed:
                raise
        else:
            parts.failed_readings.pop(key, None)
            return extraction, 0
    extraction = Extraction()
    for source in sources:
        # Without the lines before it, one of which may be what the model fails at.
        alone = source.model_copy(update={"before": ()})
        try:
            extraction = extraction.joined(await _read(parts, [alone], nearest))
        except ModelError as error:
            if not _of_the_messages(error):
                raise
            unread += 1
            if unread == len(sources) and isinstance(error, Refused):
                raise  # It refuses whatever it is asked: the messages are not to blame.
            own = await _own_sentences(parts, [alone], nearest)
            extraction = extraction.joined(Extraction(facts=own))
    parts.failed_readings.pop(key, None)
    return extraction, unread


async def _read(
    parts: Parts, sources: Sequence[Source], nearest: Sequence[Fact | Entity]
) -> Extraction:
    """Return what a model noted, and the user's own sentences where it overlooked most of them.

    Of a message that it noted nothing of, or only what that wants forgotten, at least what is asked
    for once and for all, and what is to be forgotten.
    """
    extraction = await parts.models.memory.extract(sources, nearest, _today(parts, sources))
    if parts.models.memory.extractive:
        return extraction
    own = await _own_sentences(parts, sources, nearest)
    wishes = {change.source: change.text for change in own if change.op == "forget"}
    noted = {
        change.source
        for change in extraction.facts
        if change.op == "forget" or not tell(change.text, [wishes.get(change.source, "")])
    }
    overlooked = [change for change in own if change.source not in noted]
    if 2 * len({change.source for change in overlooked}) < len(sources):
        # The rest it left out as what matters little.
        overlooked = [
            change for change in overlooked if change.op == "forget" or change.kind in LASTING
        ]
    return extraction.joined(Extraction(facts=overlooked))


async def _own_sentences(
    parts: Parts, sources: Sequence[Source], nearest: Sequence[Fact | Entity]
) -> list[FactChange]:
    """Return what messages state by their form alone.

    What no model sees, a form alone must not take away: only a message that says nothing else.
    """
    plain = await parts.models.extractive.extract(sources, nearest, _today(parts, sources))
    texts = {source.ref: source.text for source in sources}
    return [
        change
        for change in plain.facts
        if change.op != "forget" or len(list(sentences(texts[change.source]))) == 1
    ]


def _today(parts: Parts, sources: Sequence[Source]) -> datetime:
    """Return the time as it is where the user last was."""
    return parts.now().astimezone(sources[-1].at.tzinfo)


def _of_the_messages(error: ModelError) -> bool:
    """Return whether a failure may come from what was read, not from the server's state."""
    if isinstance(error, Refused):
        return getattr(error.__cause__, "status_code", None) in (400, 422)
    return isinstance(error, BadReply | ContextTooLong)
