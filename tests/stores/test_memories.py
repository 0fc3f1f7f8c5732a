import logging
from collections.abc import Iterable
from typing import Any

import pytest
from langgraph.store.base import BaseStore, Op, PutOp, Result, SearchOp
from langgraph.store.memory import InMemoryStore

from domain.owner import Owner
from domain.records import Attribute, Entity
from models.embeddings.open import EmbeddingModel
from stores.memories import PAGE, Memories
from tests.support.talk import MAY, any_store, chain_of, embedding, episode, fact

__all__ = ["any_store", "embedding"]

ALEX = Owner("alex@example.com", "the bard")
ANNA = Entity(
    id="anna",
    name="Anna",
    kind="person",
    aliases=("Annie",),
    attributes=(Attribute(name="relation", value="sister", source="t1/0", valid_from=MAY),),
    sources=("t1/0",),
)


@pytest.fixture
def memories(any_store: BaseStore) -> Memories:
    return Memories(any_store)


async def test_records_come_back_as_they_were_written(memories: Memories) -> None:
    folded = episode(chain_of("I live in Oslo.", "I moved to Rome."), "From Oslo to Rome.")
    home = fact("The user lives in Rome.", "t1/0")
    await memories.put(ALEX, None, folded, home, ANNA)
    rows = await memories.all(ALEX, None)
    assert (rows.episodes, rows.facts, rows.entities) == ((folded,), (home,), (ANNA,))
    assert await memories.episode(ALEX, None, folded.id) == folded
    assert await memories.fact(ALEX, None, home.id) == home
    assert await memories.fact(ALEX, None, folded.id) is None


async def test_an_entity_much_spoken_of_is_read_however_large_it_is(memories: Memories) -> None:
    anna = ANNA.model_copy(update={"sources": tuple(f"{n:036}/0" for n in range(30_000))})
    await memories.put(ALEX, None, anna)
    assert (await memories.all(ALEX, None)).entities == (anna,)


async def test_reading_is_complete_however_many_there_are(memories: Memories) -> None:
    facts = [fact(f"Fact number {n}.", f"t{n}/0") for n in range(2 * PAGE + 3)]
    await memories.put(ALEX, None, *facts)
    assert {each.id for each in await memories.facts(ALEX, None)} == {f.id for f in facts}
    assert await memories.clear(ALEX, None) == len(facts)
    assert await memories.facts(ALEX, None) == ()


async def test_the_nearest_of_each_kind_are_found_best_first(memories: Memories) -> None:
    await memories.put(
        ALEX,
        None,
        fact("The user plays the violin.", "t1/0", id="violin"),
        fact("The user is allergic to peanuts.", "t2/0", id="peanuts"),
        episode(chain_of("..."), "They spoke about food and allergies."),
        ANNA,
    )
    found = await memories.nearest(
        ALEX, None, "a peanut allergy", limits={"fact": 2, "episode": 5, "entity": 0}
    )
    assert [id for id, _ in found["fact"]] == ["peanuts", "violin"]
    assert found["fact"][0][1] > found["fact"][1][1]
    assert len(found["episode"]) == 1
    assert found["entity"] == []


async def test_a_deleted_fact_is_kept_but_not_found(memories: Memories) -> None:
    grave = fact("", "t1/0", id="f", deleted=True)
    await memories.put(ALEX, None, fact("The user smokes.", "t1/0", id="f"))
    await memories.put(ALEX, None, grave)
    assert await memories.facts(ALEX, None) == (grave,)
    assert (await memories.nearest(ALEX, None, "smoking", limits={"fact": 3}))["fact"] == []


@pytest.mark.parametrize(
    "other", [Owner("alex@example.com"), Owner("Alex@example.com", "the bard"), Owner("alex")]
)
async def test_another_owner_sees_changes_and_clears_nothing(
    memories: Memories, other: Owner
) -> None:
    await memories.put(ALEX, None, fact("The user lives in Rome.", "t1/0", id="home"))
    await memories.put(other, None, fact("The user lives in Bonn.", "t1/0", id="home"))
    await memories.delete(other, None, "fact", ["home"])
    assert await memories.clear(other) == 0
    assert [f.text for f in await memories.facts(ALEX, None)] == ["The user lives in Rome."]
    assert (await memories.nearest(other, None, "Rome", limits={"fact": 3}))["fact"] == []


async def test_generations_are_apart_and_cleared_one_by_one_or_all(memories: Memories) -> None:
    for generation in (None, "g2", "g3"):
        await memories.put(ALEX, generation, fact(f"Of {generation}.", "t1/0"))
    assert await memories.clear(ALEX, "g2") == 1
    assert await memories.facts(ALEX, "g2") == ()
    assert len(await memories.facts(ALEX, None)) == 1
    assert await memories.clear(ALEX) == 2
    assert await memories.facts(ALEX, None) == await memories.facts(ALEX, "g3") == ()


async def test_a_row_that_cannot_be_read_is_reported_and_left_out(
    any_store: BaseStore, caplog: pytest.LogCaptureFixture
) -> None:
    memories = Memories(any_store)
    good = fact("The user lives in Rome.", "t1/0")
    await memories.put(ALEX, None, good)
    odd: dict[str, dict[str, Any]] = {
        "half": {"record": {"id": "half"}},
        "strange": {"note": "?"},
    }
    for key, value in odd.items():
        await any_store.aput(ALEX.namespace(None, "fact"), key, value, index=False)
    with caplog.at_level(logging.WARNING):
        assert await memories.facts(ALEX, None) == (good,)
        assert await memories.fact(ALEX, None, "half") is None
    assert "half" in caplog.text and "strange" in caplog.text


async def test_readable_ids_travel_with_every_record(any_store: BaseStore) -> None:
    await Memories(any_store).put(ALEX, None, fact("The user lives in Rome.", "t1/0"))
    (found,) = await any_store.asearch(ALEX.namespace(None, "fact"))
    assert (found.value["user_id"], found.value["character_id"]) == (
        "alex@example.com",
        "the bard",
    )


class Recorded(InMemoryStore):
    """A store that keeps the batches it was given."""

    batches: list[list[Op]]

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        given = list(ops)
        self.batches.append(given)
        return await super().abatch(given)


async def test_what_a_fold_writes_is_one_batch_and_so_is_a_search(
    embedding: EmbeddingModel,
) -> None:
    store = Recorded(index={"dims": 256, "embed": embedding.embeddings, "fields": ["text"]})
    store.batches = []
    memories = Memories(store)
    await memories.put(ALEX, None, episode(chain_of("hello")), fact("A.", "t/0"), ANNA)
    await memories.nearest(ALEX, None, "hello", limits={"fact": 3, "episode": 3, "entity": 3})
    assert [len(batch) for batch in store.batches] == [3, 3]
    assert all(isinstance(op, PutOp) for op in store.batches[0])
    assert {op.query for op in store.batches[1] if isinstance(op, SearchOp)} == {"hello"}
