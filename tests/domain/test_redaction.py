"""Secrets are taken out of what is remembered for long; ordinary text is left as it is."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.redaction import REDACTED, redact
from tests.support.house import Open, is_reply

SECRETS = [
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789",
    "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD",
    "sk-or-v1-0123456789abcdef0123456789abcdef",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "5555555555554444",
    "xoxb-123456789012-1234567890123-aBcDeFgHiJkLmNoPqRsTuVwX",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----",
]
HARMLESS = [
    "I was born on 1984-03-02 and have 3 cats.",
    "Call me at +49 30 1234567 or 0171 2345678.",
    "The ISBN is 978-3-16-148410-0 and it cost 1,234,567.89 euros.",
    "I forgot my password again, is that a problem?",
    "My password manager is great, the secret is good coffee.",
    "Order 1234567890123 has arrived.",
    "What is my password?",
    "The pin is red and shiny.",
    "I use the same token ring network, and my user account / profile is fine.",
    "See https://example.com:8080/users/@bob, and https://example.com/@alice.",
    "The key to success: hard work. The token: see page 12.",
    "Boarding pass: Gate B, with a compass: north",
    "He is on parole since May, and run it with -u root: and see",
    "My password manager has 3 entries, and this is my password list of 2024.",
    "The file some_function_name_that_is_long_enough of 2024-11-03",
    "Version 1.2.3.4.5.6.7.8.9.10.11.12.13 is out, see https://example.com/a/b?c=d#e",
    "The password is too long",
    "my password manager is great",
    "My password is not working",
    "The password is always in lower case",
    "Is the password case sensitive?",
    "I forgot my password again",
    "My password manager has 3 entries",
    "The password policy: at least 12 characters",
    "password must have 8 characters",
    "I changed my password 3 times last year",
    "Please reset my password by Monday 8 May",
    "the password for the router is too short",
    "My password is the same as the old one",
    "I reset my PIN 2 days ago",
    "The pin is red and shiny",
    "She wears a pin on her coat",
    "My password is on the fridge",
    "a passphrase is more than one word",
    "Write a poem about a password",
    "I use a password manager called Bitwarden",
    "Our password rules are very strict",
    "My zip code is 10115",
    "The country code is 49",
    "The dress code is casual",
    "The source code has 2000 lines",
    "code 404 means not found",
    "mailto:bob99@example.com is my address",
    "email:bob99@example.com",
    "Meet bob at 10:30@the station",
    "2FA is on for all of my accounts",
    "I need to set up 2FA with 2 phones",
    "The backup was made in 2024",
    "Verification took 3 days",
    "My verification code never arrived",
    "The backup codes are in the drawer",
    "The security code is on the back of it",
    "Das Passwort ist zu lang",
    "Mein Passwort ist nicht mehr gültig",
    "Ich habe mein Passwort vergessen",
    "Mein Passwortmanager ist toll",
    "Das Kennwort ist noch das alte",
    "Die PIN habe ich vergessen",
    "La contraseña es muy larga",
    "La clave es no rendirse",
    "Le mot de passe est trop long",
    "J'ai oublié mon mot de passe",
    "A senha é muito longa",
    "Het wachtwoord is te lang",
    "Hasło jest za długie",
    "Şifre çok uzun",
    "Пароль слишком длинный",
    "Мой пароль не работает",
    "كلمة السر طويلة جدا",
    "密码太长了",
    "パスワードを忘れました",
    "비밀번호를 잊어버렸어요",
    "Lösenordet är för långt",
    "I pass the salt, and the pass is high",
    "Key takeaways: 3 of 5 agreed",
    "My password has 12 letters",
    "The keyboard is new and the token ring is old",
    "La password è troppo lunga",
    "A password should be easy to remember",
    "my password was changed in 2024",
    "my password was leaked in 2021",
    "my password is 12 characters long",
    "Un mot de passe doit être facile à retenir",
    "Mon mot de passe a été changé en 2024",
    "Мой пароль был изменён в 2024 году",
    "La password è stata cambiata nel 2024",
    "Una contraseña debe ser fácil de recordar",
    "비밀번호를 2024년에 바꿨어요",
    'What does "password" mean?',
    "The file old_password_list of 2024 is lost",
    "The key is under the mat, and the token is in the drawer",
    "The monkey: 5 years old, the turkey: 20 pounds",
    "The key to chapter 12345678901234567890 is missing",
    "My secret is a cake that takes 3 hours",
    "the password 'reset' took ages",
    'Password "rules" are silly',
    "the password “manager” I use is fine",
    "The password (for guests): ask Bob",
    "I forgot the password (again) - it took me 3 hours",
    "I forgot my password - can you help me?",
    "Passwort (privat) - weiß ich nicht",
    "The password – which I forgot – matters",
    "The secret is 3-ingredient-chocolate-cake from grandma",
    "The secret was project-apollo-11-moon-landing",
    "The key was Beethoven-Symphony-No-5-in-C-minor",
    "The key is internationalization20 for us",
    "The key to the house lies under pot-number-3-on-the-left-side",
    "the API key page is down",
    "monkey=banana, turkey=sandwich",
]


SPOKEN = [
    ("whsec_abcdefghijklmnopqrstuvwxyz012345", "whsec_abcdefghijklmnopqrstuvwxyz012345"),
    ("lin_api_a1bcdefghijklmnopqrstuvwxyz", "lin_api_a1bcdefghijklmnopqrstuvwxyz"),
    (
        "my bot: 123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsawx, hm",
        "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsawx",
    ),
    ("psw=abcd1234", "abcd1234"),
    ("ya29.a0AfH6SMBabcdefghijklmnopqrstu", "ya29.a0AfH6SMBabcdefghijklmnopqrstu"),
    ("vault hvs.CAESIJabcdefghijklmnopqrstuvwxyz0123", "hvs.CAESIJabcdefghijklmnopqrstuvwxyz0123"),
    ("pplx-abcdefghij0123456789klmn", "pplx-abcdefghij0123456789klmn"),
    ("client_secret: abcd1234efgh", "abcd1234efgh"),
    ("X-Api-Key: abcd1234efgh", "abcd1234efgh"),
    ("pass: hunter22", "hunter22"),
    ("export TOKEN='abc def 123'", "abc def 123"),
    ("postgres://bob:p%40ss/w0rd@host/db", "p%40ss/w0rd"),
    ("curl -u bob:hunter22 https://example.com", "hunter22"),
    ("Authorization: Basic Ym9iOmh1bnRlcjIy", "Ym9iOmh1bnRlcjIy"),
    ("authorization: bearer abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz"),
    ("4111\t1111\t1111\t1111", "1111"),
    ("4111_1111_1111_1111", "1111"),
    ("4111/1111/1111/1111", "1111"),
    ("4111\u200b1111\u200b1111\u200b1111", "1111"),
    ("password → swordfish", "swordfish"),
    ("my password’s swordfish", "swordfish"),
    ("hunter22 is my password", "hunter22"),
    ("la contraseña es: gatito", "gatito"),
    ("mitt lösenord är katt123", "katt123"),
    ("salasanani on kissa123", "kissa123"),
    ("הסיסמה שלי היא hatul123", "hatul123"),
    ("รหัสผ่านคือ maew1234", "maew1234"),
    ("kata sandi saya kucing12", "kucing12"),
    (
        "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg",
        "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg",
    ),
    ("hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345", "hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345"),
    ("npm_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789", "npm_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"),
    ("API_TOKEN=abcd1234efgh", "abcd1234efgh"),
    (
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
    ("4111.1111.1111.1111", "4111.1111.1111.1111"),
    ("4111–1111–1111–1111", "4111–1111–1111–1111"),
    ("4111 1111 1111 1111", "4111 1111 1111 1111"),
    ("４１１１１１１１１１１１１１１１", "４１１１１１１１１１１１１１１１"),
    ("４１１１　１１１１　１１１１　１１１１", "４１１１　１１１１　１１１１　１１１１"),
    ("3782 822463 10005", "3782 822463 10005"),
    ("I changed my password to Tr0ub4dor", "Tr0ub4dor"),
    ("I changed my password to swordfish", "swordfish"),
    ("**password**: swordfish", "swordfish"),
    ("login bob / swordfish", "swordfish"),
    ("my passphrase is correct horse battery staple", "correct horse battery staple"),
    ("password: 'correct horse battery staple'", "correct horse battery staple"),
    ("Mein Passwort ist Sommer2024!", "Sommer2024"),
    ("Mi contraseña es perro123", "perro123"),
    ("mon mot de passe est chat123", "chat123"),
    ("la mia password è gatto99", "gatto99"),
    ("minha senha é gato123", "gato123"),
    ("mijn wachtwoord is kat123", "kat123"),
    ("moje hasło to kot123", "kot123"),
    ("şifrem kedi123", "kedi123"),
    ("мой пароль кот123", "кот123"),
    ("мой пароль: медведь", "медведь"),
    ("كلمة السر هي قط123", "قط123"),
    ("मेरा पासवर्ड billi123 है", "billi123"),
    ("我的密码是mima123", "mima123"),
    ("パスワードはneko123です", "neko123"),
    ("비밀번호는 goyangi123 입니다", "goyangi123"),
    ("密码是sk-abcdefghijklmnopqrstuvwxyz0123", "sk-abcdefghijklmnopqrstuvwxyz0123"),
    ("My wifi password for the flat at home is hunter2", "hunter2"),
    ("https://bob:hunter2@example.com/x", "hunter2"),
    ("my PIN is 4821", "4821"),
    ("password hunter2", "hunter2"),
    (
        "seed phrase: ripple scissors kick mammal hire column oak again sun offer wealth tomorrow",
        "ripple scissors",
    ),
    ("the pw for the router: hunter2!!", "hunter2"),
    ("bob:qwertz99@ftp", "qwertz99"),
    ("log in as bob:swordfish@nas please", "swordfish"),
    ("my mfa code is 339201", "339201"),
    ("2FA code: 482 913", "482 913"),
    ("my 2fa backup codes are 8842-1193 7731-2290", "7731-2290"),
    ("backup code 7f3k-99ab", "7f3k-99ab"),
    ("The recovery code for GitHub is a1b2c-d3e4f", "a1b2c-d3e4f"),
    ("one-time code 990112", "990112"),
    ("The verification code they sent is 55821", "55821"),
    ("security code on the back: 737", "737"),
    ("my CVV is 737", "737"),
    ("the alarm code is 4711", "4711"),
    ("door code: 2580#", "2580"),
    ("PUK 12345678", "12345678"),
    ("my bank pin for the card is 9921", "9921"),
    ("My password for the router is kitty", "kitty"),
    ("the password to the vault is opensesame", "opensesame"),
    ("The wifi password at my mum's is strawberries", "strawberries"),
    ("Password:\nhunter2", "hunter2"),
    ("password = 'let me in'", "let me in"),
    ("pw is dragonfly", "dragonfly"),
    ("user bob, pw dragon77", "dragon77"),
    ("my password is P@$$word!", "P@$$word"),
    ("Password - mellon", "mellon"),
    ("my passphrase is correct horse battery staple", "horse"),
    ("set the password to moonlight", "moonlight"),
    ("password was qwerty, now it is different", "qwerty"),
    ("passwd: tiger", "tiger"),
    ("ssh root@10.0.0.1 password toor99", "toor99"),
    ("ftp bob:hunter2@10.0.0.7:21", "hunter2"),
    ("Das Passwort für den Router: Hunter2!!", "Hunter2"),
    ("Mein 2FA-Code ist 482913", "482913"),
    ("Backup-Code: 7f3k-99ab", "7f3k-99ab"),
    ("Der Sicherheitscode auf der Karte ist 737", "737"),
    ("Die TAN lautet 662817", "662817"),
    ("Das Kennwort lautet Mellon", "Mellon"),
    ("La contraseña del wifi es fresas", "fresas"),
    ("mi código de verificación es 482913", "482913"),
    ("el código de respaldo: 7f3k-99ab", "7f3k-99ab"),
    ("Le mot de passe du wifi est fraises", "fraises"),
    ("mon code de vérification est le 482913", "482913"),
    ("codes de secours : 8842-1193", "8842-1193"),
    ("La password del router è fragole", "fragole"),
    ("il codice di verifica è 482913", "482913"),
    ("a senha do wifi é morangos", "morangos"),
    ("código de verificação: 482913", "482913"),
    ("het wachtwoord voor de wifi is aardbei", "aardbei"),
    ("de verificatiecode is 482913", "482913"),
    ("hasło do wifi to truskawka", "truskawka"),
    ("kod weryfikacyjny: 482913", "482913"),
    ("doğrulama kodu 482913", "482913"),
    ("пароль от вайфая: клубника", "клубника"),
    ("код подтверждения 482913", "482913"),
    ("رمز التحقق هو 482913", "482913"),
    ("验证码是482913", "482913"),
    ("認証コードは482913です", "482913"),
    ("인증번호는 482913 입니다", "482913"),
    ("mitt lösenord är jordgubbe", "jordgubbe"),
    ("kod BankID pin är 4821", "4821"),
    ("मेरा ओटीपी 482913 है", "482913"),
    ("mã xác minh là 482913", "482913"),
    ("รหัสยืนยัน 482913", "482913"),
    ("kode verifikasi saya 482913", "482913"),
    ("Passwort fürs WLAN ist Erdbeere", "Erdbeere"),
    ("Mein Passwort heißt Erdbeere", "Erdbeere"),
    ("mon mot de passe c'est framboise", "framboise"),
    ("Use 'swordfish' as the password", "swordfish"),
    ("I set my password to 'let me in'", "let me in"),
    ("Password for wifi strawberry99", "strawberry99"),
    ("mi pin es el 4821", "4821"),
    ("รหัส PIN ของฉันคือ 4821", "4821"),
    ("暗証番号は４８２１です", "４８２１"),
    ("PIN: ٤٨٢١", "٤٨٢١"),
    ("मेरा पिन ४८२१ है", "४८२१"),
    ("secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'", "wJalr"),
    ('{"apiKey": "abcd1234efgh"}', "abcd1234efgh"),
    ("my aws secret is wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalr"),
    ("the key is 8f14e45fceea167a5a36dedd4bea2543", "8f14e45f"),
    ("apikey 8f14e45fceea167a5a36dedd4bea2543", "8f14e45f"),
    ("license key ABCDE-12345-FGHIJ-67890-KLMNO", "12345"),
    (
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQdGBF\n-----END PGP PRIVATE KEY BLOCK-----",
        "lQdGBF",
    ),
    ("POSTGRES_PASSWORD: swordfish", "swordfish"),
    ("_password_: swordfish", "swordfish"),
    ("Password (at home): swordfish", "swordfish"),
    ('my passphrase "correct horse battery staple"', "horse"),
    ("the password 'hunter2' is mine", "hunter2"),
    ("the password 'let-me-in!' is mine", "let-me-in"),
    ("my password 'swordfish'", "swordfish"),
    ("Password (the new one) - mellon", "mellon"),
    ("password -> let me in", "let me in"),
    ("The key is 8f14e45f-ceea-467a-9575-8b14d5b2d4e2", "8f14e45f"),
    ("apikey=abcd1234efgh", "abcd1234efgh"),
    ("my secretKey='swordfish'", "swordfish"),
]
PERSONAL = [
    "DE89 3704 0044 0532 0130 00",
    "536-90-4399",
    "RSSMRA85T10A562S",
    "ripple scissors kick mammal hire column oak again sun offer wealth tomorrow",
]


@pytest.mark.parametrize(("said", "secret"), SPOKEN)
def test_a_secret_is_found_in_any_of_the_ways_people_write_it(said: str, secret: str) -> None:
    told = redact(f"Please note: {said}.")
    assert REDACTED in told and secret not in told
    assert redact(told) == told


@pytest.mark.parametrize("said", PERSONAL)
def test_account_numbers_ids_and_seed_phrases_go_only_where_it_is_asked_for(said: str) -> None:
    text = f"I wrote this down: {said}, and it was fine."
    assert redact(text) == text
    assert redact(text, personal=True) == text.replace(said, REDACTED)


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_in_a_sentence_is_replaced_whole(secret: str) -> None:
    told = redact(f"Please keep {secret} for me, will you?")
    assert told == f"Please keep {REDACTED} for me, will you?"


@pytest.mark.parametrize(
    "said", ["my password is hunter2!", "API key: abcd1234", "pwd=correct-horse"]
)
def test_a_password_that_is_told_is_replaced(said: str) -> None:
    assert REDACTED in redact(said) and "hunter2" not in redact(said)


@pytest.mark.parametrize("text", HARMLESS)
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert redact(text) == text


@given(st.text(max_size=300))
def test_redacting_again_changes_nothing(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@pytest.mark.deep
@pytest.mark.parametrize("backend", [{}], ids=["embedded"])
@pytest.mark.parametrize("kept", [False, True])
async def test_secrets_reach_no_episode_unless_the_setting_says_so(
    open_house: Open, kept: bool
) -> None:
    async with open_house(fold_turns=4, extract_turns=1, redact_secrets=not kept) as house:
        await house.say(f"The card is {SECRETS[4]} and mark1 too")
        await house.talk(2, 5)
        (episode,) = await house.episodes()
        assert (SECRETS[4] in episode.model_dump_json()) is kept
        asked = [b for b in house.server.requests if not is_reply(b)]
        assert asked and any(SECRETS[4] in str(body) for body in asked) is kept


@pytest.mark.parametrize(
    "piece",
    ["sk-", "a1_", "xoxb-", "AKIA", "SG.a.", "AAA-", "AccountKey=", "ghp_", "eyJa.", "pypi-AgEI",
     "-----BEGIN ", "12345678:", "https://hooks.slack.com/services/", "M1.a.", "SK0", "EAAA"],
)  # fmt: skip
def test_no_text_like_the_beginning_of_a_key_takes_long(piece: str) -> None:
    text = (piece * 60_000)[:60_000]
    redact(piece)
    begun = time.process_time()
    redact(text)
    assert time.process_time() - begun < 0.5
