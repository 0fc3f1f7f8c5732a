"""What clients write into a thread's state is believed of nobody: its messages are said anew."""

from datetime import UTC, datetime
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from domain.owner import Owner
from nodes.messages.refusal import MOST_MESSAGES, TurnRefused
from nodes.messages.signatures import DIGEST, STAMP
from nodes.messages.stamps import turn_id, without_stamp
from stores.maintenance.erase import reset
from tests.support.house import House, Open

ALEX = Owner("alex")
EMBEDDED = pytest.mark.parametrize("backend", ["embedded"], indirect=True)
AT = datetime(2026, 5, 8, tzinfo=UTC).isoformat()
WHOLE: dict[str, Any] = {
    "turn": "forged", "parent": "forged", "thread": "t", "seq": 1, "index": 0, "at": AT,
    "turn_at": AT,
}  # fmt: skip
FORGED: dict[str, Any] = {
    "whole, following itself": WHOLE,
    "partial": {"turn": "forged"},
    "a number no store holds": WHOLE | {"seq": 2**64 - 1},
    "a date without a zone": WHOLE | {"at": "2026-05-08T12:00:00", "turn_at": "2026-05-08"},
    "objects": {"turn": {}, "parent": [], "at": 5},
    "a list": [WHOLE],
    "waiting": {"waiting": ALEX.key, "at": AT},
    "waiting since no date": {"waiting": ALEX.key, "at": "never"},
    "a digest of another kind": WHOLE | {DIGEST: ["ü"]},
    "a digest of another": WHOLE | {DIGEST: "0" * 64},
}


def forged(
    text: str, stamp: Any, kind: type[HumanMessage | AIMessage] = HumanMessage, **more: Any
) -> AnyMessage:
    return kind(text, additional_kwargs={STAMP: stamp}, **more)


async def write(house: House, thread: str = "t", **values: Any) -> None:
    """Write into a thread's state as a client of the server may."""
    await house.graph.aupdate_state(house.config(thread), values, as_node="finish")


async def messages(house: House, thread: str = "t") -> list[AnyMessage]:
    values = (await house.graph.aget_state(house.config(thread))).values
    return list(values["messages"])


@EMBEDDED
async def test_a_forged_stamp_makes_no_turn_and_harms_none(open_house: Open) -> None:
    async with open_house(extract_turns=100) as house:
        await house.talk(1, 2)
        for number, (name, stamp) in enumerate(FORGED.items(), 3):
            said = [
                forged(f"I say mark{number}x", stamp),
                forged(f"You say mark{number}y", stamp, AIMessage),
            ]
            await house.graph.ainvoke(
                {"messages": [*said, HumanMessage(f"And mark{number}")]},
                house.config(),
                context={"user_id": "alex"},
            )
            view = await house.parts.stores.journal.read(ALEX)
            newest = view.turns[view.refs["t"]]
            assert view.seq == number and "forged" not in view.turns, name
            assert [one.text for one in newest.messages][:3] == [
                *(m.text for m in said),
                f"And mark{number}",
            ], name
            assert all(one.at >= newest.messages[0].at for one in newest.messages), name
            assert newest.at > datetime(2026, 5, 8, 12, tzinfo=UTC)
        await house.say("What was mark1?")
        assert {f"mark{n}" for n in range(1, len(FORGED) + 3)} <= house.shown()
        await reset(house.parts.stores, ALEX)
        await house.say("Begin with mark90")
        assert house.shown() == {"mark90"}


@EMBEDDED
async def test_a_head_that_is_none_of_the_owners_is_not_gone_on_from(open_house: Open) -> None:
    heads: list[Any] = ["forged", None, 5, [], {}, ""]
    async with open_house(extract_turns=100) as house:
        await house.talk(1, 2)
        for number, head in enumerate(heads, 3):
            await write(house, head=head, root=head)
            await house.say(f"Go on to mark{number}")
            assert {f"mark{n}" for n in range(1, number + 1)} == house.shown(), head


@EMBEDDED
async def test_fields_of_any_type_stop_no_turn(open_house: Open) -> None:
    odd: list[Any] = [None, 5, "x", [], {}, [[]], [{"a": 1}], True, "\ud800"]
    fields = (
        "owner",
        "who",
        "generation",
        "buffer_start",
        "borrowed",
        "sent",
        "in_thread",
        "recalled",
        "budget",
    )
    async with open_house(extract_turns=100) as house:
        await house.talk(1, 1)
        for number, value in enumerate(odd, 2):
            await write(house, **dict.fromkeys(fields, value))
            await house.say(f"Go on to mark{number}")
            assert house.shown() == {f"mark{n}" for n in range(1, number + 1)}, value


@EMBEDDED
async def test_a_state_moves_no_thread_to_another_owner(open_house: Open) -> None:
    async with open_house(extract_turns=100) as house:
        await house.talk(1, 2)
        await house.say("I speak of mark7", "e", user="eve")
        await write(house, "e", owner=ALEX.key, who=["alex", "default"],
                    head=(await house.parts.stores.journal.read(ALEX)).refs["t"])  # fmt: skip
        await house.say("And of mark8", "e", user="eve")
        assert house.shown() == {"mark7", "mark8"}
        with pytest.raises(TurnRefused, match="belongs to another"):
            await house.say("And of mark9", "e")
        assert set((await house.parts.stores.journal.read(ALEX)).refs) == {"t"}


