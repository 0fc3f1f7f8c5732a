"""Any OpenAI client gets memory: what its SDK sends is a conversation that is remembered."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from langchain_openai import ChatOpenAI
from openai import BadRequestError, NotFoundError

from domain.histories import matching_turn
from domain.owner import Owner
from tests.support.house import answer, is_reply
from tests.support.servers.openai_server import Behaviour, Body, Fault, OpenAIServer, Reply
from tests.support.servers.served import OpenServed, Served, open_served

__all__ = ["open_served"]

User = dict[str, str]


def said(text: str) -> User:
    return {"role": "user", "content": text}


def replied(text: str) -> User:
    return {"role": "assistant", "content": text}


def always(behaviour: Behaviour) -> Callable[[Body], Behaviour]:
    """Answer whoever wants a reply like this; do the memory's work as ever."""

    def by_kind(body: Body) -> Behaviour:
        memory = "response_format" in body or "Summar" in str(body["messages"])
        return answer(body) if memory else behaviour

    return by_kind


async def ask(served: Served, *messages: Any, **more: Any) -> str:
    """Send messages by OpenAI's own client, as user alex, and return the reply."""
    async with served.openai() as client:
        completed = await client.chat.completions.create(
            model="default",
            messages=list(messages),
            user="alex",
            **more,
        )
    return str(completed.choices[0].message.content)


async def refs(served: Served) -> dict[str, str]:
    return (await served.serving.parts.stores.journal.read(Owner("alex"))).refs


def prompt(server: OpenAIServer) -> str:
    """Return the text of the last prompt that asked for a reply."""
    body = [body for body in server.requests if is_reply(body)][-1]
    return "\n".join(str(message["content"]) for message in body["messages"])


async def test_a_client_that_sends_its_whole_history_stays_on_one_thread(
    open_served: OpenServed,
) -> None:
    async with open_served() as served:
        served.model.default = always(Reply("I see."))
        first = await ask(served, said("My dog is called Biscuit."))
        second = await ask(served, said("My dog is called Biscuit."), replied(first), said("Hm."))
        history = [said("My dog is called Biscuit."), replied(first), said("Hm."), replied(second)]
        await ask(served, *history, said("And now?"))
        assert len(await refs(served)) == 1
        assert prompt(served.model).count("My dog is called Biscuit.") == 1


async def test_a_history_with_an_image_stays_on_one_thread(open_served: OpenServed) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
    look: Any = {"role": "user", "content": [{"type": "text", "text": "Who is this?"}, image]}
    async with open_served() as served:
        served.model.default = always(Reply("A cat."))
        await ask(served, look)
        await ask(served, look, replied("A cat."), said("And now?"))
        assert len(await refs(served)) == 1


async def test_what_was_said_is_remembered_across_threads(open_served: OpenServed) -> None:
    async with open_served() as served:
        await ask(served, said("My dog is called Biscuit."))
        await ask(served, said("What is my dog called?"))
        assert len(await refs(served)) == 2
        assert "Biscuit" in prompt(served.model)


async def test_two_conversations_that_begin_alike_lose_nothing(open_served: OpenServed) -> None:
    async with open_served() as served:
        served.model.default = always(Reply("Hello!"))
        await ask(served, said("Hi"))
        await ask(served, said("Hi"), replied("Hello!"), said("I keep bees."))
        await ask(served, said("Hi"))
        await ask(served, said("Hi"), replied("Hello!"), said("I sail boats."))
        for _ in range(2):  # Both have begun before either goes on.
            await ask(served, said("Ho"))
        for text in ("I grow figs.", "I mend clocks."):
            await ask(served, said("Ho"), replied("Hello!"), said(text))
        kept = await served.client.get("/memory/alex/default/transcript")
        texts = [m["text"] for turn in kept.json()["items"] for m in turn["messages"]]
        assert {"I keep bees.", "I sail boats.", "I grow figs.", "I mend clocks."} <= set(texts)


async def test_a_history_that_nobody_knows_becomes_turns_of_its_thread(
    open_served: OpenServed,
) -> None:
    async with open_served() as served:
        history = [said("I keep bees."), replied("How many hives?"), said("Three."), replied("Ah.")]
        await ask(served, *history, said("Go on."), extra_headers={"X-Thread-Id": "mine"})
        kept = await served.client.get("/memory/alex/default/transcript")
        assert len(kept.json()["items"]) == 3
        assert "I keep bees." in prompt(served.model)


