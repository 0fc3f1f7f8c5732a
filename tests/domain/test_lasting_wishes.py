"""What a user asks for once and for all is recognized by its form, in many languages."""

from datetime import UTC, datetime

import pytest

from domain.facts.extraction import Source
from domain.facts.facts import apply, standing
from domain.facts.lasting_wishes import lasting_wishes
from domain.records import Fact
from models.offline.facts import extract_offline

INSTRUCTIONS = [
    "Always give temperatures in Celsius.", "Please call me Sam.", "You can call me Sam.",
    "From now on, answer in German.", "Never mention my ex again.", "Stop using bullet points.",
    "Could you always show your sources?", "Don't use emojis anymore.",
    "And don't use emojis", "But don't use bullet points",
    "When I ask about snacks, always confirm allergies first.",
    "Whenever I ask for recipes, use metric units.",
    "Antworte immer auf Deutsch.", "Bitte nenn mich Sam.", "Ab jetzt bitte nur Celsius.",
    "Ich möchte, dass du immer kurz antwortest.", "Erwähne nie meine Ex-Frau.",
    "Responde siempre en español.", "Llámame Sam.", "A partir de ahora, usa grados Celsius.",
    "Réponds toujours en français.", "Appelle-moi Sam.", "Ne parle jamais de mon ex.",
    "Rispondi sempre in italiano.", "Chiamami Sam.", "Non usare mai le emoji.",
    "Responda sempre em português.", "Me chame de Sam.", "Antwoord altijd in het Nederlands.",
    "Noem me Sam.", "Svara alltid på svenska.", "Kald mig Sam.", "Svar alltid på norsk.",
    "Vastaa aina suomeksi.", "Zawsze odpowiadaj po polsku.", "Vždy odpovídej česky.",
    "Всегда отвечай по-русски.", "Называй меня Сэм.", "Завжди відповідай українською.",
    "Her zaman Türkçe cevap ver.", "Bana Sam diye hitap et.", "أجب دائما باللغة العربية.",
    "نادني سام.", "मुझे हमेशा हिंदी में जवाब दो।", "मुझे सैम कहकर बुलाओ।", "请总是用中文回答。",
    "你可以叫我小明", "永远不要提我的前任。", "いつも日本語で答えてください。",
    "私のことはサムと呼んでください。",
    "항상 한국어로 대답해 주세요.", "저를 샘이라고 불러 주세요.", "ตอบเป็นภาษาไทยเสมอ",
    "Keep your answers short.", "No emojis please", "Short answers, please.",
    "Use metric units in your answers.", "Halte deine Antworten kurz.", "Bitte keine Emojis.",
    "Sin emojis, por favor.", "Mantén tus respuestas breves.", "Garde tes réponses courtes.",
    "Niente emoji, per favore.", "Geen emoji's alsjeblieft.", "Без эмодзи, пожалуйста.",
    "Emoji kullanma lütfen.", "اجعل إجاباتك قصيرة.", "请不要用表情符号。", "回答请尽量简短。",
    "絵文字は使わないでください。",
    "Bana Sam de.", "Lütfen bana Sam deyin", "मुझे सैम कहो।", "मुझे सैम बुलाओ", "날 샘이라고 불러",
    "Luôn trả lời bằng tiếng Việt.", "Hãy gọi tôi là Sam.", "Selalu jawab dalam bahasa Indonesia.",
]  # fmt: skip

PREFERENCES = [
    "I prefer walking tours.", "I'd rather take the train than fly.",
    "Ich bevorzuge Fensterplätze.",
    "Ich fahre lieber mit dem Zug.", "Prefiero los trenes.", "Je préfère le train.",
    "Preferisco il treno.", "Prefiro o trem.", "Ik reis liever met de trein.",
    "Jag föredrar tåg.", "Wolę pociąg.", "Я предпочитаю поезд.",
    "Trenle seyahat etmeyi tercih ederim.", "أنا أفضل القطار.", "मुझे ट्रेन ज़्यादा पसंद है।",
    "我更喜欢坐火车。", "電車の方が好きです。", "저는 기차를 더 좋아해요.",
    "Saya lebih suka kereta.", "Walking tours are more my thing.", "I'm more of a tea person.",
    "Stadtführungen sind eher mein Ding.", "Lo mío son las caminatas.",
    "Les balades à pied, c'est plus mon truc.", "أميل إلى الفنادق الصغيرة.",
]  # fmt: skip