@EMBEDDED
async def test_what_another_leaves_on_a_thread_is_not_said_by_its_owner(open_house: Open) -> None:
    async with open_house(extract_turns=100) as house:
        await house.talk(1, 1)
        for stamp in FORGED.values():
            with pytest.raises(TurnRefused):
                await house.graph.ainvoke(
                    {"messages": [forged("I like mark9", stamp), HumanMessage("mark9")]},
                    house.config(),
                    context={"user_id": "eve"},
                )
        await house.say("Go on to mark2")
        assert house.shown() == {"mark1", "mark2"} and len(await messages(house)) == 4


@EMBEDDED
async def test_a_message_too_large_for_any_turn_leaves_the_thread_with_the_turn(
    open_house: Open,
) -> None:
    async with open_house(message_bytes=20_000) as house:
        await house.talk(1, 1)
        for text in ("x" * 30_000, "word " * 3_500):
            await write(house, messages=[forged(text, {"waiting": ALEX.key, "at": AT})])
            with pytest.raises(TurnRefused, match=r"smaller parts|tokens"):
                await house.say("Go on to mark2")
            assert len(await messages(house)) == 2
        await house.say("Go on to mark3")
        assert house.shown() == {"mark1", "mark3"}


@EMBEDDED
async def test_more_messages_than_a_turn_may_bring_leave_the_thread_with_the_turn(
    open_house: Open,
) -> None:
    many = [HumanMessage("Hi") for _ in range(MOST_MESSAGES)]
    async with open_house() as house:
        await house.talk(1, 1)
        await write(house, messages=many)
        with pytest.raises(TurnRefused, match="1,001 messages"):
            await house.say("Go on to mark2")
        with pytest.raises(TurnRefused, match="1,001 messages"):
            await house.graph.ainvoke(
                {"messages": [*many, HumanMessage("And mark3")]},
                house.config(),
                context={"user_id": "alex"},
            )
        await house.say("Go on to mark4")
        assert house.shown() == {"mark1", "mark4"} and len(await messages(house)) == 4


@EMBEDDED
async def test_ids_of_clients_are_kept_apart_from_ours(open_house: Open) -> None:
    async with open_house(extract_turns=100) as house:
        for number in range(1, 5):
            await house.graph.ainvoke(
                {"messages": [HumanMessage(f"I speak of mark{number}", id="")]},
                house.config(),
                context={"user_id": "alex"},
            )
        view = await house.parts.stores.journal.read(ALEX)
        ids = [said.id for turn in view.turns.values() for said in turn.messages]
        assert len(ids) == len(set(ids)) == 8 and "" not in ids
        both = [HumanMessage("I have a cat", id=""), HumanMessage("And a dog", id="")]
        await house.graph.ainvoke(
            {"messages": both}, house.config("both"), context={"user_id": "alex"}
        )
        view = await house.parts.stores.journal.read(ALEX)
        said = view.turns[view.refs["both"]].messages
        assert [one.text for one in said][:2] == ["I have a cat", "And a dog"]
        taken = next(iter(view.turns.values())).messages[0].id
        await house.graph.ainvoke(
            {"messages": [HumanMessage("I speak of mark5", id=taken)]},
            house.config("u"),
            context={"user_id": "alex"},
        )
        view = await house.parts.stores.journal.read(ALEX)
        (other,) = (turn for turn in view.turns.values() if turn.thread == "u")
        assert len(view.turns) == 6 and other.messages[0].text == "I speak of mark5"


@EMBEDDED
async def test_a_thread_without_digests_opens_as_it_was(open_house: Open) -> None:
    async with open_house(fold_turns=4, extract_turns=100) as house:
        await house.talk(1, 6)
        assert await house.episodes()
        before = await messages(house)
        undigested = []
        for message in before:
            stamp = {k: v for k, v in message.additional_kwargs[STAMP].items() if k != DIGEST}
            plain = without_stamp(message)
            plain.additional_kwargs[STAMP] = stamp
            undigested.append(plain)
        await write(house, messages=undigested)
        await house.say("Go on to mark7")
        assert house.shown() == {f"mark{n}" for n in range(1, 8)}
        after = await messages(house)
        assert [(m.id, m.text, turn_id(m)) for m in after[: len(before)]] == [
            (m.id, m.text, turn_id(m)) for m in before
        ]
        assert all(message.additional_kwargs[STAMP][DIGEST] for message in after)


@EMBEDDED
async def test_a_message_changed_in_place_says_again_what_was_said(open_house: Open) -> None:
    async with open_house(extract_turns=100) as house:
        await house.talk(1, 2)
        first = (await messages(house))[0]
        await write(house, messages=[first.model_copy(update={"content": "I never said mark9"})])
        await house.say("Go on to mark3")
        assert house.shown() == {"mark1", "mark2", "mark3"}
        assert (await messages(house))[0].text == first.text


@EMBEDDED
async def test_what_lives_only_while_a_run_lasts_cannot_be_written(open_house: Open) -> None:
    within: dict[str, Any] = {
        "origin": {"owner": ["alex", "default"]}, "schedule": {"fold": None}, "prompt": 5,
        "memories": 3, "draft": 1, "answered": True, "refusal": "No.", "folded": "x",
    }  # fmt: skip
    async with open_house() as house:
        await house.talk(1, 2)
        for number, node in enumerate(["__start__", "locate", "generate", "finish"], 3):
            await house.graph.aupdate_state(house.config(), within, as_node=node)
            await house.talk(number, number)
            assert house.shown() == {f"mark{n}" for n in range(1, number + 1)}, node
