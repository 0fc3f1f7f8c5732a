"""What depends on a language, one record a language: add a language here and nowhere else.

Words stand in lower case (NFKC), separated by spaces. Languages without spaces between words
(Chinese, Japanese) and those that build words by endings (Korean, Turkish) list pieces of words
under `pieces`, which count wherever they stand.
"""

import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property, lru_cache


@dataclass(frozen=True)
class Language:
    """The words of one language that this project needs to recognise."""

    common: str = ""
    """The commonest small words: what tells it from other languages of its script."""
    letters: str = ""
    """Letters that few other languages of its script have."""
    own: str = ""
    """First person: "I", "my", "we", and verbs that say so by themselves."""
    own_pieces: str = ""
    """Endings of verbs in the first person, as a regular expression without groups."""
    negations: str = ""
    negation_pieces: str = ""
    """Pieces of words that negate, as regular expressions without groups."""
    asks: str = ""
    """Words that a question begins with."""
    asks_pieces: str = ""
    """Pieces that make a question of a sentence, as regular expressions without groups."""
    forgets: str = ""
    """What somebody says who wants something forgotten or taken back, as a regular expression."""
    contrasts: str = ""
    """Words that begin a clause in which a negation before them no longer counts."""
    conditions: str = ""
    """Words of what is only imagined or holds under a condition."""
    orders: str = ""
    """Words that an order to somebody begins with."""
    note: str = ""
    """Words that a note about somebody adds to what they said: "the user", "has", "is called"."""
    secret: str = ""
    """Words for a password or PIN; "_" stands for a space."""
    leads: str = ""
    """Words that lead from the word for a password to the password: "is", "to"."""
    drops_subject: bool = False
    """True where one may leave "I" out without any sign of it in a word of these tables."""
    spaced: bool = True
    """False where no spaces stand between words."""
    _sets: dict[str, frozenset[str]] = field(default_factory=dict, compare=False, repr=False)

    def words(self, table: str) -> frozenset[str]:
        """Return one of its tables as a set of words."""
        if table not in self._sets:
            listed = str(getattr(self, table)).split()
            self._sets[table] = frozenset(word.replace("_", " ") for word in listed)
        return self._sets[table]

    @cached_property
    def signs(self) -> frozenset[str]:
        """The words and letters that it is recognised by."""
        tables = ("common", "own", "negations", "note", "asks")
        return frozenset(self.letters).union(*map(self.words, tables))


