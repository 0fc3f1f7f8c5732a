"""In every language one can ask to forget, take back what was said last, and speak of forgetting."""

from datetime import UTC, datetime

import pytest

from domain.facts.same_statement import says
from domain.text.languages import LANGUAGES
from domain.text.meant import period_meant, things
from domain.text.wishes import EVERYTHING, may_want_forgotten, wants_forgotten

# ruff: noqa: E501 (a table: one sentence of a language a line)
# fmt: off
SAID = {
    "en": (
        "I am pregnant",
        ["Please forget that I am pregnant.", "Could you ignore what I said about being pregnant?", "Forget I'm pregnant, please", "I want you to forget that I am pregnant"],
        ["Actually, ignore that, I was joking.", "Just kidding!", "Forget it.", "Scratch that.", "No wait, forget what I just said"],
        ["Do not forget that I am pregnant.", "I always forget my keys.", "Did you forget that I am pregnant?", "Never forget that I am pregnant", "My brother was joking", "Please don't forget", "I forgot my password", "Why do you forget that I am pregnant?", "How do I delete a branch?", "Please delete the second paragraph.", "Remove the last item from my shopping list", "We never mention it again", "My life was a joke", "Never mention again that you are an AI"],
    ),
    "de": (
        "Ich bin schwanger",
        ["Vergiss bitte, dass ich schwanger bin.", "Bitte vergiss, dass ich schwanger bin", "Kannst du bitte vergessen, dass ich schwanger bin?"],
        ["vergiss das bitte wieder", "War nur Spaß!", "Das war ein Scherz", "Vergiss, was ich gerade gesagt habe"],
        ["Vergiss bitte nicht, dass ich schwanger bin.", "Vergiss das nicht!", "Ich vergesse immer meine Schlüssel", "Hast du vergessen, dass ich schwanger bin?", "Wie lösche ich eine Datei?"],
    ),
    "es": (
        "Estoy embarazada",
        ["Olvida que estoy embarazada.", "Por favor, olvida que estoy embarazada", "¿Puedes olvidar que estoy embarazada, por favor?"],
        ["Olvídalo, era una broma", "Era broma", "olvida eso", "Olvida lo que dije"],
        ["No olvides que estoy embarazada", "Siempre olvido mis llaves", "¿Olvidaste que estoy embarazada?", "Mi madre olvida siempre sus llaves"],
    ),
    "fr": (
        "Je suis enceinte",
        ["Oublie que je suis enceinte.", "S'il te plaît, oublie que je suis enceinte", "Peux-tu oublier que je suis enceinte ?"],
        ["oublie ça", "Fais comme si je n'avais rien dit", "Je plaisantais", "C'était une blague", "Oublie ce que j'ai dit"],
        ["N'oublie pas que je suis enceinte", "J'oublie toujours mes clés", "As-tu oublié que je suis enceinte ?"],
    ),
    "it": (
        "Sono incinta",
        ["Dimentica che sono incinta.", "Per favore dimentica che sono incinta", "Puoi dimenticare che sono incinta?"],
        ["Dimenticalo", "Stavo scherzando", "Scherzavo!", "dimentica quello che ho detto"],
        ["Non dimenticare che sono incinta", "Dimentico sempre le chiavi", "Hai dimenticato che sono incinta?"],
    ),
    "pt": (
        "Estou grávida",
        ["Esqueça que estou grávida.", "Por favor, esquece que estou grávida"],
        ["Esquece isso", "Estava brincando", "Era brincadeira"],
        ["Não esqueça que estou grávida", "Eu sempre esqueço minhas chaves", "Você esqueceu que estou grávida?"],
    ),
    "nl": (
        "Ik ben zwanger",
        ["Vergeet dat ik zwanger ben.", "Vergeet alsjeblieft dat ik zwanger ben", "Kun je vergeten dat ik zwanger ben?"],
        ["Vergeet het maar", "Het was maar een grapje", "Grapje!"],
        ["Vergeet niet dat ik zwanger ben", "Ik vergeet altijd mijn sleutels", "Ben je vergeten dat ik zwanger ben?"],
    ),
    "pl": (
        "Jestem w ciąży",
        ["Zapomnij, że jestem w ciąży.", "Proszę, zapomnij, że jestem w ciąży"],
        ["Zapomnij o tym", "Żartowałem", "To był tylko żart"],
        ["Nie zapomnij, że jestem w ciąży", "Zawsze zapominam kluczy", "Zapomniałeś, że jestem w ciąży?"],
    ),
    "tr": (
        "Hamileyim",
        ["Hamileyim dediğimi unut", "Lütfen hamile olduğumu unut"],
        ["Bunu unut", "Şaka yapıyordum", "Şakaydı"],
        ["Hamile olduğumu unutma", "Anahtarlarımı hep unutuyorum", "Hamile olduğumu unuttun mu?"],
    ),
    "ru": (
        "Я беременна",
        ["Забудь, что я беременна.", "Пожалуйста, забудь, что я беременна", "Можешь забыть, что я беременна?"],
        ["забудь это", "Я пошутила", "Забудь, что я сказал"],
        ["Не забудь, что я беременна", "Я всегда забываю ключи", "Ты забыл, что я беременна?"],
    ),
    "ar": (
        "أنا حامل",
        ["انسَ أنني حامل", "من فضلك انس أني حامل"],
        ["انس ذلك", "كنت أمزح"],
        ["لا تنس أنني حامل", "أنسى مفاتيحي دائما", "هل نسيت أنني حامل؟", "أنا إنسان"],
    ),
    "hi": (
        "मैं गर्भवती हूँ",
        ["भूल जाओ कि मैं गर्भवती हूँ", "कृपया भूल जाइए कि मैं गर्भवती हूँ"],
        ["इसे भूल जाओ", "मैं मज़ाक कर रहा था"],
        ["मत भूलना कि मैं गर्भवती हूँ", "मैं हमेशा चाबी भूल जाता हूँ"],
    ),
    "zh": (
        "我怀孕了",
        ["忘记我怀孕的事", "请忘了我怀孕了", "能不能忘掉我怀孕的事？"],
        ["忘了吧", "就当我没说过", "我开玩笑的", "请忘记刚才说的"],
        ["别忘了我怀孕了", "请不要忘记我怀孕了", "昨天我忘了带钥匙", "你忘了我怀孕吗？"],
    ),
    "ja": (
        "妊娠しています",
        ["妊娠していることを忘れてください", "私が妊娠していることは忘れて"],
        ["それは忘れて", "聞かなかったことにして", "冗談です", "冗談だよ", "今の話は忘れてください"],
        ["妊娠していることを忘れないでください", "鍵を忘れてしまった", "妊娠していることを忘れましたか？"],
    ),
    "ko": (
        "저는 임신했어요",
        ["제가 임신했다는 것을 잊어 주세요", "임신했다는 거 잊어줘"],
        ["그거 잊어줘", "못 들은 걸로 해줘", "농담이에요", "농담이었어"],
        ["임신했다는 것을 잊지 마세요", "열쇠를 잊어버렸어요", "나는 항상 열쇠를 잊어버려", "엄마가 열쇠를 잊어버려"],
    ),
    "sv": (
        "Jag är gravid",
        ["Glöm att jag är gravid.", "Snälla, glöm att jag är gravid", "Kan du glömma att jag är gravid?"],
        ["Glöm det", "Jag skämtade bara"],
        ["Glöm inte att jag är gravid", "Jag glömmer alltid nycklarna", "Har du glömt att jag är gravid?"],
    ),
    "da": (
        "Jeg er gravid",
        ["Glem at jeg er gravid.", "Kan du glemme at jeg er gravid?"],
        ["Glem det", "Det var bare for sjov"],
        ["Glem ikke at jeg er gravid", "Jeg glemmer altid mine nøgler", "Har du glemt at jeg er gravid?"],
    ),
    "no": (
        "Jeg er gravid",
        ["Vennligst glem at jeg er gravid.", "Glem at jeg er gravid"],
        ["Glem det", "Det var bare en spøk", "Jeg bare tulla"],
        ["Ikke glem at jeg er gravid", "Jeg glemmer alltid nøklene"],
    ),
    "fi": (
        "Olen raskaana",
        ["Unohda, että olen raskaana.", "Voitko unohtaa, että olen raskaana?"],
        ["Unohda se", "Vitsailin vain"],
        ["Älä unohda, että olen raskaana", "Unohdan aina avaimeni", "Unohditko, että olen raskaana?"],
    ),
    "cs": (
        "Jsem těhotná",
        ["Zapomeň, že jsem těhotná.", "Prosím, zapomeň, že jsem těhotná"],
        ["Zapomeň na to", "Žertoval jsem", "To byl vtip"],
        ["Nezapomeň, že jsem těhotná", "Vždycky zapomínám klíče"],
    ),
    "uk": (
        "Я вагітна",
        ["Забудь, що я вагітна.", "Будь ласка, забудь, що я вагітна"],
        ["Забудь це", "Я пожартувала"],
        ["Не забудь, що я вагітна", "Я завжди забуваю ключі"],
    ),
    "th": (
        "ฉันท้อง",
        ["ลืมไปเถอะว่าฉันท้อง", "กรุณาลืมเรื่องที่ฉันท้อง"],
        ["ลืมมันไปเถอะ", "ล้อเล่นนะ"],
        ["อย่าลืมว่าฉันท้อง", "ฉันลืมกุญแจ"],
    ),
    "vi": (
        "Tôi đang mang thai",
        ["Hãy quên rằng tôi đang mang thai.", "Làm ơn quên việc tôi mang thai"],
        ["Quên điều đó đi", "Tôi chỉ đùa thôi"],
        ["Đừng quên rằng tôi đang mang thai", "Tôi luôn quên chìa khóa"],
    ),
    "id": (
        "Saya hamil",
        ["Lupakan bahwa saya hamil.", "Tolong lupakan bahwa saya hamil"],
        ["Lupakan itu", "Saya hanya bercanda"],
        ["Jangan lupakan bahwa saya hamil", "Saya selalu lupa kunci", "Apakah kamu lupa bahwa saya hamil?"],
    ),
}
# fmt: on
"""A statement; wishes to forget it; what takes back the last statement; what asks for nothing."""


