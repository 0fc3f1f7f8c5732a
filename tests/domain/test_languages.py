"""Languages are told apart, and in each a question, a denial and a first person are recognised."""

import tracemalloc

import pytest

from domain.text.languages import LANGUAGES, language_of
from domain.text.sentences import sentences
from domain.text.statements import denies, first_person, is_question

SAID = {
    "en": ("I live in Berlin", "I do not eat meat", "where do I live"),
    "de": ("Am Wochenende habe ich gearbeitet", "Ich esse kein Fleisch", "wo wohne ich"),
    "es": ("Vivo en Madrid", "Yo no como carne", "dónde vivo yo"),
    "fr": ("J'habite à Lyon", "Je ne mange pas de viande", "où est ma voiture"),
    "it": ("Abito a Roma", "Io non mangio carne", "dove abito io"),
    "pt": ("Moro no Porto", "Eu não como carne", "onde está o meu carro"),
    "nl": ("Ik woon in Utrecht", "Ik eet geen vlees", "waar woon ik"),
    "pl": ("Mieszkam w Krakowie", "Nie jem mięsa, mam alergię", "gdzie jest mój dom"),
    "tr": ("Benim evim Ankara'da", "Ben hiç et yemiyorum", "benim evim nerede?"),
    "ru": ("Я живу в Берлине", "Я не ем мясо", "где я живу"),
    "ar": ("أنا أعيش في برلين", "أنا لا آكل اللحم", "أين أعيش"),
    "hi": ("मैं बर्लिन में रहता हूँ", "मैं मांस नहीं खाता", "मैं कहाँ रहता हूँ?"),
    "zh": ("我住在柏林", "我不吃肉", "我住在哪里"),
    "ja": ("私はベルリンに住んでいます", "私は肉を食べません", "私はどこに住んでいますか"),
    "sv": ("Jag bor i Lund", "Jag äter inte kött", "var bor jag"),
    "da": ("Jeg bor på Fyn, og min søn med", "Jeg spiser aldrig kød", "hvornår fløj jeg af sted"),
    "no": ("Jeg bor i Bergen med meg selv", "Jeg spiser aldri kjøtt nå", "hva heter vår katt"),
    "fi": ("Minä asun Turussa", "Minä en syö lihaa", "missä minä asun"),
    "cs": ("Já bydlím v Brně", "Já nikdy nejím maso", "kde já bydlím"),
    "uk": ("Я живу в Києві", "Я ніколи не їм м'яса", "де моїй мамі подобається"),
    "th": ("ฉันอยู่เชียงใหม่", "ฉันไม่กินเนื้อ", "ฉันอยู่ที่ไหน"),
    "vi": ("Tôi sống ở Huế", "Tôi không ăn thịt của bò", "tôi sống ở đâu?"),
    "id": ("Saya tinggal di Bandung", "Saya tidak makan daging", "apa nama kucing saya"),
    "ko": ("저는 베를린에 살아요", "저는 고기를 안 먹어요", "제가 어디에 살아요?"),
}


def test_every_language_of_the_table_is_tried_here() -> None:
    assert SAID.keys() == LANGUAGES.keys()


@pytest.mark.parametrize("code", SAID)
def test_a_language_is_told_by_its_script_and_small_words(code: str) -> None:
    assert [language_of(text) for text in SAID[code]] == [code] * 3


@pytest.mark.parametrize("code", SAID)
def test_statements_denials_and_questions_are_told_apart(code: str) -> None:
    states, denial, _ = SAID[code]
    assert first_person(states) and first_person(denial)
    assert [denies(text) for text in SAID[code][:2]] == [False, True]
    assert [is_question(text) for text in SAID[code]] == [False, False, True]


def test_small_words_that_two_languages_share_leave_it_to_the_others() -> None:
    assert language_of("Ich arbeite als Hebamme in Kiel") == "de"
    assert language_of("Ik werk als vroedvrouw in Gent") == "nl"


def test_where_nothing_tells_nothing_is_claimed() -> None:
    assert language_of("Rex.") is None
    assert first_person("Rex.") is None
    assert first_person("ベルリンに住んでいます") is None
    assert first_person("Peter lives in Rome.") is False
    assert not is_question("Rex.") and not denies("Rex.")


def test_sentences_end_where_they_do_in_each_script() -> None:
    text = "Dr. No paid 3.5 euros. Fine!  好的。真的？نعم؟ لا. हाँ। ok\n\nnew"
    assert sentences(text) == [
        "Dr. No paid 3.5 euros.", "Fine!", "好的。", "真的？", "نعم؟", "لا.", "हाँ।", "ok", "new",
    ]  # fmt: skip