LANGUAGES: dict[str, Language] = {
    "en": Language(
        forgets=r"\bforget\b|\bdisregard|\berase\b|\bdelete\b|\bignore\b"
        r"|\bjoking\b|\bkidding\b|\btake (?:that|it) back\b|\bscratch that\b",
        common="the a an of to and in is it that for with as at on was are be have has had but or "
        "this from they she he you do does did will would can there their his her about",
        own="i i'm i've i'd i'll im ive my mine me myself we we're we've we'll our ours us",
        negations="not no never none nothing nobody neither nor without cannot cant dont doesnt "
        "didnt isnt wasnt wont",
        negation_pieces=r"n't\b|\b(?:avoid|dislik|refus|unable|quit|stopp|declin|lack)",
        asks="who whom whose what where when why how which do does did is are am was were can "
        "could would will should shall",
        contrasts="but however although though yet because so and",
        note="user user's users person speaker has have had is are was were be been being lives "
        "works named called name's years year old wants says said mentioned states stated",
        secret="password passwords passcode passphrase pass_phrase pwd pass_word pin pin_code "
        "seed_phrase recovery_phrase api_key secret_key access_token access_key",
        leads="is was to are now reads be called",
        conditions="if wish imagine suppose supposing pretend hypothetically unless",
        orders="please write tell give create make compose draft generate act continue "
        "translate rewrite summarize summarise explain help show describe remind call list "
        "suggest recommend",
    ),
    "de": Language(
        forgets=r"\bvergiss|\bvergessen sie\b|\blösch|\bignorier|\bscherz|\bwar (?:nur )?spaß",
        letters="äöüß",
        common="der die das und ist ein eine einen einem einer mit auf für von zu im den dem des "
        "es sich auch wie bei aus nach hat sind war am um wird oder aber über sie er",
        own="ich mein meine meinen meinem meiner meines mir mich wir unser unsere unseren unserem "
        "unserer uns",
        negations="nicht kein keine keinen keinem keiner keines nie niemals nichts niemand ohne "
        "weder noch nirgends",
        asks="wer wen wem wessen was wo wohin woher wann warum wieso weshalb wie welche welcher "
        "welches welchen hat habe haben ist sind bin war kannst kann können weißt weiß erinnerst "
        "soll sollte darf gibt magst mag",
        contrasts="aber sondern doch jedoch weil und denn",
        note="nutzer nutzers nutzerin benutzer benutzers benutzerin person hat ist sind heißt "
        "wohnt lebt arbeitet namens isst mag will spricht liest fährt nimmt seine seinen seinem "
        "seiner ihre ihren ihrem ihrer sein wird jahre alt eine einen einem einer",
        secret="passwort passwörter kennwort pin geheimzahl zugangscode passphrase pin-code",
        leads="ist war lautet auf zu jetzt",
        conditions="wenn falls angenommen hätte wäre würde",
        orders="bitte schreib schreibe sag erzähl erzähle gib erstelle erkläre hilf zeig "
        "übersetze fasse nenne erinnere",
    ),
    "es": Language(
        forgets=r"\bolv[ií]d[aeo]|\bborra|\bignora|\bbroma",
        drops_subject=True,
        letters="ñ¿¡áéíóú",
        common="el la los las un una unos unas de del que y en es por con para al lo se como más "
        "pero su sus este esta ese muy también está son tiene ha hay le fue",
        own="yo mi mis mí me mío mía míos mías nosotros nosotras nuestro nuestra nuestros "
        "nuestras nos tengo soy estoy vivo trabajo quiero prefiero voy fui hice compré llamo "
        "conmigo",
        negations="no nunca jamás nada nadie ningún ninguno ninguna tampoco sin ni",
        asks="quién quiénes qué cuál cuáles dónde adónde cuándo cómo cuánto cuánta cuántos cuántas",
        contrasts="pero sino aunque porque y",
        note="usuario usuaria persona tiene vive trabaja llama llamado llamada años está están son",
        secret="contraseña contraseñas clave pin código_pin clave_de_acceso contrasena",
        leads="es era a por ahora",
        conditions="si ojalá imagina supongamos",
        orders="escribe dime dame crea explica ayuda ayúdame muestra traduce resume recuérdame",
    ),
    "fr": Language(
        forgets=r"\boublie|\befface|\bignore|\bplaisant",
        letters="çèêëîïôœàâùé",
        common="le la les un une des du de et est en que qui dans pour par sur au aux avec ce "
        "cette ces il elle ils elles son sa ses mais ou où plus très aussi sont a été",
        own="je j'ai j'aime j'habite j'étais j'adore j'y j'en moi mon ma mes mien mienne nous "
        "notre nos j me",
        negations="ne n pas jamais rien personne aucun aucune sans ni non",
        negation_pieces=r"\bn'\w",
        asks="qui que quoi quel quelle quels quelles où quand pourquoi comment combien est-ce "
        "qu'est-ce est-il",
        contrasts="mais cependant pourtant parce car et",
        note="utilisateur utilisatrice l'utilisateur l'utilisatrice personne habite travaille "
        "s'appelle appelle nommé nommée sont été ans leur",
        secret="mot_de_passe mots_de_passe code_pin pin code_secret mdp phrase_secrète",
        leads="est était en à par maintenant",
        conditions="si imagine supposons imaginons",
        orders="écris dis dis-moi donne donne-moi crée explique aide aide-moi montre traduis "
        "résume rappelle-moi",
    ),
    "it": Language(
        forgets=r"\bdimentica|\bcancella|\bignora|\bscherz",
        drops_subject=True,
        letters="èìòùàé",
        common="il lo la gli le un uno una di del della dei che e è in per con su al alla da dal "
        "si come più ma suo sua anche sono ha questo questa molto nel nella",
        own="io mio mia miei mie mi me noi nostro nostra nostri nostre ci ho abito vivo lavoro "
        "voglio preferisco chiamo faccio vado sono",
        negations="non mai niente nulla nessuno nessuna né senza neanche nemmeno",
        asks="chi che cosa cos'è qual quale quali dove quando perché come quanto quanta quanti "
        "quante",
        contrasts="ma però perché e",
        note="utente l'utente persona vive abita lavora chiama chiamato anni sono",
        secret="password codice_pin pin parola_d'ordine codice_segreto passphrase",
        leads="è era in a ora",
        conditions="se magari immagina",
        orders="scrivi dimmi dammi crea spiega aiutami mostra traduci riassumi ricordami",
    ),
    "pt": Language(
        forgets=r"\besque[cç]|\bapag[au]|\bignor[ae]|\bbrincad?",
        drops_subject=True,
        letters="ãõçáéíóúâêô",
        common="o a os as um uma de do da dos das que e é em no na nos nas por para com ao se "
        "como mais mas seu sua também está são foi tem muito este esta ele ela",
        own="eu meu minha meus minhas mim me comigo nós nosso nossa nossos nossas tenho sou estou "
        "moro trabalho quero prefiro vou fui chamo gosto",
        negations="não nunca jamais nada ninguém nenhum nenhuma sem nem",
        asks="quem que qual quais onde quando por_que como quanto quanta quantos quantas",
        contrasts="mas porém porque e",
        note="usuário usuária utilizador utilizadora pessoa mora vive trabalha chama chamado anos "
        "são está",
        secret="senha senhas palavra-passe palavra_passe código_pin pin código_secreto",
        leads="é era para agora",
        conditions="se oxalá imagine imagina",
        orders="escreva escreve diga diz dê crie explique ajude ajuda mostre traduza resuma "
        "lembre",
    ),
    "nl": Language(
        forgets=r"\bvergeet|\bwis\b|\bverwijder|\bnegeer|\bgrapje",
        letters="ëïé",
        common="de het een en van is dat op te in voor met zijn aan er om als ook maar bij naar "
        "uit dan door over heeft hij zij deze dit was worden",
        own="ik mijn mij m'n mezelf wij we ons onze",
        negations="niet geen nooit niets niemand zonder nergens noch",
        asks="wie wat waar wanneer waarom hoe welke welk heb heeft is ben kun kan weet herinner",
        contrasts="maar echter want omdat en",
        note="gebruiker gebruikers persoon heeft woont werkt heet zijn jaar oud haar",
        secret="wachtwoord wachtwoorden pincode pin toegangscode wachtzin",
        leads="is was naar in nu",
        conditions="indien stel zou",
        orders="schrijf vertel geef maak leg help toon vertaal vat herinner",
    ),
    "pl": Language(
        forgets=r"\bzapomnij|\busuń|\bzignoruj|\bżart",
        drops_subject=True,
        letters="ąćęłńśźżó",
        common="i w z na do się to że o jak po za od jest są ale oraz przez dla czy który która "
        "tym tego jego jej ich bardzo też był była ma",
        own_pieces=r"\w(?:łem|łam|liśmy)\b",
        own="ja mój moja moje moich moim moją mojego mojej mnie mi mną my nasz nasza nasze nas "
        "nam mam jestem mieszkam pracuję lubię chcę byłem byłam kupiłem kupiłam",
        negations="nie nigdy nic nikt żaden żadna żadne bez ani",
        asks="kto co gdzie kiedy dlaczego jak jaki jaka jakie ile czy który która które kim czym",
        contrasts="ale lecz jednak bo i",
        note="użytkownik użytkownika użytkowniczka osoba mieszka pracuje nazywa lat jest",
        secret="hasło hasła pin kod_pin",
        leads="to jest na było brzmi",
        conditions="jeśli jeżeli gdyby gdybym",
        orders="napisz powiedz daj stwórz wyjaśnij pomóż pokaż przetłumacz przypomnij",
    ),
    "tr": Language(
        forgets=r"\bunut|\bsil\b|\byok say|\bşaka",
        drops_subject=True,
        letters="çğıöşü",
        common="bir ve bu da de için ile çok daha ama olarak gibi kadar sonra o ne var ki en her "
        "mi mı mu mü olan",
        own="ben benim bana beni bende benden biz bizim bize bizi",
        own_pieces=r"\w(?:yorum|yoruz|[dt][ıiuü]m|[ıiuü]m)\b",
        negations="değil değilim yok hayır hiç asla",
        negation_pieces=r"\w(?:m[ıiuü]yor|[ae]m[ae]d|m[ae]z\b|m[ae]m\b|m[ae]d[ıi]|m[ae]yac|m[ae]yec)\w*",
        asks="kim ne nerede nereye nereden neden niçin nasıl hangi kaç kimin",
        asks_pieces=r"\bm[ıiuü](?:y[ıiuü]m|s[ıiuü]n|y[ıiuü]z)?\s*\?*$",
        contrasts="ama fakat ancak çünkü ve",
        note="kullanıcı kullanıcının kişi adı yaşıyor çalışıyor yaşında var olan",
        secret="şifre şifrem şifremi şifresi parola parolam pin pin_kodu",
        leads="artık yeni",
        conditions="eğer keşke",
        orders="yaz söyle anlat ver açıkla çevir",
    ),
    "ru": Language(
        forgets=r"\bзабудь|\bудали|\bсотри|\bигнориру|\bпошутил|\bшучу",
        common="и в на с что это как по но из за от к у он она они его её их для был была было "
        "есть же бы так также очень",
        own="я мой моя моё мое мои моего моей моему моих моим мою меня мне мной мы наш наша наше "
        "наши нас нам",
        negations="не нет ни никогда ничего никто без нельзя никакой",
        asks="кто что где куда откуда когда почему зачем как какой какая какое какие сколько чей "
        "кого кому",
        asks_pieces=r"\bли\b",
        contrasts="но однако хотя потому и а",
        note="пользователь пользователя пользователю пользовательница человек зовут имя живёт "
        "живет работает лет года есть имеет",
        secret="пароль пароли пин-код пин код_доступа парольная_фраза",
        leads="это на теперь был такой",
        conditions="если бы",
        orders="напиши скажи расскажи дай создай объясни помоги покажи переведи напомни",
    ),
    "ar": Language(
        forgets=r"انسَ?|احذف|تجاهل|[أا]مزح",
        drops_subject=True,
        common="في من على إلى عن مع هذا هذه التي الذي أن كان كانت هو هي ثم أو و",
        own="أنا انا لي عندي معي نحن لدي اسمي أحب أعيش أعمل أسكن أريد أفضل كنت بيتي أختي أخي أمي "
        "أبي زوجتي زوجي ابني ابنتي كلبي قطتي عملي عمري",
        negations="لا لم لن ليس ليست لست لسنا بدون غير أبدا أبدًا ولا",
        asks="من ما ماذا أين متى لماذا كيف كم أي هل لمن",
        contrasts="لكن ولكن لأن",
        note="المستخدم المستخدمة للمستخدم لدى لديه لديها شخص يعيش يعمل يسكن اسمه اسمها عمره سنة",
        secret="كلمة_السر كلمة_المرور كلمة_سر كلمة_مرور كلمة_مروري كلمة_سري "
        "الرقم_السري رمز_الدخول الرمز_السري",
        leads="هي هو إلى الى كانت",
        conditions="لو إذا اذا ليت",
        orders="اكتب قل أخبرني اعطني اشرح ساعدني ترجم لخص ذكرني",
    ),
    "hi": Language(
        forgets=r"भूल जा|मिटा|हटा|मज़ाक",
        common="है हैं का की के में से को पर और यह वह था थी थे एक भी तो कि जो लिए",
        own="मैं मेरा मेरी मेरे मुझे मुझको मुझसे हम हमारा हमारी हमारे हमें मैंने हमने",
        negations="नहीं न मत ना बिना कभी_नहीं नही",
        asks="कौन क्या कहाँ कहां कब क्यों कैसे कितना कितने कितनी किस किसका किसकी",
        contrasts="लेकिन मगर परंतु पर और क्योंकि",
        note="उपयोगकर्ता यूज़र व्यक्ति उसका उसकी उसके उनका उनकी उनके नाम रहता रहती काम करता करती "
        "साल",
        secret="पासवर्ड पिन कूटशब्द गुप्त_कोड",
        leads="है को अब था",
        conditions="अगर यदि काश",
        orders="लिखो बताओ समझाओ",
    ),
    "zh": Language(
        forgets=r"忘记|忘記|忘掉|忘了|删除|刪除|删掉|刪掉|别记|別記|不要记|不要記|忽略|开玩笑|開玩笑",
        spaced=False,
        own="我 我们 我們 咱们 俺 本人",
        negation_pieces=r"不(?!过|過|但|仅|僅|错|錯)|没|沒|无(?!论)|無(?!論)|别(?!的|人)|未|非(?!常)",
        asks_pieces=r"[吗嗎呢]\W*$|谁|誰|什么|什麼|哪[里裡儿兒个個些]|怎么|怎麼|多少|为何|為何|几[岁点]|是不是|有没有",
        contrasts="但 但是 可是 不过 因为 所以",
        note="用 户 戶 使 的 了 是 在 有 他 她 这 人 名 叫 位 会 用户 使用者",
        secret="密码 密碼 口令 密匙 支付密码 pin码",
        leads="是 为 為 改成 改为 改為 改到 叫",
        conditions="如果 要是 假如 假设 除非",
        orders="请 帮我 写 告诉我 翻译 解释",
    ),
    "ja": Language(
        forgets=r"忘れて|削除|消して|無視|冗談",
        drops_subject=True,
        spaced=False,
        own="私 わたし 僕 ぼく 俺 おれ うち 自分 我々 私たち",
        negation_pieces=r"ない|ません|なかった|なく|ず(?=に|、|$)|ぬ(?=$|。)",
        asks_pieces=r"(?:か|かな|の)\W*$|誰(?!か)|だれ(?!か)|何[がをでのと時]|いつ(?![もで])|どこ(?!か)|なぜ|どうして|いくつ|いくら",
        contrasts="でも しかし けど けれど だから",
        note="用 者 名 前 歳 人 使 氏 住 彼 女 ユーザー 利用者",
        secret="パスワード 暗証番号 暗証 パスコード 合言葉 パスフレーズ",
        leads="は が を",
        conditions="もし たら なら",
    ),
    "ko": Language(
        forgets=r"잊어|지워|삭제|무시|농담",
        drops_subject=True,
        own="나 나는 난 내 내가 나의 나를 나에게 저 저는 전 제 제가 저의 저를 우리 "
        "우리는 우리의 저희",
        negations="안 못 아니 아니요 없이",
        negation_pieces=r"않|없|아니|못하|말아|싫",
        asks="누구 무엇 뭐 뭘 어디 언제 왜 어떻게 어느 몇 얼마",
        asks_pieces=r"(?:까|나요|니|는가|ㄹ까|을까|가요|어디예요|뭐예요|누구예요)\W*\?$",
        contrasts="하지만 그러나 그런데 지만",
        note="사용자 사용자는 사용자의 사용자가 사람 이름은 이름 산다 살고 일한다 있다 이다",
        secret="비밀번호 비번 암호 패스워드 핀번호",
        leads="는 은 가 이 를 을",
        conditions="만약 면",
    ),
    "sv": Language(
        letters="åäö",
        common="och att det är en ett på som för av med inte den har de till om han hon var kan "
        "från men eller ska",
        own="jag mig mej min mitt mina vi oss vår",
        negations="inte aldrig ingen inget inga ej utan varken ingenting",
        asks="vem vems vad när var vart vilken vilket vilka varför hur berätta",
        note="användare användaren person har är heter bor arbetar år",
        secret="lösenord pinkod pin",
    ),
    "da": Language(
        letters="æøå",
        common="og at det er en et på som for af med den har de til om han hun var kan fra men "
        "eller skal",
        own="jeg mig min mit mine vi os vores",
        negations="ikke aldrig ingen intet uden hverken ingenting",
        asks="hvem hvis hvad hvornår hvor hvilken hvilket hvilke hvorfor hvordan fortæl",
        note="bruger brugeren person har er hedder bor arbejder år",
        secret="adgangskode kodeord pinkode pin",
    ),
    "no": Language(
        letters="æøå",
        common="og at det er en et på som for av med den har de til om han hun var kan fra men "
        "eller skal",
        own="jeg meg min mitt mine mi vi oss vår",
        negations="ikke aldri ingen ingenting uten verken",
        asks="hvem hva når hvor hvilken hvilket hvilke hvorfor hvordan fortell",
        note="bruker brukeren person har er heter bor jobber år",
        secret="passord pinkode pin",
    ),
    "fi": Language(
        drops_subject=True,
        letters="äö",
        common="ja on se että oli ei ole kun niin mutta myös jos tai hän ovat olen",
        own="minä mä minun minua minulla minulle me meidän",
        negations="ei en et eivät emme koskaan mikään kukaan ilman",
        asks="kuka kenen mikä mitä milloin koska missä mistä mihin minne miksi miten kuinka "
        "montako millä kerro",
        note="käyttäjä käyttäjän henkilö on asuu työskentelee nimi vuotta",
        secret="salasana pin-koodi pin",
    ),
    "cs": Language(
        drops_subject=True,
        letters="ěščřžýáíéúůďťň",
        common="a se na je že to v s z do pro jako by ale jsou byl byla jsem jsme",
        own="já mě mně mi mnou můj moje má mého my nás náš",
        negations="ne není nikdy žádný žádná žádné nic nikdo bez ani nejsem nemám",
        asks="kdo koho komu čí co kdy kde kam odkud který která které jaký jaká jaké proč jak "
        "kolik řekni připomeň",
        note="uživatel uživatele osoba má je bydlí pracuje jmenuje let",
        secret="heslo hesla pin",
    ),
    "uk": Language(
        drops_subject=True,
        letters="іїєґ",
        common="і в на з що це як по за від до у він вона вони є був була але або також дуже",
        own="я мене мені мною мій моя моє мої моєї ми нас наш",
        negations="не ні ніколи жоден жодна нічого ніхто без немає",
        asks="хто кого кому чий що коли де куди звідки який яка яке які якому чому як скільки "
        "чи скажи нагадай",
        note="користувач користувача людина має є живе працює звати років",
        secret="пароль пін-код пін",
    ),
    "th": Language(
        drops_subject=True,
        spaced=False,
        own="ฉัน ผม ดิฉัน หนู เรา ของฉัน ของผม",
        negation_pieces=r"ไม่|มิได้|ห้าม",
        asks_pieces=r"ไหม|มั้ย|หรือเปล่า|ใคร|อะไร|เมื่อไหร่|เมื่อไร|ที่ไหน|ทำไม|อย่างไร|ยังไง|เท่าไหร่|เท่าไร|กี่",
        note="ผู้ใช้ บุคคล มี เป็น อาศัย ทำงาน ชื่อ อายุ",
        secret="รหัสผ่าน พิน",
    ),
    "vi": Language(
        letters="ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ",
        common="là và của có cho với các những một được trong này đã từ",
        own="tôi tớ mình em",
        negations="không chưa chẳng đừng",
        asks_pieces=r"không\W*\?*$|\bgì\b|\bai\b|\bđâu\b|bao giờ|khi nào|bao nhiêu|\bmấy\b",
        note="người dùng có là sống làm tên tuổi",
        secret="mật_khẩu mã_pin pin",
    ),
    "id": Language(
        common="dan yang di ke dari untuk dengan ini itu adalah pada dalam akan juga sudah ada",
        own="saya aku ku kami kita",
        negations="tidak bukan belum tak jangan tanpa",
        asks="siapa apa kapan mana mengapa kenapa bagaimana berapa apakah sebutkan",
        note="pengguna orang memiliki adalah tinggal bekerja bernama tahun",
        secret="kata_sandi sandi pin",
    ),
}  # fmt: skip

