"""Streams the reply, and makes the turn: one write to the journal once it is complete."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import uuid4

from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    BaseMessage,
    HumanMessage,
    RemoveMessage,
)
from langgraph.runtime import Runtime

from domain.facts.forgetting import NOTHING_WANTED
from domain.journal import JournalView
from domain.prompt_budget import Budget
from domain.records import Said, Turn, turn_of
from models.errors import ContextTooLong, EmptyReply, MalformedReply
from models.open import ChatModel
from models.parts import text_of
from models.provider.ask import LEFT_OUT, Question, ask
from models.provider.learned import Learned
from models.provider.replies import was_cut
from models.provider.reply_text import WRITTEN_CALL, is_call
from models.provider.roles import without_tool_role
from nodes.assemble_context import shares_of
from nodes.finish import forgotten
from nodes.forget_memory import FORGET_CALLS
from nodes.messages.checked_state import signatures_of
from nodes.messages.lost_turns import lost_turns
from nodes.messages.stamps import by_turn, count_by_turn, said_at, turn_id, turn_messages
from nodes.prompt import Draft, Prompt, build
from nodes.schedule import Remember, after_reply
from nodes.search_memory import MemorySearch
from nodes.state import ChatContext, ChatState, Origin, Parts
from stores.errors import GenerationMoved, StoreUnavailable, ThreadMoved
from stores.journal.journal import ANY

TRIES = 5
"""How often a prompt that the model calls too long is packed anew and sent."""
LEARNED = "learned "
"""With a model's name, the mark of the installation that says what the model is like."""
WRITTEN_CALLS = 2
"""Tool calls written as text that are answered; the next one may be the reply itself."""


