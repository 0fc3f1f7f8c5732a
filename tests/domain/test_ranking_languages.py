"""What was told is found when asked in other words, in languages of every script."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from domain.recall.corpus_building import build
from domain.recall.passages import Unit
from domain.recall.query import read_question
from domain.recall.ranking import Votes, judge, signals, voted
from models.embeddings.local import SentenceEncoder

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
EMBED = SentenceEncoder().matrix
TOLD = {
    "fr": [
        ("Mon chien s'appelle Filou.", "Quel est le nom de mon animal ?"),
        ("Je travaille comme infirmière à Lyon.", "Quel est mon métier ?"),
        ("Ma sœur Claire se marie en juin.", "Quand a lieu le mariage de ma sœur ?"),
    ],
    "it": [
        ("Il mio gatto si chiama Pippo.", "Come si chiama il mio animale domestico?"),
        ("Lavoro in una banca a Torino.", "Dove lavoro?"),
        ("Mio fratello si trasferisce a Berlino ad aprile.", "Dove va ad abitare mio fratello?"),
    ],
    "pt": [
        ("O meu cão chama-se Bolota.", "Qual é o nome do meu animal?"),
        ("Trabalho num hospital no Porto.", "Onde trabalho?"),
        ("A minha filha nasceu em março.", "Quando faz anos a minha filha?"),
    ],
    "nl": [
        ("Mijn hond heet Bobbie.", "Hoe heet mijn huisdier?"),
        ("Ik werk bij een bakkerij in Utrecht.", "Waar werk ik?"),
        ("Mijn zus verhuist in mei naar Gent.", "Wanneer verhuist mijn zus?"),
    ],
    "ru": [
        ("Мою собаку зовут Шарик.", "Как зовут моего питомца?"),
        ("Я работаю учителем в Казани.", "Кем я работаю?"),
        ("Моя сестра переезжает в Прагу в мае.", "Куда переезжает моя сестра?"),
    ],
    "pl": [
        ("Mój pies wabi się Azor.", "Jak nazywa się mój zwierzak?"),
        ("Pracuję w bibliotece w Krakowie.", "Gdzie pracuję?"),
        ("Moja siostra bierze ślub w czerwcu.", "Kiedy jest ślub mojej siostry?"),
    ],
    "tr": [
        ("Köpeğimin adı Karabaş.", "Evcil hayvanımın adı ne?"),
        ("İzmir'de bir hastanede çalışıyorum.", "Nerede çalışıyorum?"),
        ("Kız kardeşim mayısta Berlin'e taşınıyor.", "Kardeşim nereye taşınıyor?"),
    ],
    "ko": [
        ("우리 강아지 이름은 초코예요.", "제 반려동물 이름이 뭐예요?"),
        ("저는 부산에 있는 병원에서 일해요.", "제가 어디서 일하죠?"),
        ("여동생이 5월에 결혼해요.", "동생 결혼식이 언제예요?"),
    ],
    "hi": [
        ("मेरे कुत्ते का नाम शेरू है।", "मेरे पालतू कुत्ते को क्या कहते हैं?"),
        ("मैं पुणे के एक अस्पताल में काम करता हूँ।", "मैं कहाँ काम करता हूँ?"),
        ("मेरी बहन की शादी जून में है।", "बहन की शादी कब है?"),
    ],
    "th": [
        ("หมาของฉันชื่อมะลิ", "สัตว์เลี้ยงของฉันชื่ออะไร"),
        ("ฉันทำงานที่โรงพยาบาลในเชียงใหม่", "ฉันทำงานที่ไหน"),
        ("น้องสาวของฉันจะแต่งงานในเดือนมิถุนายน", "น้องสาวแต่งงานเมื่อไหร่"),
    ],
    "vi": [
        ("Con chó của tôi tên là Mực.", "Thú cưng của tôi tên gì?"),
        ("Tôi làm việc ở bệnh viện tại Huế.", "Tôi làm việc ở đâu?"),
        ("Em gái tôi cưới vào tháng sáu.", "Khi nào em gái tôi cưới?"),
    ],
    "sv": [
        ("Min hund heter Fido.", "Vad heter mitt husdjur?"),
        ("Jag jobbar på ett sjukhus i Lund.", "Var jobbar jag?"),
        ("Min syster gifter sig i juni.", "När är min systers bröllop?"),
    ],
}
FILLERS = {
    "fr": [
        "Il a plu toute la journée.",
        "Le métro était en retard.",
        "J'ai regardé un film hier soir.",
        "On a mangé une pizza.",
        "Le jardin est en fleurs.",
    ],
    "it": [
        "Ieri ha piovuto molto.",
        "Il treno era pieno.",
        "Ho visto un bel film.",
        "Abbiamo cenato tardi.",
        "Il vicino suona la tromba.",
    ],
    "pt": [
        "Hoje choveu bastante.",
        "O autocarro atrasou.",
        "Vi uma série ontem.",
        "Comprei pão.",
        "O vizinho fez barulho.",
    ],
    "nl": [
        "Het regende vandaag.",
        "De trein was vol.",
        "Ik keek een film.",
        "We aten pizza.",
        "De tuin is mooi.",
    ],
    "ru": [
        "Сегодня весь день шёл дождь.",
        "Автобус опоздал.",
        "Вчера смотрел фильм.",
        "Мы заказали пиццу.",
        "Сосед играл на трубе.",
    ],
    "pl": [
        "Dziś cały dzień padało.",
        "Autobus się spóźnił.",
        "Oglądałem film.",
        "Zjedliśmy pizzę.",
        "Ogród kwitnie.",
    ],
    "tr": [
        "Bugün çok yağmur yağdı.",
        "Otobüs gecikti.",
        "Dün film izledim.",
        "Pizza yedik.",
        "Bahçe çok güzel.",
    ],
    "ko": [
        "오늘 비가 많이 왔어요.",
        "버스가 늦었어요.",
        "어제 영화를 봤어요.",
        "피자를 먹었어요.",
        "정원이 예뻐요.",
    ],
    "hi": ["आज बहुत बारिश हुई।", "बस देर से आई।", "कल मैंने फिल्म देखी।", "हमने पिज़्ज़ा खाया।", "बगीचा सुंदर है।"],
    "th": ["วันนี้ฝนตกทั้งวัน", "รถเมล์มาสาย", "เมื่อวานดูหนัง", "เรากินพิซซ่า", "สวนสวยมาก"],
    "vi": [
        "Hôm nay trời mưa cả ngày.",
        "Xe buýt đến muộn.",
        "Hôm qua tôi xem phim.",
        "Chúng tôi ăn pizza.",
        "Khu vườn rất đẹp.",
    ],
    "sv": [
        "Det regnade hela dagen.",
        "Bussen var sen.",
        "Jag såg en film igår.",
        "Vi åt pizza.",
        "Trädgården är fin.",
    ],
}


@pytest.mark.parametrize("language", TOLD)
def test_what_was_told_is_among_the_first_three(language: str) -> None:
    texts = [*(told for told, _ in TOLD[language]), *FILLERS[language]]
    units = [
        Unit(f"t{n}/0", f"t{n}", "User", "user", text, START + timedelta(days=n), n - 1)
        for n, text in enumerate(texts)
    ]
    corpus = build(units, (), count=len, embed=EMBED)
    live = np.ones(len(corpus), dtype=np.bool_)
    for row, (_, question) in enumerate(TOLD[language]):
        asked = read_question(question, corpus.names, None)
        assert asked.strong
        vectors = EMBED([asked.in_first_person, asked.bare])
        found = signals(corpus, asked, live, vectors) | voted(corpus, Votes(), live)
        scores = judge(found, lexical=False).scores
        assert row in np.argsort(-scores)[:3], question
