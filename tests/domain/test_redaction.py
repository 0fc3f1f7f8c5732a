"""Secrets are taken out of what is remembered for long; ordinary text is left as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.redaction import REDACTED, redact
from tests.support.house import Open

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
    "Version 1.2.3.4.5.6.7.8.9.10.11.12.13 is out, see https://example.com/a/b?c=d#e",
]


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
        asked = [b for b in house.server.requests if not b.get("stream")]
        assert asked and any(SECRETS[4] in str(body) for body in asked) is kept