def test_every_language_of_the_table_is_tried_here() -> None:
    assert SAID.keys() == LANGUAGES.keys()


@pytest.mark.parametrize("code", SAID)
def test_a_wish_to_forget_names_the_statement(code: str) -> None:
    statement, wishes, _, _ = SAID[code]
    for wish in wishes:
        named = wants_forgotten(wish)
        assert named and says(statement, named) and may_want_forgotten(wish), (wish, named)


@pytest.mark.parametrize("code", SAID)
def test_the_last_statement_can_be_taken_back(code: str) -> None:
    assert [wants_forgotten(said) for said in SAID[code][2]] == [""] * len(SAID[code][2])


@pytest.mark.parametrize("code", SAID)
def test_who_speaks_of_forgetting_asks_for_nothing(code: str) -> None:
    assert [wants_forgotten(said) for said in SAID[code][3]] == [None] * len(SAID[code][3])


def test_what_others_say_and_what_is_planned_asks_for_nothing() -> None:
    for said in (
        "She said: forget it", "He said 'forget that I am here'", "Mum told me: ignore it",
        "Write a story in which she says: forget it", "Tell Bob to forget it",
        "Let's forget the movie", "Forget the movie, let's have dinner", "Sie sagte: vergiss es",
        "Elle m'a dit : oublie ça", "Ella dijo: olvídalo", "她说：忘了吧", "O dedi ki: unut gitsin",
        "उसने कहा: भूल जाओ", "قالت: انس الأمر",
    ):  # fmt: skip
        assert wants_forgotten(said) is None, said