@pytest.mark.parametrize("shown", ["{}", "{} Sources: a.pdf"])
async def test_a_history_that_another_model_went_on_with_is_no_second_one(
    open_served: OpenServed, shown: str
) -> None:
    async with open_served() as served:
        history: list[Any] = []
        for text in ("I keep bees.", "I sail boats."):
            reply = await ask(served, *history, said(text))
            history += [said(text), replied(shown.format(reply))]
        other = [said("Say moo."), replied("Moo, says another model.")]
        await ask(served, *history, *other, said("Go on."))
        told = [turn[0] for turn in await transcript(served)]
        assert told == ["I keep bees.", "I sail boats.", "Say moo.", "Go on."]


@pytest.mark.parametrize(
    ("sent", "shown"), [("{}", "{} Sources: a.pdf"), ("Found in a.pdf: {}", "{}")]
)
async def test_a_client_that_changes_what_it_sends_back_stays_on_one_thread(
    open_served: OpenServed, sent: str, shown: str
) -> None:
    """Front ends add sources to replies, and show a question without the file around it."""
    async with open_served(fold_turns=3) as served:
        history: list[User] = []
        hens = [f"I keep hen {number}." for number in range(1, 7)]
        for hen in hens:
            reply = await ask(served, *history, said(sent.format(hen)))
            history += [said(hen), replied(shown.format(reply))]
        await ask(served, said(hens[0]), replied("Elsewhere."), said("I sail boats."))
        begun = [turn[0] for turn in await transcript(served)]
        assert begun == [*map(sent.format, hens), hens[0], "I sail boats."]


async def test_users_and_threads_of_very_long_names_are_told_apart(
    open_served: OpenServed,
) -> None:
    async with open_served() as served:
        for end in ("ann", "bob"):
            for name in ("X-OpenWebUI-User-Id", "user"):
                long = f"{name}{'u' * 900}{end}"
                body = {"model": "default", "messages": [said(f"I am {end}.")]} | {name: long}
                headers = {name: long, "X-Thread-Id": f"{'t' * 900}{end}"}
                url = "/v1/chat/completions"
                assert (await served.client.post(url, json=body, headers=headers)).is_success
                kept = await served.client.get(f"/memory/{long}/default/transcript")
                assert [t["messages"][0]["text"] for t in kept.json()["items"]] == [f"I am {end}."]
                assert ("ann" in prompt(served.model)) == (end == "ann")


async def test_a_parameter_that_is_null_counts_as_left_out(open_served: OpenServed) -> None:
    async with open_served() as served:
        left_out: Any = dict.fromkeys(("stream", "stream_options", "n", "user", "tools", "stop"))
        body = {"model": "default", "messages": [said("Hello.")], **left_out}
        answer = await served.client.post("/v1/chat/completions", json=body)
        assert answer.json()["choices"][0]["message"]["content"] == "Reply to Hello.."


async def test_what_is_not_sent_as_json_is_told_how_to(open_served: OpenServed) -> None:
    async with open_served() as served:
        for url in ("/v1/chat/completions", "/chat/alex/default"):
            text = json.dumps({"model": "default", "message": "Hi.", "messages": [said("Hi.")]})
            answer = await served.client.post(url, content=text)
            assert "application/json" in answer.text and answer.is_client_error


async def test_the_clients_system_message_is_the_persona_of_the_turn(
    open_served: OpenServed,
) -> None:
    async with open_served() as served:
        await ask(served, {"role": "system", "content": "You are Captain Ahab."}, said("Hello."))
        assert "You are Captain Ahab." in prompt(served.model)
        await ask(served, said("Hello again."))
        assert "Ahab" not in prompt(served.model)


async def test_a_stream_ends_with_usage_and_done(open_served: OpenServed) -> None:
    async with open_served() as served, served.openai() as client:
        stream = await client.chat.completions.create(
            model="default",
            messages=[{"role": "user", "content": "Hello there."}],
            stream=True,
            stream_options={"include_usage": True},
        )
        parts = [part async for part in stream]
        text = "".join(part.choices[0].delta.content or "" for part in parts if part.choices)
        assert text.startswith("Reply to")
        assert parts[-1].usage is not None and parts[-1].usage.prompt_tokens > 0
        assert parts[-2].choices[0].finish_reason == "stop"


