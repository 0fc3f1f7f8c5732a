"""Without a language model the user's own statements are kept as they were said, and no more."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.facts.extraction import Extraction, Source
from domain.facts.facts import apply
from models.offline.facts import extract_offline

SAID = datetime(2023, 5, 10, 14, 30, tzinfo=UTC)
NOW = SAID + timedelta(days=365)


def messages(*texts: str) -> list[Source]:
    return [
        Source(ref=f"turn{day}/0", text=text, at=SAID + timedelta(days=day))
        for day, text in enumerate(texts)
    ]


def extract(*texts: str) -> Extraction:
    return extract_offline(messages(*texts))


def stated(*texts: str) -> list[str]:
    return [fact.text for fact in extract(*texts).facts if fact.op == "add"]


def forgotten(*texts: str) -> list[str]:
    return [fact.text for fact in extract(*texts).facts if fact.op == "forget"]


@pytest.mark.parametrize(
    "said",
    [
        "I live in Boston.", "My sister Anna is a nurse.", "I'm 34", "We don't eat meat.",
        'I love "The Hobbit".', "Ich wohne in Berlin.", "Je n'aime pas le café.",
        "Vivo en Madrid.", "Moro no Porto.", "Abito a Roma.", "Ik woon in Utrecht.",
        "Mieszkam w Krakowie.", "Berlin'de yaşıyorum.", "Я живу в Берлине.", "أنا أعيش في برلين.",
        "मैं बर्लिन में रहता हूँ।", "我住在柏林。", "ベルリンに住んでいます。", "저는 베를린에 살아요.",
    ],
)  # fmt: skip
def test_a_statement_is_kept_as_it_was_said(said: str) -> None:
    assert stated(said) == [said]


@pytest.mark.parametrize(
    "said",
    [
        "Where do I live?", "If I lived in Paris I would be happy.", "I wish I lived in Rome.",
        "Imagine I am a king and I live in Camelot.", "Write a story where I am a pirate.",
        "Tell me a joke about my dog.", "> I live in Rome", "```\nI live in a codebase\n```",
        'My boss said "I live in Rome and I hate it there".',
        "User: I live in Paris\nBot: I do not",
        "Dear John,\nI am leaving you.\nI live in Rome now.\nI am happy.\nMary",
        "The weather is nice.", "Anna lives in Berlin.", "ok", "", "🙂", "I'm fine, thanks!",
        "Wo wohne ich?", "Wenn ich in Paris wohnte, wäre ich froh.", "我住在柏林吗？",
        "ベルリンに住んでいますか",
    ],
)  # fmt: skip
def test_questions_suppositions_orders_code_quotations_and_pasted_text_are_passed_over(
    said: str,
) -> None:
    assert stated(said) == []


@pytest.mark.parametrize(
    "said",
    [
        "Non mangio carne.", "Suono il flauto.", "Faço kitesurf.",
        "Kerään postimerkkejä.", "Граю на бандурі.",
    ],
)  # fmt: skip
def test_a_statement_without_i_is_kept_where_its_language_may_be_one_that_leaves_it_out(
    said: str,
) -> None:
    assert stated(said) == [said]


@pytest.mark.parametrize(
    "said", ["I'll move to Rome, if you pay me.", "I would quit, if she asked.", "I quit, if only."]
)
def test_a_condition_behind_a_statement_is_one(said: str) -> None:
    assert stated(said) == []


def test_what_stands_beside_a_quotation_or_code_is_kept() -> None:
    assert stated("I am vegan.\n\n```\nI = 1\n```\nI live in Oslo.") == [
        "I am vegan.",
        "I live in Oslo.",
    ]


def test_equal_statements_are_one_fact_with_all_its_sources() -> None:
    said = messages("I live in Boston.", "i live in  Boston", "I live in Denver.")
    facts = apply(extract_offline(said).facts, {s.ref: s for s in said}, [], NOW)
    assert [fact.sources for fact in facts] == [("turn0/0", "turn1/0"), ("turn2/0",)]


def test_a_wish_to_forget_names_what_and_is_no_statement() -> None:
    texts = ("I like tea.", "Please forget that I am pregnant. I live in Rome.")
    assert (stated(*texts), forgotten(*texts)) == (
        ["I like tea.", "I live in Rome."],
        ["that i am pregnant"],
    )


@pytest.mark.parametrize(
    "said",
    [
        "Forget my diagnosis, I do not want people to know I have HIV.",
        "Vergiss meine Adresse, ich will nicht mehr am Zolaweg gefunden werden.",
    ],
)
def test_why_something_is_to_be_forgotten_is_no_statement(said: str) -> None:
    assert stated(said) == [] and forgotten(said)


@pytest.mark.parametrize("said", ["No problem.", "In French.", "Исправь ошибки в тексте."])
def test_a_remark_is_no_statement(said: str) -> None:
    assert stated(said) == []


def test_what_a_message_takes_back_is_its_own_last_statement_or_what_was_said_before() -> None:
    joke = "I like tea. I live in Boston. Just kidding!"
    assert (stated(joke), forgotten(joke)) == (["I like tea."], ["I live in Boston."])
    texts = ("I like tea.", "I live in Boston.", "Actually, ignore that, I was joking.")
    assert (stated(*texts), forgotten(*texts)) == (["I like tea.", "I live in Boston."], [""])


def test_a_question_or_a_remark_that_is_taken_back_takes_no_statement_with_it() -> None:
    assert forgotten("I like tea.", "Can you find me a recipe? Actually, forget it.") == []
    joke = "I like tea. Leo is a jerk. Just kidding!"
    assert (stated(joke), forgotten(joke)) == (["I like tea."], ["Leo is a jerk."])


def test_a_joke_takes_back_the_statement_and_not_what_was_asked_since() -> None:
    said = "I robbed a bank in Oslo."
    for since in ("Can you find me a lawyer?", "Recommend a lawyer in Rome.", ""):
        for back in ("Just kidding!", "Forget what I just told you.", "I lied."):
            text = f"{said} {since} {back}"
            assert (stated(text), forgotten(text)) == ([], [said]), text


@settings(max_examples=30)
@given(st.text(max_size=200))
def test_whatever_is_written_a_fact_is_a_piece_of_it(text: str) -> None:
    tidy = " ".join(text.split())
    for fact in extract(text).facts:
        assert fact.op == "forget" or fact.text in tidy