def test_the_message_before_is_named_as_such_or_as_untrue() -> None:
    for said in (
        "Oops wrong chat, ignore my last message", "Please disregard my previous message",
        "That was a lie", "I made that up", "Falscher Chat, ignorier meine letzte Nachricht",
        "Das war gelogen", "Ignora mi último mensaje", "Ignore mon dernier message",
        "Ignora l'ultimo messaggio", "忽略我的上一条消息", "さっきのメッセージは無視して",
        "Проигнорируй моё последнее сообщение", "تجاهل رسالتي الأخيرة",
    ):  # fmt: skip
        assert wants_forgotten(said) == "", said


def test_a_wish_names_several_things_and_not_why() -> None:
    for what, parts in {
        "my address, my phone number and my job": ["my address", "my phone number", "my job"],
        "meine Adresse und meine Nummer": ["meine Adresse", "meine Nummer"],
        "mi dirección y mi número de teléfono": ["mi dirección", "mi número de teléfono"],
        "il mio indirizzo e il mio numero": ["il mio indirizzo", "il mio numero"],
        "мой адрес и мой телефон": ["мой адрес", "мой телефон"],
        "my peanut allergy, i was tested again": ["my peanut allergy"],
        "that i am pregnant, it was a mistake": ["that i am pregnant"],
    }.items():
        assert things(what) == parts


