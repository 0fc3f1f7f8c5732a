"""What a model noted is kept only where what was said supports it, in any language."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.facts.same_statement import tell
from domain.facts.support import contradicted, supported, turned_around

SUPPORTED = [
    ("The user's sister Ola is allergic to nuts.", ["My sister Ola is allergic to nuts."]),
    ("The user works as a nurse.", ["I'm a nurse."]),
    ("The user lives in Boston.", ["I moved to Boston last week"]),
    ("The user does not eat meat.", ["I don't eat meat, but I love fish."]),
    ("The user loves fish.", ["I don't eat meat, but I love fish."]),
    ("The user loves tea.", ["I don't like coffee but I love tea"]),
    (
        "The user has two children, a boy and a girl.",
        ["Two, a boy and a girl.", "How many children do you have?"],
    ),
    ("Der Nutzer wohnt in Berlin.", ["Ich wohne seit 2019 in Berlin."]),
    ("Der Nutzer isst kein Fleisch.", ["Ich esse kein Fleisch."]),
    ("El usuario tiene dos gatos.", ["Tengo dos gatos."]),
    ("L'utilisateur est allergique aux noix.", ["Je suis allergique aux noix."]),
    ("L'utilisateur n'aime pas le café.", ["Je n'aime pas le café"]),
    ("用户住在柏林。", ["我住在柏林"]),
    ("用户不喝咖啡", ["我不喝咖啡"]),
    ("ユーザーはベルリンに住んでいる。", ["私はベルリンに住んでいます"]),
    ("Пользователь живёт в Берлине.", ["Я живу в Берлине"]),
    ("사용자는 베를린에 산다", ["저는 베를린에 살아요"]),
    ("المستخدم يعيش في برلين", ["أنا أعيش في برلين"]),
    ("Kullanıcı Berlin'de yaşıyor.", ["Berlin'de yaşıyorum"]),
    ("Acme", ["I work at Acme"]),
    ("sister", ["my sister Ola"]),
    ("The user's flat is number 12.", ["my flat is number twelve"]),
    ("उपयोगकर्ता बर्लिन में रहता है", ["मैं बर्लिन में रहता हूँ"]),
    ("Faz kitesurf.", ["Perdi o emprego. Faço kitesurf."]),
    ("Voltou para a casa dos pais.", ["Perdi o emprego e voltei para a casa dos meus pais."]),
    ("The user prefers tea over coffee.", ["I prefer tea over coffee"]),
    ("The user is married.", ["I got married in June"]),
    ("The user's brother-in-law Peter is a doctor.", ["my brother-in-law Peter is a doctor"]),
]
UNSUPPORTED = [
    ("The user is allergic to shellfish.", ["My sister Ola is allergic to nuts."]),
    ("Ola is not allergic to nuts.", ["My sister Ola is allergic to nuts."]),
    ("Barack Obama", ["My sister Ola is allergic to nuts."]),
    ("employer", ["I have a new phone"]),
    ("The user eats meat.", ["I do not eat meat."]),
    ("The user has three cats.", ["I have two cats"]),
    ("Der Nutzer isst Fleisch.", ["Ich esse kein Fleisch."]),
    ("Der Nutzer wohnt in Hamburg.", ["Ich wohne in Berlin"]),
    ("用户喝咖啡", ["我不喝咖啡"]),
    ("用户住在北京", ["我住在柏林"]),
    ("ユーザーはベルリンに住んでいない", ["私はベルリンに住んでいます"]),
    ("Пользователь не живёт в Берлине.", ["Я живу в Берлине"]),
    ("El usuario no tiene gatos.", ["Tengo dos gatos."]),
    ("Olaf", ["My sister is Ola"]),
    ("The user has a dog named Max.", ["I have a dog named Rex"]),
    ("The user is allergic to peanuts.", ["hello there, how are you"]),
    ("ダイキ", ["タイキに会った"]),
    ("The user likes coffee.", ["I used to not like coffee"]),
]


@pytest.mark.parametrize(("noted", "said"), SUPPORTED)
def test_what_was_said_supports_a_note_in_other_forms(noted: str, said: Sequence[str]) -> None:
    assert supported(noted, said)


@pytest.mark.parametrize(("noted", "said"), UNSUPPORTED)
def test_a_name_number_word_or_negation_that_nobody_said_is_not_supported(
    noted: str, said: Sequence[str]
) -> None:
    assert not supported(noted, said)


def test_context_and_the_fact_that_changes_support_a_note_too() -> None:
    noted = "The user has two children, a boy and a girl."
    assert not supported(noted, ["Two, a boy and a girl."])
    assert supported(noted, ["Two, a boy and a girl.", "How many children do you have?"])
    assert supported("The user left Acme.", ["I left last week", "The user works at Acme."])


def test_nothing_supports_a_note_where_nothing_was_said() -> None:
    assert not supported("The user is allergic to nuts.", [])
    assert supported("", [])


@given(st.text(max_size=200))
def test_a_text_supports_itself(text: str) -> None:
    assert supported(text, [text])


TURNED_AROUND = (
    ("저는 고기를 안 먹어요.", "사용자는 고기를 먹는다."),
    ("저는 담배를 못 피워요.", "사용자는 담배를 피운다."),
    ("Et yemiyorum.", "Kullanıcı et yer."),
    ("Kahve severim.", "Kullanıcı kahve sevmez."),
    ("Sigara içmiyorum.", "Kullanıcı sigara içiyor."),
    ("Nejím maso.", "Uživatel jí maso."),
    ("Mám rád kávu.", "Uživatel nemá rád kávu."),
    ("मैं मांस नहीं खाता।", "उपयोगकर्ता मांस खाता है।"),
)
KEPT = (
    ("저는 고기를 안 먹어요.", "사용자는 고기를 먹지 않는다."),
    ("저는 차를 좋아해요.", "사용자는 개를 좋아하지 않는다."),
    ("저는 개를 키우지 않고 고양이를 키워요.", "사용자는 고양이를 키우며 개는 키우지 않는다."),
    ("Et yemem.", "Kullanıcı et yiyor değil."),
    ("Köpeğim yok ama kedim var.", "Kullanıcının kedisi var, köpeği yok."),
    ("Nejím maso.", "Uživatel nejí maso."),
)


def test_a_summary_that_turns_a_verb_around_is_seen_whatever_its_form() -> None:
    assert [pair for pair in TURNED_AROUND if not contradicted(pair[1], [pair[0]])] == []
    assert [pair for pair in KEPT if contradicted(pair[1], [pair[0]])] == []


def test_thai_is_read_though_its_words_are_not_parted() -> None:
    assert turned_around("ฉันไม่กินเผ็ด", "ฉันกินเผ็ด")
    assert not turned_around("ฉันไม่มีรถ", "ฉันมีแมว")
    assert supported("ผู้ใช้ชอบกาแฟ", ["ฉันชอบกาแฟมาก"])
    assert not supported("ผู้ใช้ชอบชา", ["ฉันชอบกาแฟมาก"])
    assert contradicted("ผู้ใช้ไม่ชอบแมว", ["ฉันชอบแมวมาก"]) == ["ฉันชอบแมวมาก"]


@pytest.mark.parametrize(
    ("said", "statement"),
    [
        ("I work at home.", "The user works in a mine."),
        ("I work on Fridays.", "The user works in a mine."),
        ("Em trai tôi sống ở Huế", "Chị tôi sống ở Huế"),
        ("Idę do kina z Anną", "Idę do kina z Kim"),
        ("Jeg bor i Oslo", "Jeg husker Oslo"),
    ],
)
def test_a_name_that_is_also_a_small_word_tells_statements_apart(said: str, statement: str) -> None:
    assert not tell(said, [statement])