def test_an_abbreviation_ends_no_sentence() -> None:
    for text in (
        "It costs approx. 5 dollars, incl. tax.", "He works for Acme Inc. in Ohio.",
        "Meet me on Jan. 5 at noon.", "Ich mag z. B. Tee, Kaffee usw. sehr.",
        "Am 3. Mai kommt Hr. Schmidt bzw. seine Frau.", "La Sra. Ruiz y la Dra. Gil viven aquí.",
        "Mme. Dupont et Mlle. Roy viennent.", "Het kost ca. 5 euro incl. btw.",
        "Lubię np. herbatę, kawę itd. i wodę.", "Çay vb. içerim.",
        "Я живу на ул. Ленина, д. 5, кв. 7.", "Jag dricker t.ex. te, kaffe m.m. varje dag.",
        "Jeg drikker f.eks. te.", "Mgr. Novák a Ing. Dvořák přišli.",
        "Juon esim. teetä yms. juomia.",
        "Saya tinggal di Jl. Sudirman No. 5.", "डॉ. शर्मा यहाँ रहते हैं।",
    ):  # fmt: skip
        assert sentences(text) == [text]
    for text in ("I have a dog. His name is Rex.", "i own a cat. i love it.",
                 "Mám psa. Jmenuje se Rex.",
                 "He is old. So am I.", "Ik ben moe. Dag.", "Я люблю чай. Живу тут."):  # fmt: skip
        assert len(sentences(text)) == 2, text


ASKED = (
    "in which city do i live", "whats my dog called", "in welcher stadt wohne ich",
    "con quién trabajo", "dans quelle ville j'habite", "in che città abito",
    "w jakim mieście mieszkam", "в каком городе я живу", "v jakém městě bydlím",
    "med vem jobbar jag",
    "köpeğimin adı ne", "मेरे कुत्ते का नाम क्या है", "내 강아지 이름이 뭐야", "私の犬の名前は何",
    "你吃不吃肉", "我的生日是哪天", "ทำไมเขาไป", "saya tinggal di mana",
    "sinh nhật tôi là ngày nào",
    "ok and where does my mother live", "to whom did i lend my bike", "wogegen bin ich allergisch",
    "te acuerdas de mi color", "a que soy alérgico", "tu sais où j'habite",
    "ti ricordi di me", "você sabe onde moro", "hej jak się nazywa mój kot",
    "peynir sever miyim", "привет как зовут мою кошку", "коли мій поїзд", "مع من أسكن",
    "我在哪上班", "好きな映画は", "내가 치즈를 좋아하나", "husker du min ret",
    "aku suka keju nggak", "Don't you remember my dog", "don't they live in rome",
)  # fmt: skip
STATED = (
    "in the city i live well", "ich wohne noch in Köln", "siempre como carne", "我什么都吃",
    "언젠가 갈 거야", "いつか日本に行きたい", "อะไรก็ได้", "ไหมพรมสีแดง", "saya suka apa saja",
    "ne kahve ne çay içerim", "मैं जब भी जाता हूँ", "학교에 가요",
    "when i was ten i lived in rome", "so my brother moved out", "where i live it rains",
    "don't worry about me", "wo ich wohne regnet es", "am Montag habe ich frei",
    "waar ik woon waait het",
    "quand j'étais petit je vivais à lyon", "когда я был маленьким", "我知道我想要什么",
    "idag tränar jag", "tôi thích trà", "こんにちは", "何時でも大丈夫です",
    # behind a conjunction or a greeting
    "but when I was ten I broke my arm", "because when it rains I stay home",
    "und was ich noch sagen wollte: ich bin Veganer", "aber wie gesagt ich wohne in Bonn",
    "и когда я была маленькой, я жила в Омске", "a jak byłam mała mieszkałam w Gdyni",
    "so what I did was sell my car", "oh what a day I broke my arm", "hola qué tal soy Ana",
    "hi how are you I'm Anna", "привет как дела я Аня",
    # without a subject, or turned around
    "Haven't got a car", "Didn't sleep well", "Won't be home on Friday", "Can't drink milk",
    "Lust ik niet", "Drink ik nooit", "Trinke ich gern", "Gillar jag inte", "Mogę jeść orzechy",
    "Habe einen Hund", "Danke ich wohne in Köln", "Har jeg tid, læser jeg", "Puedo comer nueces",
    "Siden jeg er allergisk mot nøtter, spiser jeg aldri kake", "Sedan jag flyttade hit cyklar jag",
    "Inden jeg flyttede til Aarhus, boede jeg i Odense",
    # reminders and what the other knows
    "Remember my dog is called Rex", "Remember my birthday is 5 May",
    "You know how much I love tea", "Don't you worry about me", "sabes que vivo en Lima",
    "Recuerda que soy alérgica a las nueces", "Lembra que eu moro em Lisboa",
    "Tu sais que j'habite à Lyon", "Ti ricordi che abito a Roma", "Sai, abito a Roma",
    "Kamu tahu saya tinggal di Bandung", "ты знаешь, я живу в Омске", "Minns att jag bor här",
    "Husker at jeg har to katte", "Weißt du ich hasse Fisch", "Víš že mám kočku",
    "Wiesz że mam kota", "помнишь, я живу в Омске", "Vet du jag bor i Malmö", "何曜日でも大丈夫",
    "можешь звать меня Аней", "Me puedes decir Lola",
    # with a word that asks elsewhere
    "ben kime güvensem pişman oluyorum", "Kimi zaman yürürüm", "في ما يخص عملي أنا مهندس",
    "على ما أذكر أنا أسكن في حلب", "como soy vegano no como queso", "C'est ce que j'aime",
    "Je mange n'importe quoi", "Fumo de vez em quando", "我养了几只猫", "我没啥爱好",
    "何色でも好き", "무슨 일이 있어도 매일 운동해", "วันนี้ฉันไม่ไปไหน", "O que eu gosto é de ler",
    "saya suka makan di mana saja",
    # orders
    "And don't use emojis", "But don't use bullet points",
)  # fmt: skip


