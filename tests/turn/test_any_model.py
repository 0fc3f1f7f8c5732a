"""Whatever chat model there is: strict or sloppy, small or chatty, a turn ends well with it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage

from domain.owner import Owner
from models.errors import ContextTooLong, EmptyReply, MalformedReply, ModelError
from nodes.messages.refusal import TurnRefused
from nodes.state import ChatContext
from tests.support.deep import deep
from tests.support.house import House, Open, answer, is_reply, message_in
from tests.support.servers.openai_server import Behaviour, Body, Fault, Reply, Structured

pytestmark = pytest.mark.parametrize("backend", [{}], ids=["embedded"])

LONG = "and some more words " * 30


def roles(body: Body) -> list[str]:
    return [message["role"] for message in body["messages"]]


def strict(system: bool) -> Callable[[Body], Behaviour]:
    """Answer as a server does whose template refuses neighbours of one role, or a system role."""

    def answered(body: Body) -> Behaviour:
        said = roles(body)
        if said[0] == "system":
            if not system:
                return Fault(400, "System role not supported at row 1, column 5")
            said = said[1:]
        if said != ["user", "assistant"] * (len(said) // 2) + ["user"] * (len(said) % 2):
            return Fault(400, "Conversation roles must alternate user/assistant/user/...")
        return answer(body)

    return answered


@pytest.mark.parametrize("system", [True, False], ids=["strict", "no-system"])
async def test_strict_templates_answer_every_turn(open_house: Open, system: bool) -> None:
    async with open_house(fold_turns=5, extract_turns=3) as house:
        house.server.default = strict(system)
        for number in range(1, 13):
            result = await house.say(f"Let us speak of mark{number} now")
            assert result["messages"][-1].text == f"Reply to Let us speak of mark{number} now."
            assert result["budget"]["total"] <= result["budget"]["limit"]
        refused = [body for body in house.server.requests if "system" in roles(body)]
        assert system or len(refused) == 1, "a refusal is learned once"
        assert await house.episodes()
        assert "You remember earlier conversations" in house.prompt()


async def test_why_a_template_refuses_reaches_the_user(open_house: Open) -> None:
    reason = "Only even numbers of messages are taken"
    source = "{% for message in messages %}" + "x" * 900
    said = f"Jinja Exception in {source}: {{{{ raise_exception('{reason}') }}}}"
    async with open_house() as house:
        house.server.default = lambda body: Fault(400, said)
        with pytest.raises(Exception, match=reason):
            await house.say("Hello mark1")


def small(window: int, says: str) -> Callable[[Body], Behaviour]:
    """Answer as a server does that reads so many words and says it in its own way."""

    def answered(body: Body) -> Behaviour:
        words = sum(len(str(message["content"]).split()) for message in body["messages"])
        if words * 2 > window:
            return Fault(400, says.format(sent=words * 2, window=window))
        return answer(body)

    return answered


TOO_LONG = [
    "request ({sent} tokens) exceeds the available context size ({window} tokens), try increasing",
    "This model's maximum context length is {window} tokens. However, you requested {sent} tokens",
    "prompt is too long: {sent} tokens > {window} maximum",
    "the context length was exceeded",
]


@pytest.mark.parametrize("says", [TOO_LONG[0], *map(deep, TOO_LONG[1:])])
async def test_after_one_refusal_for_length_no_turn_fails(open_house: Open, says: str) -> None:
    async with open_house(fold_turns=100, fold_at=0.5, extract_turns=100) as house:
        house.server.default = small(1500, says)
        lacking: list[str] = []
        for number in range(1, 21):
            result = await house.say(f"mark{number} {LONG}")
            lacking += [note for note in result["degraded"] if note.startswith("context:")]
        refused = [body for body in house.server.requests if is_reply(body)]
        assert len(refused) - 20 <= 4, "the limit is learned in a few tries"
        if "{window}" in says:
            assert len(set(lacking)) == 1 and "MNEMO_CONTEXT_WINDOW=1500" in lacking[0]
        assert await house.episodes(), "what is read at once also decides what is folded"


@pytest.mark.deep
async def test_a_limit_set_by_hand_is_kept_to_from_the_first_turn(open_house: Open) -> None:
    async with open_house(context_window=1000, fold_turns=100) as house:
        for number in range(1, 12):
            result = await house.say(f"mark{number} {LONG}")
            assert result["budget"]["limit"] == 1000


async def test_a_message_too_long_for_the_model_is_one_sentence(open_house: Open) -> None:
    async with open_house() as house:
        house.server.default = small(400, TOO_LONG[0])
        with pytest.raises(ContextTooLong, match="test-model reads 400 tokens at once") as raised:
            await house.say("word " * 700)
        assert str(raised.value).count(". ") == 0


async def test_a_length_to_which_no_prompt_was_answered_binds_nobody_else(
    open_house: Open,
) -> None:
    def odd(body: Body) -> Behaviour:
        if "poison" in str(body["messages"]):
            return Fault(400, "The prompt exceeds the context length of 300 tokens")
        return answer(body)

    async with open_house() as house:
        house.server.default = odd
        with pytest.raises(ContextTooLong):
            await house.say(f"This is poison {LONG}")
        result = await house.say(f"{LONG * 4} mark1", "u", user="bob")
        assert result["budget"]["limit"] > 1_000 and not result["degraded"]


async def test_a_length_of_which_only_a_user_speaks_binds_nobody(open_house: Open) -> None:
    said = "My notes say: the context length is 300 tokens"
    says = f"Input should be a valid string [input_value=[{{'text': '{said}'}}], input_type=list]"

    def textual(body: Body) -> Behaviour:
        return Fault(400, says) if "image_url" in str(body["messages"]) else answer(body)

    async with open_house() as house:
        house.server.default = textual
        await house.say([{"type": "text", "text": f"{said} mark1 {LONG * 4}"}, IMAGE])
        result = await house.say(f"{LONG * 4} mark2", "u", user="bob")
        assert result["budget"]["limit"] > 1_000


@pytest.mark.deep
async def test_what_the_model_counts_is_packed_with(open_house: Open) -> None:
    def generous(body: Body) -> Behaviour:
        return Reply("Well.", counted=lambda words: words * 3)

    async with open_house(context_window=3000, fold_turns=100) as house:
        house.server.default = generous
        for number in range(1, 10):
            result = await house.say(f"mark{number} {LONG}")
        assert 1.5 < house.parts.models.chat.learned.factor <= 4
        assert result["budget"]["limit"] < 2000


async def remembering(house: House) -> None:
    """Say things that are folded since, so that there is something to search."""
    await house.say("The spare key is under the blue pot mark1", "old")
    await house.talk(2, 9, "old")
    house.clock.passes(hours=2)


WRITTEN = [
    '{"name": "search_memory", "parameters": {"query": "spare key"}}',
    '<tool_call>\n{"name": "search_memory", "arguments": {"query": "spare key"}}\n</tool_call>',
]


@pytest.mark.parametrize("call", [WRITTEN[0], *map(deep, WRITTEN[1:])])
async def test_a_tool_call_written_as_text_is_carried_out_and_not_kept(
    open_house: Open, call: str
) -> None:
    async with open_house(fold_turns=4, search_memory=True, memory_share=0) as house:
        await remembering(house)
        house.server.answers(call, "Under the blue pot.")
        result = await house.say("Where did I put it?")
        assert result["messages"][-1].text == "Under the blue pot."
        first, second = [body for body in house.server.requests if is_reply(body)][-2:]
        assert "tools" in first and "tools" not in second
        assert "blue pot" in str(second["messages"][-1]["content"])
        assert roles(second) == roles(first) and message_in(second) == "Where did I put it?"
        assert not any("search_memory" in message.text for message in result["messages"])
        await house.say("And now?")
        assert "tools" not in house.server.requests[-1], "it is not offered tools again"


async def test_half_a_character_in_a_search_ends_no_turn(open_house: Open) -> None:
    async with open_house(fold_turns=4, search_memory=True, memory_share=0) as house:
        await remembering(house)
        call = ("search_memory", {"query": "spare key \ud83d"})
        house.server.answers(Reply(None, tool_calls=(call,)), "Under the blue pot.")
        result = await house.say("Where did I put it?")
        assert result["messages"][-1].text == "Under the blue pot."


async def test_a_call_that_cannot_be_read_is_asked_about_without_tools(open_house: Open) -> None:
    async with open_house(fold_turns=4, search_memory=True) as house:
        await remembering(house)
        house.server.answers("<function-name>search_memory", "I do not know.")
        result = await house.say("Where did I put it?")
        assert result["messages"][-1].text == "I do not know."


async def test_a_model_that_goes_on_writing_calls_is_asked_plainly_and_answers(
    open_house: Open,
) -> None:
    async with open_house(fold_turns=4, search_memory=True) as house:
        await remembering(house)
        house.server.answers(*[WRITTEN[0]] * 3, "I do not know.")
        result = await house.say("Where did I put it?")
        assert result["messages"][-1].text == "I do not know."
        assert "tools" not in house.server.requests[-1]


async def test_a_model_that_writes_nothing_but_calls_ends_in_a_sentence_and_is_offered_no_tools(
    open_house: Open,
) -> None:
    async with open_house(fold_turns=4, search_memory=True) as house:
        await remembering(house)
        for _ in range(2):
            house.server.answers(*[WRITTEN[0]] * 4)
            with pytest.raises(MalformedReply, match="keeps calling tools"):
                await house.say("Where did I put it?")
        assert "tools" not in house.server.requests[-1]
        state = await house.graph.aget_state(house.config())
        assert "search_memory" not in str(state.values["messages"])


async def test_a_model_that_goes_on_calling_tools_is_asked_plainly_and_answers(
    open_house: Open,
) -> None:
    async with open_house(fold_turns=4, search_memory=True, search_memory_calls=2) as house:
        await remembering(house)
        call = ("search_memory", {"query": "spare key"})
        house.server.answers(*[Reply(None, tool_calls=(call,))] * 8, "Under the pot.")
        result = await house.say("Where did I put it?")
        assert result["messages"][-1].text == "Under the pot."
        last = house.server.requests[-1]
        assert "tools" not in last and "tool" not in roles(last)
        assert not any(getattr(message, "tool_calls", None) for message in result["messages"])


async def test_markup_left_beside_a_real_call_takes_no_tool_away(open_house: Open) -> None:
    async with open_house(fold_turns=4, search_memory=True, memory_share=0) as house:
        await remembering(house)
        call = ("search_memory", {"query": "spare key"})
        house.server.answers(Reply("<tool_call>", tool_calls=(call,)), "Under the blue pot.")
        result = await house.say("Where did I put it?")
        assert result["messages"][-1].text == "Under the blue pot."
        asked = [body for body in house.server.requests if is_reply(body)]
        assert "blue pot" in str(asked[-1]["messages"][-1]["content"])
        house.server.answers("Fine.")
        await house.say("And now?")
        assert "tools" in [body for body in house.server.requests if is_reply(body)][-1]


@pytest.mark.parametrize("thought", ["<reflection>What now?</reflection>", ""])
async def test_a_reply_that_says_nothing_is_asked_for_once_more(
    open_house: Open, thought: str
) -> None:
    async with open_house() as house:
        house.server.answers(thought, "Hello!")
        result = await house.say("Hello mark1")
        assert result["messages"][-1].text == "Hello!" and "What now" not in str(result["messages"])
        assert len(house.server.requests) == 2
        house.server.answers(thought, WRITTEN[0], "Well.")
        assert (await house.say("And now?"))["messages"][-1].text == "Well."
        house.server.answers(thought, thought)
        with pytest.raises(EmptyReply):
            await house.say("Still there, mark2?")


SPOKEN_OF = [
    "My recall is called search_memory: it looks up older turns.",
    "```python\ndef search_memory(query):\n    return index.find(query)\n```",
    '<tool_call>\n{"name": "x"}\n</tool_call>\nis how Hermes does it.',
    "I'd wrap it in a <function_call> element, that's all :)",
    '{"query": {"match": {"title": "dog"}}}',
]


@pytest.mark.parametrize("offered", [True, False])
async def test_a_reply_that_speaks_of_calls_is_a_reply(open_house: Open, offered: bool) -> None:
    async with open_house(search_memory=offered) as house:
        if offered:
            await house.talk(1, 3, "old")
        for number, text in enumerate(SPOKEN_OF, 5):
            house.server.forget()
            house.server.default = answer
            house.server.answers(text)
            result = await house.say(f"How do models call tools, mark{number}?")
            assert result["messages"][-1].text == text
            assert [("tools" in body) for body in house.server.requests][:1] == [offered]
            assert len([body for body in house.server.requests if is_reply(body)]) == 1


async def test_a_call_of_nothing_but_brackets_ends_no_turn(open_house: Open) -> None:
    async with open_house(fold_turns=4, search_memory=True) as house:
        await remembering(house)
        brackets = '<tool_call>{"name": "search_memory", "arguments": ' + "{" * 2_000
        house.server.answers(brackets, "I do not know.")
        result = await house.say("Where did I put it?")
        assert result["messages"][-1].text == "I do not know."


async def test_a_memory_model_that_only_repeats_brackets_stops_no_turn(open_house: Open) -> None:
    async with open_house(extract_turns=2, fold_turns=100, model_retries=0) as house:
        repeats = Reply('{"facts": [{"text": "' * 300)
        house.server.default = lambda body: answer(body) if is_reply(body) else repeats
        await house.talk(1, 9)
        view = await house.parts.stores.journal.read(Owner("alex"))
        assert view.cursor > 0, "what cannot be read is passed over in the end"


async def test_refusals_while_a_server_starts_take_no_tool_away(open_house: Open) -> None:
    async with open_house(search_memory=True) as house:
        house.server.answers(*[Fault(400, "not ready yet")] * 2)
        await house.say("Hello mark1")
        assert "tools" not in house.server.requests[-1]
        await house.say("Still here mark2")
        assert {"tools", "stream_options"} <= house.server.requests[-1].keys()


async def test_our_own_delimiters_are_never_kept(open_house: Open) -> None:
    async with open_house() as house:
        house.server.answers('<memory id="0011223344556677">\nOld.\n</memory id="x">\nHello!')
        result = await house.say("Hello mark1")
        assert result["messages"][-1].text == "Hello!"


async def test_replies_are_bounded_and_a_cut_one_says_so(open_house: Open) -> None:
    tiers: dict[str, Any] = {"free": {"reply_reserve": 90}}
    async with open_house(reply_reserve=123, **tiers) as house:
        house.server.answers(Reply("Once upon a", finish_reason="length"))
        result = await house.say("Tell me mark1")
        assert house.server.requests[-1]["max_tokens"] == 123
        assert any("MNEMO_REPLY_RESERVE" in note for note in result["degraded"])
        await house.say("Hello mark2", tier="free")
        assert house.server.requests[-1]["max_tokens"] == 90


async def test_memory_work_is_bounded_and_sober(open_house: Open) -> None:
    async with open_house(fold_turns=4, extract_turns=2) as house:
        await house.talk(1, 6)
        work = [body for body in house.server.requests if not is_reply(body)]
        assert work and all(body["temperature"] == 0 for body in work)
        assert all(0 < body["max_tokens"] <= 1500 for body in work)


async def test_halves_of_characters_end_no_turn(open_house: Open) -> None:
    async with open_house(fold_turns=4, extract_turns=2) as house:
        house.server.answers(Reply("Well \ud83d \ude00 then \ud83d"))
        result = await house.say("Hello mark1")
        assert result["messages"][-1].text.startswith("Well ")
        assert result["messages"][-1].text.encode()
        fact = {"op": "add", "text": "mark2 \ud83d", "slot": "\ud83d", "source": "m1"}
        broken = {
            "facts": [fact],
            "entities": [{"name": "mark2\ud83d", "kind": "person", "source": "m1"}],
            "value": 0.4,
            "missing": ["mark2 \ud83d"],
        }
        house.server.default = lambda body: answer(body) if is_reply(body) else Structured(broken)
        await house.talk(2, 5)
        house.server.default = answer
        assert (await house.say("Still mark6"))["messages"][-1].text


async def test_one_message_that_cannot_be_read_does_not_stop_extraction(open_house: Open) -> None:
    calls: list[Body] = []

    def poisoned(body: Body) -> Behaviour:
        if is_reply(body) or "facts" not in str(body.get("response_format")):
            return answer(body)
        calls.append(body)
        if "poison" in str(body["messages"][-1]["content"]):
            return Reply("", finish_reason="content_filter")
        return answer(body)

    async with open_house(extract_turns=4, fold_turns=100) as house:
        house.server.default = poisoned
        await house.talk(1, 3)
        await house.say("This is poison mark4")
        lacking = (await house.say("Let us speak of mark5 now"))["degraded"]
        assert any("1 message" in note for note in lacking), lacking
        view = await house.parts.stores.journal.read(Owner("alex"))
        assert view.cursor == 5 and len(calls) <= 2 * house.parts.settings.fold_attempts


@pytest.mark.parametrize("said", ["**Facts**\n- The user is allergic to nuts. (m1)", "facts: none"])
async def test_of_a_model_that_never_fills_in_a_form_the_users_own_sentences_are_kept(
    open_house: Open, said: str
) -> None:
    async with open_house(extract_turns=2, fold_turns=100) as house:
        house.server.default = lambda body: answer(body) if is_reply(body) else Reply(said)
        lacking: list[str] = []
        for text in ("I am allergic to nuts.", "My sister Ida has two cats.", "Hi!", "Hello!"):
            lacking += (await house.say(text))["degraded"]
        view = await house.parts.stores.journal.read(Owner("alex"))
        facts = await house.parts.stores.memories.facts(Owner("alex"), view.generation)
        kept = {fact.text for fact in facts}
        assert {"I am allergic to nuts.", "My sister Ida has two cats."} <= kept
        assert any("cannot read" in note for note in lacking), lacking


async def test_what_a_model_overlooks_the_users_own_sentences_stand_in_for(
    open_house: Open,
) -> None:
    async with open_house(extract_turns=2, fold_turns=100) as house:
        await house.say("I am allergic to nuts. I live in Bergen.")
        await house.say("My sister Ida has two cats.")
        view = await house.parts.stores.journal.read(Owner("alex"))
        facts = await house.parts.stores.memories.facts(Owner("alex"), view.generation)
        assert any("nuts" in fact.text for fact in facts)


@pytest.mark.parametrize(
    "noted", ["Please forget that I am allergic to nuts.", "The user is allergic to nuts.", None]
)
async def test_a_wish_to_forget_that_a_model_overlooks_is_obeyed(
    open_house: Open, noted: str | None
) -> None:
    def careless(body: Body) -> Behaviour:
        if is_reply(body) or "facts" not in str(body.get("response_format")):
            return answer(body)
        found = re.search(r"(m\d+) \([^)]*\): Please forget", str(body["messages"][-1]["content"]))
        facts = [{"text": noted, "source": found[1]}] if found and noted else []
        return Structured({"facts": facts, "entities": []})

    async with open_house(extract_turns=4, fold_turns=100) as house:
        house.server.default = careless
        for text in ("I am allergic to nuts.", "Hi!", "Who are you?", "What is new?"):
            await house.say(text)
        for text in ("Who am I?", "Well?", "So?", "Please forget that I am allergic to nuts."):
            await house.say(text)
        view = await house.parts.stores.journal.read(Owner("alex"))
        facts = await house.parts.stores.memories.facts(Owner("alex"), view.generation)
        assert not [fact.text for fact in facts if "nuts" in fact.text and not fact.deleted]
        await house.say("Tell me of me")
        assert "allergic" not in house.prompt()


async def test_where_a_model_overlooks_most_they_stand_beside_what_it_noted(
    open_house: Open,
) -> None:
    said = ["I am allergic to nuts.", "My sister Ida has two cats.", "I play the cello."]
    one = {"text": "The user plays the cello.", "source": "m3"}

    def lazy(body: Body) -> Behaviour:
        if is_reply(body) or "facts" not in str(body.get("response_format")):
            return answer(body)
        return Structured({"facts": [one], "entities": []})

    async with open_house(extract_turns=3, fold_turns=100) as house:
        house.server.default = lazy
        for text in said:
            await house.say(text)
        view = await house.parts.stores.journal.read(Owner("alex"))
        facts = await house.parts.stores.memories.facts(Owner("alex"), view.generation)
        assert {fact.text for fact in facts} == {*said[:2], one["text"]}


IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/pets/cat.png"}}
UNNAMED = {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,/9j/4AAQ"}}


async def test_an_image_reaches_the_model_once_and_leaves_a_note(open_house: Open) -> None:
    async with open_house() as house:
        await house.say([{"type": "text", "text": "Who is this, mark1?"}, IMAGE])
        sent = house.server.requests[-1]["messages"][-1]["content"]
        assert IMAGE in sent
        await house.say("And mark2?")
        assert "[image: cat.png]" in house.prompt() and "example.com" not in house.prompt()
        await house.say([{"type": "text", "text": "And mark3?"}, UNNAMED])
        view = await house.parts.stores.journal.read(Owner("alex"))
        said = [turn.messages[0].text for turn in view.turns.values()]
        assert "Who is this, mark1?\n[image: cat.png]" in said and "And mark3?\n[image]" in said


async def test_a_model_that_takes_no_images_gets_the_note(open_house: Open) -> None:
    def blind(body: Body) -> Behaviour:
        if "image_url" in str(body["messages"]):
            return Fault(400, "image input is not supported - hint: provide the mmproj")
        return Reply("I see.")

    async with open_house() as house:
        house.server.default = blind
        for number in range(2):
            result = await house.say([{"type": "text", "text": f"Look mark{number}"}, IMAGE])
            assert result["messages"][-1].text == "I see."
            assert result["degraded"] == ["images: left out, test-model did not take them"]
        asked = house.server.requests
        assert len(asked) == 3 and "[image: cat.png]" in str(asked[-1]["messages"][-1])


@pytest.mark.parametrize(
    "refusal",
    [
        Fault(400, "maximum context length is 8192 tokens. However, you requested 12000 tokens"),
        Fault(413, "Request Entity Too Large"),
    ],
    ids=["named", "unnamed"],
)
async def test_an_image_too_large_for_the_model_is_left_out_and_shortens_nothing(
    open_house: Open, refusal: Fault
) -> None:
    def seeing(body: Body) -> Behaviour:
        return refusal if "image_url" in str(body["messages"]) else answer(body)

    async with open_house() as house:
        limit = (await house.say(f"mark1 {LONG}"))["budget"]["limit"]
        house.server.default = seeing
        result = await house.say([{"type": "text", "text": "Who is this, mark2?"}, IMAGE])
        assert result["messages"][-1].type == "ai" and "images: left out" in str(result["degraded"])
        assert "[image: cat.png]" in house.prompt()
        assert (await house.say("And mark3?"))["budget"]["limit"] == limit
        assert house.parts.models.chat.learned.factor < 2


async def test_a_turn_that_failed_leaves_no_note_of_its_image_to_others(open_house: Open) -> None:
    async with open_house() as house:
        house.server.answers(Fault(400, "context length is 8192 tokens, got 9000"), Fault(500))
        with pytest.raises(ModelError):
            await house.say([{"type": "text", "text": "Who is this, mark1?"}, IMAGE])
        assert not (await house.say("Hello mark2", "u", user="bob"))["degraded"]


@pytest.mark.parametrize(
    "says",
    [
        "You uploaded an unsupported image. Make sure your image is valid.",
        "Could not process image: does not support animated GIF",
        "Image format not supported",
    ],
)
async def test_an_image_that_is_refused_for_what_it_is_blinds_nobody(
    open_house: Open, says: str
) -> None:
    bad = {"type": "image_url", "image_url": {"url": "data:image/png;base64,!"}}

    def seeing(body: Body) -> Behaviour:
        if "base64,!" in str(body["messages"]):
            return Fault(400, says)
        return answer(body)

    async with open_house() as house:
        house.server.default = seeing
        result = await house.say([bad, {"type": "text", "text": "Who is this, mark1?"}])
        assert result["messages"][-1].type == "ai" and "images: left out" in str(result["degraded"])
        await house.say([{"type": "text", "text": "And this, mark2?"}, IMAGE], "u", user="eve")
        assert IMAGE in house.server.requests[-1]["messages"][-1]["content"]


ODD_PARTS: list[dict[str, Any]] = [
    {"type": "media", "mime_type": "image/png", "data": "AAAA"},
    {"type": ["image"], "text": "x"},
    {"type": "image_url", "image_url": {"url": "http://[::1"}},
    {"type": "file", "file": {"filename": "broken \ud83d name", "file_data": "aGk="}},
    {"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": "aGk="}},
    {"type": "image", "mime_type": ["a"], "data": {"b": "\ud83d"}},
    {"type": 7},
    {},
]


@pytest.mark.parametrize("part", ODD_PARTS, ids=range(len(ODD_PARTS)))
async def test_an_odd_part_is_taken_or_refused_in_one_sentence(
    open_house: Open, part: dict[str, Any]
) -> None:
    async with open_house() as house:
        for content in ([part], [{"type": "text", "text": "Look here, mark1"}, part]):
            try:
                result = await house.say(content)
            except (TurnRefused, ModelError) as refused:
                assert "\n" not in str(refused)
            else:
                assert result["messages"][-1].type == "ai"
        await house.say("Go on to mark2")
        assert "mark2" in house.shown()


BROKEN = {
    "a word of a feature": "CUDA error in function forward",
    "several": "temperature sensor of GPU; max_tokens reached; system prompt cache lost",
    "a length": "This model's maximum context length is 4096 tokens, your request has 4100 tokens",
}


@pytest.mark.parametrize("says", BROKEN.values(), ids=BROKEN)
async def test_a_reply_that_breaks_off_once_it_is_shown_is_not_asked_for_again(
    open_house: Open, says: str
) -> None:
    async with open_house(search_memory=True, model_retries=0) as house:
        await house.talk(1, 3, "old")
        house.server.forget()
        house.server.answers(Reply("I will tell you", error_event={"message": says, "code": 400}))
        seen: list[str] = []
        with pytest.raises(ModelError):
            await streamed(house, "Hello mark4", seen)
        assert "".join(seen).strip() == "I will tell you" and len(house.server.requests) == 1
        assert (await house.say("Still there, mark5?"))["messages"][-1].text


async def test_what_a_model_thinks_aloud_is_not_its_reply(open_house: Open) -> None:
    async with open_house() as house:
        house.server.answers("<think>What to say? Oh well.</think>\nHello!")
        result = await house.say("Hello mark1")
        assert result["messages"][-1].text == "Hello!"
        assert "What to say" not in str(result["messages"])


async def streamed(house: House, text: str, parts: list[str] | None = None) -> list[str]:
    """Say something, and return the parts in which the reply is shown."""
    parts = [] if parts is None else parts
    said: Any = {"messages": [HumanMessage(text)]}
    async for part, _ in house.graph.astream(
        said,
        house.config(),
        context=ChatContext(user_id="alex"),
        stream_mode="messages",
    ):
        if isinstance(part, AIMessageChunk) and part.text:
            parts.append(part.text)
    return parts


async def test_thinking_of_which_only_the_end_is_marked_is_not_the_reply(open_house: Open) -> None:
    """The template opened it in the prompt: while the first reply streams nothing tells it."""
    async with open_house() as house:
        for number in range(2):
            house.server.answers("The user greets. What to say?</think>\n\nHello again!")
            result = await house.say(f"Hello mark{number}")
            assert result["messages"][-1].text == "Hello again!"
        assert "The user greets" not in str(result["messages"])
        house.server.answers("The user greets. What to say?</think>\n\nHello again!")
        assert "".join(await streamed(house, "Hello mark3")).strip() == "Hello again!"


async def test_a_model_that_thinks_no_more_is_streamed_again(open_house: Open) -> None:
    async with open_house() as house:
        house.server.answers("The user greets.</think>\n\nHello!", "Hello, and that is all.")
        await house.talk(1, 2)
        house.server.answers("Hello, in more parts than one, as it should be said.")
        assert len(await streamed(house, "Hello mark3")) > 1