async def test_langchains_client_holds_a_conversation(open_served: OpenServed) -> None:
    async with open_served() as served:
        model = ChatOpenAI(base_url=f"{served.url}/v1", api_key="none", model="default")
        await model.ainvoke("My dog is called Biscuit.")
        await model.ainvoke("What is my dog called?")
        assert "Biscuit" in prompt(served.model)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"n": 2}, '"n"'),
        (
            {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required"},
            '"tool_choice"',
        ),
    ],
)
async def test_what_cannot_be_honoured_is_named(
    open_served: OpenServed, more: dict[str, Any], named: str
) -> None:
    async with open_served() as served:
        with pytest.raises(BadRequestError, match=named):
            await ask(served, said("Hello."), **more)


async def test_a_client_that_asks_for_another_route_is_told_which_ones_there_are(
    open_served: OpenServed,
) -> None:
    async with open_served() as served, served.openai() as client:
        with pytest.raises(NotFoundError, match="set your client to chat completions"):
            await client.responses.create(model="default", input="My dog is called Biscuit.")
        with pytest.raises(NotFoundError, match="/v1/chat/completions"):
            await client.embeddings.create(model="default", input="My dog is called Biscuit.")


async def test_a_character_that_is_not_there_is_a_model_that_is_not_there(
    open_served: OpenServed, tmp_path: Any
) -> None:
    file = tmp_path / "characters.toml"
    file.write_text('[ada]\nname = "Ada"\npersona = "You are Ada."\nmodel = "large"\n')
    async with open_served(characters_file=file) as served, served.openai() as client:
        assert [model.id async for model in client.models.list()] == ["ada"]
        assert (await client.models.retrieve("ada")).id == "ada"
        assert (await client.get("/models/", cast_to=httpx.Response)).json()["data"]
        with pytest.raises(NotFoundError, match="use one of ada"):
            await client.models.retrieve("a/b")
        with pytest.raises(NotFoundError, match="ada"):
            await ask(served, said("Hello."))
        await client.chat.completions.create(
            model="ada", messages=[{"role": "user", "content": "Hello."}]
        )
        assert "You are Ada." in prompt(served.model)
        assert served.model.requests[-1]["model"] == "large"
        assert (await served.client.post("/chat/alex/mira", json={"message": "Hello."})).is_success
        assert served.model.requests[-1]["model"] == "test-model"


TITLE = """### Task:
Generate a concise, 3-5 word title with an emoji summarizing the chat history.
### Chat History:
<chat_history>
USER: My dog is called Biscuit.
</chat_history>"""


async def test_what_a_front_end_asks_for_itself_is_answered_and_not_remembered(
    open_served: OpenServed,
) -> None:
    async with open_served() as served:
        served.model.default = always(Reply('{"title": "A dog"}'))
        assert await ask(served, said(TITLE)) == '{"title": "A dog"}'
        assert await refs(served) == {}


FOUND = """### Task:
Respond to the user query using the provided context, incorporating inline citations.
<context>
<source id="1" name="lease.pdf">The rent is 900 euros. USER: <chat_history></source>
</context>
"""


async def test_a_first_message_with_a_file_is_its_users_and_remembered(
    open_served: OpenServed,
) -> None:
    async with open_served() as served:
        await ask(served, said(f"{FOUND}My landlord is called Olga. What is the rent?"))
        assert len(await refs(served)) == 1
        assert "900 euros" in prompt(served.model)


async def test_what_a_front_end_found_and_sends_as_a_system_message_is_told_and_not_remembered(
    open_served: OpenServed,
) -> None:
    """As Open WebUI does with RAG_SYSTEM_CONTEXT=true."""
    async with open_served() as served:
        web: Any = {"extra_headers": WEB_CHAT}
        question = said("My landlord is called Olga. What is the rent?")
        first = await ask(served, {"role": "system", "content": FOUND}, question, **web)
        assert "900 euros" in prompt(served.model)
        await ask(served, question, replied(first), said("Thanks."), **web)
        assert "900 euros" not in prompt(served.model)
        assert [turn[0] for turn in await transcript(served)] == [question["content"], "Thanks."]


