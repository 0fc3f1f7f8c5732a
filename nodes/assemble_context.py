"""Joins the reads and packs the prompt to its token budget."""

from collections.abc import Mapping, Reversible, Sequence
from datetime import timedelta
from itertools import dropwhile
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage
from langgraph.runtime import Runtime

from domain.clean_text import clean
from domain.journal import AHEAD, JournalView
from domain.prompt_budget import Shares
from domain.records import Said, Turn, turn_of
from domain.text.dates.dates import day_heading
from domain.text.moments import ago, moment
from domain.turns import live, parents_of
from models.parts import has_parts
from models.threads import run_aside
from nodes.messages.refusal import refuse
from nodes.messages.stamps import by_turn, said_at, turn_id
from nodes.prompt import Draft, build
from nodes.state import ChatContext, ChatState, Origin, Parts, SummariesRead
from stores.summaries import EpisodeNote

HOUR = timedelta(hours=1)
SMALL = 16_000
"""Tokens of a prompt that is packed within a few milliseconds, most of its texts counted before."""


async def assemble_context(
    parts: Parts, state: ChatState, runtime: Runtime[ChatContext]
) -> dict[str, Any]:
    """Return the prompt, its budget report and what it recalled.

    Raises:
        TurnRefused: If `locate` refused the turn.
    """
    refusal = state.get("refusal")
    if refusal is not None:
        refuse(refusal)
    origin, summaries, memories = state["origin"], state["summaries"], state["memories"]
    withheld = origin.view.withheld
    groups = by_turn(state["messages"])
    start = _buffer_start(state, groups, summaries)
    buffer = [
        (ref, message)
        for ref, message in _buffer(groups, start, origin.view, summaries.partial)
        if turn_of(ref) not in withheld
    ]
    notes = [note for note in summaries.notes if not note.tells(withheld)]
    draft = Draft(
        persona=clean(runtime.context.persona or "")
        or parts.settings.persona_of(origin.owner.character_id),
        earlier=[_episode_line(note) for note in _newest(parts, notes)],
        borrowed=_borrowed(state, origin, summaries),
        buffer=buffer,
        entities=list(memories.entities),
        recall=memories.recall,
        today=_today(parts, state, origin),
        message=[_bare(m) for m in state["messages"] if turn_id(m) is None],
        key=parts.stores.key,
    )
    shares, tokens = shares_of(parts, origin), parts.models.tokens
    at_once = shares.limit <= SMALL and memories.at_once
    try:
        # A long text takes a while to be counted.
        prompt = await run_aside(at_once, build, draft, shares, tokens, state.get("sent", ()))
    except ValueError as error:
        refuse(str(error))
    return {
        "draft": draft,
        "prompt": prompt,
        "buffer_start": start,
        "budget": prompt.budget,
        "recalled": [item.model_dump(mode="json") for item in prompt.recalled],
        "degraded": [
            *(["checkpoints"] if origin.lost else []),
            *(["summaries"] if summaries.missed else []),
            *prompt.degraded,
        ],
    }


def _today(parts: Parts, state: ChatState, origin: Origin) -> str:
    """Return what day and time it is, and how long ago somebody said something before that."""
    if origin.as_of is not None:
        return f"Today is {day_heading(origin.as_of)}."
    now = origin.local(parts.now())
    said = [said_at(m, now) for m in state["messages"] if turn_id(m) is not None]
    said += [note.last for note in origin.view.threads.values() if note.last is not None]
    since = now - max((at for at in said if at <= now + AHEAD), default=now)
    before = f" The last message before this one came {ago(since)}." if since > HOUR else ""
    return f"Today is {moment(now)}.{before}"


def _newest(parts: Parts, notes: Sequence[EpisodeNote]) -> Sequence[EpisodeNote]:
    """Return the notes that may be shown; with more, prompts would grow for long."""
    return notes[max(0, len(notes) - parts.settings.summary_episodes) :]