@pytest.mark.parametrize(
    "said",
    [
        "Forget that in March, I moved to Rome", "Forget that Tom, my brother, is in jail",
        "Forget that my brother, Tom, is in jail", "Forget that at work, I have problems",
        "Forget that in my garden, I grow pot", "Forget that when I was young, I stole",
        "Forget that my mother and I argued about money", "Forget Trinidad and Tobago",
        "Forget that my mother and my sister argued", "Forget that my sister and Tom are dating",
        "Olvida que mi padre y yo discutimos", "Oublie que ma mère et ma sœur se disputent",
        "Vergiss, dass meine Mutter und meine Schwester streiten", "사과 알레르기 잊어줘",
        "Dimentica che la mia madre e la mia sorella litigano", "치과 예약 잊어줘",
        "انس عنوان والدي", "弟と揉めたことを忘れて", "忘记我的高跟鞋", "忘记我跟和平路的事",
        "ลืมเรื่องที่ฉันทำกับข้าวไม่เป็น",
    ],
)  # fmt: skip
def test_a_statement_is_not_cut_into_things(said: str) -> None:
    what = wants_forgotten(said)
    assert what and things(what) == [what]


def test_a_wish_may_name_only_when_it_was_said() -> None:
    now, yesterday = datetime(2026, 5, 10, 9, tzinfo=UTC), datetime(2026, 5, 9, tzinfo=UTC)
    for said in (
        "Forget what I told you yesterday", "Vergiss, was ich dir gestern erzählt habe",
        "Olvida lo que te dije ayer", "Oublie ce que je t'ai dit hier", "忘掉我昨天说的话",
        "昨日言ったことは忘れて", "انس ما قلته لك أمس", "Dün söylediklerimi unut",
        "Забудь, что я говорил вчера",
    ):  # fmt: skip
        assert period_meant(wants_forgotten(said) or "", now) == (yesterday, now.replace(hour=0))
    for said in (
        "Forget that I was sick yesterday", "Forget what I said about Karl yesterday",
        "Forget everything about May", "Forget what I said about May", "Forget all about today",
        "Forget what I told you about Sunday", "Forget what he told me today",
        "Forget what she said yesterday", "Forget what you said yesterday",
        "Olvida lo que me dijo ayer", "Olvida lo que dije sobre ayer", "Vergiss alles über gestern",
        "Oublie ce qu'il m'a dit hier", "忘掉他昨天说的话", "昨日彼が言ったことは忘れて",
    ):  # fmt: skip
        assert period_meant(wants_forgotten(said) or "", now) is None, said
    for said in ("Forget everything I said before yesterday", "Forget what I said until yesterday"):
        assert period_meant(wants_forgotten(said) or "", now) == (now, now)


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("Forget my address, let's talk about cats", "my address"),
        ("Forget that I'm pregnant and let's talk about something else", "pregnant"),
        ("As I said before: forget my address", "my address"),
        ("Tell you what: forget my address", "my address"),
        ("Wie gesagt: vergiss meine Adresse", "meine adresse"),
        ("Como te dije: olvida mi dirección", "mi dirección"),
        ("Comme je l'ai dit : oublie mon adresse", "mon adresse"),
        ("Come ti ho detto: dimentica il mio indirizzo", "il mio indirizzo"),
    ],
)
def test_a_wish_is_known_beside_other_words_of_the_user(said: str, what: str) -> None:
    wish = wants_forgotten(said)
    assert wish and what in things(wish)[0]


def test_lies_of_others_take_nothing_back() -> None:
    for said in (
        "He made it up.", "They made that up", "It was a lie.", "He said that was a lie",
        "Er hat gelogen.", "Hij heeft gelogen.", "C'est un mensonge", "Era mentira",
        "È una bugia", "On skłamał.", "Он соврал", "Yalandı", "彼の話は嘘でした", "他骗你的",
    ):  # fmt: skip
        assert wants_forgotten(said) is None, said
    for said in ("That was a lie", "I made that up", "I lied", "Ich habe gelogen", "Ho mentito"):
        assert wants_forgotten(said) == "", said