async def test_what_a_front_end_asks_for_itself_counts_as_its_users(
    open_served: OpenServed,
) -> None:
    bound = {"context_budget": 6000, "tokens_per_day": 30}
    async with open_served(plus=bound) as served:
        served.model.default = always(Reply('{"title": "A dog"}'))
        body = {"model": "default", "messages": [said(TITLE)]}
        answer = await served.client.post("/v1/chat/completions", json=body)
        usage = answer.json()["usage"]
        spent = (await served.client.get("/memory/local/default/ledger")).json()
        assert (spent["tokens_in"], spent["tokens_out"]) == (
            usage["prompt_tokens"],
            usage["completion_tokens"],
        )
        assert (await served.client.post("/v1/chat/completions", json=body)).status_code == 429


async def test_an_error_of_the_model_is_an_error_in_openais_form(open_served: OpenServed) -> None:
    async with open_served() as served:
        served.model.default = always(Fault(401))
        refused = await served.client.post(
            "/v1/chat/completions", json={"model": "default", "messages": [said("Hello.")]}
        )
        assert refused.status_code == 503
        assert set(refused.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"model": "default", "messages": [said("Hello.")]}),
        ("/chat/ann/default", {"message": "Hello."}),
    ],
)
async def test_a_client_is_told_how_long_the_provider_asks_to_wait(
    open_served: OpenServed, path: str, body: dict[str, object]
) -> None:
    async with open_served() as served:
        served.model.default = always(Fault(429, headers={"retry-after": "61.5"}))
        refused = await served.client.post(path, json=body)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "62")


@pytest.mark.parametrize("named", [{"thread_id": "t"}, {}], ids=["named", "first"])
async def test_a_client_that_leaves_stops_the_model_and_its_message_is_kept(
    open_served: OpenServed, named: dict[str, str]
) -> None:
    async with open_served(max_turns=1) as served:
        served.model.default = always(Reply("word " * 200, delay=0.05))
        body = {"message": "I keep bees.", "stream": True} | named
        async with served.client.stream("POST", "/chat/alex/default", json=body) as stream:
            async for line in stream.aiter_lines():
                if line == "event: token":
                    break
        async with asyncio.timeout(60), served.serving.turns:
            pass  # The one place for turns is free again.
        served.model.default = always(Reply("Fine."))
        await served.client.post("/chat/alex/default", json={"message": "Hm."} | named)
        assert "I keep bees." in prompt(served.model)


async def test_a_second_message_on_a_thread_that_answers_waits_or_is_refused(
    open_served: OpenServed,
) -> None:
    for wait, statuses in ((0.0, [200, 409]), (30.0, [200, 200])):
        async with open_served(thread_wait=wait) as served:
            served.model.default = always(Reply("one two three", delay=0.1))
            body = {"message": "Hello.", "thread_id": f"t{wait}"}
            both = await asyncio.gather(
                *(served.client.post("/chat/alex/default", json=body) for _ in range(2))
            )
            assert sorted(answer.status_code for answer in both) == statuses


async def test_more_turns_than_there_are_places_are_told_when_to_come_back(
    open_served: OpenServed,
) -> None:
    async with open_served(max_turns=1) as served:
        served.model.default = always(Reply("one two three", delay=0.1))
        answers = await asyncio.gather(
            *(served.client.post(f"/chat/user{n}/default", json={"message": "Hi"}) for n in (1, 2))
        )
        assert sorted(answer.status_code for answer in answers) == [200, 429]
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert int(refused.headers["retry-after"]) >= 1


async def test_server_sent_events_bring_words_then_what_was_recalled_then_the_budget(
    open_served: OpenServed,
) -> None:
    async with open_served() as served:
        await served.client.post("/chat/alex/default", json={"message": "My dog is Biscuit."})
        streamed = await served.client.post(
            "/chat/alex/default", json={"message": "My dog?", "new": True, "stream": True}
        )
        lines = streamed.text.splitlines()
        names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
        assert list(dict.fromkeys(names)) == ["thread", "token", "recalled", "budget", "done"]
        last = json.loads(streamed.text.rstrip().rpartition("data: ")[2])
        assert last["error"] is None and last["reply"]


def test_a_history_without_turns_matches_nothing() -> None:
    assert matching_turn({}, [("Hi", "Hello!")]) is None
    assert matching_turn({}, []) is None


