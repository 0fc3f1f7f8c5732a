import asyncio
import random
import threading
import tracemalloc
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.facts.facts import Standing, delete, edit, standing
from domain.journal import JournalView
from domain.owner import Owner
from domain.recall.index import EvidenceIndex
from domain.recall.index_building import index_of
from domain.recall.packing import render
from domain.records import Entity, Episode, RecordKey, Turn
from domain.rows import Memory, Rows, key_of
from evals.speed.made_up import texts as texts_of
from models.embeddings.local import SentenceEncoder
from models.embeddings.open import EmbeddingModel
from models.tokens import TokenCounter
from settings import Settings
from stores.errors import StoreUnavailable
from stores.memories import Memories
from stores.recall.analyses import PassageAnalyses
from stores.recall.embedder import embedder
from stores.recall.index_cache import FEW, EvidenceCache
from stores.recall.recall import Recall
from tests.support.talk import (
    MAY,
    UNSET,
    Start,
    Talk,
    chain_of,
    counter,
    embedding,
    fact,
    long_term,
    start,
    talk,
    turn,
)

__all__ = ["counter", "embedding", "long_term", "start", "talk"]


class Watched(Memories):
    """Memories that count their readings, and can be told to fail or to wait."""

    reads = 0
    """Of all that an owner has."""
    some_reads = 0
    """Of records by their keys."""
    down = False
    gate: asyncio.Event | None = None

    async def all(self, owner: Owner, generation: str | None) -> Rows:
        self.reads += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.down:
            raise StoreUnavailable("The store does not answer.")
        return await super().all(owner, generation)

    async def some(
        self, owner: Owner, generation: str | None, keys: Collection[RecordKey]
    ) -> dict[RecordKey, Memory | None]:
        self.some_reads += 1
        return await super().some(owner, generation, keys)


@pytest.fixture
def watched(talk: Talk) -> Watched:
    return Watched(talk.memories._store)


def cache_of(talk: Talk, memories: Memories, **limits: Any) -> EvidenceCache:
    given = {"size": 10_000_000, **limits}
    return EvidenceCache(memories, talk.embedding, talk.counter, **given)


async def texts(cache: EvidenceCache, talk: Talk, owner: Owner | None = None) -> list[str]:
    who = owner or talk.owner
    index = await cache.index(who, await talk.journal.read(who))
    return [unit.text for unit in index.corpus.units]


async def test_every_message_of_journal_and_episodes_is_in_it_once(
    talk: Talk, watched: Watched
) -> None:
    said = chain_of("one", "two", "three")
    await talk.say(said)
    await talk.fold(said[:2])
    found = await texts(cache_of(talk, watched), talk)
    assert sorted(text for text in found if text != "I see.") == ["one", "three", "two"]
    assert found.count("I see.") == 3


async def test_new_turns_are_added_without_reading_the_rows_again(
    talk: Talk, watched: Watched
) -> None:
    cache = cache_of(talk, watched)
    said = chain_of("one", "two", "three")
    await talk.say(said[:1])
    await texts(cache, talk)
    await talk.say(said[1:])
    assert "three" in await texts(cache, talk)
    assert watched.reads == 1