def shares_of(parts: Parts, origin: Origin) -> Shares:
    """Return the token shares of a prompt by its tier, as far as the model can read it."""
    settings, tier = parts.settings, origin.tier
    learned = parts.models.of(origin.owner.character_id).learned
    limit = learned.limit(tier.context_budget)
    return Shares(
        limit=limit,
        reply_reserve=min(tier.reply_reserve or settings.reply_reserve, limit // 3),
        summary=int(limit * settings.summary_share),
        entities=int(limit * settings.entity_share),
        buffer=int(limit * settings.fold_at),
        memories=int(limit * settings.memory_share),
        wishes=settings.wish_tokens if tier.remembers else 0,
    )


def _buffer_start(state: ChatState, turns: Reversible[str], summaries: SummariesRead) -> str | None:
    """Return the first turn of `messages` that no shown episode holds."""
    if summaries.missed:
        return state.get("buffer_start")
    folded = {turn for note in summaries.notes for turn in note.turns}
    start: str | None = None
    for turn in reversed(turns):
        if turn in folded:
            break
        start = turn
    return start


def _borrowed(state: ChatState, origin: Origin, summaries: SummariesRead) -> list[tuple[str, str]]:
    """Return the lines of the previous conversation, until this thread is first folded.

    Each after the reference of its message; "" for a day's heading.
    """
    turns = origin.view.turns
    if summaries.notes or not state.get("borrowed"):
        return []
    reached = live(origin.refs, parents_of(turns.values())) - origin.view.withheld
    lines: list[tuple[str, str]] = []
    day = ""
    for turn in (turns[id] for id in state["borrowed"] if id in turns and id in reached):
        if origin.as_of is not None and turn.at > origin.as_of:
            break
        if (today := day_heading(turn.at)) != day:
            lines.append(("", f"{today}:"))
            day = today
        lines += [
            (turn.ref(index), f"- {_speaker(said)}: {said.text}")
            for index, said in enumerate(turn.messages)
        ]
    return lines


def _buffer(
    groups: Mapping[str, Sequence[AnyMessage]],
    start: str | None,
    view: JournalView,
    partial: Sequence[Turn],
) -> list[tuple[str, BaseMessage]]:
    """Return the buffer's messages after their references, in the words of the stores.

    Turns that no shown episode holds, though they are folded, come before those of `messages`.
    """
    turns = {turn.id: turn for turn in partial} | view.turns
    shown = list(dropwhile(lambda turn: turn != start, groups))
    buffer: list[tuple[str, BaseMessage]] = []
    for turn in [*(turn.id for turn in partial if turn.id not in shown), *shown]:
        messages = _messages_of(turns.get(turn), groups.get(turn, ()))
        buffer += [(f"{turn}/{index}", message) for index, message in enumerate(messages)]
    return buffer


def _messages_of(turn: Turn | None, messages: Sequence[AnyMessage]) -> Sequence[BaseMessage]:
    """Return the messages of a turn as the stores keep it, else as the thread holds it."""
    if turn is None:
        return [_bare(message) for message in messages]
    return [
        HumanMessage(_named(said.text, said.name)) if said.role == "user" else AIMessage(said.text)
        for said in turn.messages
    ]


def _bare(message: AnyMessage) -> BaseMessage:
    """Return what of a message a provider reads, with the name of the person who says it."""
    if not isinstance(message, HumanMessage):
        return AIMessage(message.text)
    if not has_parts(message):
        return HumanMessage(_named(message.text, message.name))
    speaker = [{"type": "text", "text": f"{message.name}: "}] if message.name else []
    return HumanMessage([*speaker, *message.content])


def _named(text: str, name: str | None) -> str:
    return f"{name}: {text}" if name else text


def _speaker(said: Said) -> str:
    return said.name or ("User" if said.role == "user" else "You")


def _episode_line(note: EpisodeNote) -> str:
    first, last = day_heading(note.begun), day_heading(note.ended)
    return f"- {first if first == last else f'{first} to {last}'}: {note.summary}"