async def test_a_client_says_where_its_user_is(open_served: OpenServed) -> None:
    def hours(clock: str) -> float:
        hour, minute = clock.split(":")
        return int(hour) + int(minute) / 60

    async with open_served() as served:
        shown = []
        for more in (
            {"extra_body": {"timezone": "Asia/Kolkata"}},
            {"extra_headers": {"X-Timezone": "Asia/Kathmandu"}},
        ):
            await ask(served, said("What time is it?"), **more)
            day = next(line for line in prompt(served.model).splitlines() if "Today is" in line)
            shown.append(hours(day.split(", ")[-1][:5]))
        assert 0.2 <= (shown[1] - shown[0]) % 24 <= 0.35, "a quarter of an hour apart"
        with pytest.raises(BadRequestError, match='There is no time zone "Mars/Phobos"'):
            await ask(served, said("And now?"), extra_body={"timezone": "Mars/Phobos"})


async def test_several_people_are_kept_apart_whichever_way_they_speak(
    open_served: OpenServed,
) -> None:
    async with open_served() as served:
        for name, text in (("Ann", "I like tea."), ("Bob", "I like coffee.")):
            named = {"role": "user", "content": text, "name": name}
            request = {"model": "default", "user": "alex", "messages": [named]}
            await served.client.post("/v1/chat/completions", json=request)
        body = {"message": "What do we like?", "name": "Cleo"}
        await served.client.post("/chat/alex/default", json=body)
        shown = await served.client.get("/memory/alex/default/transcript")
        assert all(name in shown.text for name in ("Ann", "Bob", "Cleo"))
        assert "Ann: I like tea." in prompt(served.model)
        assert "Bob: I like coffee." in prompt(served.model)


async def test_a_name_is_read_of_who_speaks_now_and_any_model_answers_where_none_is_set_up(
    open_served: OpenServed,
) -> None:
    async with open_served() as served:
        for name, status in (("a" * 65, 400), (["Ann"], 400), (7, 400), ("Ann", 200)):
            messages = [
                {"role": "user", "content": "Hello.", "name": {"odd": 1}},
                {"role": "assistant", "content": "Hello!", "name": 5},
                {"role": "tool", "content": "12", "name": "t" * 90},
                {"role": "user", "content": "I like tea.", "name": name},
            ]
            request = {"model": "default", "user": "alex", "messages": messages}
            answer = await served.client.post("/v1/chat/completions", json=request)
            assert answer.status_code == status, answer.text
        for name, status in (("default", 200), ("gpt-x", 200), ("x" * 600, 400)):
            assert (await served.client.get(f"/v1/models/{name}")).status_code == status


WEB_CHAT = {"X-OpenWebUI-Chat-Id": "060d3545-c8ee-4d10-b1b5-22b80593dcac"}
OFFERED: Any = [
    {
        "type": "function",
        "function": {
            "name": "get_current_timestamp",
            "description": "Get the current Unix timestamp in seconds.",
            "parameters": {"properties": {}, "type": "object"},
        },
    }
]
"""What Open WebUI offers with every message, here one of many."""


async def transcript(served: Served) -> list[list[str]]:
    kept = await served.client.get("/memory/alex/default/transcript")
    return [[m["text"] for m in turn["messages"]] for turn in kept.json()["items"]]


async def test_a_message_edited_or_answered_anew_takes_the_place_until_one_goes_back(
    open_served: OpenServed,
) -> None:
    async with open_served() as served:
        web: Any = {"extra_headers": WEB_CHAT, "tools": OFFERED}
        first = await ask(served, said("I live in Boston."), **web)
        head = [said("I live in Boston."), replied(first)]
        bees = await ask(served, *head, said("I keep bees."), **web)
        await ask(served, *head, said("I sail boats."), **web)
        assert [turn[0] for turn in await transcript(served)] == [
            "I live in Boston.",
            "I sail boats.",
        ]
        head += [said("I keep bees."), replied(bees)]
        await ask(served, *head, said("Twelve hives."), **web)
        assert [turn[0] for turn in await transcript(served)][1:] == [
            "I keep bees.",
            "Twelve hives.",
        ]
        await ask(served, said("I live in Denver."), **web)
        assert "Boston" not in prompt(served.model) and "boats" not in prompt(served.model)
        again = await ask(served, said("I live in Denver."), **web)
        await ask(served, said("I live in Denver."), replied(again), said("Hm."), **web)
        assert [turn[0] for turn in await transcript(served)] == ["I live in Denver.", "Hm."]


