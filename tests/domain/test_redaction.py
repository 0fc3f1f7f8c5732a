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
