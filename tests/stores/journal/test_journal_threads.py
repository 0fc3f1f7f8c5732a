"""Threads that an owner once spoke on cost later turns nothing, and no user reads another's."""

from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from domain.journal import ThreadNote
from domain.owner import Owner
from stores.journal.backend import Write
from stores.journal.journal import Journal
from stores.redis.journal import open_redis_journal
from tests.support.stores.journals import ALEX, NOW, journal, turn

__all__ = ["journal"]


async def fold(journal: Journal, *turns: str) -> None:
    until = NOW + timedelta(minutes=3)
    claim = await journal.claim(ALEX, None, turns, "t", now=NOW, until=until)
    assert claim is not None
    await journal.folded(ALEX, None, claim)


async def test_a_turn_reads_as_much_after_forty_threads_as_after_one(
    journal: Journal,
) -> None:
    sizes = []
    for number in range(40):
        await journal.note_thread(ALEX, None, f"t{number}")
        await journal.add_turns(ALEX, None, [turn(f"a{number}")], f"t{number}", f"a{number}")
        await fold(journal, f"a{number}")
        sizes.append(len((await journal.backend.read(ALEX)).fields))
    assert sizes[-1] == sizes[0]
    elsewhere = Journal(journal.backend)
    view = await elsewhere.read(ALEX)
    assert view.refs == {f"t{n}": f"a{n}" for n in range(40)}
    assert view == await journal.read(ALEX)
    assert {note.last for note in view.threads.values()} == {NOW}


async def test_another_process_sees_a_thread_come_back_fold_and_go(journal: Journal) -> None:
    elsewhere = Journal(journal.backend)
    await journal.note_thread(ALEX, None, "t")
    assert (await elsewhere.read(ALEX)).threads == {"t": ThreadNote()}
    await journal.add_turns(ALEX, None, [turn("a")], "t", "a")
    await fold(journal, "a")
    assert (await elsewhere.read(ALEX)).refs == {"t": "a"}
    await elsewhere.add_turns(ALEX, None, [turn("b", "a")], "t", "b")
    assert (await journal.read(ALEX)).refs == {"t": "b"}
    async with journal.refs.copying("t", "copy"):
        pass
    await journal.refs.drop("t")
    assert (await elsewhere.read(ALEX)).refs == {"copy": "b"}
    assert set((await elsewhere.read(ALEX)).threads) == {"copy"}


async def test_threads_that_an_older_version_wrote_are_read_and_listed_apart(
    journal: Journal,
) -> None:
    note = f'{{"last":"{NOW.isoformat().replace("+00:00", "Z")}"}}'
    written: dict[str, str | None] = {"version": "7", "seq": "5"}
    for number in range(5):
        written |= {f'ref:"t{number}"': f"a{number}", f'thread:"t{number}"': note}
    written |= {'thread:"empty"': '{"last":null}'}
    stored = turn("a4", thread="t4").model_dump_json()
    assert await journal.backend.commit(ALEX, None, 0, Write(fields=written, turns={"a4": stored}))
    before = await journal.read(ALEX)
    assert before.refs == {f"t{n}": f"a{n}" for n in range(5)}
    await journal.add_turns(ALEX, None, [turn("b", "a4", "t4")], "t4", "b")
    after = await Journal(journal.backend).read(ALEX)
    assert after.refs == {**before.refs, "t4": "b"}
    assert after.threads["t0"].last == NOW and after.threads["empty"] == ThreadNote()
    book = (await journal.backend.read(ALEX)).fields
    assert [name for name in book if name.startswith("ref:")] == ['ref:"t4"']


async def test_a_reset_takes_the_threads_that_are_listed_apart_too(journal: Journal) -> None:
    await journal.note_thread(ALEX, None, "t")
    await journal.add_turns(ALEX, None, [turn("a")], "t", "a")
    await fold(journal, "a")
    await journal.renew(ALEX)
    assert (await journal.threads_of(ALEX, "first"))[0] == {"t"}
    await journal.backend.erase(ALEX, "first")
    assert (await journal.threads_of(ALEX, "first"))[0] == set()
    assert (await journal.backend.list_threads(ALEX, "first"))[1] == {}
    assert not (await journal.read(ALEX)).threads


async def test_a_lost_list_of_threads_is_noticed(journal: Journal) -> None:
    await journal.note_thread(ALEX, None, "t")
    assert not (await journal.read(ALEX)).threads_lost
    version = (await journal.backend.read(ALEX)).version
    await journal.backend.commit(ALEX, None, version, Write(threads={'"t"': None}))
    assert (await Journal(journal.backend).read(ALEX)).threads_lost


async def test_the_owners_of_a_user_are_those_of_that_user_alone(journal: Journal) -> None:
    owners = [
        Owner(user, character) for user in ("alex", "Alex", "alex-") for character in ("a", "b")
    ]
    for number, owner in enumerate(owners):
        await journal.note_thread(owner, None, f"t{number}")
    assert set(await journal.backend.owners_of("alex")) == set(owners[:2])
    await journal.backend.drop_owner(owners[0])
    assert await journal.backend.owners_of("alex") == [owners[1]]
    assert await journal.backend.owners_of("nobody") == []


@pytest.mark.parametrize("call", ["drop_owner", "commit"])
async def test_an_owner_who_speaks_while_they_are_forgotten_stays_listed(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Each of the two goes as far as the call and is passed by the other."""
    other = Journal(journal.backend)
    call_it = getattr(journal.backend, call)

    async def passed_by(*given: Any) -> Any:
        monkeypatch.undo()
        if call == "drop_owner":
            await other.note_thread(ALEX, None, "t")
        else:
            await other.drop_owner(ALEX)
        return await call_it(*given)

    monkeypatch.setattr(journal.backend, call, passed_by)
    if call == "drop_owner":
        await journal.drop_owner(ALEX)
    else:
        await journal.note_thread(ALEX, None, "t")
    assert await journal.backend.owners() == [ALEX]


async def test_a_list_of_owners_that_was_lost_in_redis_is_made_up_for_by_the_other(
    redis_url: str,
) -> None:
    client = Redis.from_url(redis_url, socket_timeout=5)
    async with open_redis_journal(client, timedelta(days=90)) as journal:
        for user in ("alex", "sam"):
            await journal.note_thread(Owner(user), None, f"t-{user}")
        lists = await client.keys("mnemo:user:*")
        await client.delete(*lists)
        assert await journal.backend.owners_of("sam") == [Owner("sam")]
        await client.set(lists[0], "another program's")
        for user in ("alex", "sam"):
            await journal.note_thread(Owner(user, "b"), None, f"t2-{user}")
        await client.delete("mnemo:owners")
        assert {*await journal.backend.owners()} >= {Owner("alex", "b"), Owner("sam", "b")}
        await client.set("mnemo:owners", "another program's")
        await journal.note_thread(Owner("eve"), None, "t-eve")
        assert len(await journal.backend.owners()) >= 3
    await client.aclose()
