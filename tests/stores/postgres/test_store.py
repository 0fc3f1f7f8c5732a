"""Promises of the store in Postgres beyond those of every store: what it adds to the library's."""

import asyncio
import math
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest
from langgraph.store.base import PutOp
from langgraph.store.postgres import AsyncPostgresStore

from domain.owner import Owner
from stores.base_store.backend import Written
from stores.errors import StoreMismatch, StoreUnavailable
from stores.maintenance.migrate import Progress, migrate
from stores.memories import Memories
from stores.postgres.reindex import recorded_model, reindexing
from stores.postgres.text import escaped, restored, storable, unescaped
from tests.support.models.hash_embeddings import HashEmbeddings
from tests.support.servers.postgres_server import PASSWORD, PostgresServer
from tests.support.stores.every_store import postgres_opener
from tests.support.talk import fact

NS = ("user", "notes")


def query(url: str, statement: str) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


async def test_pages_of_a_large_batch_neither_repeat_nor_skip_an_item(postgres_url: str) -> None:
    async with postgres_opener(postgres_url)() as store:
        await store.abatch([PutOp(NS, f"k{n:04}", {"n": n}, False) for n in range(1_500)])
        await store.abatch([PutOp(NS, f"k{n:04}", {"n": -n}, False) for n in range(0, 1_500, 3)])
        pages = [await store.asearch(NS, limit=256, offset=256 * page) for page in range(6)]
        assert [item.key for page in pages for item in page] == [f"k{n:04}" for n in range(1_500)]


async def test_the_nearest_are_exact_also_among_many_of_somebody_else(postgres_url: str) -> None:
    async with postgres_opener(postgres_url)() as store:
        for start in range(0, 600, 300):
            await store.abatch(
                [
                    PutOp(("loud", "fact"), f"k{n}", {"text": f"tea number{n}"}, ["text"])
                    for n in range(start, start + 300)
                ]
            )
        mine = [
            PutOp(("quiet", "fact"), f"k{n}", {"text": f"sea {n}"}, ["text"]) for n in range(30)
        ]
        await store.abatch(mine)
        query(postgres_url, "ANALYZE")
        found = await store.asearch(("quiet",), query="tea", limit=24)
        assert len(found) == 24
        many = await store.asearch(("loud",), query="tea number7", limit=60)
        assert len(many) == 60
        assert "k7" in [item.key for item in many if (item.score or 0.0) > 0.999]


async def test_a_deleted_fact_leaves_no_vector_behind(postgres_url: str) -> None:
    async with postgres_opener(postgres_url)() as store:
        memories, owner = Memories(store), Owner("alex")
        told = fact("The user lives in Rome.", "t1/0", id="home")
        await memories.put(owner, None, told)
        await memories.put(owner, None, told.model_copy(update={"text": "", "deleted": True}))
        found = await memories.nearest(owner, None, "lives in Rome", limits={"fact": 5})
        assert found == {"fact": []}
    assert query(postgres_url, "SELECT count(*) FROM store_vectors") == [(0,)]


async def test_what_postgres_cannot_hold_comes_back_all_the_same(postgres_url: str) -> None:
    values: list[dict[str, Any]] = [
        {"text": "nul\x00inside", "deep": [{"half\ud800": "\udfff"}]},
        {"text": "\ufdd0"},
        {"\ufdd0": "0000"},
        {"\ufdd0": '{"text": "not mine"}'},
        {"text": "a backslash: \\u0000", "big": 10**400, "small": 1e-300},
    ]
    keys = ["", "\x00", "\ud800", "\ufdd0d800", "\ufdd0"]
    async with postgres_opener(postgres_url)() as store:
        await store.abatch(
            [PutOp(("\udfff",), key, value, False) for key, value in zip(keys, values, strict=True)]
        )
        for key, value in zip(keys, values, strict=True):
            item = await store.aget(("\udfff",), key)
            assert item is not None and item.value == value and item.key == key
        await store.aput(NS, "nan", {"n": math.nan}, index=False)
        (odd,) = await store.asearch(NS)
        assert math.isnan(odd.value["n"])
        await store.aput(NS, "found", {"text": "red\x00 apple"}, index=["text"])
        assert [item.key for item in await store.asearch(NS, query="apple")] == ["found"]
        assert sorted(await store.alist_namespaces()) == [NS, ("\udfff",)]


def test_text_is_escaped_only_where_it_must_be_and_never_made_equal() -> None:
    for text in ("plain", "ünï → 中文 🎉"):
        assert escaped(text) == text
        assert storable({"t": text}) == {"t": text}
    odd = ["\x00", "\ud800", "\ufdd0", "\ufdd00000", "\ufdd0d800", "0000"]
    assert len({escaped(text) for text in odd}) == len(odd)
    assert [unescaped(escaped(text)) for text in odd] == odd
    assert [restored(storable({"t": text}))["t"] for text in odd] == odd


