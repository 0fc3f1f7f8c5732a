"""Ways of giving a chat agent memory, in few words each, beside the product's.

None of them is a program of its own: each is the pattern as tutorials and articles describe it,
on the same servers, embeddings and model as the product.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol, TypedDict
from urllib.parse import urlsplit
from uuid import uuid4

import chromadb
import chromadb.config
from chromadb.errors import InternalError
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from redis.asyncio import Redis

from evals.speed.scripted_model import ScriptedModel
from models.embeddings.local import WordLlamaEmbeddings
from stores.redis.checkpoints import RedisCheckpoints

PERSONA = "You are a helpful assistant."
WINDOW = 20
"""Messages that the patterns keep word for word."""
NEAREST = 5
SUMMARIZE = SystemMessage("Summarize this conversation.")


@dataclass(frozen=True)
class Place:
    """What all run on."""

    redis_url: str
    chroma_url: str


@dataclass
class Tools:
    """The clients of a pattern."""

    redis: Any
    chroma: Any
    embed: Callable[[str], list[float]]
    model: ScriptedModel = field(default_factory=ScriptedModel)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def reply(self, *prompt: BaseMessage) -> str:
        """Return what the model says."""
        return (await self.model.ainvoke(list(prompt))).text

    def later(self, work: Any) -> None:
        """Let work run beside the conversation."""
        self.tasks.add(task := asyncio.create_task(work))
        task.add_done_callback(self.tasks.discard)

    async def rest(self) -> None:
        """Wait for work that runs beside the conversation."""
        await asyncio.gather(*self.tasks)

    async def read(self, key: str, first: int = -WINDOW) -> list[BaseMessage]:
        """Return the last messages of a list."""
        return [_message(row) for row in await self.redis.lrange(key, first, -1)]

    async def write(self, key: str, text: str, reply: str, most: int = 0) -> int:
        """Append a turn to a list in one pipeline; return how many messages it holds."""
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.rpush(key, json.dumps(["human", text]), json.dumps(["ai", reply]))
            if most:
                pipe.ltrim(key, -most, -1)
            pipe.llen(key)
            pipe.expire(key, 7 * 24 * 3600)
            return int((await pipe.execute())[-2])

    async def collection(self, name: str) -> Any:
        """Return a collection."""
        return await asyncio.to_thread(
            self.chroma.get_or_create_collection, name, embedding_function=None
        )

    async def nearest(self, collection: Any, text: str) -> str:
        """Return the stored texts that come nearest."""

        def query() -> str:
            try:
                results = collection.query(query_embeddings=[self.embed(text)], n_results=NEAREST)
            except InternalError:
                return ""  # Its very first record is being written by another thread.
            return "\n".join(results["documents"][0])

        return await asyncio.to_thread(query)

    async def remember(self, collection: Any, *texts: str) -> None:
        """Store texts with their vectors."""

        def put() -> None:
            vectors = [self.embed(text) for text in texts]
            ids = [uuid4().hex for _ in texts]
            collection.add(ids=ids, documents=list(texts), embeddings=vectors)

        await asyncio.to_thread(put)


def _message(row: bytes) -> BaseMessage:
    kind, text = json.loads(row)
    return HumanMessage(text) if kind == "human" else AIMessage(text)


class Talker(Protocol):
    """One way of talking, opened."""

    model: ScriptedModel

    async def turn(self, owner: str, text: str) -> None:
        """Answer a message on the one thread of an owner."""

    async def rest(self) -> None:
        """Wait for memory work that runs beside the conversation."""


class Pattern:
    """A way of talking with these tools."""

    def __init__(self, tools: Tools) -> None:
        """Use opened tools."""
        self.tools = tools
        self.model = tools.model
        self.rest = tools.rest
        self.collections: dict[str, Any] = {}

    async def collection(self, key: str) -> Any:
        """Return the collection of an owner, asked for once."""
        if key not in self.collections:
            self.collections[key] = await self.tools.collection(key)
        return self.collections[key]


class WholeHistory(Pattern):
    """(a) Every prompt is all that was ever said."""

    async def turn(self, owner: str, text: str) -> None:
        """Replay, reply, append."""
        history = await self.tools.read(f"a:{owner}", 0)
        reply = await self.tools.reply(SystemMessage(PERSONA), *history, HumanMessage(text))
        await self.tools.write(f"a:{owner}", text, reply)


class RollingSummary(Pattern):
    """(b) The last messages, and a summary that swallows what leaves them."""

    async def turn(self, owner: str, text: str) -> None:
        """Read both, reply, append; summarize when the list is twice its window."""
        tools, key = self.tools, f"b:{owner}"
        history, summary = await asyncio.gather(
            tools.read(key, 0), tools.redis.get(f"{key}:summary")
        )
        earlier = SystemMessage(f"{PERSONA}\n{(summary or b'').decode()}")
        reply = await tools.reply(earlier, *history, HumanMessage(text))
        if await tools.write(key, text, reply) >= 2 * WINDOW:
            tools.later(self._summarize(key, earlier))

    async def _summarize(self, key: str, earlier: BaseMessage) -> None:
        history = await self.tools.read(key, 0)
        text = "\n".join(m.text for m in (earlier, *history[:WINDOW]))
        summary = await self.tools.reply(SUMMARIZE, HumanMessage(text))
        await self.tools.redis.set(f"{key}:summary", summary)
        await self.tools.redis.ltrim(key, WINDOW, -1)


class Bare(Pattern):
    """(c) A Redis list, summaries in one Chroma collection a pair, three reads at once.

    As it is published, a full list is summarized again at every turn.
    """

    async def turn(self, owner: str, text: str) -> None:
        """Read list, newest summary and nearest summaries at once; reply; one pipelined write."""
        tools, key = self.tools, f"c:{owner}"
        collection = await self.collection(f"mnemo-bench-{key[0]}-{owner}")
        history, summary, nearest = await asyncio.gather(
            tools.read(key),
            tools.redis.get(f"{key}:summary"),
            tools.nearest(collection, text),
        )
        earlier = SystemMessage(f"{PERSONA}\n{(summary or b'').decode()}\n{nearest}")
        reply = await tools.reply(earlier, *history, HumanMessage(text))
        if await tools.write(key, text, reply, most=WINDOW) >= WINDOW:
            tools.later(self._summarize(key, collection))

    async def _summarize(self, key: str, collection: Any) -> None:
        history = await self.tools.read(key)
        text = "\n".join(message.text for message in history)
        summary = await self.tools.reply(SUMMARIZE, HumanMessage(text))
        await self.tools.redis.set(f"{key}:summary", summary)
        await self.tools.remember(collection, summary)


class VectorAMessage(Pattern):
    """(d) Each message is embedded and stored; a prompt holds the nearest and the last few."""

    async def turn(self, owner: str, text: str) -> None:
        """Read the last and the nearest, reply, store both messages."""
        tools, key = self.tools, f"d:{owner}"
        collection = await self.collection(f"mnemo-bench-{key[0]}-{owner}")
        history, nearest = await asyncio.gather(tools.read(key), tools.nearest(collection, text))
        system = SystemMessage(f"{PERSONA}\n{nearest}")
        reply = await tools.reply(system, *history, HumanMessage(text))
        await asyncio.gather(
            tools.write(key, text, reply, most=WINDOW),
            tools.remember(collection, text, reply),
        )


class _BareState(TypedDict, total=False):
    messages: Annotated[list[Any], add_messages]


class BareGraph:
    """(e) A LangGraph graph of the product's shape whose steps do nothing: the floor."""

    def __init__(self, saver: RedisCheckpoints) -> None:
        """Compile it on the product's checkpointer."""
        self.model = ScriptedModel()

        async def nothing(state: _BareState) -> dict[str, Any]:
            return {}

        async def reply(state: _BareState) -> dict[str, Any]:
            return {"messages": [await self.model.ainvoke(state["messages"][-WINDOW:])]}

        graph = StateGraph(_BareState)
        reads = ["load_buffer", "recall_summaries", "recall_memories"]
        for name in ("locate", *reads, "assemble_context"):
            graph.add_node(name, nothing)
        graph.add_node("generate", reply)
        graph.add_edge(START, "locate")
        for name in reads:
            graph.add_edge("locate", name)
            graph.add_edge(name, "assemble_context")
        graph.add_edge("assemble_context", "generate")
        self._graph: Any = graph.compile(checkpointer=saver)

    async def turn(self, owner: str, text: str) -> None:
        """Run the graph."""
        on = {"configurable": {"thread_id": f"e:{owner}"}}
        await self._graph.ainvoke({"messages": [HumanMessage(text)]}, on, durability="exit")

    async def rest(self) -> None:
        """Nothing runs beside it."""


@asynccontextmanager
async def open_pattern(place: Place, kind: Callable[[Tools], Pattern]) -> AsyncIterator[Pattern]:
    """Open a pattern with clients of its own."""
    at = urlsplit(place.chroma_url)
    quiet = chromadb.config.Settings(anonymized_telemetry=False)
    chroma = await asyncio.to_thread(
        chromadb.HttpClient, at.hostname or "", at.port or 0, settings=quiet
    )
    embedding = WordLlamaEmbeddings()
    await asyncio.to_thread(embedding.load)
    async with Redis.from_url(place.redis_url) as redis:
        yield kind(Tools(redis, chroma, embedding.embed_query))


@asynccontextmanager
async def open_bare_graph(place: Place) -> AsyncIterator[BareGraph]:
    """Open the bare graph on the product's checkpointer."""
    async with RedisCheckpoints.open(place.redis_url) as saver:
        yield BareGraph(saver)
