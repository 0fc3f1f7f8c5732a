"""The journal: one transaction a turn, one claim an owner, and nothing across a reset."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from domain.owner import Owner, owner_to_json, owners_in
from stores.errors import GenerationMoved, StoreUnavailable
from stores.journal.journal import Journal
from stores.journal.records import MOST_KEYS
from stores.redis.journal import RedisJournal, open_redis_journal
from tests.support.stores.journals import ALEX, NOW, journal, turn

__all__ = ["journal"]


async def test_a_turn_and_its_ref_are_written_together_and_numbered(journal: Journal) -> None:
    view = await journal.add_turns(ALEX, None, [turn("a")], "t", "a")
    view = await journal.add_turns(ALEX, None, [turn("b", "a")], "t", "b")
    assert view == await journal.read(ALEX)
    assert view.refs == {"t": "b"}
    assert [view.turns[id].seq for id in ("a", "b")] == [1, 2]
    assert view.turns["b"].messages[0].text == "text of b"


async def test_turns_of_two_workers_all_arrive_with_numbers_of_their_own(
    journal: Journal,
) -> None:
    await asyncio.gather(
        *(journal.add_turns(ALEX, None, [turn(f"x{i}")], f"t{i}", f"x{i}") for i in range(20))
    )
    view = await journal.read(ALEX)
    assert sorted(t.seq for t in view.turns.values()) == list(range(1, 21))
    assert len(view.refs) == 20


async def test_a_window_is_claimed_by_one_of_many(journal: Journal) -> None:
    await journal.add_turns(ALEX, None, [turn("a"), turn("b", "a")], "t", "b")
    claims = await asyncio.gather(
        *(
            journal.claim(ALEX, None, ["a"], "t", now=NOW, until=NOW + timedelta(minutes=3))
            for _ in range(10)
        )
    )
    assert sum(claim is not None for claim in claims) == 1


async def test_an_expired_claim_is_finished_with_its_own_window(journal: Journal) -> None:
    await journal.add_turns(ALEX, None, [turn("a"), turn("b", "a")], "t", "b")
    first = await journal.claim(ALEX, None, ["a"], "t", now=NOW, until=NOW + timedelta(minutes=3))
    later = NOW + timedelta(minutes=4)
    second = await journal.claim(
        ALEX, None, ["a", "b"], "t", now=later, until=later + timedelta(minutes=3)
    )
    assert first is not None and second is not None
    assert second.turns == ("a",)
    _, ours = await journal.folded(ALEX, None, first)
    assert not ours, "the first holder lost its lease"
    view, ours = await journal.folded(ALEX, None, second)
    assert ours and set(view.turns) == {"b"} and view.claim is None


async def test_a_window_with_a_turn_that_is_gone_cannot_be_claimed(journal: Journal) -> None:
    await journal.add_turns(ALEX, None, [turn("b", "gone")], "t", "b")
    until = NOW + timedelta(minutes=3)
    assert await journal.claim(ALEX, None, ["gone", "b"], "t", now=NOW, until=until) is None


async def test_a_failed_summary_ends_the_lease_and_keeps_the_count(journal: Journal) -> None:
    await journal.add_turns(ALEX, None, [turn("a"), turn("b", "a")], "t", "b")
    for attempt in range(3):
        claim = await journal.claim(
            ALEX, None, ["a"], "t", now=NOW, until=NOW + timedelta(minutes=3)
        )
        assert claim is not None and claim.attempts == attempt
        await journal.extend_claim(ALEX, None, claim, NOW, failed=True)


async def test_a_writer_from_before_a_reset_writes_nothing(journal: Journal) -> None:
    await journal.add_turns(ALEX, None, [turn("a")], "t", "a")
    token, older = await journal.renew(ALEX)
    assert older == ["first"]
    with pytest.raises(GenerationMoved):
        await journal.add_turns(ALEX, None, [turn("b", "a")], "t", "b")
    view = await journal.read(ALEX)
    assert view.generation == token and not view.turns and not view.refs
    assert await journal.backend.erase(ALEX, "first", last=False) == 1
    assert await journal.threads_of(ALEX, "first") == (set(), True, True)
    assert await journal.backend.older(ALEX) == ["first"], "it is deleted once more"
    assert await journal.backend.erase(ALEX, "first") == 0
    assert (await journal.threads_of(ALEX, "first"))[0] == set()
    _, older = await journal.renew(ALEX)
    assert older == [token], "what was erased is no longer listed"


async def test_a_reset_that_broke_off_lists_what_it_left_again(journal: Journal) -> None:
    await journal.add_turns(ALEX, None, [turn("a")], "t", "a")
    first, _ = await journal.renew(ALEX)
    _, older = await journal.renew(ALEX)
    assert sorted(older) == sorted(["first", first])


async def test_only_one_worker_extracts_at_a_time(journal: Journal) -> None:
    await journal.add_turns(ALEX, None, [turn("a")], "t", "a")
    until = NOW + timedelta(minutes=3)
    assert await journal.begin_extraction(ALEX, None, now=NOW, until=until) is not None
    assert await journal.begin_extraction(ALEX, None, now=NOW, until=until) is None
    assert (await journal.extracted(ALEX, None, 1))[0].cursor == 1
    assert await journal.begin_extraction(ALEX, None, now=NOW, until=until) is not None


async def test_a_reading_names_what_changed_since_an_earlier_one(journal: Journal) -> None:
    await journal.rows_changed(ALEX, None, [("fact", "a")])
    before = await journal.rows_changed(ALEX, None, [("fact", "b"), ("entity", "b")])
    await journal.rows_changed(ALEX, None, [("episode", "c")])
    after = await journal.rows_changed(ALEX, None, [("fact", "b")])
    assert after == await journal.read(ALEX)
    assert after.changed_since(before.rows) == [("episode", "c"), ("fact", "b")]
    assert after.changed_since(after.rows) == []


async def test_where_any_record_may_have_changed_none_is_named(journal: Journal) -> None:
    before = await journal.rows_changed(ALEX, None, [("fact", "a")])
    gap = await journal.rows_changed(ALEX, None)
    after = await journal.rows_changed(ALEX, None, [("fact", "c")])
    assert after.changed_since(before.rows) is None
    assert after.changed_since(gap.rows) == [("fact", "c")]
    assert before.changed_since(after.rows) is None  # counted anew, after a loss


async def test_only_so_many_changes_are_named_and_never_with_a_gap(journal: Journal) -> None:
    first = await journal.rows_changed(ALEX, None, [("fact", "a")])
    middle = first
    for number in range(MOST_KEYS):
        middle = await journal.rows_changed(ALEX, None, [("fact", f"{number}")])
        assert sum(len(change.keys) for change in middle.changes) <= MOST_KEYS
    assert middle.changed_since(first.rows) is None
    assert middle.changed_since(middle.rows - 9) == [
        ("fact", f"{MOST_KEYS - 9 + n}") for n in range(9)
    ]
    after = await journal.rows_changed(ALEX, None, [("fact", f"x{n}") for n in range(MOST_KEYS)])
    assert after.changed_since(middle.rows) is None


async def test_what_an_extraction_that_died_may_have_written_is_told_by_the_next(
    journal: Journal,
) -> None:
    before = await journal.add_turns(ALEX, None, [turn("a")], "t", "a")
    lease = timedelta(minutes=3)
    await journal.begin_extraction(ALEX, None, now=NOW, until=NOW + lease)
    later = NOW + 2 * lease
    await journal.begin_extraction(ALEX, None, now=later, until=later + lease)
    after, _ = await journal.extracted(ALEX, None, 1, [("fact", "b")])
    assert after.changed_since(before.rows) is None


async def test_a_copied_thread_has_the_ref_and_a_deleted_one_has_none(journal: Journal) -> None:
    await journal.note_thread(ALEX, None, "t")
    await journal.add_turns(ALEX, None, [turn("a")], "t", "a")
    async with journal.refs.copying("t", "copy"):
        pass
    assert (await journal.read(ALEX)).refs == {"t": "a", "copy": "a"}
    await journal.refs.drop("t")
    assert (await journal.read(ALEX)).refs == {"copy": "a"}
    assert await journal.thread_owner("t") is None
    assert await journal.thread_owner("copy") == ALEX


async def test_what_is_withheld_stays_so_however_many_turns_it_are(journal: Journal) -> None:
    ids = {f"{number:036}" for number in range(30_000)}
    await journal.withhold(ALEX, None, ids)
    await journal.withhold(ALEX, None, ["one more"])
    assert (await journal.read(ALEX)).withheld == ids | {"one more"}


async def test_owners_are_listed_with_their_readable_ids(journal: Journal) -> None:
    ids = ["alex@example.com", "../x", "用户", "x" * 500, "Alex", "alex", "a\ud800", "a*?[b]"]
    for number, id in enumerate(ids):
        await journal.note_thread(Owner(id), None, f"t{number}")
        await journal.add_turns(Owner(id), None, [turn(f"turn{number}")], f"t{number}", "r")
    assert {owner.user_id for owner in await journal.backend.owners()} == set(ids)
    for number, id in enumerate(ids):
        assert set((await journal.read(Owner(id))).turns) == {f"turn{number}"}


async def test_redis_forgets_turns_in_time_but_never_refs(redis_url: str) -> None:
    client = Redis.from_url(redis_url, socket_timeout=5)
    async with open_redis_journal(client, timedelta(days=90)) as journal:
        await journal.add_turns(ALEX, None, [turn("a")], "t", "a")
        lives = {
            str(key).rstrip("'").rsplit(":", 1)[-1]: await client.ttl(key)
            for key in await client.keys("mnemo:{*")
        }
    await client.aclose()
    assert 0 < lives["turns"] <= 90 * 24 * 3600
    assert lives["book"] == -1


async def test_a_redis_that_is_not_there_is_one_sentence() -> None:
    client = Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=1)
    with pytest.raises(StoreUnavailable, match="start it, or unset MNEMO_REDIS_URL"):
        await RedisJournal(client, timedelta(days=1)).ping()
    await client.aclose()


@given(st.text(min_size=1), st.text(min_size=1))
def test_readable_ids_survive_being_stored(user: str, character: str) -> None:
    owner = Owner(user, character)
    assert owners_in({owner.key: owner_to_json(owner)}) == [owner]


@given(
    st.tuples(st.text(min_size=1), st.text(min_size=1)),
    st.tuples(st.text(min_size=1), st.text(min_size=1)),
)
def test_different_owners_have_different_keys(a: tuple[str, str], b: tuple[str, str]) -> None:
    assert (Owner(*a).key == Owner(*b).key) == (a == b)