@pytest.mark.parametrize(
    "said", ["Forget everything I told you", "Vergiss alles", "全部忘れてください", "Olvida todo"]
)
def test_a_wish_that_takes_a_reset_names_no_statement(said: str) -> None:
    assert wants_forgotten(said) == EVERYTHING and not says("I told you everything", EVERYTHING)


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("Forget everything I said about my knee", "knee"),
        ("Could you ignore what I said about my knee?", "knee"),
        ("Actually forget what I said earlier about moving to Rome", "moving to rome"),
        ("No, forget that I do not eat meat", "meat"),
        ("I am the king of Spain, just kidding", "king of spain"),
    ],
)
def test_a_wish_is_named_without_the_words_around_it(said: str, what: str) -> None:
    assert what in (wants_forgotten(said) or "")


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("Don't remember that I smoke", "smoke"),
        ("I'd like you to forget my address", "address"),
        ("Erase my phone number from your memory", "phone number"),
        ("Hey, would you mind forgetting that I'm in debt?", "debt"),
        ("What I told you about my boss, forget it", "boss"),
        ("Let's pretend I never told you about the baby", "baby"),
        ("Ich möchte, dass du meine Adresse vergisst", "adresse"),
        ("Ok oublie mon adresse", "adresse"),
        ("Ja vergiss meine Adresse", "adresse"),
        ("Du sollst vergessen, dass ich rauche", "rauche"),
        ("Ich möchte, dass du vergisst, dass ich rauche", "rauche"),
        ("Vær så snill å glemme at jeg røyker", "røyker"),
        ("Lösch meine Telefonnummer aus deinem Gedächtnis", "telefonnummer"),
        ("Veuillez oublier mon adresse", "adresse"),
        ("No recuerdes que fumo", "fumo"),
        ("Não guarde que sou celíaco", "celíaco"),
        ("Adresimi sil", "adresimi"),
        ("Boşanmam hakkında söylediklerimi unut", "boşanmam"),
        ("मेरा पता मिटा दो", "पता"),
        ("别记住我的地址", "地址"),
        ("把我怀孕的事忘了吧", "怀孕"),
        ("Не запоминай мой адрес", "адрес"),
        ("Сотри из памяти мой номер", "номер"),
        ("住所は覚えないでください", "住所"),
        ("انس زوجتي", "زوجتي"),
        ("You don't need to know that I smoke", "smoke"),
        ("Please don't keep my phone number", "phone number"),
        ("Strike my birthday from the record", "birthday"),
        ("I'd rather you didn't remember my salary", "salary"),
        ("Never mention my divorce again", "divorce"),
        ("Stop talking about my mother", "mother"),
        ("Get rid of the fact that I smoke", "smoke"),
        ("I want my salary forgotten", "salary"),
        ("Nimm zurück, was ich über Anna gesagt habe", "anna"),
        ("Quiero que olvides mi dirección", "dirección"),
        ("Haz como si no te hubiera dicho nada de mi jefe", "jefe"),
        ("Voglio che dimentichi il mio indirizzo", "indirizzo"),
        ("Quero que esqueças a minha morada", "morada"),
        ("Chcę, żebyś zapomniał mój adres", "adres"),
        ("Хочу, чтобы ты забыл мой адрес", "адрес"),
        ("我想让你忘记我的地址", "地址"),
        ("Erwähne meine Scheidung nie wieder", "scheidung"),
        ("No vuelvas a mencionar mi divorcio", "divorcio"),
        ("Ne mentionne plus jamais mon divorce", "divorce"),
        ("Non menzionare mai più il mio divorzio", "divorzio"),
        ("Nunca mais mencione meu divórcio", "divórcio"),
        ("Noem mijn scheiding nooit meer", "scheiding"),
        ("Nie wspominaj więcej o moim rozwodzie", "rozwodzie"),
        ("Boşanmamdan bir daha bahsetme", "boşanma"),
        ("Больше никогда не упоминай мой развод", "развод"),
        ("再也不要提我离婚的事", "离婚"),
        ("離婚のことは二度と言わないで", "離婚"),
        ("이혼 얘기는 다시 하지 마", "이혼"),
        ("That about the job was a joke", "job"),
        ("What I said about my salary wasn't serious", "salary"),
        ("Das mit dem Hund war ein Witz", "hund"),
        ("Lo del perro era broma", "perro"),
        ("Ce que j'ai dit sur le chien était une blague", "chien"),
        ("Quella del cane era uno scherzo", "cane"),
        ("Aquilo do cachorro era brincadeira", "cachorro"),
        ("Dat van de hond was een grapje", "hond"),
        ("Köpek hakkında söylediğim şakaydı", "köpek"),
        ("То про собаку была шутка", "собаку"),
        ("关于狗的事是开玩笑的", "狗"),
        ("犬の話は冗談です", "犬"),
        ("강아지 얘기는 농담이야", "강아지"),
        ("can u forget my address", "address"),
        ("Please purge what I said about my salary.", "salary"),
        ("I don't want you to remember my sister's name.", "sister"),
        ("I'd prefer if you forgot about my divorce.", "divorce"),
        ("It'd be great if you could forget my PIN.", "pin"),
        ("Please don't keep a record of my diagnosis.", "diagnosis"),
        ("I take back what I said about Anna.", "anna"),
        ("You don't have to remember my shoe size", "shoe size"),
        ("Könntest du bitte die Sache mit meinem Chef vergessen?", "meinem chef"),
        ("Streich bitte, dass ich Raucher bin.", "raucher"),
        ("Ich möchte, dass du meine Diagnose vergisst.", "diagnose"),
        ("Das mit dem Hund nehme ich zurück.", "hund"),
        ("Tu so, als hätte ich nie von Anna erzählt.", "anna"),
        ("Haz como si nunca te hubiera hablado de Ana.", "ana"),
        ("¿Podrías borrar mi dirección, por favor?", "dirección"),
        ("Fais comme si je ne t'avais jamais parlé d'Anne.", "anne"),
        ("Vorrei che dimenticassi il mio divorzio.", "divorzio"),
        ("Je mag mijn adres vergeten", "adres"),
        ("Kan du vara snäll och glömma min adress?", "adress"),
        ("把我说的关于老板的话删掉。", "老板"),
        ("상사에 대해 한 말 지워 줘.", "상사"),
        ("Quên địa chỉ của tôi đi.", "địa chỉ"),
    ],
)
def test_a_wish_may_be_put_in_other_words(said: str, what: str) -> None:
    assert what in (wants_forgotten(said) or "") and may_want_forgotten(said)


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("Forget that whole story about Tom", "tom"),
        ("Vergiss die ganze Geschichte mit Anna", "anna"),
        ("Oublie cette histoire de travail, s'il te plaît.", "travail"),
        ("Olvida esa historia de Pedro", "pedro"),
        ("Esquece aquela história do Pedro", "pedro"),
        ("Vergeet dat hele verhaal over Sanne", "sanne"),
        ("Zapomnij proszę o tej nowej pracy.", "nowej pracy"),
        ("Забудь всю эту историю с Леной", "леной"),
    ],
)
def test_a_wish_is_named_without_what_only_points_to_it(said: str, what: str) -> None:
    assert wants_forgotten(said) == what


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("Please forget that I don't drink", "drink"),
        ("Forget I never smoked", "smoked"),
        ("Vergiss, dass ich nicht trinke", "trinke"),
        ("Olvida que no tengo trabajo", "trabajo"),
        ("Zapomnij, że nie piję", "piję"),
        ("Evli olmadığımı unut", "olmadığımı"),
        ("Забудь, что не пью", "пью"),
        ("मैं शादीशुदा नहीं हूँ, यह भूल जाओ", "शादीशुदा"),
        ("忘掉我没有结婚", "没有结婚"),
        ("결혼하지 않았다는 것을 잊어줘", "결혼하지"),
    ],
)
def test_what_one_is_not_can_be_forgotten_too(said: str, what: str) -> None:
    assert what in (wants_forgotten(said) or "")


