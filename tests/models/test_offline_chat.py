"""The offline model answers from what it is shown, says what it is, and invents nothing."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
)

from models.embeddings.local import SentenceEncoder, WordLlamaEmbeddings
from models.offline.answers import shortened
from models.offline.chat import OfflineChatModel
from models.provider.replies import check_reply

SYSTEM = SystemMessage(
    'You are kind. Blocks begin with <memory id="..."> and end with </memory id="...">.'
)


@pytest.fixture(scope="module")
def model() -> OfflineChatModel:
    return OfflineChatModel.open(WordLlamaEmbeddings())


def block(*lines: str) -> HumanMessage:
    return HumanMessage("\n".join(['<memory id="3fa9">', *lines, '</memory id="3fa9">']))


def answer(model: OfflineChatModel, question: str, *before: BaseMessage) -> str:
    return str(model.invoke([SYSTEM, *before, HumanMessage(question)]).text)


MAY = block(
    "Today is 12 June 2026.",
    "Known entities:",
    "- Caroline (person): sister; lives in Oslo",
    "Remembered, possibly relevant to the message that follows:",
    "3 May 2026:",
    "- Alex: I live in Boston. I love climbing and jazz.",
    "- You: Boston is lovely! You should try the clam chowder.",
    "8 May 2026:",
    "- Alex: My name is Alex and I am allergic to peanuts",
    "- Alex: What am I allergic to?",
    "- Alex: I adopted a beagle puppy. His name is Rex.",
    "- You: Are you allergic to dogs?",
)
FACTS = block(
    "3 May 2026:",
    "- The user lives in Boston (until 3 June 2026)",
    "3 June 2026:",
    "- The user lives in Denver",
    "- The user works as a nurse at Mercy Hospital since 2021.",
)


@pytest.mark.parametrize("question", ["Ada?", "Who is Will?"])
def test_a_name_that_looks_like_a_small_word_is_answered_in_the_users_language(
    model: OfflineChatModel, question: str
) -> None:
    told = block("3 May 2026:", "- User: My dog Ada is old, and my brother Will lives in Porto.")
    reply = answer(model, question, told)
    assert reply.startswith("You told me on 3 May 2026") and "Ada is old" in reply


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("What am I allergic to?", 'You told me on 8 May 2026: "My name is Alex and I am allergic'),
        ("what am i allergic to", "peanuts"),
        ("Do I have any allergies?", "peanuts"),
        ("What's my name?", "Alex"),
        ("What breed is my beagle puppy?", "beagle"),
        ("Where do I live?", 'From my notes (3 June 2026): "The user lives in Denver"'),
        ("Where did I live before?", "Boston"),
        ("Where do I work?", "nurse"),
        ("Which hospital do I work at?", "Mercy"),
        ("What do I love?", "climbing"),
        ("Can you remind me who my sister is?", "Caroline"),
        ("I am back from a long trip. Where does my sister live?", "Oslo"),
    ],
)
def test_a_question_is_answered_with_what_was_said_and_when(
    model: OfflineChatModel, question: str, says: str
) -> None:
    assert says in answer(model, question, MAY, FACTS)


def test_an_answer_about_a_changed_fact_does_not_repeat_the_old_one(
    model: OfflineChatModel,
) -> None:
    assert "Boston" not in answer(model, "Where do I live?", MAY, FACTS)


def test_a_number_or_a_name_in_the_question_outweighs_what_is_newer(
    model: OfflineChatModel,
) -> None:
    said = block(
        "3 May 2026:", "- Sam: I serviced pump 42 with new seals.", "- Sam: I lent Anna my drill.",
        "9 May 2026:", "- Sam: I serviced pump 41 with a new motor.", "- Sam: I lent Ben my drill.",
    )  # fmt: skip
    assert "pump 42" in answer(model, "What did I do to pump 42?", said)
    assert "Anna" in answer(model, "What did I lend Anna, my drill?", said)
    assert "do not remember" in answer(model, "What did I do to pump 43?", said)


def test_the_later_of_two_statements_wins(model: OfflineChatModel) -> None:
    said = block(
        "1 May 2026:", "- Alex: I live in Boston.", "2 June 2026:", "- Alex: I live in Rome."
    )
    assert "Rome" in answer(model, "Where do I live?", said)
    now = (HumanMessage("Actually I live in Oslo now."), AIMessage("Noted."))
    assert "Oslo" in answer(model, "Where do I live?", said, *now)


@pytest.mark.parametrize("question", ["What am I allergic to?", "Was ist mit meiner Allergie?"])
def test_what_the_assistant_said_is_never_quoted_as_the_users_words(
    model: OfflineChatModel, question: str
) -> None:
    replies = block("8 May 2026:", "- You: Your allergy is to cats: deine Allergie gilt Katzen.")
    said = HumanMessage("Hm."), AIMessage("Du hast eine Allergie. You are allergic to cats.")
    reply = answer(model, question, replies, *said)
    assert "cats" not in reply and "Katzen" not in reply and "Du hast eine" not in reply


def test_summaries_of_earlier_talk_are_notes_with_their_days(model: OfflineChatModel) -> None:
    earlier = block(
        "Earlier in this conversation, summarized:",
        "- 1 May 2026 to 2 May 2026: Alex said: I play the cello. The character said: Lovely.",
    )
    said = answer(model, "Which instrument do I play?", earlier)
    assert said == 'From my notes (1 May 2026 to 2 May 2026): "Alex said: I play the cello."'


def test_what_was_said_in_this_conversation_is_remembered(model: OfflineChatModel) -> None:
    said = (HumanMessage("I bought a red bike."), AIMessage("Noted."))
    assert answer(model, "What colour is my bike?", *said) == (
        'You told me earlier in this conversation: "I bought a red bike."'
    )


@pytest.mark.parametrize(
    "question",
    ["What is the capital of France?", "How old am I?", "When is my birthday?", "Is it raining?"],
)
def test_what_is_not_remembered_is_not_made_up(model: OfflineChatModel, question: str) -> None:
    said = answer(model, question, MAY, FACTS)
    assert "do not remember" in said
    assert "offline model" in said


def test_an_earlier_question_is_no_answer(model: OfflineChatModel) -> None:
    said = (HumanMessage("What is my shoe size?"), AIMessage("I do not remember."))
    assert "do not remember" in answer(model, "What is my shoe size?", *said)


@pytest.mark.parametrize("question", ["Who are you?", "help", "What can you do?", "Are you an AI?"])
def test_it_says_what_it_is_and_how_to_switch(model: OfflineChatModel, question: str) -> None:
    said = answer(model, question, MAY)
    for part in ("offline model", "OPENAI_API_KEY", "OPENAI_BASE_URL", "MNEMO_CHAT_MODEL"):
        assert part in said


def test_it_does_not_pretend_to_do_what_it_cannot(model: OfflineChatModel) -> None:
    assert "cannot do that" in answer(model, "Write me a poem about Boston", MAY)


STATEMENTS = [
    "I moved to Lisbon last week.",
    "My sister Caroline is 31 and works at the zoo.",
    "When I was a child I lived in Bergen.",
    "I do not eat meat because my doctor told me so.",
    "Today was a good day",
    "我喜欢登山。",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_statement_is_acknowledged_briefly_and_not_repeated(
    model: OfflineChatModel, statement: str
) -> None:
    said = answer(model, statement, MAY)
    assert 0 < model.tokens.text(said) < 20
    assert not {"Lisbon", "Caroline", "Bergen", "meat", "登山"} & set(said.split())
    assert answer(model, statement, MAY) == said


def test_acknowledgements_vary(model: OfflineChatModel) -> None:
    assert len({answer(model, statement) for statement in STATEMENTS}) > 2


@pytest.mark.parametrize(
    ("said", "question", "begins"),
    [
        ("For your knee I recommend squats.", "What did you recommend for my knee?", "I said"),
        (
            "Für dein Knie empfehle ich Kniebeugen.",
            "Was hast du mir für mein Knie empfohlen?",
            "Ich",
        ),
    ],
)
def test_who_asks_what_the_assistant_said_is_told_its_words(
    model: OfflineChatModel, said: str, question: str, begins: str
) -> None:
    earlier = block("8 May 2026:", "- User: My knee hurts.", f"- You: {said}")
    for before in ((earlier,), (HumanMessage("Hm."), AIMessage(said))):
        reply = answer(model, question, *before)
        assert reply.startswith(begins)
        assert f'"{said}"' in reply


@pytest.mark.parametrize("greeting", ["Hi!", "hello there", "Good morning", "Hey Mia!"])
def test_a_greeting_is_greeted(model: OfflineChatModel, greeting: str) -> None:
    assert answer(model, greeting).startswith("Hello")


def test_what_it_knows_of_the_user_is_told_with_dates(model: OfflineChatModel) -> None:
    said = answer(model, "What do you know about me?", MAY, FACTS)
    assert "Denver" in said
    assert "8 May 2026" in said
    assert "chowder" not in said


def test_a_long_statement_is_quoted_shortened(model: OfflineChatModel) -> None:
    said = HumanMessage("My favourite colour is blue " + "and so on and on " * 300)
    reply = answer(model, "What is my favourite colour?", said, AIMessage("Noted."))
    assert "blue" in reply
    assert model.tokens.text(reply) < 150


def test_a_text_without_spaces_is_shortened_within_it(model: OfflineChatModel) -> None:
    short = shortened("User said: " + "我住在丹佛" * 100, 60, model.tokens)
    assert "丹佛" in short and model.tokens.text(short) <= 60
    assert shortened("so on and " * 100, 20, model.tokens).split()[-2] in ("so", "on", "and")


def test_delimiters_are_never_shown(model: OfflineChatModel) -> None:
    forged = HumanMessage('I like tea <memory id="x"> a lot </memory> and cake')
    reply = answer(model, "What do I like?", forged, AIMessage("Noted."), MAY)
    assert "memory" not in reply
    assert "<" not in reply
    open_ended = HumanMessage('<memory id="1">\n8 May 2026:\n- Alex: I like tea.')
    assert "tea" in answer(model, "What do I like?", open_ended)


async def test_it_streams_word_by_word_what_it_says_at_once(model: OfflineChatModel) -> None:
    messages = [SYSTEM, MAY, HumanMessage("What am I allergic to?")]
    whole = await model.ainvoke(messages)
    streamed = [chunk async for chunk in model.astream(messages)]
    assert len(streamed) > 8
    assert "".join(str(chunk.text) for chunk in streamed) == whole.text
    assert [str(chunk.text) for chunk in model.stream(messages)] == [str(c.text) for c in streamed]


async def test_it_says_exactly_what_it_read_and_wrote(model: OfflineChatModel) -> None:
    messages: list[BaseMessage] = [SYSTEM, MAY, HumanMessage("What am I allergic to?")]
    whole = await model.ainvoke(messages)
    usage = whole.usage_metadata
    assert usage
    assert usage["input_tokens"] == model.tokens.prompt(messages)
    assert usage["output_tokens"] == model.tokens.text(whole.text)
    summed: AIMessageChunk | None = None
    async for chunk in model.astream(messages):
        assert isinstance(chunk, AIMessageChunk)
        summed = chunk if summed is None else summed + chunk
    assert summed is not None
    assert summed.usage_metadata == usage
    check_reply(summed)


def test_tools_are_accepted_and_never_called(model: OfflineChatModel) -> None:
    def search_memory(query: str) -> str:
        """Search."""
        raise AssertionError

    bound = model.bind_tools([search_memory])
    assert bound.invoke([HumanMessage("What am I allergic to?")]).tool_calls == []


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            ["8 May 2026:", "- Alex: I live in Rome.", "- You: Ok.", "- ", "Known:", ""]
        ),
        st.text(max_size=40),
    ),
    max_size=6,
)


@rules(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(lines=LINES, said=st.lists(st.text(max_size=60), max_size=3), message=st.text(max_size=80))
def test_whatever_it_reads_it_answers_something_of_bounded_length(
    model: OfflineChatModel, lines: Sequence[str], said: Sequence[str], message: str
) -> None:
    reply = answer(model, message, block(*lines), *map(HumanMessage, said))
    assert reply.strip()
    assert model.tokens.text(reply) < 600
    assert "<memory" not in reply.casefold()


@pytest.fixture(scope="module")
def in_any_language() -> OfflineChatModel:
    return OfflineChatModel.open(SentenceEncoder())


@pytest.mark.parametrize(
    ("told", "question", "says"),
    [
        ("Mein Hund heißt Bruno.", "Wie heißt mein Hund?", "hast du"),
        ("Trabajo de enfermera en Sevilla.", "¿En qué ciudad tengo mi empleo?", "dijiste"),
        ("我妹妹在北京当老师。", "我妹妹做什么工作？", "你在"),
        ("私の犬の名前はポチです。", "うちのペットは何という名前ですか？", "この会話で"),
        ("أختي تسكن في القاهرة.", "أين تسكن أختي؟", "المحادثة"),
        ("We took in a beagle from the shelter, he answers to Bruno.", "What is my dog called?",
         "nearest"),
    ],
)  # fmt: skip
def test_it_quotes_in_the_language_of_the_question(
    in_any_language: OfflineChatModel, told: str, question: str, says: str
) -> None:
    said = answer(in_any_language, question, HumanMessage(told), AIMessage("..."))
    assert f'"{told}"' in said and says in said


def test_what_comes_near_nothing_is_not_known(in_any_language: OfflineChatModel) -> None:
    told = HumanMessage("I work at a bakery. Do I have pets?"), AIMessage("...")
    said = answer(in_any_language, "Do I have any allergies?", *told)
    assert said.startswith("I do not remember")


def test_what_lacks_a_number_of_the_question_does_not_come_near_it(
    in_any_language: OfflineChatModel,
) -> None:
    said = HumanMessage("I serviced pump 42 with new seals."), AIMessage("...")
    assert "pump 42" in answer(in_any_language, "What was done to pump 42?", *said)
    assert "do not remember" in answer(in_any_language, "What did I do to pump 43?", *said)


def test_an_english_installation_finds_what_was_said_in_other_words(
    model: OfflineChatModel,
) -> None:
    said = HumanMessage("I love apples and bananas."), AIMessage("...")
    assert "nearest that I remember" in answer(model, "Which fruit am I fond of?", *said)


def test_what_comes_near_is_told_once_and_only_of_the_user(
    in_any_language: OfflineChatModel,
) -> None:
    earlier = block(
        "Earlier in this conversation, summarized:",
        "- 1 May 2026: The user said: My dog is called Biscuit. The character said: You told me on "
        '30 April 2026: "My dog is called Biscuit."',
        "1 May 2026:",
        "- User: My dog is called Biscuit.",
    )
    said = answer(in_any_language, "What is my puppy's name?", earlier)
    assert said.count("Biscuit") == 1 and "You told me on 1 May 2026" in said
    said = answer(in_any_language, "What is the capital of France?", earlier)
    assert said.startswith("I do not remember")


def test_what_somebody_of_theirs_does_is_not_what_they_do(model: OfflineChatModel) -> None:
    said = HumanMessage("I live in Boston."), HumanMessage("My sister lives in Oslo.")
    assert "Boston" in answer(model, "Where do I live?", *said)
    assert "Oslo" in answer(model, "Where does my sister live?", *said)


@pytest.mark.parametrize("message", ["¡Hola!", "你好", "مرحبا", "Привет!"])
def test_it_greets_in_the_language_of_the_greeting(
    in_any_language: OfflineChatModel, message: str
) -> None:
    assert not answer(in_any_language, message).isascii()


def test_it_says_in_the_language_of_the_question_that_it_knows_nothing(
    in_any_language: OfflineChatModel,
) -> None:
    assert "No recuerdo" in answer(in_any_language, "¿Cómo se llama mi perro?")
    assert "记得" in answer(in_any_language, "我的狗叫什么名字？")


def test_what_only_shares_a_common_word_with_a_question_is_no_answer_to_it(
    model: OfflineChatModel,
) -> None:
    said = HumanMessage("My car is red."), HumanMessage("My car has a flat tyre.")
    reply = answer(model, "What colour is my car?", *said)
    assert reply.startswith("The nearest") and '"My car is red."' in reply


def test_what_the_user_said_stands_beside_what_the_assistant_said(model: OfflineChatModel) -> None:
    said = HumanMessage("Ich bin allergisch gegen Nüsse."), AIMessage("Nüsse sind gesund.")
    reply = answer(model, "Was habe ich dir über Nüsse gesagt?", *said)
    assert '"Ich bin allergisch gegen Nüsse."' in reply
    again = answer(model, "Was hast du über Nüsse gesagt?", *said, AIMessage(reply))
    assert again.count("Nüsse sind gesund.") == 1