async def test_a_batch_is_kept_whole_or_not_at_all(postgres_url: str) -> None:
    async with postgres_opener(postgres_url)() as store:
        await store.aput(NS, "old", {"text": "as it was"}, index=["text"])
        query(postgres_url, "ALTER TABLE store_vectors ADD CHECK (key <> 'k39')")
        batch = [PutOp(NS, "old", None)]
        batch += [PutOp(NS, f"k{n}", {"text": f"word{n}"}, ["text"]) for n in range(40)]
        with pytest.raises(StoreUnavailable):
            await store.abatch(batch)
        assert [item.key for item in await store.asearch(NS, limit=50)] == ["old"]
        query(postgres_url, "ALTER TABLE store_vectors DROP CONSTRAINT store_vectors_key_check")
        await store.abatch(batch)
        assert len(await store.asearch(NS, query="word1", limit=50)) == 40


async def test_writers_of_the_same_items_do_not_stand_in_each_others_way(postgres_url: str) -> None:
    async with postgres_opener(postgres_url)() as store:

        async def write(turn: int) -> None:
            order = range(20) if turn % 2 else range(19, -1, -1)
            await store.abatch([PutOp(NS, f"k{n}", {"text": f"by{turn}"}, ["text"]) for n in order])

        await asyncio.gather(*(write(turn) for turn in range(12)))
        found = await store.asearch(NS, limit=50)
        assert len({item.value["text"] for item in found}) == 1
        assert len(found) == len(await store.asearch(NS, query="by1", limit=50)) == 20


async def test_a_slow_model_keeps_no_connection(postgres_url: str) -> None:
    class Slow(HashEmbeddings):
        async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
            await asyncio.sleep(1.8)
            return await super().aembed_documents(texts)

    async with postgres_opener(postgres_url)(embeddings=Slow(), timeout=1.5) as store:
        slow = [store.aput(NS, f"k{n}", {"text": f"word{n}"}, index=["text"]) for n in range(30)]
        waiting = [asyncio.ensure_future(one) for one in slow]
        await asyncio.sleep(0.1)
        assert await store.aget(NS, "k0") is None, "answered while thirty wait for the model"
        await asyncio.gather(*waiting)
        assert len(await store.asearch(NS, limit=50)) == 30


async def test_a_call_from_its_own_thread_is_refused_instead_of_hanging(postgres_url: str) -> None:
    async with postgres_opener(postgres_url)() as store:
        with pytest.raises(RuntimeError, match="await `abatch`"):
            store.get(NS, "k")


# Setting up.


async def test_many_processes_may_open_an_empty_database_at_once(postgres_url: str) -> None:
    async with AsyncExitStack() as stack:
        opened = [stack.enter_async_context(postgres_opener(postgres_url)()) for _ in range(8)]
        stores = await asyncio.gather(*opened)
        await asyncio.gather(
            *(store.aput(NS, f"k{n}", {"text": f"word{n}"}) for n, store in enumerate(stores))
        )
        assert len(await stores[0].asearch(NS, limit=20)) == 8
    broken = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
    assert query(postgres_url, broken) == [(0,)]


