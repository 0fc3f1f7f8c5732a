"""Promises of moving memories within one Chroma: into other shards, to another model."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langgraph.store.base import PutOp

from domain.owner import Owner
from models.embeddings.open import open_embeddings
from models.tokens import open_counter
from service.ops.reindex import reindex
from settings import Settings
from stores.chroma.client import ChromaLink
from stores.chroma.reindex import recorded_layout, reindexing
from stores.chroma.store import ChromaStore
from stores.errors import StoreBusy, StoreMismatch, StoreUnavailable
from stores.maintenance.migrate import Progress, migrate
from stores.open import open_stores
from stores.recall.analyses import PassageAnalyses
from tests.support.deep import deep
from tests.support.models.hash_embeddings import HashEmbeddings
from tests.support.servers.chroma_server import OpenStore, opener
from tests.support.stores.chroma_faults import USERS, fill_users
from tests.support.talk import chain_of, episode

OTHER: dict[str, Any] = {
    "embedding_name": "other",
    "embeddings": HashEmbeddings(256, salt="other "),
}


def silent(_done: int, _total: int) -> None:
    """Report progress to nobody."""


async def reindex_in_place(progress: Progress = silent, **wanted: Any) -> int:
    """Move all memories of one Chroma, and return how many were moved."""
    async with reindexing(**wanted) as move:
        return await migrate(*move, progress) if move else 0


class Interrupted(Exception):
    """Stops a move from its progress report."""


@pytest.fixture(params=["embedded", deep("server")])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Say where the store is."""
    if request.param == "embedded":
        return {"path": tmp_path / "chroma"}
    return {"url": request.getfixturevalue("chroma_url")}


def wishes(**changed: Any) -> dict[str, Any]:
    """Settings of a move; by default those that tests open stores with."""
    settings: dict[str, Any] = {"embeddings": HashEmbeddings(), "embedding_name": "hash"}
    settings |= {"shards": 4} | changed
    return settings | {"dimensions": settings["embeddings"].dimensions}


async def contents(store: ChromaStore) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Everything of a store that a move must keep."""
    return {
        (stored.item.namespace, stored.item.key): (
            stored.item.value,
            stored.item.created_at,
            stored.item.updated_at,
            stored.paths,
            stored.vectors,
        )
        async for stored in store.rows()
    }


async def finds_everything(store: ChromaStore) -> None:
    for user in USERS:
        best = await store.asearch((user,), query=f"{user}two", limit=1)
        assert best[0].key == "many"
        assert best[0].score == pytest.approx(1.0, abs=1e-5)
        assert {item.key for item in await store.asearch((user,), query="apple")} == {
            "one",
            "many",
            "whole",
        }


def collections(place: dict[str, Any]) -> set[str]:
    if "path" in place:
        link = ChromaLink.embedded(place["path"])
    else:
        link = ChromaLink.server(place["url"], None, 10.0)
    names = set(link.collections())
    link.close()
    return names


async def test_all_items_move_into_other_shards_with_times(place: dict[str, Any]) -> None:
    async with opener(**place)() as store:
        await fill_users(store)
        before = await contents(store)
    steps: list[tuple[int, int]] = []
    moved = await reindex_in_place(
        **place,
        **wishes(shards=7),
        progress=lambda *step: steps.append(step),
    )
    assert moved == len(before) == 36
    assert steps[-1] == (36, 36)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    async with opener(**place)(shards=7) as store:
        assert await contents(store) == before
        await finds_everything(store)
    with pytest.raises(StoreMismatch, match="--shards 4"):
        async with opener(**place)():
            pass
    assert all(name.startswith("mnemo-2-") for name in collections(place) - {"mnemo-meta"})


async def test_all_items_move_to_another_model(place: dict[str, Any]) -> None:
    async with opener(**place)() as store:
        await fill_users(store)
        before = await contents(store)
    assert await reindex_in_place(**place, **wishes(**OTHER)) == 36
    async with opener(**place)(**OTHER) as store:
        assert await contents(store) == before
        await finds_everything(store)
    layout = await recorded_layout(**place)
    assert layout is not None
    assert (layout.shards, layout.embedding_name, layout.dimensions) == (4, "other", 256)


async def test_a_move_to_where_it_is_does_nothing(place: dict[str, Any]) -> None:
    assert await recorded_layout(**place) is None
    assert await reindex_in_place(**place, **wishes()) == 0
    async with opener(**place)() as store:
        await fill_users(store)
    names = collections(place)
    assert await reindex_in_place(**place, **wishes()) == 0
    assert collections(place) == names


async def interrupt(place: dict[str, Any], after: int, **changed: Any) -> None:
    def stop(done: int, _total: int) -> None:
        if done >= after:
            raise Interrupted

    with pytest.raises(Interrupted):
        await reindex_in_place(**place, **wishes(**changed), progress=stop)


@pytest.mark.deep
@pytest.mark.parametrize("changed", [{"shards": 3}, {**OTHER, "shards": 3}])
async def test_an_interrupted_move_loses_nothing_and_goes_on_where_it_stopped(
    place: dict[str, Any], changed: dict[str, Any]
) -> None:
    async with opener(**place)() as store:
        await fill_users(store)
    await interrupt(place, 12, **changed)
    async with opener(**place)() as store:  # the old layout still serves
        await finds_everything(store)
        await store.adelete(("user0", "b"), "plain")
        await store.aput(("user1", "b"), "whole", {"text": "replaced"}, index=["text"])
        await store.aput(("user2", "a", "facts"), "many", {"parts": ["alone"]}, index=["parts[*]"])
        await store.aput(("new", "b"), "late", {"text": "late"}, index=["text"])
        before = await contents(store)
    model = HashEmbeddings(256, salt="other ") if "embeddings" in changed else HashEmbeddings()
    assert await reindex_in_place(**place, **wishes(**{**changed, "embeddings": model})) == 36
    embedded = sum(map(len, model.documents))
    assert embedded < 36, "what had been embedded was embedded again"
    async with opener(**place)(**changed) as store:
        assert await contents(store) == before
        assert (await store.asearch(("user2",), query="alone", limit=1))[0].key == "many"
        assert (await store.asearch(("user1",), query="replaced", limit=1))[0].key == "whole"
        assert (await store.asearch(("new",), query="late"))[0].score == pytest.approx(1, abs=1e-5)
    assert all(name.startswith("mnemo-2-") for name in collections(place) - {"mnemo-meta"})


MOVE = """
import asyncio, sys
from pathlib import Path
from stores.chroma.reindex import reindexing
from stores.maintenance.migrate import migrate
from tests.support.models.hash_embeddings import HashEmbeddings
async def main():
    async with reindexing(
        path=Path(sys.argv[1]), embeddings=HashEmbeddings(256, salt="other "),
        embedding_name="other", dimensions=256, shards=3,
    ) as move:
        await migrate(*move, lambda done, total: print(done, flush=True))