NEITHER = [
    "I always wake up at seven.", "I have never been to Paris.", "Never mind.",
    "My friends call me Sam.", "Call me tomorrow.", "My sister always calls me late.",
    "From now on I will go running every day.", "From now on my address is 5 Main Street.",
    "You always give me good advice.", "Give me a list of restaurants that are always open.",
    "Do you always answer so slowly?", "Please tell me a joke.", "Which do you prefer?",
    "Ich trinke immer Kaffee.", "Ab jetzt wohne ich in Köln.", "Nunca he estado en París.",
    "Siempre tomo café por la mañana.", "Je ne mange jamais de viande.", "Non mangio mai carne.",
    "Zawsze piję kawę.", "Я никогда не был в Париже.", "Her zaman kahve içerim.",
    "أشرب القهوة دائما.", "मैं हमेशा चाय पीता हूँ।", "我总是七点起床。", "以后我要早起。",
    "朋友们都叫我小明。", "私はいつも七時に起きます。", "友達は私をサムと呼んでいます。",
    "저는 항상 일찍 일어나요.", "Tôi luôn dậy sớm.", "No emojis were in her message.",
    "Bana doğruyu de.", "Ali bana Ayşe de var dedi.", "友達は私をサムって呼んでいます。",
    "Can you keep this answer short?", "Keep the receipt for the printer.", "No worries, thanks.",
    "Suggest a present for my wife, who never wears gold.", "Recommend a sunscreen; I always burn.",
    "List five animals that are always awake.", "Empfiehl mir einen Film, den ich nie vergesse.",
    "By default the new washing machine will stop after an hour.", "Immer nur Regen hier.",
    "Nie wieder lass ich mich scheiden.", "A partir de hoy la empresa recomienda usar casco.",
    "When you answer the phone at my job, use the company name.", "Elke keer stel ik de vraag.",
    "Use the blue pan for the sauce tonight.", "Make this email shorter.", "请帮我写一首诗。",
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "texts"),
    [("instruction", INSTRUCTIONS), ("preference", PREFERENCES), (None, NEITHER)],
)
def test_orders_for_good_and_preferences_are_told_from_what_happens_always(
    kind: str | None, texts: list[str]
) -> None:
    kinds = {text: next((w.kind for w in lasting_wishes(text)), None) for text in texts}
    assert kinds == dict.fromkeys(texts, kind)


def test_what_is_quoted_or_pasted_is_nobodys_wish() -> None:
    for text in (
        '"Always answer within an hour", my boss said.',
        "> Always answer in rhyme.",
        "```\nAlways answer in rhyme.\n```",
        "The mail says:\nDear all,\nalways answer in rhyme.\nNever call.\nYours, Ann",
        "Ann: Always answer in rhyme.\nBob: Never.",
    ):
        assert not list(lasting_wishes(text)), text


def test_a_preference_is_noted_without_the_request_beside_it() -> None:
    said = "I fly a lot, so I prefer aisle seats, can you help me find one to Rome?"
    assert [wish.text for wish in lasting_wishes(said)] == ["I fly a lot, so I prefer aisle seats"]


