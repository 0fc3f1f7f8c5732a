"""What is searched for meets across scripts, spellings and languages, and names stay apart."""

import pytest

from domain.text.languages import LANGUAGES
from domain.text.questions import asks, asks_for, asks_what_you_said
from domain.text.terms import strong_terms, terms
from domain.text.words import words


def test_every_language_has_its_months_days_and_stop_words() -> None:
    for language in LANGUAGES.values():
        assert (len(language.months), len(language.days)) == (12, 7) and language.stop


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("l'anglais", "anglais"),
        ("İstanbul", "istanbul"),
        ("ＡＢＣ１２３", "abc123"),
        ("cafe\u0301", "caf\u00e9"),
        ("٢٠٢٤", "2024"),
        ("مُحَمَّد", "محمد"),
        ("5月", "May"),
        ("am 3. Mai", "3 May"),
        ("東京に住む", "東京"),
        ("학교에", "학교"),
        ("die Häuser dort", "das Haus dort"),
    ],
)
def test_what_is_written_in_several_ways_meets(one: str, other: str) -> None:
    assert set(terms(one)) & set(terms(other))


@pytest.mark.parametrize(("one", "other"), [("タイキ", "ダイキ"), ("कमल", "कमला")])
def test_names_that_differ_by_marks_stay_apart(one: str, other: str) -> None:
    assert words(one) != words(other)


@pytest.mark.parametrize(
    "text", ["Hola", "Guten Morgen!", "Ça va ?", "谢谢", "Как дела?", "Merhaba", "सुप्रभात", "Dzięki"]
)
def test_small_talk_says_nothing(text: str) -> None:
    assert not strong_terms(text)


@pytest.mark.parametrize(
    "text",
    ["Wo wohne ich?", "¿Dónde trabajo?", "我的狗叫什么名字", "犬の名前は", "Где я работаю?",
     "Köpeğimin adı ne?", "मेरे कुत्ते का नाम क्या है?", "หมาของฉันชื่ออะไร"],
)  # fmt: skip
def test_a_question_of_substance_says_what_it_is_about(text: str) -> None:
    assert strong_terms(text)


def test_what_is_asked_for_is_read_in_each_language() -> None:
    assert asks("Erzähl mir von Lissabon") and not asks("Am Wochenende habe ich gearbeitet")
    assert asks_for("Wann bin ich geboren?", "when") and asks_for("我什么时候搬家?", "when")
    assert asks_for("Can you give me a summary of what happened with the project?", "all")
    assert asks_for("¿Puedes hacerme un resumen?", "all")
    assert asks_what_you_said("What did you recommend for dinner?")
    assert asks_what_you_said("Was hast du mir empfohlen?")
    assert not asks_what_you_said("What did I tell you about my sister?")
    assert not asks_what_you_said("Can you list the topics that I brought up, in order?")
    assert not asks_what_you_said("Could you give me my sister's address?")
    assert not asks_what_you_said("What snacks do you recommend for tonight?")
    assert asks_what_you_said("Can you tell me again what you suggested?")