async def test_which_facts_hold_is_found_while_the_index_loads_and_not_by_the_message(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[threading.Thread] = []

    def counted(*given: Any) -> list[Standing]:
        asked.append(threading.current_thread())
        return standing(*given)

    monkeypatch.setattr("domain.recall.index.standing", counted)
    said = chain_of("I live in Boston.", "one", "two")
    await talk.say(said)
    await talk.know(fact("The user lives in Boston.", said[0].ref(0)))
    assert "Boston" in await talk.recalled("Where do I live?")
    await talk.say([turn("three", parent=said[-1])])
    assert "Boston" in await talk.recalled("Where do I live?")
    assert len(asked) == 1 and threading.current_thread() not in asked


async def test_what_another_process_wrote_is_seen_at_once(talk: Talk, watched: Watched) -> None:
    cache = cache_of(talk, watched)
    said = chain_of("one", "two")
    await talk.say(said)
    index = await cache.index(talk.owner, await talk.journal.read(talk.owner))
    assert not index.rows.facts
    await talk.know(fact("The user counts.", said[0].ref(0)))
    index = await cache.index(talk.owner, await talk.journal.read(talk.owner))
    assert len(index.rows.facts) == 1
    assert (watched.reads, watched.some_reads) == (1, 1)


async def test_many_that_ask_at_once_load_once(talk: Talk, watched: Watched) -> None:
    await talk.say(chain_of("one"))
    watched.gate = asyncio.Event()
    cache = cache_of(talk, watched)
    asking = [asyncio.create_task(texts(cache, talk)) for _ in range(8)]
    await asyncio.sleep(0.05)
    asking[0].cancel()
    watched.gate.set()
    assert all("one" in found for found in await asyncio.gather(*asking[1:]))
    assert watched.reads == 1


async def test_a_load_that_takes_long_goes_on_while_what_is_known_answers(
    talk: Talk, watched: Watched
) -> None:
    said = chain_of("one", "two")
    await talk.say(said)
    await talk.fold(said[:1])
    watched.gate = asyncio.Event()
    recall = Recall(watched, talk.embedding, talk.counter, Settings(**UNSET, store_timeout=0.05))
    view = await talk.journal.read(talk.owner)

    async def recalled() -> tuple[str, tuple[str, ...]]:
        answer = await recall.recall(talk.owner, view, "one or two", budget=400, now=MAY)
        return render(answer.items), answer.degraded

    text, degraded = await recalled()
    assert "two" in text and "one" not in text and "memories" in degraded
    watched.gate.set()
    for _ in range(1000):
        await asyncio.sleep(0 if recall.nbytes else 0.01)
    text, degraded = await recalled()
    assert "two" in text and "one" in text and "memories" not in degraded
    assert watched.reads == 1


async def test_nobody_waits_long_for_words_that_are_still_read(
    talk: Talk, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = cache_of(talk, watched, patience=0.3)
    said = chain_of("one", *(f"number {n}" for n in range(FEW + 2)))
    await talk.say(said[:1])
    await texts(cache, talk)
    read = threading.Event()
    rows = SentenceEncoder._rows

    def slowly(self: SentenceEncoder, texts: list[str]) -> NDArray[np.float32]:
        read.wait(30)
        return rows(self, texts)

    monkeypatch.setattr(SentenceEncoder, "_rows", slowly)
    await talk.say(said[1:])
    view = await talk.journal.read(talk.owner)
    with pytest.raises(StoreUnavailable):
        await cache.index(talk.owner, view)
    known = await cache.without_rows(talk.owner, view)
    new = cache_of(talk, watched, patience=0.3)
    nothing = await new.without_rows(talk.owner, view)
    assert (len(known.turns), len(nothing.turns)) == (1, 0)
    read.set()
    await asyncio.gather(*cache._flights.all())
    assert (await cache.index(talk.owner, view)).turns == {turn.id for turn in said}


async def test_a_load_that_failed_is_tried_again(talk: Talk, watched: Watched) -> None:
    await talk.say(chain_of("one"))
    cache = cache_of(talk, watched)
    watched.down = True
    with pytest.raises(StoreUnavailable):
        await texts(cache, talk)
    view = await talk.journal.read(talk.owner)
    spare = await cache.without_rows(talk.owner, view)
    assert "one" in [unit.text for unit in spare.corpus.units]
    watched.down = False
    assert "one" in await texts(cache, talk)


async def test_owners_and_generations_never_share_an_index(talk: Talk, watched: Watched) -> None:
    cache = cache_of(talk, watched)
    other = Owner("alex", "Default")
    await talk.say(chain_of("mine"))
    await talk.say(chain_of("theirs", thread="o"), other)
    assert "mine" in await texts(cache, talk)
    assert "mine" not in await texts(cache, talk, other)
    await talk.journal.renew(talk.owner)
    assert await texts(cache, talk) == []


async def test_the_least_recently_used_owner_goes_first(talk: Talk, watched: Watched) -> None:
    owners = [Owner(f"user{n}") for n in range(3)]
    for n, owner in enumerate(owners):
        await talk.say(chain_of(f"text {n}", thread=f"thread{n}"), owner)
    of_one = await cache_of(talk, watched).index(owners[0], await talk.journal.read(owners[0]))
    cache = cache_of(talk, watched, size=2.5 * of_one.nbytes)
    watched.reads = 0
    for owner in (owners[0], owners[1], owners[0], owners[2], owners[0]):
        await texts(cache, talk, owner)
    assert len(cache) == 2
    assert watched.reads == 3
    await texts(cache, talk, owners[1])
    assert watched.reads == 4


async def test_bytes_are_bounded_but_the_index_in_use_stays(talk: Talk, watched: Watched) -> None:
    cache = cache_of(talk, watched, size=1)
    for n in range(3):
        owner = Owner(f"user{n}")
        await talk.say(chain_of("text " * 40, thread=f"thread{n}"), owner)
        assert await texts(cache, talk, owner)
    assert len(cache) == 1
    assert cache.nbytes > 1


@pytest.mark.parametrize(("turns", "sentences"), [(1, 1), (60, 1), (60, 12)])
async def test_the_bytes_of_an_index_are_about_what_it_takes(
    counter: TokenCounter, embedding: EmbeddingModel, turns: int, sentences: int
) -> None:
    """Or a bound of bytes would bound nothing: what is counted too low is held too often."""
    said = [
        turn(text, at=MAY + timedelta(hours=n)) for n, text in enumerate(texts_of(turns, sentences))
    ]
    stored = [each.model_dump_json() for each in said]

    def built() -> EvidenceIndex:
        held = {each.id: each for each in map(Turn.model_validate_json, stored)}
        view = JournalView(turns=held)
        return index_of(Rows(), view, 0, None, count=counter.text, embed=embedder(embedding))

    assert built().nbytes  # what is remembered of the texts themselves counts for nobody
    tracemalloc.start()
    try:
        indexes = [built() for _ in range(10)]
        taken = tracemalloc.get_traced_memory()[0] / len(indexes)
    finally:
        tracemalloc.stop()
    assert 0.7 * taken < indexes[0].nbytes < 1.5 * taken, (indexes[0].nbytes, taken)


async def test_forgetting_an_owner_drops_its_index_alone(talk: Talk, watched: Watched) -> None:
    cache = cache_of(talk, watched)
    for n in range(2):
        owner = Owner(f"user{n}")
        await talk.say(chain_of("text", thread=f"thread{n}"), owner)
        await texts(cache, talk, owner)
    cache.forget(Owner("user0"))
    assert len(cache) == 1


async def test_neighbours_follow_the_conversation_not_the_clock(
    talk: Talk, watched: Watched
) -> None:
    first = turn("first", thread="a")
    between = turn("between", thread="b")
    second = turn("second", parent=first, thread="a")
    for each in (first, between, second):
        await talk.say([each])
    index = await cache_of(talk, watched).index(talk.owner, await talk.journal.read(talk.owner))
    by_text = {unit.text: unit for unit in index.corpus.units}
    units = index.corpus.units
    assert units[by_text["second"].before].turn == first.id
    assert by_text["between"].before == -1


async def test_a_model_elsewhere_gives_the_messages_no_vectors(
    start: Start, counter: TokenCounter, embedding: EmbeddingModel
) -> None:
    talk = start()
    await talk.say(chain_of("one"))
    far = EmbeddingModel(embedding.embeddings, "far:away", embedding.dimensions, in_process=False)
    cache = EvidenceCache(talk.memories, far, counter, size=10**7)
    index = await cache.index(talk.owner, await talk.journal.read(talk.owner))
    assert index.corpus.vectors is None


async def test_a_fact_without_its_message_stands_for_itself(talk: Talk, watched: Watched) -> None:
    said = chain_of("I live in Oslo.")
    await talk.say(said)
    old = fact("The user lives in Oslo.", said[0].ref(0))
    await talk.know(
        old,
        fact("The user lives in Rome.", said[0].ref(0), edited=True, supersedes=(old.id,), at=MAY),
    )
    found = await texts(cache_of(talk, watched), talk)
    assert "The user lives in Rome." in found
    assert "The user lives in Oslo." not in found


class Days:
    """Random days of one owner, as any process may bring them about."""

    def __init__(self, talk: Talk, seed: int) -> None:
        self.talk = talk
        self.chance = random.Random(seed)
        self.said: list[Turn] = []
        self.folded = 0

    async def pass_one(self) -> None:
        """Do something at random."""
        await self.chance.choice([self.say, self.say, self.fold, self.learn, self.change])()

    async def say(self) -> None:
        above = self.said[-1] if self.said else None
        text = f"message {len(self.said)} about {self.chance.choice(['tea', 'rain', 'Oslo'])}"
        self.said.append(turn(text, parent=above, at=MAY + timedelta(hours=len(self.said))))
        await self.talk.say(self.said[-1:])

    async def fold(self) -> None:
        until = min(len(self.said) - 1, self.folded + self.chance.randint(1, 4))
        if until > self.folded:
            await self.talk.fold(self.said[self.folded : until])
            self.folded = until

    async def learn(self) -> None:
        if self.said:
            source = self.chance.choice(self.said).ref(0)
            known = [fact(f"The user said so {self.chance.random()}.", source) for _ in range(2)]
            mention = Entity(id=f"{self.chance.randint(0, 3)}", name="Oslo", sources=(source,))
            await self.talk.memories.put(self.talk.owner, None, mention)
            await self.talk.journal.rows_changed(self.talk.owner, None, [key_of(mention)])
            await self.talk.know(*known)

    async def change(self) -> None:
        known = await self.talk.memories.facts(self.talk.owner, None)
        if known:
            one = self.chance.choice(known)
            gone = one.deleted or self.chance.random() < 0.5
            await self.talk.know(
                delete(one, MAY) if gone else edit(one, f"{one.text} Yes.", MAY)[0]
            )


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(6))
async def test_an_index_kept_up_to_date_is_the_one_that_a_new_process_loads(
    talk: Talk, watched: Watched, seed: int
) -> None:
    warm, days = cache_of(talk, watched), Days(talk, seed)
    await warm.index(talk.owner, await talk.journal.read(talk.owner))
    for _ in range(40):
        await days.pass_one()
        view = await talk.journal.read(talk.owner)
        kept = await warm.index(talk.owner, view)
        loaded = await cache_of(talk, talk.memories).index(talk.owner, view)
        assert kept.rows == loaded.rows
        parts = [(index.moved, index.turns, index.fact_turns) for index in (kept, loaded)]
        assert parts[0] == parts[1]
        assert said_in(kept) == said_in(loaded)
    assert watched.reads == 1


def said_in(index: EvidenceIndex) -> list[tuple[str, str, list[str]]]:
    """Return every unit with what it follows and the facts that it states."""
    units = index.corpus.units
    stated: dict[int, list[str]] = {}
    for id, rows in index.corpus.rows_of_fact.items():
        for row in rows:
            stated.setdefault(row, []).append(id)
    return sorted(
        (unit.ref, units[unit.before].ref if unit.before >= 0 else "", sorted(stated.get(row, [])))
        for row, unit in enumerate(units)
    )


async def test_a_change_that_is_not_named_is_found_by_reading_everything(
    talk: Talk, watched: Watched
) -> None:
    said = chain_of("one")
    await talk.say(said)
    cache = cache_of(talk, watched)
    await texts(cache, talk)
    await talk.memories.put(talk.owner, None, fact("The user counts.", said[0].ref(0)))
    await talk.journal.rows_changed(talk.owner, None)
    index = await cache.index(talk.owner, await talk.journal.read(talk.owner))
    assert len(index.rows.facts) == 1
    assert watched.reads == 2


async def test_what_an_episode_holds_is_embedded_when_it_is_written_and_not_when_it_is_loaded(
    talk: Talk,
) -> None:
    made = PassageAnalyses(talk.embedding, talk.counter)
    memories = Memories(talk.memories._store, made.pack)
    said = chain_of("I adopted a greyhound.", "I " + "walk far and sing. " * 60, "Carla moved.")
    await talk.say(said)
    talk = replace(talk, memories=memories)
    await talk.fold(said, "About a dog.")
    view = await talk.journal.read(talk.owner)
    cold = cache_of(talk, memories)
    embed, asked = embedder(talk.embedding), list[str]()
    assert embed is not None

    def counted(texts: Sequence[str]) -> NDArray[np.float32]:
        asked.extend(texts)
        return embed(texts)

    cold._embed = counted
    loaded = (await cold.index(talk.owner, view)).corpus
    assert asked == []
    assert loaded.vectors is not None
    rows = await memories.all(talk.owner, None)
    anew = index_of(rows, view, 0, None, count=talk.counter.text, embed=embed).corpus
    assert loaded.units == anew.units
    words, words_anew = list(loaded.vocabulary), list(anew.vocabulary)
    assert (loaded.tokens == anew.tokens).all()
    assert loaded.traits == pytest.approx(anew.traits)
    for row in range(len(loaded)):
        read = [words_anew[at] for at in anew.text[row]]
        assert [words[at] for at in loaded.text[row]] == read
    fresh = embed([unit.text for unit in loaded.units])
    assert loaded.nearness(fresh).diagonal().min() > 0.99


@pytest.mark.parametrize("spoiled", [
    {"by": "another"}, {"rows": "AAAA"}, {"rows": "?"}, {"lengths": [1]}, {"terms": 7},
    {"words": ""}, {"spans": []}, {"tokens": None},
])  # fmt: skip
async def test_what_another_model_or_form_made_of_passages_is_made_anew(
    talk: Talk, spoiled: dict[str, Any]
) -> None:
    made = PassageAnalyses(talk.embedding, talk.counter).pack

    def pack(episode: Episode) -> dict[str, Any]:
        return (made(episode) or {}) | spoiled

    said = chain_of("I adopted a greyhound.")
    await talk.say(said)
    talk = replace(talk, memories=Memories(talk.memories._store, pack))
    await talk.fold(said, "About a dog.")
    view = await talk.journal.read(talk.owner)
    corpus = (await cache_of(talk, talk.memories).index(talk.owner, view)).corpus
    assert corpus.vectors is not None
    assert corpus.vectors.shape == (len(said[0].messages), talk.embedding.dimensions)


async def test_who_asks_while_an_index_is_begun_joins_it(talk: Talk, watched: Watched) -> None:
    cache = cache_of(talk, watched)
    await talk.say(chain_of("one", "two"))
    view = await talk.journal.read(talk.owner)
    watched.gate = asyncio.Event()
    cache.begin(talk.owner, view)
    cache.begin(talk.owner, view)
    rows = asyncio.create_task(cache.rows(talk.owner, view))
    index = asyncio.create_task(cache.index(talk.owner, view))
    await asyncio.sleep(0)
    watched.gate.set()
    assert (await rows) is (await index).rows
    assert watched.reads == 1