async def test_a_role_that_may_only_read_and_write_is_enough_once_all_is_set_up(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    database = postgres_url.rpartition("/")[2]
    async with postgres_opener(postgres_url)():
        pass
    role = f"limited_{database}"
    query(postgres_url, f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    limited = postgres_url.replace("//mnemo:", f"//{role}:")
    try:
        with pytest.raises(StoreUnavailable, match="permission denied"):
            async with postgres_opener(limited)():
                pass
        query(postgres_url, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public "
                            f"TO {role}")  # fmt: skip
        async with postgres_opener(limited)() as store:
            await store.aput(NS, "k", {"text": "red apple"}, index=["text"])
            assert len(await store.asearch(NS, query="apple")) == 1
    finally:
        query(postgres_url, f"DROP OWNED BY {role}")
        query(postgres_url, f"DROP ROLE {role}")


async def test_the_store_of_another_program_is_left_alone(postgres_url: str) -> None:
    async with AsyncPostgresStore.from_conn_string(postgres_url) as theirs:
        await theirs.setup()
        await theirs.aput(("theirs",), "k", {"n": 1})
    with pytest.raises(StoreMismatch, match="another program"):
        async with postgres_opener(postgres_url)():
            pass
    query(postgres_url, "CREATE SCHEMA mnemo")
    own = f"{postgres_url}?options=-csearch_path%3Dmnemo,public"
    query(postgres_url, "CREATE EXTENSION vector")
    async with postgres_opener(own)() as store:
        await store.aput(NS, "k", {"text": "x"})
        assert await store.alist_namespaces() == [NS]


async def test_a_database_that_cannot_hold_every_text_is_refused(
    postgres_server: PostgresServer,
) -> None:
    postgres_server.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    with pytest.raises(StoreUnavailable, match=r"encoded in LATIN1.*ENCODING 'UTF8'"):
        async with postgres_opener(postgres_server.url("latin"))():
            pass
    postgres_server.drop_database("latin")


async def test_a_server_without_pgvector_is_told_so() -> None:
    server = PostgresServer.in_a_folder(without_pgvector=True)
    try:
        server.start()
        with pytest.raises(StoreUnavailable, match="install pgvector"):
            async with postgres_opener(server.url())():
                pass
    finally:
        server.remove()


# Another model.


async def test_a_value_written_by_hand_hides_no_other_and_can_be_deleted(
    postgres_url: str,
) -> None:
    async with postgres_opener(postgres_url)() as store:
        await store.abatch([PutOp(NS, key, {"text": key}, ["text"]) for key in ("broken", "whole")])
        query(postgres_url, "UPDATE store SET value = '[1]' WHERE key = 'broken'")
        assert {item.key: item.value for item in await store.asearch(NS)} == {
            "broken": {},
            "whole": {"text": "whole"},
        }
        assert (await store.asearch(NS, query="whole"))[0].key == "whole"
        await store.adelete(NS, "broken")
        assert await store.count() == 1


async def filled(url: str) -> None:
    async with postgres_opener(url)() as store:
        await store.abatch(
            [PutOp(NS, f"k{n}", {"text": f"word{n}"}, ["text"]) for n in range(120)]
            + [PutOp(NS, "many", {"parts": ["one", "two"]}, ["parts[*]"])]
            + [PutOp(NS, "none", {"text": "unseen"}, False)]
        )


class Interrupted(Exception):
    pass


async def embed_anew(
    url: str, model: HashEmbeddings, wanted: Written, progress: Progress = lambda *_: None
) -> int:
    async with reindexing(url, model, wanted, seconds=5) as move:
        return await migrate(*move, progress) if move else 0


async def test_another_model_is_moved_to_and_an_interruption_loses_nothing(
    postgres_url: str,
) -> None:
    await filled(postgres_url)
    wanted, other = Written("other", 1024), HashEmbeddings(1024, salt="other")
    steps: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        steps.append((done, total))
        if done >= 100:
            raise Interrupted

    with pytest.raises(Interrupted):
        await embed_anew(postgres_url, other, wanted, stop)
    assert steps == [(50, 122), (100, 122)]
    async with postgres_opener(postgres_url)() as store:  # the earlier model serves meanwhile
        assert (await store.asearch(NS, query="word7"))[0].key == "k7"
        await store.aput(NS, "k7", {"text": "changed meanwhile"}, index=["text"])
        await store.adelete(NS, "k8")
    other.documents.clear()
    moved = await embed_anew(postgres_url, other, wanted)
    assert moved == 121
    embedded = [text for call in other.documents for text in call]
    assert "changed meanwhile" in embedded and len(embedded) < 30, "what was done is not done again"
    assert await recorded_model(postgres_url, 5) == wanted
    with pytest.raises(StoreMismatch, match="mnemo reindex --embeddings hash"):
        async with postgres_opener(postgres_url)():
            pass
    async with postgres_opener(postgres_url)(embeddings=other, embedding_name="other") as store:
        assert (await store.asearch(NS, query="changed meanwhile"))[0].key == "k7"
        assert (await store.asearch(NS, query="two"))[0].key == "many"
        assert len(await store.asearch(NS, query="word9", limit=500)) == 120
        assert await store.count() == 121
        await store.adelete(NS, "many")
    left = "SELECT count(*) FROM store_vectors WHERE key = 'many'"
    assert query(postgres_url, left) == [(0,)], "the new vectors go with their items too"
    assert await embed_anew(postgres_url, other, wanted, stop) == 0


async def test_a_text_the_old_model_knew_nothing_of_is_known_to_the_new_one(
    postgres_url: str,
) -> None:
    class Deaf(HashEmbeddings):
        def _embed(self, text: str) -> list[float]:
            return [0.0] * self.dimensions if "strange" in text else super()._embed(text)

    async with postgres_opener(postgres_url)(embeddings=Deaf()) as store:
        await store.aput(NS, "k", {"text": "strange words"}, index=["text"])
        assert await store.asearch(NS, query="words") == []
    model = HashEmbeddings()
    wanted = Written("better", model.dimensions)
    await embed_anew(postgres_url, model, wanted)
    async with postgres_opener(postgres_url)(embedding_name="better") as store:
        assert [item.key for item in await store.asearch(NS, query="strange words")] == ["k"]
