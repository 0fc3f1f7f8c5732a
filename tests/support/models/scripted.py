"""Models in this process that do as they are told, and effects that can be cut off.

What the tests of invariants, races, crashes and resets share. Nothing here is a test.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from pydantic import Field

from domain.facts.extraction import EntityMention, Extraction, FactChange, Source
from domain.owner import Owner
from domain.records import Entity, Fact, Role, Said, Turn
from graph.chat import build
from graph.parts import open_parts
from models.errors import ServerFailed
from models.memory.protocol import Score
from nodes.state import ChatContext, ChatInput, ChatOutput, ChatState, Parts
from settings import Settings
from stores.journal.journal import Journal
from stores.summaries import LocalCache, Summaries
from tests.support.house import Clock

MARK = re.compile(r"\b(?:mark|reply)\d+[a-z]\b")
"""What tests say, so that it can be found again; the letter names the owner."""

Chat = CompiledStateGraph[ChatState, ChatContext, ChatInput, ChatOutput]
Hook = Callable[[], Awaitable[None]]


async def nothing() -> None:
    """Do nothing."""


def marks(text: str) -> tuple[str, ...]:
    """Return the markers in a text, each once, in order."""
    return tuple(dict.fromkeys(MARK.findall(text)))


ROLES: tuple[Role, Role] = ("user", "assistant")


class ScriptedChat(BaseChatModel):
    """Answers each prompt with a marker of its own, and notes the prompt."""

    prompts: list[list[BaseMessage]] = Field(default_factory=list)
    replies: int = 0
    fails: int = 0
    """How many of the next calls fail."""
    meanwhile: Hook = nothing
    """What happens while it writes."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, messages: list[BaseMessage], *_: Any, **more: Any) -> ChatResult:
        raise NotImplementedError("Replies are streamed.")

    async def _agenerate(self, messages: list[BaseMessage], *_: Any, **more: Any) -> ChatResult:
        text = await self._answer(messages)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])

    async def _astream(
        self, messages: list[BaseMessage], *_: Any, **more: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        text = await self._answer(messages)
        chunk = AIMessageChunk(content=text, response_metadata={"finish_reason": "stop"})
        yield ChatGenerationChunk(message=chunk)

    async def _answer(self, messages: list[BaseMessage]) -> str:
        self.prompts.append(list(messages))
        await self.meanwhile()
        if self.fails:
            self.fails -= 1
            raise ServerFailed("The model failed.")
        self.replies += 1
        said = marks(messages[-1].text)
        letter = said[-1][-1] if said else "z"
        return f"Noted as reply{self.replies}{letter}."


class ScriptedMemory:
    """Summarizes by the markers of a window; takes each marker of the user for a fact."""

    name = "scripted"
    extractive = False

    def __init__(self) -> None:
        """Begin without calls."""
        self.windows: list[tuple[str, ...]] = []
        """Turn ids of each window it was asked to summarize."""
        self.read: list[str] = []
        """References of all messages it was asked to extract from."""
        self.fails = 0
        self.meanwhile: Hook = nothing

    async def summarize(
        self,
        turns: Sequence[Turn],
        *,
        before: str | None,
        max_tokens: int,
        missing: Sequence[str] = (),
    ) -> str:
        """Return the markers of all that was said."""
        self.windows.append(tuple(turn.id for turn in turns))
        await self._work()
        text = " ".join(said.text for turn in turns for said in turn.messages)
        return "They spoke of " + ", ".join(marks(text)) + "."

    async def score(self, turns: Sequence[Turn], summary: str) -> Score | None:
        """Have no opinion."""
        return None

    async def extract(
        self, messages: Sequence[Source], stored: Sequence[Fact | Entity], now: datetime
    ) -> Extraction:
        """Return a fact and an entity for each marker."""
        self.read += [source.ref for source in messages]
        await self._work()
        said = [(source, mark) for source in messages for mark in marks(source.text)]
        facts = [
            FactChange(op="add", text=f"The user likes {mark}.", source=source.ref)
            for source, mark in said
        ]
        entities = [
            EntityMention(name=mark, kind="product", source=source.ref) for source, mark in said
        ]
        return Extraction(facts=facts, entities=entities)

    async def _work(self) -> None:
        await self.meanwhile()
        if self.fails:
            self.fails -= 1
            raise ServerFailed("The model failed.")


class Crash(BaseException):
    """The process ended here."""


@dataclass
class Wire:
    """Counts the effects that pass, and cuts before the one it is told to."""

    cut: int = 0
    """Before which effect something happens, from 1; 0: none."""
    end: BaseException = field(default_factory=Crash)
    """What is raised instead of it, and of all that follow."""
    meanwhile: Hook | None = None
    """What happens before it instead, and then it does."""
    passed: list[str] = field(default_factory=list)
    broken: bool = False

    async def passes(self, effect: str) -> None:
        """Let an effect happen, or what is to happen instead or before it."""
        here = len(self.passed) + 1 == self.cut
        self.broken = self.broken or here
        if self.broken and self.meanwhile is None:
            raise self.end
        self.passed.append(effect)
        if here and self.meanwhile is not None:
            await self.meanwhile()


class Wired:
    """An object of which some calls are effects on a wire."""

    def __init__(self, inner: Any, wire: Wire, effects: Collection[str]) -> None:
        """Stand before `inner`."""
        self._inner, self._wire, self._effects = inner, wire, effects

    def __getattr__(self, name: str) -> Any:
        """Return what the inner object has, its effects wired."""
        found = getattr(self._inner, name)
        if name not in self._effects:
            return found

        async def call(*args: Any, **more: Any) -> Any:
            await self._wire.passes(name)
            return await found(*args, **more)

        return call


BOOK = ("commit", "renew", "erase", "note_holder", "drop_holders", "drop_owner")
MEMORY = ("put", "delete", "clear")
MODEL = ("summarize", "extract")
CHECKPOINTS = ("adelete_checkpoints",)


def wired(parts: Parts, wire: Wire) -> Parts:
    """Return the same parts, every effect of theirs on `wire`; its caches are those of a restart.

    The checkpoints that LangGraph writes are not among them: it has its own order.
    """
    stores = parts.stores
    memories = Wired(stores.memories, wire, MEMORY)
    cache: Any = Wired(stores.summaries._cache, wire, ("put",))
    journal = Journal(Wired(stores.journal.backend, wire, BOOK))
    summaries = Summaries(stores.memories, cache)
    checkpoints = Wired(stores.checkpointer, wire, CHECKPOINTS)
    replaced: dict[str, Any] = {"memories": memories, "checkpointer": checkpoints}
    memory: Any = Wired(parts.models.memory, wire, MODEL)
    return replace(
        parts,
        stores=replace(stores, journal=journal, summaries=summaries, **replaced),
        models=replace(parts.models, memory=memory),
    )


def restarted(parts: Parts) -> Parts:
    """Return the parts as a fresh process has them: nothing at hand in memory."""
    stores = parts.stores
    if isinstance(stores.summaries._cache, LocalCache):
        stores = replace(stores, summaries=Summaries(stores.memories, LocalCache()))
    return replace(parts, stores=stores)


class Script:
    """Opened parts with scripted models and a clock, and what tests do with them."""

    def __init__(self, parts: Parts, clock: Clock) -> None:
        """Replace the models and the clock of `parts`."""
        self.chat, self.memory, self.clock = ScriptedChat(), ScriptedMemory(), clock
        chat = replace(parts.models.chat, model=self.chat)
        models = replace(parts.models, chat=chat, memory=self.memory)
        self.parts = replace(parts, models=models, now=clock)
        self._compiled: tuple[Parts, Chat] | None = None

    async def say(
        self,
        text: str | None,
        thread: str,
        owner: Owner,
        *,
        at: RunnableConfig | None = None,
        parts: Parts | None = None,
        durability: Any = "async",
        **message: Any,
    ) -> dict[str, Any]:
        """Run a turn; `at` a checkpoint's config to edit or, without text, to regenerate."""
        self.clock.passes(seconds=20)
        said = HumanMessage(text, **{"id": uuid4().hex, **message}) if text else None
        context = ChatContext(user_id=owner.user_id, character_id=owner.character_id)
        given: Any = {"messages": [said]} if said else None
        result = await self.graph(parts or self.parts).ainvoke(
            given,
            at or on(thread),
            context=context,
            durability=durability,
        )
        return dict(result)

    async def talk(self, first: int, last: int, thread: str, owner: Owner, **more: Any) -> None:
        """Say mark1a, mark2a, ... one a turn."""
        for number in range(first, last + 1):
            await self.say(f"Let us speak of mark{number}a now", thread, owner, **more)

    async def write(self, count: int, thread: str, owner: Owner) -> list[Turn]:
        """Put turns that say mark1a, mark2a, ... into the journal, as runs of the graph do."""
        turns: list[Turn] = []
        for number in range(1, count + 1):
            self.clock.passes(seconds=20)
            now, id = self.clock(), uuid4().hex
            words = f"Let us speak of mark{number}a now", f"Noted as reply{number}a."
            said = [
                Said(id=f"{id}-{at}", role=role, text=text, at=now)
                for at, (role, text) in enumerate(zip(ROLES, words, strict=True))
            ]
            parent = turns[-1].id if turns else None
            turns.append(Turn(id=id, parent=parent, thread=thread, at=now, messages=tuple(said)))
        generation = (await self.parts.stores.journal.read(owner)).generation
        await self.parts.stores.journal.note_thread(owner, generation, thread)
        await self.parts.stores.journal.add_turns(owner, generation, turns, thread, turns[-1].id)
        return turns

    async def state(self, thread: str) -> dict[str, Any]:
        """Return the newest state of a thread."""
        return dict((await self.graph().aget_state(on(thread))).values)

    def graph(self, parts: Parts | None = None) -> Chat:
        """Return the chat graph on these parts, or on others of the same stores."""
        parts = parts or self.parts
        if self._compiled is None or self._compiled[0] is not parts:
            graph = build(parts).compile(checkpointer=self.parts.stores.checkpointer)
            self._compiled = (parts, graph)
        return self._compiled[1]


def on(thread: str) -> RunnableConfig:
    """Return the config of a thread."""
    return {"configurable": {"thread_id": thread}}


def scripted_settings(data_dir: Path, **more: Any) -> Settings:
    """Return settings for scripted models: nothing is asked twice, and all summaries fit."""
    chosen: dict[str, Any] = {
        "chroma_shards": 2,
        "search_memory": False,
        "redact_secrets": False,
        "quality_threshold": 0,
        "summary_share": 0.3,
        "summary_episodes": 1000,
        "data_dir": data_dir,
    }
    return Settings(_env_file=None, **(chosen | more))


@asynccontextmanager
async def open_script(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Script]:
    """Open the stores that the settings name, with scripted models."""
    async with open_parts(settings) as parts:
        yield Script(parts, clock or Clock())


async def settled(*tasks: Awaitable[Any]) -> list[Any]:
    """Run all at once and return what each gave, also what it raised."""
    return await asyncio.gather(*tasks, return_exceptions=True)