def test_a_question_needs_no_mark() -> None:
    assert [text for text in ASKED if not is_question(text)] == []


def test_a_statement_that_looks_like_a_question_is_none() -> None:
    """One taken for a question is lost to memory: where nothing tells, it states."""
    assert [text for text in STATED if is_question(text)] == []


DENIED = (
    "Et yemem.", "Et yemiyorum.", "Kahve sevmem.", "Uçağa binmem.", "Gelmeyeceğim.",
    "Şekersiz içerim.", "Beni aramayın.", "Nejím maso.", "Nekouřím.", "Nebydlím v Praze.",
    "Kávu nepiju.", "Nelíbí se mi to.", "Nechci dort.", "담배를 피우지 못해요.", "가지 마세요.",
)  # fmt: skip
AFFIRMED = (
    "Tamam, geldim.", "Elmadan yapılmış.", "Bu sabah Hamdi aradı.", "Zamanım var.",
    "Nemocnice je blízko.", "Nejlepší kamarád je Petr.", "Nedávno jsem se přestěhoval.",
    "V neděli běhám.", "Nechala jsem tam kabát.", "Ich wohne noch in Köln.", "안경을 써요.",
)  # fmt: skip


def test_verbs_deny_by_their_form_too() -> None:
    assert [text for text in DENIED if not denies(text)] == []
    assert [text for text in AFFIRMED if denies(text)] == []


def read_long_texts(first: int, last: int) -> None:
    for number in range(first, last):
        assert language_of(f"I noted number {number}. " + "x" * 50_000) == "en"


def test_a_hundred_more_long_texts_take_no_more_memory() -> None:
    tracemalloc.start()
    try:
        read_long_texts(0, 100)
        before = tracemalloc.get_traced_memory()[0]
        read_long_texts(100, 200)
        assert tracemalloc.get_traced_memory()[0] < before + 500_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("My dog Ada is three", "en"),  # Indonesian: "there is"
        ("Mia es mi hermana", "es"),  # Italian: "my"
        ("I met Jan and Per yesterday", "en"),
        ("Min hund heter Van", "sv"),
        ("Je travaille avec Mai", "fr"),
        ("Ada apa?", "id"),
    ],
)
def test_a_name_tells_no_language(text: str, code: str) -> None:
    assert language_of(text) == code


def test_words_of_which_one_looks_foreign_are_not_taken_for_that_language() -> None:
    assert language_of("my dog ada is three") == "en"
    assert language_of("I met him yesterday") == "en"


def test_praise_is_no_turkish_denial() -> None:
    for said in ("You look amazing!", "That looks amazing.", "Your photos look amazing"):
        assert language_of(said) == "en"