_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af\u1100-\u11ff]")),
    ("zh", re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("uk", re.compile(r"[іїєґІЇЄҐ]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
)
"""A character that belongs to one of the languages here, tried in this order."""
MARKS = "\u0300-\u036f\u0591-\u05bd\u064b-\u0655\u0670\u0900-\u0903\u093a-\u094f\u0e31-\u0e4e"
"""Combining marks, for a character class: vowels and tones that belong to the letter before."""
_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{MARKS}])*(?:['’-](?:[^\W_]|[{MARKS}])+)*")
_ELISION = re.compile(r"^(?:[cdjlmnst]|qu)'")
"""What French and Italian write together with the next word."""
_SEEN = 2_000
"""Characters of a text that tell its language."""


def plain(text: str) -> str:
    """Return a text in the one form that tables are compared with: NFKC, lower case, "'"."""
    return unicodedata.normalize("NFKC", text).lower().replace("’", "'")


def spoken_words(text: str) -> list[str]:
    """Return the words of a text in that form; "don't" and "l'anglais" are one word each."""
    return _WORD.findall(plain(text))


@lru_cache(maxsize=4096)
def language_of(text: str) -> str | None:
    """Return the code of a text's language, by script and small words; None where nothing tells.

    A word counts the less, the more languages have it; of languages as likely, English wins.
    """
    text = text[:_SEEN]
    for code, script in _SCRIPTS:
        if script.search(text):
            return code
    votes: dict[str, float] = defaultdict(float)
    letters = (letter for letter in set(plain(text)) if not letter.isascii())
    words = [part for word in spoken_words(text) for part in {word, *_ELISION.split(word)}]
    for sign in (*words, *letters):
        languages = _languages_by_sign().get(sign, ())
        for code in languages:
            votes[code] += 1 / len(languages)
    return max(votes, key=lambda code: votes[code], default=None)


@lru_cache(maxsize=1)
def _languages_by_sign() -> dict[str, list[str]]:
    """Return the languages that have a word or letter; English first."""
    by_sign: dict[str, list[str]] = {}
    for code, language in LANGUAGES.items():
        for sign in language.signs:
            by_sign.setdefault(sign, []).append(code)
    return by_sign
