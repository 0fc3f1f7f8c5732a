"""Settings that are written wrong are told, with the name that was meant."""

import pytest

from settings import misnamed


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MNEMO_CHATMODEL", "MNEMO_CHAT_MODEL"),
        ("mnemo_redis_uri", "MNEMO_REDIS_URL"),
        ("MNEMO_PLUS__CONTEXT_BUGDET", "MNEMO_PLUS__CONTEXT_BUDGET"),
        ("MNEMO_PLUSS__CONTEXT_BUDGET", "MNEMO_PLUS__CONTEXT_BUDGET"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(name: str, meant: str) -> None:
    assert misnamed([name]) == [
        f"{name.upper()} is no setting and changes nothing: did you mean {meant}?"
    ]


def test_known_names_and_those_of_others_are_not_told() -> None:
    known = ["MNEMO_DATA_DIR", "mnemo_data_dir", "MNEMO_FREE__TOKENS_PER_DAY", "MNEMO_PRICES__GPT"]
    assert misnamed([*known, "PATH", "MNEMONIC", "OPENAI_API_KEY", "MNEMO_TEST_REDIS_URL"]) == []