asyncio.run(main())
"""


def move_until_killed(folder: Path, pages: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MOVE, str(folder)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    ) as process:
        assert process.stdout
        for _ in range(pages):
            process.stdout.readline()
        process.kill()


@pytest.mark.deep
@pytest.mark.parametrize("pages", [1, 4])
async def test_a_move_whose_process_is_killed_loses_nothing(tmp_path: Path, pages: int) -> None:
    place: dict[str, Any] = {"path": tmp_path / "chroma"}
    async with opener(**place)() as store:
        await fill_users(store)
        before = await contents(store)
    await asyncio.to_thread(move_until_killed, place["path"], pages)
    layout = await recorded_layout(**place)
    assert layout is not None
    if layout.epoch == 1:
        async with opener(**place)() as store:
            assert await contents(store) == before
        await reindex_in_place(**place, **wishes(**OTHER, shards=3))
    async with opener(**place)(**OTHER, shards=3) as store:
        assert await contents(store) == before
        await finds_everything(store)


@pytest.mark.deep
async def test_after_an_interruption_other_wishes_begin_afresh(place: dict[str, Any]) -> None:
    async with opener(**place)() as store:
        await fill_users(store)
        before = await contents(store)
    await interrupt(place, 12, shards=3)
    await interrupt(place, 12, **OTHER)
    assert await reindex_in_place(**place, **wishes(shards=5)) == 36
    async with opener(**place)(shards=5) as store:
        assert await contents(store) == before
        await finds_everything(store)
    epochs = {name.split("-")[1] for name in collections(place) - {"mnemo-meta"}}
    assert len(epochs) == 1


async def test_an_interrupted_move_can_be_given_up(place: dict[str, Any]) -> None:
    async with opener(**place)() as store:
        await fill_users(store)
        before = await contents(store)
    names = collections(place)
    await interrupt(place, 12, shards=3)
    assert collections(place) > names
    assert await reindex_in_place(**place, **wishes()) == 0
    assert collections(place) == names
    async with opener(**place)() as store:
        assert await contents(store) == before


async def test_a_process_that_had_the_old_layout_open_is_told(chroma_url: str) -> None:
    async with opener(url=chroma_url)() as store:
        await fill_users(store)
        await reindex_in_place(url=chroma_url, **wishes(shards=2))
        for namespace in [*((user,) for user in USERS), ("never", "seen")]:
            with pytest.raises(StoreMismatch, match="reindexed while"):
                await store.asearch(namespace)
            with pytest.raises(StoreMismatch, match="reindexed while"):
                await store.aput(namespace, "k", {"n": 1}, index=False)


@pytest.mark.deep
async def test_a_damaged_shard_is_moved_from_its_rows(tmp_path: Path) -> None:
    place: dict[str, Any] = {"path": tmp_path / "chroma"}
    before: dict[Any, Any] = {}
    for changed in ({"shards": 1}, {**OTHER, "shards": 1}):
        for round_ in range(2):  # enough writes to have the index saved
            async with opener(**place)(shards=2) as store:
                await store.abatch(
                    [
                        PutOp(("u", "x"), f"k{n}", {"text": f"w{n}"}, index=["text"])
                        for n in range(225 * round_, 225 * round_ + 225)
                    ]
                )
                if round_:
                    before = await contents(store)
        (table,) = place["path"].glob("*/index_metadata.pickle")
        table.write_bytes(table.read_bytes()[:100])
        assert await reindex_in_place(**place, **wishes(**changed)) == 450
        async with opener(**place)(**changed) as store:
            assert await contents(store) == before
            scores = {hit.key: hit.score for hit in await store.asearch((), query="w7", limit=450)}
            assert len(scores) == 450
            assert scores["k7"] == pytest.approx(1.0, abs=1e-5)
        await reindex_in_place(**place, **wishes(shards=2))


async def test_a_folder_in_use_is_not_moved(open_embedded: OpenStore, tmp_path: Path) -> None:
    async with open_embedded():
        with pytest.raises(StoreBusy):
            await reindex_in_place(path=tmp_path / "chroma", **wishes(shards=5))
        with pytest.raises(StoreBusy):
            await recorded_layout(path=tmp_path / "chroma")


async def test_a_server_that_is_away_is_one_sentence() -> None:
    with pytest.raises(StoreUnavailable, match="is away"):
        await recorded_layout(url="http://127.0.0.1:9", timeout=1.0)
    with pytest.raises(StoreUnavailable, match="is away"):
        await reindex_in_place(url="http://127.0.0.1:9", timeout=1.0, **wishes())


async def test_a_model_of_another_length_is_refused_and_nothing_is_lost(
    open_embedded: OpenStore, tmp_path: Path
) -> None:
    async with open_embedded() as store:
        await fill_users(store)
        before = await contents(store)
    settings = wishes(**OTHER) | {"dimensions": 99}
    with pytest.raises(StoreMismatch, match="256 numbers a text where 99"):
        await reindex_in_place(path=tmp_path / "chroma", **settings)
    async with open_embedded() as store:
        assert await contents(store) == before


@pytest.mark.deep
async def test_passages_are_read_anew_for_another_model_as_they_are_moved(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, embeddings="wordllama", chroma_shards=1)
    owner, said = Owner("alex"), episode(chain_of("I adopted a greyhound."), "About a dog.")
    async with open_stores(settings) as stores:
        await stores.memories.put(owner, None, said)
    await reindex(settings, None, "use-multilingual", None, silent)
    model = await open_embeddings(Settings(_env_file=None))
    async with open_stores(settings.model_copy(update={"embeddings": model.name})) as stores:
        rows = await stores.memories.all(owner, None)
    ready = PassageAnalyses(model, open_counter("")).unpack({said.id: said}, rows.beside)
    assert ready.messages.keys() == {said.turns[0].ref(0), said.turns[0].ref(1)}


@pytest.mark.parametrize("layout", ["chroma", deep("postgres")])
async def test_passages_that_another_version_read_are_read_anew_where_they_lie(
    layout: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = {"postgres_url": request.getfixturevalue("postgres_url")} if layout != "chroma" else {}
    settings = Settings(
        _env_file=None, data_dir=tmp_path, embeddings="wordllama", chroma_shards=2, **place
    )
    talks = [episode(chain_of(f"I adopted greyhound {n}."), "About a dog.") for n in range(60)]
    owners = [Owner(f"user{n}") for n in range(60)]
    with monkeypatch.context() as older:
        older.setattr("stores.recall.analyses._FORM", "an older one")
        async with open_stores(settings) as stores:
            for owner, talk in zip(owners, talks, strict=True):
                await stores.memories.put(owner, None, talk)
    done = await reindex(settings, None, None, None, silent)
    assert done is not None
    assert (done.items, done.renewed) == (0, 60)
    again = await reindex(settings, None, None, None, silent)
    assert again is not None
    assert again.renewed == 0
    analyses = PassageAnalyses(await open_embeddings(settings), open_counter(""))
    async with open_stores(settings) as stores:
        for owner, talk in zip(owners, talks, strict=True):
            rows = await stores.memories.all(owner, None)
            assert rows.episodes == (talk,)
            assert analyses.unpack({talk.id: talk}, rows.beside).messages