class Generate:
    """Asks the chat model and writes the turn that its reply completes."""

    def __init__(self, parts: Parts, remember: Remember) -> None:
        """Build with the parts of a running graph; `remember` works in background mode."""
        self._parts, self._remember = parts, remember

    async def __call__(self, state: ChatState, runtime: Runtime[ChatContext]) -> dict[str, Any]:
        """Return the turn's messages, stamped, and what is scheduled after it.

        Raises:
            ModelError: If no reply could be had; the message stays and belongs to the next turn.
            StoreUnavailable: If the turn could not be written.
        """
        origin = state["origin"]
        prompt, reply, search = await self._reply(state, origin)
        left_out = reply.additional_kwargs.pop(LEFT_OUT, None)
        turn = self._turn(origin, state["messages"], reply)
        lost = await lost_turns(self._parts, state)
        try:
            origin, view = await self._write(origin, [*lost, turn])
            state = {**state, "origin": origin}
            asked = await search.forgetting.carry_out(view.turns[turn.id])
            if asked != NOTHING_WANTED:
                view = await self._parts.stores.journal.read(origin.owner, turn.id)
        except GenerationMoved:
            return await forgotten(self._parts, origin)
        await self._note_learned(self._chat(origin).learned)
        signatures = signatures_of(self._parts, origin.owner, origin.view.generation)
        stamped = turn_messages(view.turns[turn.id], signatures)
        kwargs = {**reply.additional_kwargs, **stamped[-1].additional_kwargs}
        answer = reply.model_copy(update={"additional_kwargs": kwargs, "id": stamped[-1].id})
        stamped[-1] = signatures.sign(answer)
        surplus = self._surplus(state, view)
        gone = {message.id for message in surplus}
        left = [m for m in state["messages"] if turn_id(m) is not None and m.id not in gone]
        return {
            "messages": [*stamped, *surplus],
            "in_thread": count_by_turn([*left, *stamped]),
            "head": turn.id,
            "origin": origin,
            "sent": list(prompt.sent),
            "budget": _with_search(prompt.budget, search.tokens),
            "recalled": [
                item.model_dump(mode="json") for item in (*prompt.recalled, *search.recalled)
            ],
            "schedule": after_reply(
                self._parts, self._remember, state, view, turn.id, asked, runtime
            ),
            "degraded": [
                *self._chat(origin).learned.tell(),
                *([f"images: left out, {left_out}"] if left_out else []),
                *_cut(reply, prompt),
                *search.forgetting.degraded,
            ],
        }

    def _chat(self, origin: Origin) -> ChatModel:
        """Return the model that replies."""
        return self._parts.models.of(origin.owner.character_id)

    async def _reply(
        self, state: ChatState, origin: Origin
    ) -> tuple[Prompt, AIMessage, MemorySearch]:
        """Return the reply, what was sent for it, and what the model searched for on the way.

        A prompt that the model calls too long is packed anew to what it says, or shows, to read.

        Raises:
            ModelError: If no reply could be had.
        """
        prompt, learned = state["prompt"], self._chat(origin).learned
        for _ in range(TRIES):
            try:
                return prompt, *await self._answer(state, origin, prompt)
            except ContextTooLong as error:
                if error.after_text:
                    raise
                refused = error
            shares, tokens = shares_of(self._parts, origin), self._parts.models.tokens
            try:
                prompt = await asyncio.to_thread(
                    build, state["draft"], shares, tokens, state.get("sent", ())
                )
            except ValueError:
                break  # Persona and message alone do not fit.
        learned.shortened_in_vain()
        if refused.window is None:
            raise refused
        raise ContextTooLong(
            f"{learned.name} reads {refused.window} tokens at once, too few for the persona and "
            "your message with a reply: shorten one of them, or give the model a larger context.",
            refused.window,
        ) from refused

    async def _answer(
        self, state: ChatState, origin: Origin, prompt: Prompt
    ) -> tuple[AIMessage, MemorySearch]:
        """Return the reply, and what the model searched for on the way to it.

        A model that says nothing is asked once more without tools. One that goes on calling some
        is too, and what it says then is its reply.
        """
        search = MemorySearch(
            self._parts, origin, prompt, _more_than(origin.view, state["draft"], prompt)
        )
        messages: list[BaseMessage] = list(prompt.messages)
        written, empty = 0, False
        for _ in range(max(self._parts.settings.search_memory_calls, FORGET_CALLS) + 2):
            question = Question(messages, prompt.budget["reply_reserve"], talks=True)
            try:
                reply = await self._ask(self._chat(origin), search, question, offers=not empty)
            except EmptyReply as error:
                if empty or error.after_text:
                    raise
                empty, messages = True, without_tool_role(messages)
                continue
            query = reply.additional_kwargs.get(WRITTEN_CALL)
            if query is not None:
                if written == WRITTEN_CALLS:
                    break
                written += 1
                messages = await search.answer_in_text(query, messages)
            elif reply.tool_calls:
                messages += [reply, *await search.answer(reply)]
            else:
                if written and is_call(reply.text):
                    self._chat(origin).learned.text_calls = False  # It answers so without tools.
                return reply, search
        question = replace(question, messages=without_tool_role(messages), written_calls=False)
        return await self._ask_plainly(self._chat(origin), question), search

    async def _ask(
        self, chat: ChatModel, search: MemorySearch, question: Question, *, offers: bool
    ) -> AIMessage:
        """Ask the model, with the tools that it is offered, takes, and may need."""
        question = replace(question, tools=search.tools() if offers else ())
        reply = await ask(chat.model, question, chat.learned, self._parts.models.tokens)
        if question.tools and not chat.learned.takes("tools"):
            search.withdraw()
        return reply

    async def _ask_plainly(self, chat: ChatModel, question: Question) -> AIMessage:
        """Ask the model once more, without tools; what it says is its reply.

        Raises:
            MalformedReply: If it says nothing but that it calls a tool.
        """
        reply = await ask(chat.model, question, chat.learned, self._parts.models.tokens)
        if not reply.text or is_call(reply.text, offered=False):
            raise MalformedReply(
                "The model keeps calling tools instead of answering; your message is kept, send it "
                "again or choose another model."
            )
        return reply.model_copy(update={"tool_calls": []})

    def _turn(self, origin: Origin, messages: Sequence[AnyMessage], reply: AIMessage) -> Turn:
        """Make the turn of the messages that waited for this reply."""
        now = origin.local(self._parts.now())
        said = [
            Said(
                id=m.id or uuid4().hex,
                role="user" if isinstance(m, HumanMessage) else "assistant",
                text=text_of(m.content),
                name=m.name,
                at=said_at(m, now),
            )
            for m in messages
            if turn_id(m) is None
        ]
        answer = Said(id=reply.id or uuid4().hex, role="assistant", text=reply.text, at=now)
        return Turn(
            id=uuid4().hex,
            parent=origin.head,
            thread=origin.thread,
            at=now,
            messages=(*said, answer),
        )

    async def _write(self, origin: Origin, turns: Sequence[Turn]) -> tuple[Origin, JournalView]:
        """Write turns; return where the run belongs, and the journal after that.

        Of two runs that joined one thread at once the second goes on with one of its own.
        """
        journal, generation = self._parts.stores.journal, origin.view.generation
        after = origin.view.refs[origin.thread] if origin.joined else ANY
        try:
            view = await journal.add_turns(
                origin.owner, generation, turns, origin.thread, turns[-1].id, after=after
            )
        except ThreadMoved:
            origin = replace(origin, thread=uuid4().hex, joined=False)
            await journal.note_thread(origin.owner, generation, origin.thread)
            turns = [turn.model_copy(update={"thread": origin.thread}) for turn in turns]
            return await self._write(origin, turns)
        return origin, view

    async def _note_learned(self, learned: Learned) -> None:
        """Leave what the model turned out to be like where `mnemo doctor` finds it."""
        said = learned.said()
        if said != learned.noted:
            learned.noted = said
            with suppress(StoreUnavailable):  # The turn is written, and this is noted again.
                await self._parts.stores.journal.backend.mark(LEARNED + learned.name, said)

    def _surplus(self, state: ChatState, view: JournalView) -> list[RemoveMessage]:
        """Return removals of the oldest messages past what is kept for clients' eyes.

        Whole turns, and only such as the prompt's buffer no longer shows.
        """
        groups = by_turn(state["messages"])
        over = sum(map(len, groups.values())) - self._parts.settings.thread_keep
        gone: list[RemoveMessage] = []
        for turn, messages in groups.items():
            if over <= 0 or turn == state.get("buffer_start") or turn in view.turns:
                break
            over -= len(messages)
            gone += [RemoveMessage(id=m.id or "") for m in messages]
        return gone


def _with_search(budget: Budget, searched: int) -> Budget:
    """Return the report with what `search_memory` brought counted among the memories."""
    spent = budget.copy()
    spent["memories"] += searched
    spent["total"] += searched
    return spent


def _cut(reply: AIMessage, prompt: Prompt) -> list[str]:
    """Return what to say of a reply that ended at its bound."""
    if not was_cut(reply):
        return []
    return [
        f"reply: cut at its limit of {prompt.budget['reply_reserve']} tokens "
        "(MNEMO_REPLY_RESERVE raises it)"
    ]


def _more_than(view: JournalView, draft: Draft, prompt: Prompt) -> bool:
    """Return whether something may be remembered that the prompt does not show word for word."""
    shown = draft.refs[len(draft.refs) - prompt.pieces :]
    begun = {turn_of(ref) for ref in shown if ref.endswith("/0")}
    imported = view.rows > 0 and view.cursor == 0
    return view.seq > len(begun) or imported