def test_what_one_likes_and_wants_is_known_again() -> None:
    assert says("I like tea", "The user likes tea.") and says(
        "You like tea!", "The user likes tea."
    )
    assert says("I want a Porsche and a house", "The user wants a Porsche.")
    assert not says("I spilled tea on the contract", "The user likes tea.")


def test_words_meet_in_their_endings_and_others_do_not() -> None:
    assert says("How is your pregnancy going?", "The user is pregnant.")
    assert says("Nasıl, hamileyken yoruluyor musun?", "hamile")
    assert says("Boşandım", "boşandığımı")
    assert says("임신했으니까 쉬세요", "임신했어요")
    assert not says("I signed a contract", "The user likes contrast")
    assert not says("I lived in Liverpool", "The user lives in Rome.")


def test_who_says_that_others_forget_asks_for_nothing() -> None:
    for said in (
        "You forget that I am vegetarian.", "Tu oublies que je suis végétarien.",
        "Je vergeet dat ik vegetariër ben.", "Você esquece que sou celíaco.",
        "They forget that I am deaf.", "Il oublie que je suis sourd.", "Ele esquece que sou surdo.",
        "Hij vergeet dat ik doof ben.", "I think you forget that I am allergic to nuts.",
        "I know you forget that I am vegan", "I see you forget my name", "I guess you forget me",
        "I love that you forget my name", "We talk and you forget my birthday",
        "Je pense que tu oublies que je suis végane", "Penso che dimentichi che sono vegano",
        "Ik denk dat je vergeet dat ik vegan ben", "It is good to forget my job for a day",
        "One can forget my garden in winter", "Niemand will, dass du vergisst, wo ich wohne",
        "Er will, dass du vergisst, wo ich wohne", "Ich weiß, dass du meinen Namen vergisst",
        "Meine Frau möchte, dass du vergisst, wo ich wohne", "Quando você esqueça meu nome",
        "Ich möchte nicht, dass du meine Adresse vergisst", "Que usted olvide mi nombre es triste",
        "Bitte hilf mir ich habe meine Schlüssel vergessen", "Vorrei dimenticare tutto",
        "Kannst du mir sagen ob ich was vergessen habe?", "Could you tell me if I forgot it?",
        "Voitko muistuttaa etten unohda?", "Làm ơn giúp tôi vì tôi hay quên",
        "Can you forget things?", "Can you ever forget?", "I take back the shoes tomorrow",
        "Würdest du mich vergessen?", "Kannst du Namen gut vergessen?", "Puedes olvidar cosas?",
        "Can you tell me if you forgot anything?", "Kun je mij ooit vergeten?",
    ):  # fmt: skip
        assert wants_forgotten(said) is None, said


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("Ты забудь мой адрес.", "мой адрес"),
        ("Kamu lupakan alamat saya.", "alamat"),
        ("Du vergiss meine Adresse", "meine adresse"),
        ("du glöm min adress", "min adress"),
        ("ty zapomnij mój adres", "mój adres"),
        ("Usted olvide mi dirección", "mi dirección"),
        ("Você esqueça meu endereço", "meu endereço"),
        ("Lei dimentichi il mio indirizzo", "il mio indirizzo"),
    ],
)
def test_an_order_may_say_to_whom_it_is_given(said: str, what: str) -> None:
    assert wants_forgotten(said) == what


@pytest.mark.parametrize(
    "said",
    [
        "Vergiss meinen Geburtstag nicht!",
        "Vergiss die Milch bitte nicht, wenn du einkaufst",
        "Vergiss mich nicht",
        "Vergeet mijn verjaardag niet.",
        "Vergeet alsjeblieft onze afspraak niet",
        "Glem min fødselsdag ikke",
        "Glem nå ikke adressen min",
        "Glöm min födelsedag inte",
    ],
)
def test_an_order_may_be_denied_at_its_end(said: str) -> None:
    assert wants_forgotten(said) is None


def test_thanks_behind_a_wish_and_the_word_before_it_are_no_part_of_it() -> None:
    assert wants_forgotten("I'd like you to forget about my boss, thanks!") == "my boss"
    assert wants_forgotten("Oublie Bob, merci beaucoup !") == "bob"
    assert wants_forgotten("Also forget my shoe size!") == "my shoe size"
    assert wants_forgotten("I told you to forget my address!") == "my address"
    assert wants_forgotten("Vergiss Bob, danke!") == "bob"