@pytest.mark.parametrize("named", [True, False])
async def test_a_message_edited_later_than_checkpoints_are_kept_takes_the_place_in_a_named_chat(
    open_served: OpenServed, named: bool
) -> None:
    async with open_served(checkpoint_turns=2, fold_turns=3) as served:
        served.model.default = always(Reply("I see."))
        web: Any = {"extra_headers": WEB_CHAT if named else {}}
        history: list[User] = []
        for number in range(1, 9):
            text = said(f"I keep bee number {number}.")
            history += [text, replied(await ask(served, *history, text, **web))]
        edited = [*history[:4], said("I sail boats.")]
        edited.append(replied(await ask(served, *edited, **web)))
        await ask(served, *edited, said("Hm."), **web)
        bees = [f"I keep bee number {number}." for number in range(1, 3 if named else 9)]
        assert [turn[0] for turn in await transcript(served)] == [*bees, "I sail boats.", "Hm."]
        assert len(await refs(served)) == (1 if named else 2)


@pytest.mark.deep
async def test_what_another_models_tools_said_is_left_out(open_served: OpenServed) -> None:
    async with open_served() as served:
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        called = {"role": "assistant", "content": None, "tool_calls": [call]}
        result = {"role": "tool", "tool_call_id": "c", "content": "17 degrees"}
        history = [said("How warm is it?"), called, result, replied("It is 17 degrees.")]
        await ask(served, *history, said("I see."), tools=OFFERED)
        assert await transcript(served) == [
            ["How warm is it?", "It is 17 degrees."],
            ["I see.", "Reply to I see.."],
        ]


@pytest.mark.parametrize("header", ["X-Thread-Id", "X-LibreChat-Conversation-Id", None])
async def test_what_a_client_sends_again_by_itself_is_said_once(
    open_served: OpenServed, header: str | None
) -> None:
    named: Any = {"extra_headers": {header: "t"}} if header else {}
    async with open_served(model_retries=0) as served, served.openai() as client:
        history: list[Any] = []
        for text in ("I keep bees.", "I sail boats.", "I keep bees."):
            served.model.answers(Fault(503), Fault(503))
            messages: list[Any] = [*(history if header != "X-Thread-Id" else []), said(text)]
            completed = await client.with_options(max_retries=2).chat.completions.create(
                model="default", user="alex", messages=messages, **named
            )
            history += [said(text), replied(completed.choices[0].message.content or "")]
        told = [turn[:-1] for turn in await transcript(served)]
        assert told == [["I keep bees."], ["I sail boats."], ["I keep bees."]]


@pytest.mark.deep
async def test_what_was_not_answered_is_not_said_twice(open_served: OpenServed) -> None:
    async with open_served() as served:

        def sent(chat: str, *messages: User, stream: bool = False) -> dict[str, Any]:
            body = {"model": "default", "user": "alex", "messages": messages, "stream": stream}
            return {"json": body, "headers": {"X-OpenWebUI-Chat-Id": chat}}

        url = "/v1/chat/completions"
        bees, boats = said("I keep bees."), said("I sail boats.")
        for messages in ([bees], [bees, replied("I see."), boats]):
            served.model.default = always(Fault(401))
            assert (await served.client.post(url, **sent("a", *messages))).status_code == 503
            served.model.default = always(Reply("I see."))
            more = [said("Often.")] if boats in messages else []
            await served.client.post(url, **sent("a", *messages, *more))
            assert prompt(served.model).count(messages[-1]["content"]) == 1

        served.model.default = always(Reply("word " * 200, delay=0.05))
        paint = said("I paint.")
        async with served.client.stream("POST", url, **sent("b", paint, stream=True)) as stream:
            async for line in stream.aiter_lines():
                if "word" in line:
                    break
        served.model.default = always(Reply("I see."))
        await served.client.post(url, **sent("b", paint, replied("word word"), said("Go on.")))
        assert prompt(served.model).count("I paint.") == 1
        assert [turn[0] for turn in await transcript(served)][-2:] == ["I paint.", "Go on."]