REPLACED = [
    ("Call me Alex.", "Call me Sam from now on."),
    ("Call me Alex.", "Please call me Sam, not Alex."),
    ("Always answer at length.", "From now on, answer briefly."),
    ("Keep your answers short.", "From now on give me long answers."),
    ("Always answer in German.", "From now on, speak English with me."),
    ("No emojis please.", "Please use emojis in your replies from now on."),
    ("Never mention my ex.", "From now on you can mention my ex again."),
    ("Antworte immer ausführlich.", "Halte deine Antworten kurz."),
    ("Responde siempre en español.", "A partir de ahora, háblame en inglés."),
    ("Réponds toujours en détail.", "Garde tes réponses courtes."),
    ("Zawsze odpowiadaj krótko.", "Od teraz odpowiadaj szczegółowo."),
    ("Her zaman Türkçe cevap ver.", "Bundan sonra İngilizce cevap ver."),
    ("Всегда отвечай кратко.", "Теперь всегда отвечай подробно."),
    ("Vastaa aina suomeksi.", "Vastaa tästä lähtien englanniksi."),
    ("أجب دائما باللغة العربية.", "من الآن فصاعدا أجب بالإنجليزية."),
    ("मुझे हमेशा हिंदी में जवाब दो।", "अब से अंग्रेज़ी में जवाब दो।"),
    ("回答请尽量简短。", "以后请详细回答。"),
    ("いつも短く答えてください。", "これからは詳しく答えてください。"),
    ("항상 한국어로 대답해 주세요.", "이제부터 영어로 대답해 주세요."),
    ("请不要用表情符号。", "请用表情符号。"),
    ("絵文字を使わないでください。", "絵文字を使ってください。"),
    ("이모지를 쓰지 마세요.", "이모지를 써 주세요."),
    ("ตอบเป็นข้อๆ เสมอ", "อย่าตอบเป็นข้อๆ"),
    ("Call me Sam.", "Stop calling me Sam."),
    ("Nenn mich Sam.", "Nenn mich nicht mehr Sam."),
    ("Llámame Sam.", "Deja de llamarme Sam."),
    ("Appelle-moi Sam.", "Arrête de m'appeler Sam."),
    ("Chiamami Sam.", "Smetti di chiamarmi Sam."),
    ("Never use emojis.", "You can use emojis again."),
    ("Never use lists.", "Use lists again."),
    ("No uses emojis.", "Usa emojis otra vez en tus respuestas."),
    ("Nie Emojis.", "Du darfst wieder Emojis verwenden."),
    ("Bitte nie Emojis benutzen.", "Benutze wieder Emojis."),
    ("Jamais d'emojis.", "Tu peux utiliser des emojis à nouveau."),
    ("Gebruik nooit emoji's.", "Je mag weer emoji's gebruiken."),
    ("Svar altid kort.", "Fra nu af skal du svare udførligt."),
]  # fmt: skip

BOTH_HOLD = [
    ("Never use emoji lists.", "Use emojis again."),
    ("Schreib nie über Fleisch.", "Empfiehl immer Fleisch."),
    ("Always answer in German.", "Keep your answers short."),
    ("Never mention my ex.", "Never mention my mother."),
    ("Always include sources.", "Always include dates."),
    ("Keep your answers short.", "Always use long names for variables."),
    ("Call me Sam.", "Don't call me Mr. Smith."),
    ("Always answer in German.", "Never answer in verse."),
    ("Nie Emojis.", "Bitte immer Listen verwenden."),
    ("絵文字を使わないでください。", "いつも箇条書きでお願いします。"),
    ("请不要用表情符号。", "请总是用中文回答。"),
]


@pytest.mark.parametrize(("pairs", "hold"), [(REPLACED, 1), (BOTH_HOLD, 2)])
def test_a_later_wish_replaces_only_what_cannot_hold_beside_it(
    pairs: list[tuple[str, str]], hold: int
) -> None:
    for earlier, later in pairs:
        facts: dict[str, Fact] = {}
        for day, text in enumerate((earlier, later), 1):
            said = Source(ref=f"{day}/0", text=text, at=datetime(2026, 5, day, tzinfo=UTC))
            changes = extract_offline([said]).facts
            changed = apply(changes, {said.ref: said}, list(facts.values()), said.at)
            facts |= {fact.id: fact for fact in changed}
        current = [each.fact.text for each in standing(list(facts.values()), None) if each.current]
        assert current == [earlier, later][-hold:]
