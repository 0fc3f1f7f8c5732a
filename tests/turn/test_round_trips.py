"""How often a turn asks its stores, however long the conversation."""

from functools import partialmethod
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest
from langgraph.store.base import SearchOp

from domain.owner import Owner
from evals.speed.counting_proxy import counting_proxy
from stores.sqlite.connection import SqliteConnection
from tests.support.house import Open, answer
from tests.support.servers.openai_server import Body


@pytest.fixture
def backend() -> dict[str, str]:
    """Chroma in the data dir; Redis as the test opens it."""
    return {}


@pytest.mark.parametrize("thread_keep", [50, 8])
async def test_a_plain_turn_makes_two_round_trips_before_the_model_and_two_after(
    open_house: Open, redis_url: str, thread_keep: int
) -> None:
    at = urlsplit(redis_url)
    async with counting_proxy(at.hostname or "", at.port or 0) as trips:
        url = f"redis://127.0.0.1:{trips.port}{at.path}"
        settings = {"fold_turns": 6, "extract_turns": 1000, "thread_keep": thread_keep}
        async with open_house(redis_url=url, **settings) as house:
            before_model: list[int] = []

            def noted(body: Body) -> object:
                if body.get("stream"):
                    before_model.append(trips.count)
                return answer(body)

            house.server.default = noted
            turns: list[tuple[int, int, int]] = []
            for number in range(1, 15):
                begun = trips.count
                result = await house.say(f"Let us speak of mark{number} now", durability="exit")
                folds = len(await house.episodes())  # One more trip, to the journal.
                asked = before_model[-1]
                assert result["degraded"] == []
                turns.append((asked - begun, trips.count - 1 - asked, folds))
            quiet = [
                (before, after)
                for (_, _, earlier), (before, after, folds) in pairwise(turns)
                if folds == earlier
            ]
            assert len(quiet) >= 6 and folds >= 2
            assert set(quiet) == {(2, 2)}


async def test_a_turn_in_the_data_dir_reads_and_writes_each_file_once(
    open_house: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips: list[str] = []
    for name in ("read", "write", "alone"):
        call = getattr(SqliteConnection, name)

        def counted(self: Any, work: Any, *, name: str, call: Any) -> Any:
            trips.append(name)
            return call(self, work)

        monkeypatch.setattr(SqliteConnection, name, partialmethod(counted, name=name, call=call))
    async with open_house(fold_turns=100, extract_turns=1000) as house:
        for number in range(1, 9):
            trips.clear()
            await house.say(f"Let us speak of mark{number} now", durability="exit")
            if number > 1:  # The first turn also notes whose the thread is.
                assert sorted(trips) == ["read", "read", "write", "write"]  # of each file


async def test_facts_are_extracted_without_reading_all_there_are(
    open_house: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_house(memory_model="offline", extract_turns=2, fold_turns=100) as house:
        for place in ("Oslo", "Rome", "Lima"):
            await house.say(f"I have an aunt in {place} and I have a cousin near {place}")
        store = house.parts.stores.long_term
        listings: list[Any] = []
        abatch = store.abatch

        async def counted(ops: Any) -> Any:
            listings.extend(op for op in ops if isinstance(op, SearchOp) and not op.query)
            return await abatch(ops)

        monkeypatch.setattr(store, "abatch", counted)
        await house.say("My brother lives in Bergen")
        view = await house.parts.stores.journal.read(Owner("alex"))
        assert view.cursor == view.seq == 4
        assert listings == []
