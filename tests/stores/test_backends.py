"""Promises that hold on every store of long-term memory alike: Chroma here and served, Postgres."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.graph.state import CompiledStateGraph

from domain.owner import Owner
from domain.rows import Rows
from graph.chat import build
from graph.parts import open_parts
from nodes.state import ChatContext, Parts
from settings import Settings
from stores.maintenance.erase import forget, reset
from tests.support.deep import deep
from tests.support.house import Clock

BACKENDS = ("chroma", "chroma-server", "postgres")
SCRIPT = (
    "My sister Carla moved to Lisbon for her new job at the port.",
    "I adopted a greyhound called Biscuit from the shelter.",
    "I am allergic to peanuts, so no satay for me.",
    "Work was stressful, my boss Dietrich cancelled the harbour project.",
    "I started learning the cello two weeks ago.",
    "My mother's name is Ingrid and she lives in Bergen.",
    "On Friday I flew to Oslo to see a concert.",
    "I like green tea better than coffee.",
    "My car is a red Volvo from 1994.",
    "I moved to Rotterdam last month.",
    "Biscuit ate my slippers, the blue ones.",
    "Carla wants to visit me in June.",
    "I sold the Volvo and bought a bicycle.",
    "My new boss is called Amara.",
    "What is my greyhound called?",
    "Where does my sister Carla live?",
    "What must I not eat?",
    "Which instrument do I play?",
    "Who is my boss?",
    "What did I drive before the bicycle?",
)
Recalled = list[tuple[str, str, float]]


class Player:
    """One process that plays a conversation."""

    def __init__(self, parts: Parts, clock: Clock) -> None:
        self.parts, self.clock = parts, clock
        self._graph: CompiledStateGraph[Any, ChatContext, Any, Any] = build(parts).compile(
            checkpointer=parts.stores.checkpointer, store=parts.stores.long_term
        )

    async def play(self, lines: Sequence[str], user: str, thread: str) -> list[Recalled]:
        """Say the lines, an hour apart; return what each turn recalled, best first."""
        found: list[Recalled] = []
        for line in lines:
            self.clock.passes(hours=1)
            result = await self._graph.ainvoke(
                {"messages": [HumanMessage(line)]},
                {"configurable": {"thread_id": thread}},
                context=ChatContext(user_id=user),
            )
            assert result["degraded"] == []
            items = [(one["kind"], one["text"], one["score"]) for one in result["recalled"]]
            found.append(sorted(items, key=lambda item: (-item[2], item[1])))
        return found

    async def rows(self, user: str) -> Rows:
        owner = Owner(user)
        view = await self.parts.stores.journal.read(owner)
        return await self.parts.stores.memories.all(owner, view.generation)


def settings_of(backend: str, request: pytest.FixtureRequest, folder: Path) -> Settings:
    """Return settings of the offline model over one backend."""
    more: dict[str, Any] = {}
    if backend == "chroma-server":
        more["chroma_url"] = request.getfixturevalue("chroma_url")
    if backend == "postgres":
        more["postgres_url"] = request.getfixturevalue("postgres_url")
    return Settings(
        _env_file=None,
        data_dir=folder / backend,
        chroma_shards=2,
        fold_turns=6,
        extract_turns=2,
        plus={"context_budget": 1200},
        reply_reserve=150,
        memory_share=0.3,
        **more,
    )


@asynccontextmanager
async def playing(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Player]:
    clock = clock or Clock()
    async with open_parts(settings) as parts:
        yield Player(replace(parts, now=clock), clock)


@pytest.mark.deep
async def test_a_conversation_recalls_the_same_on_every_backend(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    played: dict[str, list[Recalled]] = {}
    for backend in BACKENDS:
        async with playing(settings_of(backend, request, tmp_path)) as player:
            played[backend] = await player.play(SCRIPT, "alex", "t")
            rows = await player.rows("alex")
            assert rows.episodes and rows.facts
    first = played["chroma"]
    assert any("Biscuit" in text for _, text, _ in first[14])
    for backend in BACKENDS[1:]:
        for one, other in zip(first, played[backend], strict=True):
            assert [item[:2] for item in other] == [item[:2] for item in one]
            # Scores are rounded to four places, here and there to another side.
            scores = pytest.approx([item[2] for item in one], abs=1.1e-4)
            assert [item[2] for item in other] == scores


@pytest.mark.parametrize("backend", ["chroma", deep("chroma-server"), deep("postgres")])
async def test_what_is_reset_or_forgotten_is_gone_and_nothing_of_others(
    backend: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    settings = settings_of(backend, request, tmp_path)
    async with playing(settings) as player:
        for user in ("alex", "alex1", "Alex"):
            await player.play(SCRIPT[:8], user, f"t-{user}")
        before = {user: await player.rows(user) for user in ("alex1", "Alex")}
        stores = player.parts.stores
        assert (await reset(stores, Owner("alex"))).memories
        assert await player.rows("alex") == Rows()
        assert {user: await player.rows(user) for user in before} == before
        (found,) = await player.play(["What is my greyhound called?"], "alex", "t-alex")
        assert found == []
        assert (await forget(stores, "alex1")).memories
        assert await player.rows("Alex") == before["Alex"]
    async with playing(settings) as player:
        assert await player.rows("alex1") == Rows()
        assert await player.rows("Alex") == before["Alex"]
