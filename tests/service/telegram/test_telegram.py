"""A bot in private chats: what its users see, and what Telegram is asked to do."""

import json
from typing import Any

import pytest

from domain.owner import Owner
from service.telegram import commands
from stores.maintenance.erase import forget
from stores.maintenance.export import export_user, import_user
from tests.service.telegram.conftest import OpenBot
from tests.support.house import is_reply
from tests.support.servers.bot_api import Refusal
from tests.support.servers.openai_server import Fault, Reply

pytestmark = pytest.mark.parametrize("backend", ["embedded"], indirect=True)
CHARACTERS = """
[ada]
name = "Ada"
persona = "You are Ada."
greeting = "Ada here."

[bob]
persona = "You are Bob."
"""


async def test_a_conversation_streams_and_is_shared_with_every_channel(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        bot.model.answers(Reply("Nice to meet you, dear Alex, how are you today?", delay=0.1))
        bot.api.write("I am Alex")
        await bot.api.idle()
        (shown,) = bot.api.chats[7]
        assert shown.text == "Nice to meet you, dear Alex, how are you today?"
        assert len(shown.edits) > 1 and shown.text.startswith(shown.edits[0])
        kinds = [name for name, _ in bot.api.calls]
        assert kinds.index("sendChatAction") < kinds.index("sendMessage")
        owner = Owner("telegram:7")
        thread = await bot.serving.conversation.last_thread(owner)
        assert thread
        elsewhere = bot.serving.conversation.turn(owner, thread, "And mark5 from the web")
        assert [event async for event in elsewhere]
        bot.api.write("Do you know mark6?")
        await bot.api.idle()
        assert await bot.serving.conversation.last_thread(owner) == thread
        said = str(bot.model.requests[-1]["messages"])
        assert "I am Alex" in said and "mark5" in said


@pytest.mark.deep
async def test_users_are_told_apart_and_may_be_known_by_another_id(open_bot: OpenBot) -> None:
    async with open_bot(telegram_users={7: "alex@example.com"}) as bot:
        bot.api.write("I like mark1")
        bot.api.write("Hello", user=8)
        await bot.api.idle()
        assert "private" in bot.api.says(8)[0] and "8" in bot.api.says(8)[0]
        journal = bot.serving.parts.stores.journal
        assert (await journal.read(Owner("alex@example.com"))).turns
        assert not (await journal.read(Owner("telegram:8"))).turns


@pytest.mark.deep
async def test_memory_is_shown_forgotten_exported_and_reset(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        for text in ("I am allergic to peanuts", "My sister lives in Oslo"):
            bot.api.write(text)
        bot.api.write("/help")
        bot.api.write("/facts")
        bot.api.write("/memory")
        bot.api.write("/forget peanuts")
        bot.api.write("What do you know of me?")
        await bot.api.idle()
        _, _, listed, facts, memory, forgotten, _ = bot.api.says()
        assert "/forget" in listed and "telegram:7" in listed
        assert (
            "nothing" in facts and "0 facts, 0 names" in memory and "It is forgotten" in forgotten
        )
        asked = str([body for body in bot.model.requests if is_reply(body)][-1])
        assert "Oslo" in asked and "peanuts" not in asked
        bot.api.write("/export")
        await bot.api.idle()
        lines = (bot.api.chats[7][-1].file or b"").splitlines()
        assert json.loads(lines[0])["user_id"] == "telegram:7" and b"Oslo" in b"".join(lines)
        bot.api.write("/reset")
        await bot.api.idle()
        question = bot.api.chats[7][-1]
        bot.api.press(question, "Forget everything")
        await bot.api.idle()
        assert "Everything is forgotten" in question.text
        owner, journal = Owner("telegram:7"), bot.serving.parts.stores.journal
        assert not (await journal.read(owner)).turns
        bot.api.write("Say mark9")
        await bot.api.idle()
        assert "Oslo" not in str(bot.model.requests[-1])


@pytest.mark.deep
async def test_a_button_that_was_shown_before_a_reset_forgets_nothing_later(
    open_bot: OpenBot,
) -> None:
    async with open_bot() as bot:
        bot.api.write("Say mark1")
        bot.api.write("/reset")
        await bot.api.idle()
        question = bot.api.chats[7][-1]
        first = dict(question.fields)
        bot.api.press(question, "Forget everything")
        bot.api.write("Say mark2")
        await bot.api.idle()
        question.fields = first
        bot.api.press(question, "Forget everything")
        await bot.api.idle()
        assert "already" in question.text
        assert (await bot.serving.parts.stores.journal.read(Owner("telegram:7"))).turns


@pytest.mark.deep
async def test_each_character_has_a_memory_of_its_own(open_bot: OpenBot, tmp_path: Any) -> None:
    (tmp_path / "characters.toml").write_text(CHARACTERS)
    async with open_bot(characters_file=tmp_path / "characters.toml") as bot:
        bot.api.write("/start")
        bot.api.write("Remember mark1")
        bot.api.write("/character")
        await bot.api.idle()
        assert bot.api.says()[0].startswith("Ada here.")
        bot.api.press(bot.api.chats[7][-1], "bob")
        bot.api.write("Remember mark2")
        bot.api.write("/character Ada")
        await bot.api.idle()
        asked = str(bot.model.requests[-1]["messages"])
        assert "You are Bob." in asked and "mark1" not in asked
        assert bot.api.says()[-1] == "Ada here."


@pytest.mark.deep
async def test_a_long_reply_is_split_and_whole(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        words = " ".join(f"{n}😀" for n in range(1500))
        bot.model.answers(Reply(words))
        bot.api.write("Count")
        await bot.api.idle()
        assert len(bot.api.says()) == 3 and " ".join(bot.api.says()) == words


@pytest.mark.deep
async def test_a_photo_is_seen_by_the_model_in_the_largest_size_that_fits(
    open_bot: OpenBot,
) -> None:
    async with open_bot() as bot:
        bot.api.photo("What is mark1?", [b"small", b"s" * 50_000, b"l" * 90_000])
        bot.api.write(None, sticker=None, voice=None, location={"latitude": 1, "longitude": 2})
        await bot.api.idle()
        parts = bot.model.requests[0]["messages"][-1]["content"]
        (image,) = [part for part in parts if part["type"] == "image_url"]
        assert len(image["image_url"]["url"]) // 1000 == 66 and "What is mark1?" in str(parts)
        assert "photos only" in bot.api.says()[1]


@pytest.mark.deep
async def test_telegrams_limits_are_respected_and_a_blocked_bot_is_quiet(
    open_bot: OpenBot, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_bot() as bot:
        bot.api.faults["sendMessage"].append(Refusal(429, "Too Many Requests", retry_after=1))
        bot.api.faults["editMessageText"].append(Refusal(429, "Too Many Requests", retry_after=1))
        bot.api.write("Say mark1")
        await bot.api.idle()
        assert bot.api.says() == ["Reply to Say mark1."]
        bot.api.faults["sendMessage"].append(Refusal(502, "Bad Gateway"))
        bot.api.write("Say mark2")
        await bot.api.idle()
        assert bot.api.says()[1:] == ["Reply to Say mark2."]
        blocked = Refusal(403, "Forbidden: bot was blocked by the user")
        for method in ("sendMessage", "sendChatAction"):
            bot.api.faults[method] += [blocked] * 20
        bot.api.write("Say mark3")
        await bot.api.idle()
        assert len(bot.api.says()) == 2
        bot.api.faults.clear()
        bot.api.write("Say mark4", user=8)
        await bot.api.idle()
        assert bot.api.says(8) == ["Reply to Say mark4."]
        view = await bot.serving.parts.stores.journal.read(Owner("telegram:7"))
        assert len(view.turns) == 3, "what was said stays"
        assert not caplog.records


@pytest.mark.deep
async def test_an_edited_message_is_an_edit_of_its_turn(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        first = bot.api.write("I like mark1")
        bot.api.write("And mark2")
        await bot.api.idle()
        bot.api.edit(first, "I like mark3")
        await bot.api.idle()
        assert bot.api.says()[-1] == "Reply to I like mark3."
        bot.api.edit(first, "I like mark3")
        bot.api.write("What do I like?")
        await bot.api.idle()
        assert len(bot.api.says()) == 4, "what was not changed is not answered again"
        asked = str([body for body in bot.model.requests if is_reply(body)][-1])
        assert "mark3" in asked and "mark1" not in asked and "mark2" not in asked


@pytest.mark.deep
async def test_what_goes_wrong_is_one_sentence(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        bot.model.answers(Fault(500))
        bot.api.write("Say mark1")
        bot.api.write("/unknown")
        bot.api.write("Say mark2")
        await bot.api.idle()
        failed, unknown, reply = bot.api.says()
        assert "failed" in failed and "/help" in unknown and "mark2" in reply
        assert "mark1" in str(bot.model.requests[-1]), "it waited for the next reply"


async def test_a_bug_is_one_sentence_and_what_comes_after_it_is_answered(
    open_bot: OpenBot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    async with open_bot() as bot:
        monkeypatch.setattr(commands, "remembered", broken)
        bot.api.write("/facts")
        bot.api.write("Say mark1")
        await bot.api.idle()
        failed, reply = bot.api.says()
        assert "went wrong" in failed and "mark1" in reply
        assert "a bug" in caplog.text


async def test_hostile_text_is_only_text(open_bot: OpenBot) -> None:
    hostile = (
        "<b onclick=alert(1)>x</b> <script>1</script> [y](javascript:alert) *z* _w_ "
        "\u202eevil\u202c \x1b[31mred\x1b[0m \u2066iso\u2069"
    )
    async with open_bot() as bot:
        bot.model.answers(Reply(hostile))
        bot.api.write(hostile)
        bot.api.write("/memory")
        bot.api.write(f"/character {hostile}")
        await bot.api.idle()
        first = bot.api.chats[7][0]
        assert "<script>1</script>" in first.text and "(javascript:alert)" in first.text
        for shown in bot.api.chats[7]:
            assert "parse_mode" not in shown.fields
            assert shown.fields["link_preview_options"] == {"is_disabled": True}
            assert not set("\x1b\u202e\u202c\u2066\u2069") & set(shown.text)


@pytest.mark.deep
async def test_a_memory_of_100000_characters_is_a_few_lines(open_bot: OpenBot) -> None:
    endless = "mark1 \x1b[31m<b>\u202e" + "long " * 20_000
    async with open_bot(fold_turns=3) as bot:
        for text in ("I like mark1", "I like mark2", "I like mark3"):
            bot.api.write(text)
        await bot.api.idle()
        stores = bot.serving.parts.stores
        lines = [json.dumps(line) async for line in export_user(stores, "telegram:7")]
        grown = [line.replace("I like mark1", json.dumps(endless)[1:-1]) for line in lines]
        assert grown != lines
        await forget(stores, "telegram:7")
        await import_user(stores, [line.encode() for line in grown])
        bot.api.write("What do you know of mark1?")
        bot.api.write("/memory")
        await bot.api.idle()
        memory = bot.api.says()[-1]
        assert "mark1" in memory and len(memory) < 4096
        assert not set("\x1b\u202e") & set(memory)


@pytest.mark.deep
async def test_a_group_is_told_where_the_bot_talks(open_bot: OpenBot) -> None:
    group: dict[str, Any] = {"chat": {"id": -5, "type": "group", "title": "Friends"}}
    async with open_bot() as bot:
        bot.api.write("Hello all", **group)
        bot.api.write("/facts@memory_bot", **group)
        await bot.api.idle()
        (only,) = bot.api.says(-5)
        assert "private chats only" in only and "t.me/memory_bot" in only


@pytest.mark.deep
@pytest.mark.parametrize("token", ["nonsense", "42:another-token-000000000000000000000000"])
async def test_a_token_that_telegram_does_not_know_is_one_sentence(
    open_bot: OpenBot, token: str
) -> None:
    with pytest.raises(Exception, match="BotFather"):
        async with open_bot(telegram_token=token) as bot:
            await bot.task
